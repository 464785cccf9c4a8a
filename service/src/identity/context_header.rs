//! A header that carries a whole user, set by a proxy in front that knows them.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jackstaff_core::Value;
use jackstaff_core::source::{FromJson, Reading};

/// A longer value is passed over: Envoy takes no more than 60 KiB of headers together.
pub const MAX_CONTEXT_BYTES: usize = 60 * 1_024;

/// Padding may be there or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The header of a trusted context.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize), serde(deny_unknown_fields))]
pub struct ContextHeader {
    /// Its name.
    pub header: String,
    /// That clients cannot send it themselves. Must be said.
    #[cfg_attr(feature = "schema", serde(default))]
    pub trusted: bool,
}

impl<'v> FromJson<'v> for ContextHeader {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        reading.object(value, &mut |of| {
            of.required("header", &mut self.header);
            of.optional("trusted", &mut self.trusted);
        });
    }
}

/// The JSON in a context header: as it stands where it begins with `{`, else in base64 or base64url, with or without the colons of an
/// RFC 9651 Byte Sequence.
#[must_use]
pub fn context_json(value: &[u8]) -> Option<Cow<'_, [u8]>> {
    let value = value.trim_ascii();
    if value.len() > MAX_CONTEXT_BYTES {
        return None;
    }
    if value.starts_with(b"{") {
        return Some(Cow::Borrowed(value));
    }
    let inner = value.strip_prefix(b":").and_then(|value| value.strip_suffix(b":")).unwrap_or(value);
    let standard: Vec<u8> = inner
        .iter()
        .map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => *other,
        })
        .collect();
    BASE64.decode(standard).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_may_stand_plain_or_in_base64() {
        let json =
            |value: &str| context_json(value.as_bytes()).map(|json| String::from_utf8(json.into_owned()).unwrap());
        assert_eq!(json(r#" {"user_id":"é"} "#).unwrap(), r#"{"user_id":"é"}"#);
        for coded in ["eyJ1c2VyX2lkIjoiw79-In0", ":eyJ1c2VyX2lkIjoiw79+In0=:", "eyJ1c2VyX2lkIjoiw79+In0="] {
            assert_eq!(json(coded).unwrap(), "{\"user_id\":\"\u{ff}~\"}", "{coded}");
        }
        assert_eq!(context_json(b"no base64!"), None);
        assert_eq!(context_json(&vec![b'A'; MAX_CONTEXT_BYTES + 1]), None);
    }
}
