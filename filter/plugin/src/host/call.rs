//! Calls to other servers, through Envoy's clusters.

use super::HeaderMap;
use super::abi::{BAD_ARGUMENT, OK};

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_http_call(
        cluster: *const u8,
        cluster_size: usize,
        headers: *const u8,
        headers_size: usize,
        body: *const u8,
        body_size: usize,
        trailers: *const u8,
        trailers_size: usize,
        timeout_ms: u32,
        token: *mut u32,
    ) -> u32;
    fn proxy_set_effective_context(context: u32) -> u32;
}

/// Why a call did not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// There is no such cluster, or the call names no authority.
    Unknown,
    /// Anything else: the host's status.
    Status(u32),
}

/// Begins a call, in the name of the context that is at work. The host delivers the answer to its root context, with the number that this
/// returns.
///
/// # Errors
/// Where the host does not call.
pub(crate) fn begin(cluster: &str, headers: &[(&[u8], &[u8])], body: &[u8], limit_ms: u32) -> Result<u32, Refused> {
    let (headers, trailers, mut token) = (HeaderMap::of(headers).0, HeaderMap::of(&[]).0, 0);
    // SAFETY: the pointers and sizes are those of live slices; the host writes a number to where the last one points.
    let status = unsafe {
        proxy_http_call(
            cluster.as_ptr(),
            cluster.len(),
            headers.as_ptr(),
            headers.len(),
            body.as_ptr(),
            body.len(),
            trailers.as_ptr(),
            trailers.len(),
            limit_ms,
            &raw mut token,
        )
    };
    match status {
        OK => Ok(token),
        BAD_ARGUMENT => Err(Refused::Unknown),
        other => Err(Refused::Status(other)),
    }
}

/// Lets this context do what follows. Where the host no longer has it, the root stays at work.
pub fn act_for(context: u32) {
    // SAFETY: a number is all that goes over.
    unsafe { proxy_set_effective_context(context) };
}
