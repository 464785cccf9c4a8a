//! `sem_ver`: Semantic Versioning 2.0 compared where the text lies.
//!
//! The crate `semver` would need padded copies of "1" and "1.2" and allocates for long pre-releases; the tests below hold the two side by side.

use std::cmp::Ordering;

/// A version: numbers without leading zeros, compared as text so that they may be of any length.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Version<'t> {
    major: &'t [u8],
    minor: &'t [u8],
    patch: &'t [u8],
    pre: Option<&'t [u8]>,
}

/// Whether `left op right`; `None` where one is no version or the operator unknown.
pub(super) fn compare(left: &[u8], op: &[u8], right: &[u8]) -> Option<bool> {
    let (order, same_major, same_minor) = if let (Some(left), Some(right)) = (numbers(left), numbers(right)) {
        let ([major, minor, _], [other_major, other_minor, _]) = (left, right);
        (left.cmp(&right), major == other_major, minor == other_minor)
    } else {
        let (left, right) = (parse(left)?, parse(right)?);
        (precedence(&left, &right), left.major == right.major, left.minor == right.minor)
    };
    Some(match op {
        b"=" => order.is_eq(),
        b"!=" => order.is_ne(),
        b"<" => order.is_lt(),
        b"<=" => order.is_le(),
        b">" => order.is_gt(),
        b">=" => order.is_ge(),
        b"^" => same_major,
        b"~" => same_major && same_minor,
        _ => return None,
    })
}

/// The version that nearly all are: numbers of less than ten digits and nothing else. None of any other, be it one or not.
fn numbers(text: &[u8]) -> Option<[u32; 3]> {
    /// What a digit may follow without exceeding 32 bits.
    const MOST: u32 = 99_999_999;
    let mut parts = [0_u32; 3];
    let mut rest = parts.iter_mut();
    let mut part = rest.next()?;
    let mut digits = false;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            if *part > MOST || (digits && *part == 0) {
                return None;
            }
            *part = part.saturating_mul(10).saturating_add(u32::from(digit));
            digits = true;
        } else if *byte == b'.' && digits {
            part = rest.next()?;
            digits = false;
        } else {
            return None;
        }
    }
    digits.then_some(parts)
}

/// A version of three parts with its suffixes, or of one or two parts alone; one leading `v` is passed over.
fn parse(text: &[u8]) -> Option<Version<'_>> {
    let text = text.strip_prefix(b"v").or_else(|| text.strip_prefix(b"V")).unwrap_or(text);
    let (text, build) = cut(text, b'+');
    let (core, pre) = cut(text, b'-');
    let (major, rest) = cut(core, b'.');
    let (minor, rest) = rest.map_or((None, None), |rest| {
        let (minor, rest) = cut(rest, b'.');
        (Some(minor), rest)
    });
    // A fourth part has a dot in front, which no number has.
    let patch = rest;
    let numeric = is_number(major) && minor.is_none_or(is_number) && patch.is_none_or(is_number);
    if !numeric || (patch.is_none() && (pre.is_some() || build.is_some())) {
        return None;
    }
    if !pre.is_none_or(|pre| identifiers(pre, |id| !is_digits(id) || is_number(id)))
        || !build.is_none_or(|build| identifiers(build, |_| true))
    {
        return None;
    }
    Some(Version { major, minor: minor.unwrap_or(b"0"), patch: patch.unwrap_or(b"0"), pre })
}

/// Whether every identifier is well formed and meets `rule`.
fn identifiers(text: &[u8], rule: fn(&[u8]) -> bool) -> bool {
    text.split(|b| *b == b'.')
        .all(|id| !id.is_empty() && id.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-') && rule(id))
}

fn cut(text: &[u8], at: u8) -> (&[u8], Option<&[u8]>) {
    let Some(place) = text.iter().position(|b| *b == at) else { return (text, None) };
    (text.get(..place).unwrap_or_default(), text.get(place.saturating_add(1)..))
}

fn is_digits(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}

fn is_number(text: &[u8]) -> bool {
    is_digits(text) && (text.len() == 1 || !text.starts_with(b"0"))
}

/// Without leading zeros the longer number is the larger one.
fn numeric(a: &[u8], b: &[u8]) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

fn precedence(a: &Version<'_>, b: &Version<'_>) -> Ordering {
    numeric(a.major, b.major).then_with(|| numeric(a.minor, b.minor)).then_with(|| numeric(a.patch, b.patch)).then_with(
        || match (a.pre, b.pre) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(a), Some(b)) => a.split(|b| *b == b'.').map(Identifier).cmp(b.split(|b| *b == b'.').map(Identifier)),
        },
    )
}

/// One identifier of a pre-release: numbers before words, each among themselves (SemVer 2.0, 11.4).
struct Identifier<'t>(&'t [u8]);

impl Ord for Identifier<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (is_digits(self.0), is_digits(other.0)) {
            (true, true) => numeric(self.0, other.0),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => self.0.cmp(other.0),
        }
    }
}

impl PartialOrd for Identifier<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Identifier<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Identifier<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partial_versions_stand_alone() {
        for good in ["1", "1.2", "v1", "V1.2.3", "1.2.3-a.1+b", "1.2.3+001", "99999999999999999999999.0.0"] {
            assert!(parse(good.as_bytes()).is_some(), "{good}");
        }
        for bad in [
            "", "1.2-a", "1+b", "1.x", "=1.0.0", "vv1", "01.0.0", "1.0.0-01", "1.0.0-", "1.0.0-é", "1.2.3.4", " 1",
            "1.",
        ] {
            assert!(parse(bad.as_bytes()).is_none(), "{bad}");
        }
        assert_eq!(compare(b"1.9.9-rc", b"^", b"1.0.0"), Some(true));
        assert_eq!(compare(b"0.3.1", b"~", b"0.3.0"), Some(true));
        assert_eq!(compare(b"1", b"==", b"1"), None);
    }

    proptest::proptest! {
        #[test]
        fn compares_as_the_crate_does(
            a in "[0-3]\\.[0-2]\\.[0-2](-[a-b0-2]{1,2}(\\.[0-9a]{1,2})?)?(\\+[a0]{1,2})?",
            b in "[0-3]\\.[0-2]\\.[0-2](-[a-b0-2]{1,2}(\\.[0-9a]{1,2})?)?",
        ) {
            let theirs = (semver::Version::parse(&a), semver::Version::parse(&b));
            let ours = (parse(a.as_bytes()), parse(b.as_bytes()));
            proptest::prop_assert_eq!(theirs.0.is_ok(), ours.0.is_some());
            if let ((Ok(x), Ok(y)), (Some(a), Some(b))) = (theirs, ours) {
                proptest::prop_assert_eq!(x.cmp_precedence(&y), precedence(&a, &b));
            }
        }
    }
}
