//! Copies of what the KV store had, in the cache that the sandboxes of one place share: a fresh one has its ruleset from there.
//!
//! The cache answers sooner than the store, and asking it is no read of the store. Nobody waits for another sandbox that is asking just now.

use std::io::Write as _;
use std::time::Duration;

use bytes::Bytes;
use fastly::cache::core::{CacheKey, insert, lookup};
use jackstaff_core::source::MAX_SOURCE_BYTES;

use crate::read;

/// A copy that is at most `within_ms` old, and how old it is in milliseconds. Where the cache fails there is none.
pub(crate) fn get(key: &str, within_ms: i64) -> Option<(Vec<u8>, i64)> {
    let found = lookup(name(key)).execute().ok()??;
    let age = i64::try_from(found.age().as_millis()).ok()?;
    if !found.is_usable() || age >= within_ms {
        return None;
    }
    // What is still being written has no length yet.
    let length = usize::try_from(found.known_length()?).ok().filter(|length| *length <= MAX_SOURCE_BYTES)?;
    let bytes = read::exactly(found.to_stream().ok()?, length).ok()?;
    (bytes.len() == length).then_some((bytes, age))
}

/// Leaves a copy for others. What cannot be cached they read from the store.
pub(crate) fn put(key: &str, value: &[u8], within_ms: i64) {
    let Ok(within_ms) = u64::try_from(within_ms) else { return };
    let length = u64::try_from(value.len()).unwrap_or(u64::MAX);
    let Ok(mut body) = insert(name(key), Duration::from_millis(within_ms)).known_length(length).execute() else {
        return;
    };
    if body.write_all(value).is_ok() {
        let _ = body.finish();
    }
}

/// The service's own: other services cannot see the entry, and other entries of this one begin otherwise.
fn name(key: &str) -> CacheKey {
    Bytes::from(format!("jackstaff/kv/{key}"))
}
