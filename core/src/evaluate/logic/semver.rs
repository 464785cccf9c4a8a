//! `sem_ver`: Semantic Versioning 2.0 compared where the text lies.
//!
//! The crate `semver` would need padded copies of "1" and "1.2" and allocates for long pre-releases; the tests below hold the two side by side.

use std::cmp::Ordering;

/// A version: numbers without leading zeros, compared as text so that they may be of any length.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Version<'t> {
    major: &'t str,
    minor: &'t str,
    patch: &'t str,
    pre: Option<&'t str>,
}

/// Whether `left op right`; `None` where one is no version or the operator unknown.
pub(super) fn compare(left: &str, op: &str, right: &str) -> Option<bool> {
    let (left, right) = (parse(left)?, parse(right)?);
    let order = || precedence(&left, &right);
    Some(match op {
        "=" => order().is_eq(),
        "!=" => order().is_ne(),
        "<" => order().is_lt(),
        "<=" => order().is_le(),
        ">" => order().is_gt(),
        ">=" => order().is_ge(),
        "^" => left.major == right.major,
        "~" => left.major == right.major && left.minor == right.minor,
        _ => return None,
    })
}

/// A version of three parts with its suffixes, or of one or two parts alone; one leading `v` is passed over.
fn parse(text: &str) -> Option<Version<'_>> {
    let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
    let (text, build) = cut(text, '+');
    let (core, pre) = cut(text, '-');
    let mut parts = core.split('.');
    let major = parts.next()?;
    let (minor, patch) = (parts.next(), parts.next());
    let numeric = [Some(major), minor, patch].into_iter().flatten().all(is_number);
    if !numeric || parts.next().is_some() || (patch.is_none() && (pre.is_some() || build.is_some())) {
        return None;
    }
    let well_formed = |identifiers: &str| {
        identifiers.split('.').all(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
    };
    let pre_is_sound =
        pre.is_none_or(|pre| well_formed(pre) && pre.split('.').all(|id| !is_digits(id) || is_number(id)));
    if !pre_is_sound || !build.is_none_or(well_formed) {
        return None;
    }
    Some(Version { major, minor: minor.unwrap_or("0"), patch: patch.unwrap_or("0"), pre })
}

fn cut(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(before, after)| (before, Some(after)))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_number(text: &str) -> bool {
    is_digits(text) && (text.len() == 1 || !text.starts_with('0'))
}

/// Without leading zeros the longer number is the larger one.
fn numeric(a: &str, b: &str) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

fn precedence(a: &Version<'_>, b: &Version<'_>) -> Ordering {
    numeric(a.major, b.major).then_with(|| numeric(a.minor, b.minor)).then_with(|| numeric(a.patch, b.patch)).then_with(
        || match (a.pre, b.pre) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(a), Some(b)) => a.split('.').map(Identifier).cmp(b.split('.').map(Identifier)),
        },
    )
}

/// One identifier of a pre-release: numbers before words, each among themselves (SemVer 2.0, 11.4).
struct Identifier<'t>(&'t str);

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
            assert!(parse(good).is_some(), "{good}");
        }
        for bad in [
            "", "1.2-a", "1+b", "1.x", "=1.0.0", "vv1", "01.0.0", "1.0.0-01", "1.0.0-", "1.0.0-é", "1.2.3.4", " 1",
            "1.",
        ] {
            assert!(parse(bad).is_none(), "{bad}");
        }
        assert_eq!(compare("1.9.9-rc", "^", "1.0.0"), Some(true));
        assert_eq!(compare("0.3.1", "~", "0.3.0"), Some(true));
        assert_eq!(compare("1", "==", "1"), None);
    }

    proptest::proptest! {
        #[test]
        fn compares_as_the_crate_does(
            a in "[0-3]\\.[0-2]\\.[0-2](-[a-b0-2]{1,2}(\\.[0-9a]{1,2})?)?(\\+[a0]{1,2})?",
            b in "[0-3]\\.[0-2]\\.[0-2](-[a-b0-2]{1,2}(\\.[0-9a]{1,2})?)?",
        ) {
            let theirs = (semver::Version::parse(&a), semver::Version::parse(&b));
            let ours = (parse(&a), parse(&b));
            proptest::prop_assert_eq!(theirs.0.is_ok(), ours.0.is_some());
            if let ((Ok(x), Ok(y)), (Some(a), Some(b))) = (theirs, ours) {
                proptest::prop_assert_eq!(x.cmp_precedence(&y), precedence(&a, &b));
            }
        }
    }
}
