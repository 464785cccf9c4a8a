//! The test facility: a request says what time it is and which variants it gets.

use std::fmt;

use jackstaff_core::source::{FromJson, Reading, read};
use jackstaff_core::{Timestamp, Value};

/// What the test header asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TestControl {
    /// The time for this request.
    pub now: Option<Timestamp>,
    /// Variant ids by decision id, in the order written: the last one has the last word.
    variants: Vec<(String, String)>,
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

#[derive(Default)]
struct Wire {
    now: Option<String>,
    overrides: Option<Vec<(String, String)>>,
}

impl<'v> FromJson<'v> for Wire {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        reading.object(value, &mut |of| {
            of.optional("now", &mut self.now);
            of.optional("overrides", &mut self.overrides);
        });
    }
}

impl TestControl {
    /// Reads `{"now": "<RFC 3339>", "overrides": {"<decision id>": "<variant id>"}}`, both parts optional.
    ///
    /// # Errors
    /// Where it is something else.
    pub fn parse(value: &[u8]) -> Result<Self, TestControlError> {
        let Wire { now, overrides } = read(value).map_err(|misread| TestControlError(misread.to_string()))?;
        let moment = now.as_deref().map(Timestamp::parse);
        if moment == Some(None) {
            return Err(TestControlError("`now` is no time as in RFC 3339".to_owned()));
        }
        Ok(Self { now: moment.flatten(), variants: overrides.unwrap_or_default() })
    }

    /// The variants in the form that decisions take them.
    #[must_use]
    pub fn overrides(&self) -> Vec<(&str, &str)> {
        self.variants.iter().map(|(decision, variant)| (decision.as_str(), variant.as_str())).collect()
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
