//! Percent-encoding in URLs.

use std::borrow::Cow;
use std::fmt::Write as _;

/// What a plus sign stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plus {
    /// Itself, as in a path.
    Itself,
    /// A space, as in a form-encoded query.
    Space,
}

/// Decodes `text`. What is no escape stays as it is: whoever looks the result up will not find it.
pub(crate) fn decode(text: &str, plus: Plus) -> Cow<'_, [u8]> {
    let encoded = |byte: u8| byte == b'%' || (byte == b'+' && plus == Plus::Space);
    if !text.bytes().any(encoded) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        out.push(match byte {
            b'+' if plus == Plus::Space => b' ',
            b'%' => match escape(after) {
                Some((decoded, after)) => {
                    rest = after;
                    decoded
                }
                None => b'%',
            },
            _ => byte,
        });
    }
    Cow::Owned(out)
}

/// Encodes `text` as one segment of a path: all but RFC 3986's unreserved characters, and the dot, as
/// segments of dots alone lead elsewhere.
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

fn escape(after: &[u8]) -> Option<(u8, &[u8])> {
    let (digits, rest) = after.split_at_checked(2)?;
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    Some((u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_escapes_and_leaves_the_rest() {
        let decoded = |text, plus| String::from_utf8(decode(text, plus).into_owned()).unwrap();
        assert_eq!(decoded("a%20b+c", Plus::Itself), "a b+c");
        assert_eq!(decoded("a%20b+c", Plus::Space), "a b c");
        assert_eq!(decoded("%e2%82%AC", Plus::Itself), "€");
        assert_eq!(decoded("100%", Plus::Itself), "100%");
        assert_eq!(decoded("%+1%zz%2", Plus::Itself), "%+1%zz%2");
        assert!(matches!(decode("plain", Plus::Space), Cow::Borrowed(_)));
    }
}
