//! Candidates for Jackstaff's snapshot, each behind one trait. `cargo run --release` measures them.

extern crate alloc;

pub mod flat;
pub mod model;
#[cfg(not(feature = "json"))] // json comes only with the measuring program
pub mod module;
#[cfg(feature = "flatbuffers")]
#[allow(warnings, clippy::all)]
#[rustfmt::skip]
mod snapshot_generated;
#[cfg(feature = "zerovec")]
pub mod traps;
#[cfg(feature = "flatbuffers")]
pub mod with_flatbuffers;
#[cfg(feature = "rkyv")]
pub mod with_rkyv;
#[cfg(feature = "zerocopy")]
pub mod with_zerocopy;
#[cfg(feature = "zerovec")]
pub mod with_zerovec;

use alloc::vec::Vec;

/// One way to store a compiled ruleset and read it in place.
pub trait Format {
    /// As the table names it.
    const NAME: &str;
    /// A snapshot that may be read safely.
    type Opened<'a>;
    /// Compiles.
    fn build(ruleset: &model::Ruleset) -> Vec<u8>;
    /// Opens, with whatever validation makes hostile bytes harmless.
    fn open(bytes: &[u8]) -> Option<Self::Opened<'_>>;
    /// Finds a flag by key and reads all that deciding it may read.
    fn walk(opened: &Self::Opened<'_>, key: &str) -> Option<u64>;
}
