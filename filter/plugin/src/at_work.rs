//! Who is at work, by Envoy's numbers.

use std::cell::Cell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Something for each of the numbers that Envoy counts up.
pub type ByNumber<T> = HashMap<u32, T, BuildHasherDefault<Spread>>;

/// Spreads numbers over a table. Envoy chooses them, so nobody can have them meet in one place.
#[derive(Default)]
pub struct Spread(u64);

impl Hasher for Spread {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u32(byte.into()));
    }

    fn write_u32(&mut self, number: u32) {
        /// 2^64 divided by the golden ratio (Knuth, The Art of Computer Programming, section 6.4).
        const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
        self.0 = (self.0 ^ u64::from(number)).wrapping_mul(GOLDEN);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

thread_local! {
    static AT_WORK: Cell<u32> = const { Cell::new(0) };
}

/// The context whose callback runs.
pub(crate) fn at_work() -> u32 {
    AT_WORK.get()
}

/// Says whose callback runs: calls to other servers are made in its name.
#[inline]
pub fn works_for(context: u32) {
    AT_WORK.set(context);
}
