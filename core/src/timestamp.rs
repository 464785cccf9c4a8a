//! Moments.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A moment: milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Reads a date and time as in RFC 3339. Without an offset it is UTC, without a time midnight: what ISO 8601 allows and rulesets hold.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let parse = |text: &str| OffsetDateTime::parse(text, &Rfc3339).ok();
        let moment =
            parse(text).or_else(|| parse(&format!("{text}Z"))).or_else(|| parse(&format!("{text}T00:00:00Z")))?;
        Some(Self(moment.unix_timestamp().saturating_mul(1_000).saturating_add(moment.millisecond().into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_rulesets_hold() {
        let read = |text: &str| Timestamp::parse(text).map(|moment| moment.0);
        assert_eq!(read("1970-01-01T00:00:01.500Z"), Some(1_500));
        assert_eq!(read("1970-01-01T01:00:00+01:00"), Some(0));
        assert_eq!(read("1970-01-01T00:00:01"), Some(1_000));
        assert_eq!(read("1970-01-02"), Some(86_400_000));
        assert_eq!(read("1969-12-31T23:59:59.999Z"), Some(-1));
        for text in ["", "noon", "1970-13-01", "1970-01-01T25:00:00Z", "0"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
