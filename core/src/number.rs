//! Numbers as text says them.

use std::cmp::Ordering;
use std::num::NonZeroU64;

/// Further digits than these only say whether there is more: what is halfway between two doubles has at most 767.
const MAX_DIGITS: usize = 800;

/// A number whose first digit stands this far before or behind the point is beyond all doubles.
const MAX_PLACE: i64 = 330;

/// The largest power of 5 in 32 bits.
const MAX_POWER: u32 = 13;

/// Up to here powers of ten are doubles.
const MAX_EXACT_POWER: u64 = 22;

/// Up to here whole numbers are doubles.
const MAX_EXACT: u64 = 1 << f64::MANTISSA_DIGITS;

/// Of 64 bits that are cut off, half of what the last bit before them counts.
const HALF: u64 = 1 << 63;

/// The double that is nearest to a decimal number such as `-12.5e-3`, to an even one between two: what the standard library's `parse` gives
/// and tests hold it to, for 10 KB less of tables. Nothing for what is no number, `inf` and `NaN` among it; what is too large is infinite.
#[must_use]
pub fn parse_number(text: &[u8]) -> Option<f64> {
    let (negative, text) = signed(text);
    let (mantissa, exponent) = match text.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => (text.get(..at)?, whole_number(text.get(at.saturating_add(1)..)?)?),
        None => (text, 0),
    };
    let point = mantissa.iter().position(|&byte| byte == b'.').unwrap_or(mantissa.len());
    let (whole, fraction) = (mantissa.get(..point)?, mantissa.get(point.saturating_add(1)..).unwrap_or_default());
    if whole.len().saturating_add(fraction.len()) == 0 {
        return None;
    }
    let mut short = 0_u64;
    for digit in [whole, fraction].into_iter().flatten() {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        short = short.saturating_mul(10).saturating_add(digit.into());
    }
    let power = exponent.saturating_sub(i64::try_from(fraction.len()).unwrap_or(i64::MAX));
    let magnitude = if short == 0 {
        0.0
    } else if short <= MAX_EXACT && power.unsigned_abs() <= MAX_EXACT_POWER {
        #[expect(clippy::cast_precision_loss, reason = "it is exact")]
        let short = short as f64;
        let ten = (0..power.unsigned_abs()).fold(1.0, |ten, _| ten * 10.0);
        // One operation on exact numbers rounds once.
        if power < 0 { short / ten } else { short * ten }
    } else {
        magnitude(&[whole, fraction].concat(), power)
    };
    Some(if negative { -magnitude } else { magnitude })
}

fn signed(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [sign @ (b'+' | b'-'), rest @ ..] => (*sign == b'-', rest),
        _ => (false, text),
    }
}

