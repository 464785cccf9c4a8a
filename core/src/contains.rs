//! Whether a text holds another, in linear time.

/// A text of this length is compared wherever it might begin: so many bytes are few.
const SHORT: usize = 16;

/// Whether `part` occurs in `text`. However they are made, the time is proportional to their length: rules and users' attributes are both
/// somebody else's.
pub(crate) fn contains(text: &[u8], part: &[u8]) -> bool {
    let Some(first) = part.first() else { return true };
    if part.len() > text.len() {
        return false;
    }
    if part.len() <= SHORT {
        return text.windows(part.len()).any(|window| window.first() == Some(first) && window == part);
    }
    // Knuth, Morris and Pratt: of each beginning of the part, how much of it stands at its end, too.
    let mut ends = vec![0];
    let mut found = 0;
    for byte in part.iter().skip(1) {
        found = longer(part, &ends, found, byte);
        ends.push(found);
    }
    found = 0;
    text.iter().any(|byte| {
        found = longer(part, &ends, found, byte);
        found == part.len()
    })
}

/// How much of `part` is found with `byte`, after `found` bytes of it. Each round goes back over what an earlier byte had found.
fn longer(part: &[u8], ends: &[usize], mut found: usize, byte: &u8) -> usize {
    loop {
        if part.get(found) == Some(byte) {
            return found.saturating_add(1);
        }
        match found.checked_sub(1).and_then(|last| ends.get(last)) {
            Some(&less) => found = less,
            None => return 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn finds_what_the_standard_library_finds(text in "[ab]{0,200}", part in "[ab]{0,6}|[ab]{15,40}", times in 0_usize..6) {
            for part in [part.repeat(times), part] {
                let held = format!("{text}{part}{text}");
                for text in [&text, &held, &text.repeat(3)] {
                    proptest::prop_assert_eq!(contains(text.as_bytes(), part.as_bytes()), text.contains(&part), "{} {}", text, part);
                }
            }
        }
    }

    #[test]
    fn a_part_that_nearly_matches_everywhere_takes_no_longer() {
        let (text, part) = ("a".repeat(1_000_000), format!("{}b", "a".repeat(100_000)));
        assert!(!contains(text.as_bytes(), part.as_bytes()));
    }
}
