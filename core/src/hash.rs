//! MurmurHash3 x86 32-bit, the hash both dialects bucket users with.
//!
//! Own code because it is the hot core of bucketing and no crate offers it seeded, incremental, `no_std` and maintained:
//! a user's key is prepared once for the seeds of all rules, and the rollout's hash goes on behind it with a suffix.
//! Source: Austin Appleby's published algorithm; held to recorded values by `tests/vectors.rs`.

const C1: u32 = 0xcc9e_2d51;
const C2: u32 = 0x1b87_3593;

/// An unfinished hash: feed it bytes, [`finish`](Murmur3::finish) a copy whenever a value is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Murmur3 {
    state: u32,
    /// Bytes not yet making up a whole block, lowest first…
    tail: u32,
    /// …and how many bits they have: 0, 8, 16 or 24.
    tail_bits: u32,
    len: u32,
}

/// The bits of a block.
const BLOCK: u32 = u32::BITS;

impl Murmur3 {
    /// Starts a hash with `seed`.
    #[must_use]
    pub const fn new(seed: u32) -> Self {
        Self { state: seed, tail: 0, tail_bits: 0, len: 0 }
    }

    /// Feeds `bytes`; feeding in pieces gives the same hash as feeding at once.
    #[inline]
    pub fn update(&mut self, bytes: &[u8]) {
        // The algorithm itself counts modulo 2^32.
        #[allow(clippy::cast_possible_truncation)]
        let added = bytes.len() as u32;
        self.len = self.len.wrapping_add(added);
        let (blocks, rest) = bytes.as_chunks::<4>();
        for block in blocks {
            let joined = self.join(u32::from_le_bytes(*block));
            self.mix(joined);
        }
        let rest_bits = added.wrapping_mul(8) % BLOCK;
        let rest = match bytes.last_chunk() {
            // They are the upper ones of the last four.
            Some(last) => low(u64::from(u32::from_le_bytes(*last)) >> BLOCK.wrapping_sub(rest_bits)),
            None => rest.iter().rev().fold(0, |value, &byte| value << 8 | u32::from(byte)),
        };
        let joined = self.join(rest);
        let bits = rest_bits.wrapping_add(self.tail_bits) % BLOCK;
        if bits < self.tail_bits {
            self.mix(joined);
        } else {
            self.tail = low(joined);
        }
        self.tail_bits = bits;
    }

    /// The bytes left over, and `value` behind them.
    const fn join(&self, value: u32) -> u64 {
        self.tail as u64 | (value as u64) << self.tail_bits
    }

    /// Takes in a block; what lies behind it is left over.
    #[inline]
    fn mix(&mut self, joined: u64) {
        self.state = mix(self.state, low(joined));
        self.tail = low(joined >> BLOCK);
    }

    /// The hash of everything fed so far.
    #[inline]
    #[must_use]
    pub const fn finish(self) -> u32 {
        // Of no bytes left over the tail is 0, and so is that scrambled.
        finish(self.state ^ scramble(self.tail), self.len)
    }
}

#[inline(always)]
const fn finish(state: u32, len: u32) -> u32 {
    let mut h = state ^ len;
    h ^= h >> 16;
    h = h.wrapping_mul(0x85eb_ca6b);
    h ^= h >> 13;
    h = h.wrapping_mul(0xc2b2_ae35);
    h ^ (h >> 16)
}

#[allow(clippy::cast_possible_truncation, reason = "the lower half is meant")]
const fn low(joined: u64) -> u32 {
    joined as u32
}

const fn scramble(block: u32) -> u32 {
    block.wrapping_mul(C1).rotate_left(15).wrapping_mul(C2)
}

const fn mix(state: u32, block: u32) -> u32 {
    turn(state ^ scramble(block))
}

const fn turn(state: u32) -> u32 {
    state.rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64)
}

/// So much of what is hashed with many seeds is prepared: ids of users are shorter, and what is longer is hashed each time as a whole.
const PREPARED_BLOCKS: usize = 16;

/// Bytes that are hashed with many seeds: what can be done before the seed is known is done once.
#[derive(Clone, Copy, Debug)]
pub struct Prepared<'b> {
    bytes: &'b [u8],
    /// The whole blocks, scrambled.
    blocks: [u32; PREPARED_BLOCKS],
    /// What is left over, scrambled; of nothing that is 0.
    tail: u32,
}

impl<'b> Prepared<'b> {
    /// Prepares `bytes`.
    #[must_use]
    pub fn new(bytes: &'b [u8]) -> Self {
        let (whole, rest) = bytes.as_chunks::<4>();
        let mut blocks = [0; PREPARED_BLOCKS];
        for (block, bytes) in blocks.iter_mut().zip(whole) {
            *block = scramble(u32::from_le_bytes(*bytes));
        }
        let tail = rest.iter().rev().fold(0, |tail, &byte| tail << 8 | u32::from(byte));
        Self { bytes, blocks, tail: scramble(tail) }
    }

    /// The hash with `seed`.
    #[inline]
    #[must_use]
    pub fn hash(&self, seed: u32) -> u32 {
        let Some(blocks) = self.blocks.get(..self.bytes.len() / 4) else { return murmur3(self.bytes, seed) };
        let state = blocks.iter().fold(seed, |state, block| turn(state ^ block));
        // Short, so nothing is cut off.
        #[allow(clippy::cast_possible_truncation)]
        let len = self.bytes.len() as u32;
        finish(state ^ self.tail, len)
    }
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

        #[test]
        fn what_is_prepared_hashes_like_the_rest(bytes in proptest::collection::vec(any::<u8>(), 0..100), seed: u32) {
            prop_assert_eq!(Prepared::new(&bytes).hash(seed), murmur3(&bytes, seed));
        }
    }
}
