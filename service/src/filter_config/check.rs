//! What JSON of the right shape may still have wrong.

use super::{ConfigErrors, DEFAULT_HEADER_BYTES, FilterConfig, MAX_HEADER_BYTES, MAX_OWN_HEADERS};

/// Environments of tests have names that start so, and only they may use the test facility.
const TEST_ENVIRONMENT: &str = "test";

impl FilterConfig<'_> {
    pub(super) fn check(&self, errors: &mut ConfigErrors) {
        self.check_api(errors);
        self.check_user_data(errors);
        self.check_sources(errors);
        self.check_observe(errors);
        self.check_overrides(errors);
        for (at, source) in self.identity.iter().enumerate() {
            source.check(&format_args!("$.identity[{at}]"), errors);
        }
        for (at, attribute) in self.attributes.iter().enumerate() {
            attribute.check(&format_args!("$.attributes[{at}]"), errors);
        }
        if self.context.as_ref().is_some_and(|context| !context.trusted) {
            errors.add(
                &"$.context.trusted",
                &"whoever can send this header decides who the user is",
                &"make sure that only a trusted proxy can set it, and say so with `\"trusted\": true`",
            );
        }
        if !(1..=MAX_HEADER_BYTES).contains(&self.max_header_bytes) {
            errors.add(
                &"$.max_header_bytes",
                &format_args!("is {}", self.max_header_bytes),
                &format_args!("choose 1 to {MAX_HEADER_BYTES}; {DEFAULT_HEADER_BYTES} is the default"),
            );
        }
        if self.per_flag_headers.len() > MAX_OWN_HEADERS {
            errors.add(
                &"$.per_flag_headers",
                &format_args!("has {} headers", self.per_flag_headers.len()),
                &format_args!("have at most {MAX_OWN_HEADERS}, for the flags that routes match on"),
            );
        }
        if self.test.is_some() {
            let path = "$.environment";
            let remedy = "remove `test`, or name an environment that starts with `test`";
            match &self.environment {
                None => errors.add(&path, &"is absent, though `test` is set", &remedy),
                Some(name) if !name.starts_with(TEST_ENVIRONMENT) => errors.add(
                    &path,
                    &format_args!(
                        "is `{name}`, where the test facility is not allowed: anybody could choose their variants"
                    ),
                    &remedy,
                ),
                Some(_) => {}
            }
        }
    }
}
