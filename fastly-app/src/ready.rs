//! Waiting for the KV store with a time limit, for which the SDK has no safe call.

#![allow(unsafe_code, reason = "calls across the module's border")]

use fastly::kv_store::PendingLookupHandle;

/// What the host writes where the time is over.
const NONE: u32 = u32::MAX;

#[link(wasm_import_module = "fastly_async_io")]
unsafe extern "C" {
    fn select(handles: *const u32, count: usize, timeout_ms: u32, done: *mut u32) -> u32;
}

/// Whether the answer of a look-up is there within `ms` milliseconds. Where the host cannot say it counts as there: taking it then waits
/// as long as it takes.
#[cfg_attr(
    not(target_env = "p1"),
    expect(
        deprecated,
        reason = "the handle's number is what the host's `select` takes on wasip1, which Fastly Compute runs"
    )
)]
pub(crate) fn ready_within(pending: &PendingLookupHandle, ms: u32) -> bool {
    /// The host's status for success.
    const OK: u32 = 0;
    let handles = [pending.as_u32()];
    let mut done = 0;
    // 0 would mean no limit.
    // SAFETY: the pointers are those of live memory of the sizes given; the handle is lent for the call.
    let status = unsafe { select(handles.as_ptr(), handles.len(), ms.max(1), &raw mut done) };
    status != OK || done != NONE
}
