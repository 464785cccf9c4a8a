//! Whether short texts are the same: keys, attribute names, values.

/// As `a == b`, without a call to the system's `memcmp`: names and values are so short that calling takes longer than comparing.
#[cfg_attr(target_family = "wasm", inline(never))]
#[cfg_attr(not(target_family = "wasm"), inline)]
pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    // A module built for size calls a function for every piece that the library cuts off.
    a.len() == b.len() && if cfg!(target_family = "wasm") { same_fours(a, b) } else { same_words(a, b) }
}

/// Of texts of one length, without a call to cut something off. The last bytes may be looked at twice: so what has four needs no loop for what is left.
#[inline(always)]
fn same_fours(mut a: &[u8], mut b: &[u8]) -> bool {
    if let ([.., a0, a1, a2, a3], [.., b0, b1, b2, b3]) = (a, b) {
        if four(&[*a0, *a1, *a2, *a3]) != four(&[*b0, *b1, *b2, *b3]) {
            return false;
        }
        while let ([a0, a1, a2, a3, after_a @ ..], [b0, b1, b2, b3, after_b @ ..]) = (a, b) {
            if four(&[*a0, *a1, *a2, *a3]) != four(&[*b0, *b1, *b2, *b3]) {
                return false;
            }
            (a, b) = (after_a, after_b);
        }
        return true;
    }
    a.iter().zip(b).all(|(a, b)| a == b)
}

/// Of texts of one length.
#[inline]
fn same_words(a: &[u8], b: &[u8]) -> bool {
    // The last bytes may be looked at twice: so no length needs a loop for what is left.
    if let (Some(x), Some(y)) = (a.last_chunk(), b.last_chunk()) {
        let (a, b) = (a.as_chunks().0, b.as_chunks().0);
        return eight(x) == eight(y) && a.iter().zip(b).all(|(a, b)| eight(a) == eight(b));
    }
    if let (Some(x), Some(y), Some(a), Some(b)) = (a.last_chunk(), b.last_chunk(), a.first_chunk(), b.first_chunk()) {
        return four(x) == four(y) && four(a) == four(b);
    }
    if let (Some(x), Some(y), Some(a), Some(b)) = (a.last_chunk(), b.last_chunk(), a.first_chunk(), b.first_chunk()) {
        return two(x) == two(y) && two(a) == two(b);
    }
    a.first() == b.first()
}

/// The first four bytes as a number, fewer as a smaller one: where these differ, so do the texts.
#[inline]
pub(crate) fn start(text: &[u8]) -> u32 {
    text.first_chunk().map_or_else(|| text.iter().rev().fold(0, |all, &byte| all << 8 | u32::from(byte)), four)
}

const fn eight(bytes: &[u8; 8]) -> u64 {
    u64::from_le_bytes(*bytes)
}

const fn four(bytes: &[u8; 4]) -> u32 {
    u32::from_le_bytes(*bytes)
}

const fn two(bytes: &[u8; 2]) -> u16 {
    u16::from_le_bytes(*bytes)
}

#[cfg(test)]
mod tests {
    use super::{same, same_fours, start};
    use proptest::prelude::*;

    #[test]
    fn a_difference_shows_wherever_it_is() {
        for len in 0..40_usize {
            let text = vec![7_u8; len];
            assert!(same(&text, &text.clone()), "{len}");
            assert!(!same(&text, &vec![7; len + 1]), "{len}");
            for at in 0..len {
                let mut other = text.clone();
                other[at] = 8;
                assert!(!same(&text, &other) && !same_fours(&text, &other), "{len}, {at}");
            }
        }
    }

    proptest! {
        #[test]
        fn says_what_the_operator_says(a in "[ab]{0,20}", b in "[ab]{0,20}") {
            prop_assert_eq!(same(a.as_bytes(), b.as_bytes()), a == b);
            prop_assert!(a.len() != b.len() || same_fours(a.as_bytes(), b.as_bytes()) == (a == b));
            prop_assert!(a != b || start(a.as_bytes()) == start(b.as_bytes()));
            prop_assert_eq!(start(a.as_bytes()) == start(b.as_bytes()), a.get(..4).unwrap_or(&a) == b.get(..4).unwrap_or(&b));
        }
    }
}
