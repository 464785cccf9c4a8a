//! Headers that clients may not send.

/// A header name as some applications see it: CGI and what grew out of it (WSGI, Rack, PHP) put names in upper case and `-` and `_` into
/// one, so `X_Flags` would reach them as `X-Flags`.
pub(crate) fn folded(name: &[u8]) -> String {
    name.iter().map(|&byte| char::from(fold(byte))).collect()
}

const fn fold(byte: u8) -> u8 {
    match byte {
        b'_' => b'-',
        _ => byte.to_ascii_lowercase(),
    }
}

/// Recognises the headers that clients may not send, in every spelling that an application may take for one of them.
#[derive(Debug, Default)]
pub(super) struct Guard {
    names: Vec<String>,
    /// One bit per length modulo 64, so that nearly every header of a request is passed after one look.
    lengths: u64,
}

impl Guard {
    pub(super) fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let mut guard = Self::default();
        for name in names {
            guard.lengths |= bit(name.len());
            guard.names.push(folded(name.as_bytes()));
        }
        guard
    }

    pub(super) fn forbids(&self, name: &[u8]) -> bool {
        self.lengths & bit(name.len()) != 0
            && self.names.iter().any(|guarded| {
                guarded.len() == name.len() && guarded.bytes().zip(name).all(|(guarded, &given)| guarded == fold(given))
            })
    }
}

const fn bit(length: usize) -> u64 {
    // Only the lowest six bits of the length count.
    1_u64.wrapping_shl((length & 63) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_recognised_and_nothing_else() {
        let guard = Guard::new(["x-flags", "x-flag-checkout"]);
        for name in ["x-flags", "X-Flags", "x_flags", "X_FLAGS", "x-flag_checkout"] {
            assert!(guard.forbids(name.as_bytes()), "{name}");
        }
        for name in ["x-flag", "x-flagsx", "y-flags", "", "x.flags", "x-flags-key"] {
            assert!(!guard.forbids(name.as_bytes()), "{name}");
        }
        assert!(!guard.forbids(b"x-flag\xff"));
    }

    #[test]
    fn lengths_beyond_the_bits_are_still_told_apart() {
        let long = "x".repeat(64 + 7);
        assert!(!Guard::new(["x-flags"]).forbids(long.as_bytes()));
        assert!(Guard::new([long.as_str()]).forbids(long.as_bytes()));
    }
}
