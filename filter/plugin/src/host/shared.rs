//! The data that all VMs with one id share, and that outlives them.

use std::ptr;

use super::abi::{CAS_MISMATCH, NOT_FOUND, OK};
use super::take;

/// The version that no value has, for creating one: where there is none the host compares nothing, and where there is one it refuses.
/// Versions count up from 1, so this one is four thousand million changes away.
pub(crate) const CREATE: u32 = u32::MAX;

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_get_shared_data(
        key: *const u8,
        key_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
        version: *mut u32,
    ) -> u32;
    fn proxy_set_shared_data(key: *const u8, key_size: usize, data: *const u8, size: usize, version: u32) -> u32;
}

/// A value and its version; `None` where there is none.
///
/// # Errors
/// The host's status.
pub(crate) fn get(key: &str) -> Result<Option<(Vec<u8>, u32)>, u32> {
    let (mut data, mut size, mut version) = (ptr::null_mut(), 0, 0);
    // SAFETY: the pointer and the size are those of a live string; the host writes to where the others point.
    let status =
        unsafe { proxy_get_shared_data(key.as_ptr(), key.len(), &raw mut data, &raw mut size, &raw mut version) };
    match status {
        // SAFETY: the host has just allocated it.
        OK => Ok(Some((unsafe { take(data, size) }, version))),
        NOT_FOUND => Ok(None),
        other => Err(other),
    }
}

/// Stores a value. Version 0 stores it whatever is there; another only where it is the version there, or where there is nothing. Says
/// whether it was stored.
///
/// # Errors
/// The host's status.
pub(crate) fn set(key: &str, value: &[u8], version: u32) -> Result<bool, u32> {
    // SAFETY: the pointers and sizes are those of live slices.
    match unsafe { proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), version) } {
        OK => Ok(true),
        CAS_MISMATCH => Ok(false),
        other => Err(other),
    }
}
