//! What JSON of the right shape may still have wrong.

use std::collections::BTreeMap;

use super::{ConfigError, FilterConfig, MAX_HEADER_BYTES, MAX_OWN_HEADERS};
use crate::identity::Source;
use crate::injector::folded;

/// Environments of tests have names that start so, and only they may use the test facility.
const TEST_ENVIRONMENT: &str = "test";

/// Headers that carry the request itself. Setting or removing one would break it.
const RESERVED: [&str; 8] =
    ["connection", "content-length", "cookie", "expect", "host", "te", "transfer-encoding", "upgrade"];

/// Where a header is named, and its name.
type NameAt<'c> = (String, &'c str);

impl FilterConfig<'_> {
    pub(super) fn normalise(&mut self) {
        let names = [&mut self.headers.flags, &mut self.headers.key, &mut self.headers.status];
        let own = self.per_flag_headers.iter_mut().map(|(_, header)| header);
        let context = self.context.as_mut().map(|context| &mut context.header);
        let test = self.test.as_mut().map(|test| &mut test.header);
        let attributes = self.attributes.iter_mut().filter_map(|attribute| attribute.header.as_mut());
        let overrides = self.overrides.iter_mut().filter_map(|overrides| overrides.header.as_mut());
        let identity = self.identity.iter_mut().filter_map(|source| match source {
            Source::Header(name) => Some(name),
            Source::Cookie(_) | Source::Query(_) | Source::Property(_) | Source::Anonymous(_) => None,
        });
        for name in
            names.into_iter().chain(own).chain(context).chain(test).chain(overrides).chain(attributes).chain(identity)
        {
            name.make_ascii_lowercase();
        }
    }

    /// Every header name with its path: first those that clients may not send, then those that are only read.
    fn header_names(&self) -> (Vec<NameAt<'_>>, Vec<NameAt<'_>>) {
        let mut guarded = vec![
            ("$.headers.flags".to_owned(), self.headers.flags.as_str()),
            ("$.headers.key".to_owned(), self.headers.key.as_str()),
            ("$.headers.status".to_owned(), self.headers.status.as_str()),
        ];
        guarded.extend(
            self.per_flag_headers.iter().map(|(flag, name)| (format!("$.per_flag_headers.{flag}"), name.as_str())),
        );
        guarded.extend(self.context.iter().map(|context| ("$.context.header".to_owned(), context.header.as_str())));
        let overrides = self.overrides.iter().filter_map(|overrides| overrides.header.as_deref());
        guarded.extend(overrides.map(|name| ("$.overrides.header".to_owned(), name)));
        guarded.extend(self.test.iter().map(|test| ("$.test.header".to_owned(), test.header.as_str())));
        let mut read = Vec::new();
        for (at, source) in self.identity.iter().enumerate() {
            if let Source::Header(name) = source {
                read.push((format!("$.identity[{at}].header"), name.as_str()));
            }
        }
        for (at, attribute) in self.attributes.iter().enumerate() {
            let path = format!("$.attributes[{at}].header");
            read.extend(attribute.header.iter().map(|name| (path.clone(), name.as_str())));
        }
        (guarded, read)
    }

    pub(super) fn check(&self) -> Vec<ConfigError> {
        let mut errors = Vec::new();
        self.check_names(&mut errors);
        self.check_api(&mut errors);
        self.check_user_data(&mut errors);
        self.check_sources(&mut errors);
        self.check_observe(&mut errors);
        self.check_overrides(&mut errors);
        for (at, source) in self.identity.iter().enumerate() {
            source.check(&format!("$.identity[{at}]"), &mut errors);
        }
        for (at, attribute) in self.attributes.iter().enumerate() {
            attribute.check(&format!("$.attributes[{at}]"), &mut errors);
        }
        if self.context.as_ref().is_some_and(|context| !context.trusted) {
            errors.push(ConfigError::new(
                "$.context.trusted",
                "whoever can send this header decides who the user is",
                "make sure that only a trusted proxy can set it, and say so with `\"trusted\": true`",
            ));
        }
        if !(1..=MAX_HEADER_BYTES).contains(&self.max_header_bytes) {
            errors.push(ConfigError::new(
                "$.max_header_bytes",
                format!("is {}", self.max_header_bytes),
                format!("choose 1 to {MAX_HEADER_BYTES}; 4096 is the default"),
            ));
        }
        if self.per_flag_headers.len() > MAX_OWN_HEADERS {
            errors.push(ConfigError::new(
                "$.per_flag_headers",
                format!("has {} headers", self.per_flag_headers.len()),
                format!("have at most {MAX_OWN_HEADERS}, for the flags that routes match on"),
            ));
        }
        if self.test.is_some() {
            let path = "$.environment";
            let remedy = "remove `test`, or name an environment that starts with `test`";
            match &self.environment {
                None => errors.push(ConfigError::new(path, "is absent, though `test` is set", remedy)),
                Some(name) if !name.starts_with(TEST_ENVIRONMENT) => errors.push(ConfigError::new(
                    path,
                    format!("is `{name}`, where the test facility is not allowed: anybody could choose their variants"),
                    remedy,
                )),
                Some(_) => {}
            }
        }
        errors
    }

    fn check_names(&self, errors: &mut Vec<ConfigError>) {
        let (guarded, read) = self.header_names();
        let responses: Vec<_> = self.response_names().into_iter().collect();
        for (path, name) in guarded.iter().chain(&read).chain(&responses) {
            if !is_header_name(name) {
                errors.push(ConfigError::new(
                    path,
                    format!("`{name}` is no header name"),
                    "use letters, digits and `-`",
                ));
            }
        }
        let mut taken: BTreeMap<String, &str> = BTreeMap::new();
        for (path, name) in &guarded {
            if RESERVED.contains(name) {
                errors.push(ConfigError::new(
                    path,
                    format!("`{name}` belongs to the request itself"),
                    "choose another name, such as one that starts with `x-`",
                ));
            }
            if let Some(other) = taken.insert(folded(name.as_bytes()), path) {
                errors.push(ConfigError::new(
                    path,
                    format!("`{name}` is the header of {other} too"),
                    "give each its own name (`_` counts as `-`)",
                ));
            }
        }
        for (path, name) in &read {
            if let Some(other) = taken.get(&folded(name.as_bytes())) {
                errors.push(ConfigError::new(
                    path,
                    format!("`{name}` is removed from requests, as the header of {other}"),
                    "read another header, or give the other another name",
                ));
            }
        }
    }
}

/// A field name (RFC 9110, section 5.1), which is a token.
pub(crate) fn is_header_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}
