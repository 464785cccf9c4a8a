//! Versions as DevCycle's library compares them (facts: its filters keep only what may stand in a version, and compare part by part).

/// A version has at least this many parts; missing ones are 0.
const MIN_PARTS: usize = 3;

/// More parts than any version has: bounds the work on a hostile one.
pub(super) const MAX_PARTS: u32 = 32;

/// Drops what may not stand in a version, and everything from the first `-` on.
pub(crate) fn clean_version(version: &str) -> String {
    version
        .chars()
        .filter(|c| c.is_ascii_digit() || matches!(c, '(' | ')' | '|' | '.' | '-'))
        .take_while(|&c| c != '-')
        .collect()
}

/// The parts of a version that is compared with, or `None` where one is not a number: it then never compares.
pub(crate) fn version_parts(version: &str) -> Option<Vec<f64>> {
    if version.is_empty() {
        return None;
    }
    version.split('.').take(MAX_PARTS as usize).map(part).collect()
}

/// The parts of the user's version: at least three, empty ones 0.
pub(super) fn user_version_parts(version: &str) -> Option<Vec<f64>> {
    let mut parts: Vec<f64> = version
        .split('.')
        .take(MAX_PARTS as usize)
        .map(|p| if p.is_empty() { Some(0.0) } else { part(p) })
        .collect::<Option<_>>()?;
    if parts.len() < MIN_PARTS {
        parts.resize(MIN_PARTS, 0.0);
    }
    Some(parts)
}

/// Digits as JavaScript's Number reads them: a double, so neighbours beyond 2^53 are equal.
fn part(digits: &str) -> Option<f64> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

/// Orders two versions part by part, the shorter one extended with zeros.
pub(super) fn compare_versions(a: &[f64], b: impl ExactSizeIterator<Item = f64>) -> std::cmp::Ordering {
    use std::cmp::Ordering;
    let longer = a.len().max(b.len());
    let zeros = || std::iter::repeat(0.0);
    a.iter()
        .copied()
        .chain(zeros())
        .zip(b.chain(zeros()))
        .take(longer)
        .map(|(a, b): (f64, f64)| a.partial_cmp(&b).unwrap_or(Ordering::Equal))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}
