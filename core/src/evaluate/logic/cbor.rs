//! Hashing a value as CBOR: RFC 8949, core deterministic encoding (4.2.1), with whole numbers as integers as flagd wants them.

use super::got::Scalar;
use crate::hash::Murmur3;
use crate::sort;
use crate::value::Value;

/// Takes the encoding, piece by piece.
pub(super) trait Sink {
    fn put(&mut self, bytes: &[u8]);
}

impl Sink for Murmur3 {
    fn put(&mut self, bytes: &[u8]) {
        self.update(bytes);
    }
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

const TEXT: u8 = 3;
const LIST: u8 = 4;
const MAP: u8 = 5;

/// Encodes `value`.
pub(super) fn encode(value: &Value<'_>, out: &mut dyn Sink) {
    match value {
        Value::List(items) => {
            head(LIST, items.len() as u64, out);
            for item in items {
                encode(item, out);
            }
        }
        Value::Map(members) => {
            head(MAP, members.len() as u64, out);
            // By the encoded key: all are text, whose heads order them by length first.
            let mut sorted: Vec<_> = members.iter().collect();
            sort(&mut sorted, |(a, _), (b, _)| a.len().cmp(&b.len()).then_with(|| a.as_bytes().cmp(b.as_bytes())));
            for (name, value) in sorted {
                text(name.as_bytes(), out);
                encode(value, out);
            }
        }
        scalar => encode_scalar(Scalar::of(scalar), out),
    }
}

/// Encodes a scalar; of anything else nothing.
pub(super) fn encode_scalar(value: Scalar<'_>, out: &mut dyn Sink) {
    match value {
        Scalar::Null => out.put(&[0xf6]),
        Scalar::Bool(b) => out.put(&[if b { 0xf5 } else { 0xf4 }]),
        Scalar::Number(n) => number(n, out),
        Scalar::Text(s) => text(s, out),
        Scalar::List | Scalar::Map => {}
    }
}

/// Encodes the list of these two texts.
pub(super) fn encode_pair(a: &[u8], b: &[u8], out: &mut dyn Sink) {
    head(LIST, 2, out);
    text(a, out);
    text(b, out);
}

fn text(text: &[u8], out: &mut dyn Sink) {
    head(TEXT, text.len() as u64, out);
    out.put(text);
}

/// The shortest head that holds `n`.
fn head(major: u8, n: u64, out: &mut dyn Sink) {
    let major = major << 5;
    if let Ok(n) = u8::try_from(n) {
        if n < 24 { out.put(&[major | n]) } else { out.put(&[major | 24, n]) }
    } else if let Ok(n) = u16::try_from(n) {
        out.put(&[major | 25]);
        out.put(&n.to_be_bytes());
    } else if let Ok(n) = u32::try_from(n) {
        out.put(&[major | 26]);
        out.put(&n.to_be_bytes());
    } else {
        out.put(&[major | 27]);
        out.put(&n.to_be_bytes());
    }
}

/// 2^63 and 2^64: whole numbers from -2^63 to 2^64 - 1 are integers.
const INTEGERS: std::ops::Range<f64> = -9_223_372_036_854_775_808.0..18_446_744_073_709_551_616.0;

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, and within the range")]
fn number(n: f64, out: &mut dyn Sink) {
    if n == n.trunc() && INTEGERS.contains(&n) {
        // -1 - n, as CBOR counts negative numbers, is the complement.
        return if n >= 0.0 { head(0, n as u64, out) } else { head(1, !(n as i64) as u64, out) };
    }
    if let Some(half) = half(n) {
        out.put(&[0xf9]);
        out.put(&half.to_be_bytes());
    } else if f64::from(n as f32) == n || n.is_nan() {
        out.put(&[0xfa]);
        out.put(&(n as f32).to_be_bytes());
    } else {
        out.put(&[0xfb]);
        out.put(&n.to_be_bytes());
    }
}

/// `n` as IEEE 754 half precision, where that loses nothing.
fn half(n: f64) -> Option<u16> {
    if n.is_nan() {
        return Some(0x7e00);
    }
    let bits = n.to_bits();
    let sign = u16::try_from(bits >> 63).ok()? << 15;
    if n.is_infinite() {
        return Some(sign | 0x7c00);
    }
    if n == 0.0 {
        return Some(sign);
    }
    let exponent = i32::try_from((bits >> 52) & 0x7ff).ok()?.checked_sub(1023)?;
    let fraction = bits & 0x000f_ffff_ffff_ffff;
    if (-14..=15).contains(&exponent) {
        // Ten bits of fraction; the others must be empty.
        if fraction & 0x3ff_ffff_ffff != 0 {
            return None;
        }
        let exponent = u16::try_from(exponent.checked_add(15)?).ok()?;
        return Some(sign | (exponent << 10) | u16::try_from(fraction >> 42).ok()?);
    }
    if (-24..=-15).contains(&exponent) {
        // Below 2^-14 the leading bit is written out: a multiple of 2^-24.
        let significand = fraction | 0x0010_0000_0000_0000;
        let shift = u32::try_from(28_i32.checked_sub(exponent)?).ok()?;
        let kept = significand.checked_shr(shift)?;
        if kept.checked_shl(shift) != Some(significand) {
            return None;
        }
        return Some(sign | u16::try_from(kept).ok()?);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(json: &str) -> String {
        let mut out = Vec::new();
        encode(&serde_json::from_str(json).unwrap(), &mut out);
        out.iter().map(|b| format!("{b:02x}")).collect()
    }

    /// RFC 8949, appendix A, with whole numbers as integers.
    #[test]
    fn encodes_as_the_standard_shows() {
        for (json, expected) in [
            ("0", "00"),
            ("-0.0", "00"),
            ("23", "17"),
            ("24", "1818"),
            ("1000", "1903e8"),
            ("1000000", "1a000f4240"),
            ("1000000000000", "1b000000e8d4a51000"),
            ("-1", "20"),
            ("-1000", "3903e7"),
            ("-9223372036854775808", "3b7fffffffffffffff"),
            ("18446744073709551616", "fa5f800000"),
            ("1.5", "f93e00"),
            ("1.1", "fb3ff199999999999a"),
            ("65504.5", "fa477fe080"),
            ("5.960464477539063e-8", "f90001"),
            ("0.00006103515625", "f90400"),
            ("1e300", "fb7e37e43c8800759c"),
            ("\"ü\"", "62c3bc"),
            ("[1,[2,3]]", "8201820203"),
            (r#"{"b":1,"aa":2,"a":null}"#, "a36161f6616201626161 02".replace(' ', "").as_str()),
        ] {
            assert_eq!(hex(json), expected, "{json}");
        }
    }
}
