//! Reading bodies into memory, of which a sandbox has 128 MB.

#![allow(unsafe_code, reason = "calls across the module's border")]

use std::io;

use fastly::Body;
use fastly::handle::BodyHandle;

/// A body of unknown length is read in steps of this size.
const STEP: usize = 64 * 1024;

#[link(wasm_import_module = "fastly_http_body")]
unsafe extern "C" {
    #[link_name = "read"]
    fn read_body(body: u32, buffer: *mut u8, length: usize, read: *mut usize) -> u32;
}

/// Reads `body` as far as `limit` bytes, at once where its length is known.
///
/// # Errors
/// Where the body breaks off.
pub(crate) fn up_to(mut body: Body, limit: usize) -> io::Result<Vec<u8>> {
    let length = body.known_length().map(|length| usize::try_from(length).unwrap_or(usize::MAX).min(limit));
    let mut bytes = Vec::with_capacity(length.unwrap_or(STEP).min(limit));
    fill(&body.into_handle(), &mut bytes, length.unwrap_or(limit))?;
    bytes.truncate(limit);
    Ok(bytes)
}

/// Reads `length` bytes of `body`, or what there is.
///
/// # Errors
/// Where the body breaks off.
pub(crate) fn exactly(body: Body, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(length);
    fill(&body.into_handle(), &mut bytes, length)?;
    Ok(bytes)
}

/// Reads `wanted` bytes, or some more where there is room for them, or what there is: into memory that nobody has written before. The SDK's
/// `Read` fills its part of it with zeros first, and asks for 8 KB, 16 KB and so on; a host may copy what is left each time.
#[cfg_attr(
    not(target_env = "p1"),
    expect(
        deprecated,
        reason = "the handle's number is what the host's `read` takes on wasip1, which Fastly Compute runs"
    )
)]
fn fill(body: &BodyHandle, bytes: &mut Vec<u8>, wanted: usize) -> io::Result<()> {
    /// The host's status for success.
    const OK: u32 = 0;
    while bytes.len() < wanted {
        if bytes.len() == bytes.capacity() {
            bytes.reserve(STEP);
        }
        let room = bytes.spare_capacity_mut();
        let mut read = 0;
        // SAFETY: the pointers are those of live memory of the sizes given, which the host only writes to; the handle is lent for the call.
        let status = unsafe { read_body(body.as_u32(), room.as_mut_ptr().cast(), room.len(), &raw mut read) };
        if status != OK || read > room.len() {
            return Err(io::Error::other(format!("the host says {status}")));
        }
        if read == 0 {
            break;
        }
        let whole = bytes.len().saturating_add(read);
        // SAFETY: the host has written `read` more bytes, for which there was room.
        unsafe { bytes.set_len(whole) };
    }
    Ok(())
}
