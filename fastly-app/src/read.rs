//! Reading bodies into memory, of which a sandbox has 128 MB.

use std::io::{self, Read as _};

use fastly::Body;

/// Reads `body` as far as `limit` bytes, into a buffer of its size where that is known: growing it costs three times as much.
///
/// # Errors
/// Where the body breaks off.
pub(crate) fn up_to(body: &mut Body, limit: usize) -> io::Result<Vec<u8>> {
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    // One more than there is: reading to the end would otherwise grow the buffer to find nothing.
    let size = body.known_length().map_or(0, |length| length.min(limit).saturating_add(1));
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    body.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}
