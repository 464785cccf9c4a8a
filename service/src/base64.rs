//! Reading base64 (RFC 4648). The usual library takes 4 KB more in a module; tests hold this to it.

/// Which alphabet and which padding a text has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `+` and `/`, padded to fours.
    Standard,
    /// `-` and `_`, not padded.
    Url,
    /// One or the other or both, padded or not; bits that are left over may be set.
    Any,
}

/// What `text` stands for.
///
/// # Errors
/// Where it is no base64 of this form: the place of the first byte that is wrong, or its length where something is missing.
pub(crate) fn decode(text: &[u8], form: Form) -> Result<Vec<u8>, usize> {
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    let symbols = text.len().saturating_sub(padding);
    let fits = match symbols % 4 {
        1 => return Err(text.len()),
        0 => 0,
        beyond => 4_usize.saturating_sub(beyond),
    };
    if padding > fits || (padding > 0 && form == Form::Url) {
        return Err(symbols);
    }
    if padding < fits && form == Form::Standard {
        return Err(text.len());
    }
    let mut bytes = Vec::with_capacity(symbols);
    // Bits that do not make a byte yet.
    let (mut bits, mut count) = (0_u32, 0_u32);
    for (at, byte) in text.iter().take(symbols).enumerate() {
        bits = (bits << 6) | value(*byte, form).ok_or(at)?;
        count = count.saturating_add(6);
        if let Some(left) = count.checked_sub(8) {
            bytes.push(u8::try_from((bits >> left) & 0xff).unwrap_or_default());
            bits &= !(u32::MAX << left);
            count = left;
        }
    }
    if bits > 0 && form != Form::Any { Err(symbols.saturating_sub(1)) } else { Ok(bytes) }
}

fn value(byte: u8, form: Form) -> Option<u32> {
    let from = |first: u8, value: u32| u32::from(byte.wrapping_sub(first)).wrapping_add(value);
    Some(match byte {
        b'A'..=b'Z' => from(b'A', 0),
        b'a'..=b'z' => from(b'a', 26),
        b'0'..=b'9' => from(b'0', 52),
        b'+' if form != Form::Url => 62,
        b'/' if form != Form::Url => 63,
        b'-' if form != Form::Standard => 62,
        b'_' if form != Form::Standard => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::alphabet;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
    use proptest::prelude::*;

    use super::*;

    const ANY: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );

    #[test]
    fn an_error_names_the_place() {
        for (text, form, place) in [
            ("AAA!", Form::Standard, 3),
            ("AAA", Form::Standard, 3),
            ("AAAA=", Form::Standard, 4),
            ("AAA=", Form::Url, 3),
            ("AB", Form::Url, 1),
            ("A", Form::Any, 1),
            ("A=A=", Form::Any, 1),
            ("AA-A", Form::Standard, 2),
            ("AA+A", Form::Url, 2),
        ] {
            assert_eq!(decode(text.as_bytes(), form), Err(place), "{text}");
        }
    }

    proptest! {
        #[test]
        fn reads_what_the_library_writes(bytes: Vec<u8>) {
            let standard = STANDARD.encode(&bytes);
            let url = URL_SAFE_NO_PAD.encode(&bytes);
            for (text, form) in [(&standard, Form::Standard), (&url, Form::Url), (&standard, Form::Any), (&url, Form::Any)] {
                prop_assert_eq!(decode(text.as_bytes(), form), Ok(bytes.clone()));
            }
        }

        #[test]
        fn takes_what_the_library_takes(text in "[AQgw/_+9-]{0,9}={0,3}", other in "[A-Za-z0-9+/=_ -]{0,12}", any: Vec<u8>) {
            for text in [text.as_bytes(), other.as_bytes(), &any] {
                prop_assert_eq!(decode(text, Form::Standard).ok(), STANDARD.decode(text).ok());
                prop_assert_eq!(decode(text, Form::Url).ok(), URL_SAFE_NO_PAD.decode(text).ok());
                let same: Vec<u8> = text.iter().map(|byte| match byte { b'-' => b'+', b'_' => b'/', byte => *byte }).collect();
                prop_assert_eq!(decode(text, Form::Any).ok(), ANY.decode(same).ok());
            }
        }
    }
}
