//! Flags by their keys: an open-addressed table, filled by the compiler and probed where it lies.

use super::layout::NONE;
use super::view::row;
use super::{Builder, FlagIndex, Ruleset};
use crate::hash::murmur3;
use crate::same::same;

/// A key's slot is never further from its place than this: bounds a look-up in a hostile snapshot.
const MAX_PROBES: u32 = 32;

/// The bits of a hash that tell which of `size` slots is meant.
#[inline(always)]
const fn slot_mask(size: usize) -> u32 {
    #[allow(
        clippy::cast_possible_truncation,
        reason = "there are never so many; in a snapshot that says so, flags are not found"
    )]
    let size = size as u32;
    size.wrapping_sub(1)
}

impl Builder {
    /// Places every flag within [`MAX_PROBES`] of its hash, changing the seed and then growing until that works.
    ///
    /// Keys made to collide under every seed exist (the hash is not a cryptographic one), so the search ends, and the flags that found
    /// no place cannot be asked for by key. Such keys only come from someone who wants that.
    pub(super) fn key_index(&mut self) -> Vec<u32> {
        const SEEDS_PER_SIZE: u32 = 8;
        const SIZES: u32 = 4;
        let mut size = self.flags.len().saturating_mul(2).next_power_of_two();
        let mut best = self.place(size);
        for _ in 0..SIZES {
            for _ in 0..SEEDS_PER_SIZE {
                if best.0 == self.flags.len() {
                    return best.1;
                }
                self.meta.index_seed = self.meta.index_seed.wrapping_add(1);
                best = self.place(size);
            }
            size = size.saturating_mul(2);
        }
        best.1
    }

    /// The index of `size` slots, and how many flags found a place in it.
    fn place(&self, size: usize) -> (usize, Vec<u32>) {
        let mut slots = vec![NONE; size];
        let mask = slot_mask(size);
        let mut placed: usize = 0;
        for (record, flag) in self.flags.iter().zip(0u32..) {
            let hash = murmur3(self.bytes(record.key), self.meta.index_seed);
            let free = (0..MAX_PROBES)
                .map(|step| (hash.wrapping_add(step) & mask) as usize)
                .find(|&at| slots.get(at).is_some_and(|slot| *slot == NONE));
            if let Some(slot) = free.and_then(|at| slots.get_mut(at)) {
                *slot = hash & !mask | flag;
                placed = placed.saturating_add(1);
            }
        }
        (placed, slots)
    }
}

impl Ruleset<'_> {
    /// The flag with this key. Costs the same in a ruleset of 10 and of 10,000.
    #[must_use]
    pub fn find(&self, key: &str) -> Option<FlagIndex> {
        let hash = murmur3(key.as_bytes(), self.tables.meta.index_seed);
        let mask = slot_mask(self.tables.index.len());
        for step in 0..MAX_PROBES {
            let slot = row(&self.tables.index, hash.wrapping_add(step) & mask)?;
            if slot == NONE {
                return None;
            }
            let flag = slot & mask;
            if (slot ^ hash) & !mask == 0
                && row(&self.tables.flags, flag).is_some_and(|f| same(self.bytes(f.key), key.as_bytes()))
            {
                return Some(FlagIndex(flag));
            }
        }
        None
    }
}
