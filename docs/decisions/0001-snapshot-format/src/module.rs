//! What a module exports, to compare sizes and to time a candidate inside WebAssembly: built with at most one candidate as feature.

use crate::{Format, model};
use alloc::{vec, vec::Vec};

#[cfg(feature = "flatbuffers")]
use crate::with_flatbuffers::Flatbuffers as Candidate;
#[cfg(feature = "rkyv")]
use crate::with_rkyv::Rkyv as Candidate;
#[cfg(feature = "zerocopy")]
use crate::with_zerocopy::Zerocopy as Candidate;
#[cfg(feature = "zerovec")]
use crate::with_zerovec::Zerovec as Candidate;
#[cfg(not(any(
    feature = "zerovec",
    feature = "zerocopy",
    feature = "rkyv",
    feature = "flatbuffers"
)))]
use Nothing as Candidate;

/// No candidate: the size of everything else.
pub struct Nothing;

impl Format for Nothing {
    const NAME: &str = "nothing";
    type Opened<'a> = &'a [u8];
    fn build(_: &model::Ruleset) -> Vec<u8> {
        Vec::new()
    }
    fn open(bytes: &[u8]) -> Option<&[u8]> {
        Some(bytes)
    }
    fn walk(opened: &&[u8], key: &str) -> Option<u64> {
        opened.get(key.len()).map(|b| u64::from(*b))
    }
}

/// Sixteen-aligned room for the host to put a snapshot or a key into.
#[unsafe(no_mangle)]
pub extern "C" fn room(len: usize) -> *mut u128 {
    vec![0u128; len / 16 + 1].leak().as_mut_ptr()
}

/// Opens the snapshot and walks the flag, once. An empty key only opens. 0 when either fails.
///
/// # Safety
/// Both ranges must lie inside memory handed out by `room`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn open_walk(
    snapshot: *const u8,
    snapshot_len: usize,
    key: *const u8,
    key_len: usize,
) -> u64 {
    // SAFETY: the caller passes ranges inside memory handed out by `room`.
    let (snapshot, key) = unsafe {
        (
            core::slice::from_raw_parts(snapshot, snapshot_len),
            core::slice::from_raw_parts(key, key_len),
        )
    };
    once(snapshot, key).unwrap_or(0)
}

fn once(snapshot: &[u8], key: &[u8]) -> Option<u64> {
    let opened = Candidate::open(snapshot)?;
    if key.is_empty() {
        return Some(1);
    }
    Candidate::walk(&opened, core::str::from_utf8(key).ok()?)
}
