//! What a misspelt name was probably meant to be.

/// A longer name is none that was misspelt; the bound keeps the comparison short.
const MAX_NAME: usize = 64;

/// The nearest of the names that the reader says it expected, where the one that it does not know resembles one: its message reads
/// "unknown field `a`, expected one of `b`, `c`", or the same of a variant.
pub(super) fn suggestion(message: &str) -> Option<&str> {
    let mut names = message.strip_prefix("unknown ")?.split('`').skip(1).step_by(2);
    let given = names.next().filter(|given| given.len() <= MAX_NAME)?;
    // One letter in three may be wrong, and one in any name.
    let most = given.len().div_euclid(3).max(1);
    let near = names.map(|name| (distance(given, name), name)).filter(|(distance, _)| *distance <= most);
    near.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// How many letters must be added, removed or changed to make one of the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (at, x) in a.bytes().enumerate() {
        let (mut diagonal, mut left) = (at, at.saturating_add(1));
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, y) in row.iter_mut().skip(1).zip(b.bytes()) {
            let changed = diagonal.saturating_add(usize::from(x != y));
            diagonal = *cell;
            left = changed.min(left.saturating_add(1)).min(diagonal.saturating_add(1));
            *cell = left;
        }
    }
    row.last().copied().unwrap_or(a.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_counted() {
        for (a, b, expected) in [("", "", 0), ("", "ab", 2), ("flagz", "flags", 1), ("kitten", "sitting", 3)] {
            assert_eq!((distance(a, b), distance(b, a)), (expected, expected), "{a} {b}");
        }
    }

    #[test]
    fn only_what_resembles_it_is_suggested() {
        let of = |given: &str| {
            format!("unknown field `{given}`, expected one of `flags`, `headers`, `per_flag_headers` at line 1")
        };
        assert_eq!(suggestion(&of("flag")), Some("flags"));
        assert_eq!(suggestion(&of("perFlagHeaders")), Some("per_flag_headers"));
        assert_eq!(suggestion(&of("sources")), None);
        assert_eq!(suggestion(&of(&"f".repeat(MAX_NAME + 1))), None);
        assert_eq!(suggestion("unknown variant `headr`, expected `header` or `cookie`"), Some("header"));
        assert_eq!(suggestion("invalid type: integer `1`, expected a string"), None);
    }
}