/// A whole number. Beyond what is of interest it is not exact.
fn whole_number(text: &[u8]) -> Option<i64> {
    let (negative, digits) = signed(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = digits
        .iter()
        .fold(0_i64, |number, digit| number.saturating_mul(10).saturating_add(i64::from(digit.wrapping_sub(b'0'))));
    Some(if negative { number.saturating_neg() } else { number })
}

/// `digits`, which are not all 0, times 10 to the `power`.
fn magnitude(digits: &[u8], power: i64) -> f64 {
    let digits =
        digits.iter().position(|&digit| digit != b'0').and_then(|first| digits.get(first..)).unwrap_or_default();
    // Where the first digit stands decides what is too large or too small by far.
    let first = power.saturating_add(i64::try_from(digits.len()).unwrap_or(i64::MAX));
    if first < -MAX_PLACE {
        return 0.0;
    }
    if first > MAX_PLACE {
        return f64::INFINITY;
    }
    let (digits, left_out) = digits.split_at_checked(MAX_DIGITS).unwrap_or((digits, &[]));
    let inexact = left_out.iter().any(|&digit| digit != b'0');
    let mut exact = Exact { inexact, ..Exact::default() };
    for digit in digits {
        exact.multiply(10, digit.wrapping_sub(b'0').into());
    }
    let power = power.saturating_add(i64::try_from(left_out.len()).unwrap_or(i64::MAX));
    exact.scale(i32::try_from(power).unwrap_or_default());
    exact.nearest()
}

/// A number with all its digits: `words`, of which the last is the highest, times 2 to the `power`; a little more where it is inexact.
#[derive(Default)]
struct Exact {
    words: Vec<u32>,
    power: i32,
    inexact: bool,
}

impl Exact {
    #[expect(clippy::cast_possible_truncation, reason = "it is cut into words")]
    fn multiply(&mut self, factor: u32, add: u32) {
        let mut carry = u64::from(add);
        for word in &mut self.words {
            carry = u64::from(*word).wrapping_mul(factor.into()).wrapping_add(carry);
            *word = carry as u32;
            carry >>= 32;
        }
        if carry > 0 {
            self.words.push(carry as u32);
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "the quotient of a remainder and a word is a word")]
    fn divide(&mut self, divisor: NonZeroU64) {
        let mut rest = 0;
        for word in self.words.iter_mut().rev() {
            let dividend = (rest << 32) | u64::from(*word);
            *word = (dividend / divisor) as u32;
            rest = dividend % divisor;
        }
        self.inexact |= rest > 0;
        while self.words.last() == Some(&0) {
            self.words.pop();
        }
    }

    /// Multiplies by 10 to the `power`.
    fn scale(&mut self, power: i32) {
        self.power = power;
        let mut left = power.unsigned_abs();
        if power < 0 {
            // Each division takes less than a word away, and two and a bit are to be left.
            let words = left.div_ceil(MAX_POWER).saturating_add(2);
            self.power = power.saturating_sub(words.saturating_mul(u32::BITS).cast_signed());
            self.words.splice(..0, (0..words).map(|_| 0));
        }
        while left > 0 {
            let step = left.min(MAX_POWER);
            left = left.saturating_sub(step);
            let five = 5_u32.saturating_pow(step);
            match NonZeroU64::new(five.into()) {
                Some(five) if power < 0 => self.divide(five),
                _ => self.multiply(five, 0),
            }
        }
    }

    /// The double that is nearest.
    fn nearest(&self) -> f64 {
        let mut words = self.words.iter().rev().map(|&word| u64::from(word));
        let mut next = || words.next().unwrap_or_default();
        let (high, low) = ((next() << 32) | next(), next());
        let zeros = high.leading_zeros();
        let (high, low) = ((high << zeros) | ((low << zeros) >> 32), low << zeros & u64::from(u32::MAX));
        let inexact = self.inexact || low > 0 || words.any(|word| word > 0);
        // Where the highest bit stands.
        let bits = i32::try_from(self.words.len()).unwrap_or(i32::MAX).saturating_mul(32);
        let place = self.power.saturating_add(bits).saturating_sub(1).saturating_sub_unsigned(zeros);
        if place >= f64::MAX_EXP {
            return f64::INFINITY;
        }
        // From the smallest exponent on downwards there are fewer bits.
        let exponent = place.saturating_sub(f64::MIN_EXP).saturating_add(1);
        let cut = u64::BITS.saturating_sub(f64::MANTISSA_DIGITS).saturating_add(exponent.min(0).unsigned_abs());
        let Some(kept) = u64::BITS.checked_sub(cut) else { return 0.0 };
        let mantissa = high.checked_shr(cut).unwrap_or_default();
        let up = match (high << kept).cmp(&HALF) {
            Ordering::Less => false,
            Ordering::Equal => inexact || mantissa % 2 == 1,
            Ordering::Greater => true,
        };
        // The mantissa's highest bit counts one up in the exponent, and so does what rounding carries.
        let exponent = u64::from(exponent.max(0).unsigned_abs()) << f64::MANTISSA_DIGITS.saturating_sub(1);
        f64::from_bits(exponent.saturating_add(mantissa).saturating_add(up.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn same(text: &str) {
        // The standard library's own words for what is no number.
        let theirs = text.parse::<f64>().ok().filter(|_| !text.to_ascii_lowercase().contains(['i', 'n']));
        assert_eq!(parse_number(text.as_bytes()).map(f64::to_bits), theirs.map(f64::to_bits), "{text}");
    }

    #[test]
    fn reads_what_the_standard_library_reads() {
        for text in [
            "",
            "+",
            "-",
            ".",
            "e",
            "e1",
            ".e1",
            "1e",
            "1e+",
            "1e1.",
            "1.2.3",
            "--1",
            "+-1",
            " 1",
            "1 ",
            "1_0",
            "0x1",
            "inf",
            "-NaN",
            "infinity",
            "0",
            "-0",
            "+0",
            "00",
            ".5",
            "5.",
            "-.5e1",
            "1E3",
            "1e-0",
            "0e999999999999999999999",
            "0.0e-99999999999999999999",
            "1e99999999999999999999",
            "1e-99999999999999999999",
            "-1e400",
            "9007199254740992",
            "9007199254740993",
            "9007199254740995",
            "9007199254740993.0000000000000000000000000000001",
            "1e22",
            "1e23",
            "123456789e22",
            "123456789e-22",
            "5e-324",
            "4.9e-324",
            "2.5e-324",
            "2.4703282292062327e-324",
            "2.4703282292062328e-324",
            "2.2250738585072011e-308",
            "2.2250738585072014e-308",
            "1.7976931348623157e308",
            "1.7976931348623158e308",
            "1.7976931348623159e308",
            "179769313486231580793728971405301e276",
            "8.5e-309",
            "1e-323",
            "0.1",
            "0.3",
            "18446744073709551615",
            "18446744073709551616",
            "0.000000000000000000000000000000000000000000000000000000000000001",
        ] {
            same(text);
        }
        for digits in [700, 767, 768, 799, 800, 801, 5_000] {
            for text in [
                format!("9007199254740993{}1e-{digits}", "0".repeat(digits)),
                format!("9007199254740993{}0e-{digits}", "0".repeat(digits)),
                format!("0.{}1", "0".repeat(digits)),
                format!("1{}", "0".repeat(digits)),
                format!("1{}e-{digits}", "0".repeat(digits)),
                format!("{}e-{digits}", "9".repeat(digits)),
                format!("0.{}", "3".repeat(digits)),
            ] {
                same(&text);
            }
        }
    }

    /// The decimal halfway between two doubles, with all its digits.
    fn middle(low: f64, high: f64) -> String {
        let [low, high] = [low, high].map(|number| format!("{number:01400.1080}").into_bytes());
        let mut carry = 0;
        let mut sum: Vec<u8> = Vec::new();
        for (low, high) in low.iter().zip(&high).rev().filter(|(low, _)| **low != b'.') {
            let digit = (low - b'0') + (high - b'0') + carry;
            sum.push(digit % 10);
            carry = digit / 10;
        }
        let mut rest = 0;
        let half: String = sum
            .iter()
            .rev()
            .chain([&0])
            .map(|digit| {
                let digit = rest * 10 + digit;
                rest = digit % 2;
                char::from(b'0' + digit / 2)
            })
            .collect();
        let point = half.len() - 1081;
        format!("{}.{}", &half[..point], &half[point..])
    }

    proptest::proptest! {
        #[test]
        fn rounds_as_the_standard_library_does(number: f64, digits in "[0-9]{1,40}", places in 0_usize..40, power in -400_i32..400) {
            if number.is_finite() {
                same(&format!("{number:e}"));
                same(&format!("{number}"));
            }
            same(&format!("{digits}e{power}"));
            let places = places.min(digits.len());
            same(&format!("{}.{}", &digits[..places], &digits[places..]));
        }

        #[test]
        fn rounds_halves_as_the_standard_library_does(bits in 0_u64..0x7fef_ffff_ffff_ffff, more in "0{0,30}[0-9]?") {
            let middle = middle(f64::from_bits(bits), f64::from_bits(bits + 1));
            same(&middle);
            same(&format!("{middle}{more}"));
        }

        #[test]
        fn refuses_what_the_standard_library_refuses(text in "[-+0-9.eE]{0,12}", other: String) {
            same(&text);
            same(&other);
        }
    }
}
