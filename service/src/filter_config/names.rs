//! The names of headers in a configuration.

use std::fmt::Display;

use super::{ConfigErrors, FilterConfig};
use crate::identity::Source;
use crate::injector::folded;

/// Headers that carry the request itself. Setting or removing one would break it.
const RESERVED: [&str; 8] =
    ["connection", "content-length", "cookie", "expect", "host", "te", "transfer-encoding", "upgrade"];

/// What is done with a header.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    /// It is removed from requests: clients may not send it.
    Guarded,
    /// It is read from requests.
    Read,
    /// It is set in responses.
    Told,
}

struct Named<'c> {
    used: Use,
    path: String,
    name: &'c str,
}

impl FilterConfig<'_> {
    /// Every name of a header with its path, in lower case but for those of responses: first those that clients may not send, then those that are only read.
    fn header_names<'c>(&'c mut self) -> Vec<Named<'c>> {
        let mut names = Vec::new();
        let mut add = |used, path: &dyn Display, name: &'c mut String| {
            if used != Use::Told {
                name.make_ascii_lowercase();
            }
            names.push(Named { used, path: path.to_string(), name });
        };
        add(Use::Guarded, &"$.headers.flags", &mut self.headers.flags);
        add(Use::Guarded, &"$.headers.key", &mut self.headers.key);
        add(Use::Guarded, &"$.headers.status", &mut self.headers.status);
        for (flag, name) in &mut self.per_flag_headers {
            add(Use::Guarded, &format_args!("$.per_flag_headers.{flag}"), name);
        }
        if let Some(context) = &mut self.context {
            add(Use::Guarded, &"$.context.header", &mut context.header);
        }
        if let Some(name) = self.overrides.as_mut().and_then(|overrides| overrides.header.as_mut()) {
            add(Use::Guarded, &"$.overrides.header", name);
        }
        if let Some(test) = &mut self.test {
            add(Use::Guarded, &"$.test.header", &mut test.header);
        }
        for (at, source) in self.identity.iter_mut().enumerate() {
            if let Source::Header(name) = source {
                add(Use::Read, &format_args!("$.identity[{at}].header"), name);
            }
        }
        for (at, attribute) in self.attributes.iter_mut().enumerate() {
            if let Some(name) = &mut attribute.header {
                add(Use::Read, &format_args!("$.attributes[{at}].header"), name);
            }
        }
        if let Some(name) = &mut self.response.header {
            add(Use::Told, &"$.response.header", name);
        }
        names
    }

    /// Puts the names in lower case, and checks that they are some and do not collide.
    pub(super) fn check_names(&mut self, errors: &mut ConfigErrors) {
        let names = self.header_names();
        for Named { path, name, .. } in &names {
            if !is_header_name(name) {
                errors.add(path, &format_args!("`{name}` is no header name"), &"use letters, digits and `-`");
            }
        }
        let mut guarded: Vec<(String, String)> = Vec::new();
        for Named { used, path, name } in names {
            if used == Use::Told {
                continue;
            }
            if used == Use::Guarded && RESERVED.contains(&name) {
                let remedy = "choose another name, such as one that starts with `x-`";
                errors.add(&path, &format_args!("`{name}` belongs to the request itself"), &remedy);
            }
            let key = folded(name.as_bytes());
            match (guarded.iter().find(|(known, _)| *known == key), used) {
                (Some((_, other)), Use::Guarded) => errors.add(
                    &path,
                    &format_args!("`{name}` is the header of {other} too"),
                    &"give each its own name (`_` counts as `-`)",
                ),
                (Some((_, other)), _) => errors.add(
                    &path,
                    &format_args!("`{name}` is removed from requests, as the header of {other}"),
                    &"read another header, or give the other another name",
                ),
                (None, Use::Guarded) => guarded.push((key, path)),
                (None, _) => {}
            }
        }
    }
}

/// A field name (RFC 9110, section 5.1), which is a token.
pub(crate) fn is_header_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}
