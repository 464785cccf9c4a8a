//! The test facility: a request says what time it is and which variants it gets.

use std::borrow::Cow;
use std::fmt;

use jackstaff_core::source::read;
use jackstaff_core::{Timestamp, Value};
use serde::Deserialize;

/// What the test header asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TestControl<'h> {
    /// The time for this request.
    pub now: Option<Timestamp>,
    /// Variant ids by decision id, in the order written: the last one has the last word.
    variants: Vec<(Cow<'h, str>, Cow<'h, str>)>,
}

/// Why a test header says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestControlError(String);

impl fmt::Display for TestControlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TestControlError {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire<'h> {
    now: Option<String>,
    #[serde(default, borrow)]
    overrides: Option<Value<'h>>,
}

impl<'h> TestControl<'h> {
    /// Reads `{"now": "<RFC 3339>", "overrides": {"<decision id>": "<variant id>"}}`, both parts optional.
    ///
    /// # Errors
    /// Where it is something else.
    pub fn parse(value: &'h [u8]) -> Result<Self, TestControlError> {
        let refuse = |error: &dyn fmt::Display| TestControlError(error.to_string());
        let wire: Wire<'h> = read(value).map_err(|error| refuse(&error))?;
        let now = match wire.now {
            None => None,
            Some(text) => Some(Timestamp::parse(&text).ok_or_else(|| refuse(&"`now` is no time as in RFC 3339"))?),
        };
        let variants = match wire.overrides {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Map(members)) => members
                .into_iter()
                .map(|(decision, variant)| match variant {
                    Value::String(variant) => Ok((decision, variant)),
                    _ => Err(refuse(&"`overrides` must map decision ids to variant ids")),
                })
                .collect::<Result<_, _>>()?,
            Some(_) => return Err(refuse(&"`overrides` must be an object")),
        };
        Ok(Self { now, variants })
    }

    /// The variants in the form that decisions take them.
    #[must_use]
    pub fn overrides(&self) -> Vec<(&str, &str)> {
        self.variants.iter().map(|(decision, variant)| (&**decision, &**variant)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_the_clock_and_variants() {
        let json = br#"{"now":"1970-01-01T00:00:01.5Z","overrides":{"d":"v"}}"#;
        let control = TestControl::parse(json).unwrap();
        assert_eq!(control.now, Some(Timestamp(1_500)));
        assert_eq!(control.overrides(), [("d", "v")]);
        assert_eq!(TestControl::parse(b"{}").unwrap(), TestControl::default());
        for bad in [&b""[..], b"[]", b"{\"now\":\"noon\"}", b"{\"time\":1}", b"\xff"] {
            TestControl::parse(bad).unwrap_err();
        }
    }
}
