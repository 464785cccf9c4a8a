//! MurmurHash3 x86 32-bit, the hash both dialects bucket users with.
//!
//! Own code because it is the hot core of bucketing and no crate offers it seeded, incremental, `no_std` and maintained:
//! one pass over the user's key serves the distribution hash and, resumed with a suffix, the rollout hash.
//! Source: Austin Appleby's published algorithm; held to recorded values by `tests/vectors.rs`.

const C1: u32 = 0xcc9e_2d51;
const C2: u32 = 0x1b87_3593;

/// An unfinished hash: feed it bytes, [`finish`](Murmur3::finish) a copy whenever a value is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Murmur3 {
    state: u32,
    /// Bytes not yet making up a whole block, lowest first.
    tail: u32,
    tail_len: u32,
    len: u32,
}

impl Murmur3 {
    /// Starts a hash with `seed`.
    #[must_use]
    pub const fn new(seed: u32) -> Self {
        Self { state: seed, tail: 0, tail_len: 0, len: 0 }
    }

    /// Feeds `bytes`; feeding in pieces gives the same hash as feeding at once.
    #[inline]
    pub fn update(&mut self, bytes: &[u8]) {
        // The algorithm itself counts modulo 2^32.
        #[allow(clippy::cast_possible_truncation)]
        let added = bytes.len() as u32;
        self.len = self.len.wrapping_add(added);
        // What completes a block that was begun, then whole blocks.
        let bytes = if self.tail_len == 0 {
            bytes
        } else {
            let begun = 4_u32.saturating_sub(self.tail_len) as usize;
            let (first, rest) = bytes.split_at_checked(begun).unwrap_or((bytes, &[]));
            self.push_tail(first);
            rest
        };
        let mut blocks = bytes.chunks_exact(4);
        for block in &mut blocks {
            if let &[a, b, c, d] = block {
                self.state = mix(self.state, u32::from_le_bytes([a, b, c, d]));
            }
        }
        self.push_tail(blocks.remainder());
    }

    fn push_tail(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.tail |= u32::from(byte) << self.tail_len.wrapping_mul(8);
            self.tail_len = self.tail_len.wrapping_add(1);
            if self.tail_len == 4 {
                self.state = mix(self.state, self.tail);
                self.tail = 0;
                self.tail_len = 0;
            }
        }
    }

    /// The hash of everything fed so far.
    #[inline]
    #[must_use]
    pub const fn finish(self) -> u32 {
        let mut h = self.state;
        if self.tail_len > 0 {
            h ^= scramble(self.tail);
        }
        h ^= self.len;
        h ^= h >> 16;
        h = h.wrapping_mul(0x85eb_ca6b);
        h ^= h >> 13;
        h = h.wrapping_mul(0xc2b2_ae35);
        h ^ (h >> 16)
    }
}

const fn scramble(block: u32) -> u32 {
    block.wrapping_mul(C1).rotate_left(15).wrapping_mul(C2)
}

const fn mix(state: u32, block: u32) -> u32 {
    (state ^ scramble(block)).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64)
}

/// The hash of `bytes` with `seed`, in one call.
#[inline]
#[must_use]
pub fn murmur3(bytes: &[u8], seed: u32) -> u32 {
    let mut hash = Murmur3::new(seed);
    hash.update(bytes);
    hash.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_values() {
        assert_eq!(murmur3(b"", 1), 1_364_076_727);
        assert_eq!(murmur3(b"a", 1), 1_485_495_528);
        assert_eq!(murmur3("usér-ünï".as_bytes(), 1), 1_256_723_204);
        assert_eq!(murmur3(b"ceQdGm", 0), 0xffff_ffff);
    }

    proptest! {
        #[test]
        fn pieces_hash_like_the_whole(bytes: Vec<u8>, cut in 0usize..64, seed: u32) {
            let (a, b) = bytes.split_at(cut.min(bytes.len()));
            let mut hash = Murmur3::new(seed);
            hash.update(a);
            hash.update(b);
            prop_assert_eq!(hash.finish(), murmur3(&bytes, seed));
        }
    }
}
