//! Calls to the host: the few of the proxy-wasm ABI 0.2.1 that the filter needs, and one of WASI.
//!
//! The usual SDK's wrappers panic on every status that they do not expect, and copy each header into memory of its own. These hand every
//! status back as "it did not work", and read all headers from the one buffer that the host fills.

#![allow(unsafe_code, reason = "calls across the module's border")]

mod abi;
pub mod call;
pub(crate) mod metrics;
pub(crate) mod shared;

use std::ptr;

use bytes::Bytes;
use http::Response;

pub(crate) use self::abi::LogLevel;
pub use self::abi::{Action, BufferType, MapType};
use self::abi::{NOT_FOUND, OK};

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_log(level: u32, message: *const u8, size: usize) -> u32;
    fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
    fn proxy_get_buffer_bytes(buffer: u32, start: usize, max_size: usize, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_set_tick_period_milliseconds(ms: u32) -> u32;
    fn proxy_continue_stream(stream: u32) -> u32;
    fn proxy_done() -> u32;
    fn proxy_set_property(path: *const u8, path_size: usize, value: *const u8, size: usize) -> u32;
    fn proxy_get_property(path: *const u8, path_size: usize, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_size: usize,
        body: *const u8,
        body_size: usize,
        headers: *const u8,
        headers_size: usize,
        grpc_status: i32,
    ) -> u32;
    fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_add_header_map_value(map: u32, key: *const u8, key_size: usize, value: *const u8, size: usize) -> u32;
    fn proxy_remove_header_map_value(map: u32, key: *const u8, key_size: usize) -> u32;
}

#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    fn random_get(buffer: *mut u8, size: usize) -> u16;
}

/// Takes memory that the host allocated with the module's `proxy_on_memory_allocate`.
///
/// # Safety
/// `data` is null or came from that function with this `size`, and nobody else has taken it.
unsafe fn take(data: *mut u8, size: usize) -> Vec<u8> {
    if data.is_null() || size == 0 {
        return Vec::new();
    }
    // SAFETY: proxy_on_memory_allocate hands out memory of exactly this size, aligned for bytes.
    unsafe { Vec::from_raw_parts(data, size, size) }
}

/// Writes a line to the log. Where the host refuses it there is nobody to tell.
pub(crate) fn log(level: LogLevel, message: &str) {
    // SAFETY: the pointer and the size are those of a live string.
    unsafe { proxy_log(level as u32, message.as_ptr(), message.len()) };
}

/// The plugin configuration; empty where none was given.
pub(crate) fn plugin_configuration() -> Option<Vec<u8>> {
    let (mut data, mut size) = (ptr::null_mut(), 0);
    // SAFETY: the host writes a pointer and a size to where these point.
    let status = unsafe {
        proxy_get_buffer_bytes(BufferType::PluginConfiguration as u32, 0, usize::MAX, &raw mut data, &raw mut size)
    };
    match status {
        // SAFETY: the host has just allocated it.
        OK => Some(unsafe { take(data, size) }),
        // The plugin has none.
        NOT_FOUND => Some(Vec::new()),
        _ => None,
    }
}

/// What has come of a body, as far as `most` bytes; empty where there is none.
pub fn body(which: BufferType, most: usize) -> Vec<u8> {
    let (mut data, mut size) = (ptr::null_mut(), 0);
    // SAFETY: the host writes a pointer and a size to where these point.
    let status = unsafe { proxy_get_buffer_bytes(which as u32, 0, most, &raw mut data, &raw mut size) };
    // SAFETY: the host has just allocated it.
    if status == OK { unsafe { take(data, size) } } else { Vec::new() }
}

/// Has the root context called so often; with 0 no more.
pub(crate) fn tick_every(ms: u32) {
    // SAFETY: a number is all that goes over.
    unsafe { proxy_set_tick_period_milliseconds(ms) };
}

/// Lets a request go on that waited. The host does so after the callback has returned.
pub fn resume() {
    /// As the ABI has it: the request, not the response.
    const REQUEST: u32 = 0;
    // SAFETY: a number is all that goes over.
    unsafe { proxy_continue_stream(REQUEST) };
}

/// Lets the context go that wanted to do something before.
pub(crate) fn done() {
    // SAFETY: nothing goes over.
    unsafe { proxy_done() };
}

/// A property, by its path, whose parts a NUL divides; nothing where there is none.
pub fn property(path: &str) -> Option<Vec<u8>> {
    let (mut data, mut size) = (ptr::null_mut(), 0);
    // SAFETY: the pointer and the size are those of a live string; the host writes a pointer and a size to where the others point.
    let status = unsafe { proxy_get_property(path.as_ptr(), path.len(), &raw mut data, &raw mut size) };
    // SAFETY: the host has just allocated it.
    (status == OK).then(|| unsafe { take(data, size) })
}

/// As [`property`], by the parts of its path.
pub fn property_at(path: &[String]) -> Option<Vec<u8>> {
    property(&path.join("\0"))
}

/// Keeps text in the stream's filter state, under `wasm.` and this name.
pub fn note(name: &str, value: &str) {
    // SAFETY: the pointers and sizes are those of live strings.
    unsafe { proxy_set_property(name.as_ptr(), name.len(), value.as_ptr(), value.len()) };
}

/// What access logs show as the response's details.
const DETAILS: &str = "jackstaff_api";
/// No gRPC status: the HTTP status says all.
const NO_GRPC_STATUS: i32 = -1;

/// Answers the request in the application's place. Where the host refuses, the answer has begun already or the client is gone.
pub fn reply(response: &Response<Bytes>) {
    let pairs: Vec<_> =
        response.headers().iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes())).collect();
    let map = HeaderMap::of(&pairs).0;
    let (status, body) = (u32::from(response.status().as_u16()), response.body());
    // SAFETY: the pointers and sizes are those of live slices.
    unsafe {
        proxy_send_local_response(
            status,
            DETAILS.as_ptr(),
            DETAILS.len(),
            body.as_ptr(),
            body.len(),
            map.as_ptr(),
            map.len(),
            NO_GRPC_STATUS,
        )
    };
}

/// Milliseconds since 1970; 0 where the host has no clock.
pub fn now_millis() -> i64 {
    let mut nanoseconds = 0_u64;
    // SAFETY: the host writes one number to where this points.
    unsafe { proxy_get_current_time_nanoseconds(&raw mut nanoseconds) };
    i64::try_from(nanoseconds / 1_000_000).unwrap_or(i64::MAX)
}

/// Bits from the host's source of randomness.
pub fn random() -> Option<[u8; 16]> {
    let mut bits = [0; 16];
    // SAFETY: the buffer has this size.
    let status = unsafe { random_get(bits.as_mut_ptr(), bits.len()) };
    (status == 0).then_some(bits)
}

/// Adds a header beside those of its name.
pub fn add(map: MapType, name: &str, value: &[u8]) -> bool {
    // SAFETY: the pointers and sizes are those of live slices.
    unsafe { proxy_add_header_map_value(map as u32, name.as_ptr(), name.len(), value.as_ptr(), value.len()) == OK }
}

/// Removes all headers of a name.
pub fn remove(map: MapType, name: &[u8]) -> bool {
    // SAFETY: the pointer and the size are those of a live slice.
    unsafe { proxy_remove_header_map_value(map as u32, name.as_ptr(), name.len()) == OK }
}

/// All headers, in the form in which the host hands them over: the number of pairs, the sizes of each name and value, then the bytes, each
/// name and value followed by a NUL. Numbers are 32 bits, little-endian.
pub struct HeaderMap(Vec<u8>);

impl HeaderMap {
    /// Reads a map; an empty one where the host does not give it.
    pub fn get(map: MapType) -> Self {
        let (mut data, mut size) = (ptr::null_mut(), 0);
        // SAFETY: the host writes a pointer and a size to where these point.
        let status = unsafe { proxy_get_header_map_pairs(map as u32, &raw mut data, &raw mut size) };
        // SAFETY: the host has just allocated it.
        let map = Self(if status == OK { unsafe { take(data, size) } } else { Vec::new() });
        #[cfg(feature = "trap")]
        map.spring_the_trap();
        map
    }

    /// Ends the VM where a request asks for it.
    #[cfg(feature = "trap")]
    fn spring_the_trap(&self) {
        if self.pairs().iter().any(|(name, _)| *name == b"x-jackstaff-trap") {
            std::process::abort();
        }
    }

    /// These pairs.
    fn of(pairs: &[(&[u8], &[u8])]) -> Self {
        let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
        let mut map = number(pairs.len()).to_vec();
        let parts = || pairs.iter().flat_map(|&(name, value)| [name, value]);
        for part in parts() {
            map.extend_from_slice(&number(part.len()));
        }
        for part in parts() {
            map.extend_from_slice(part);
            map.push(0);
        }
        Self(map)
    }

    /// The pairs, as far as the bytes make sense.
    #[inline]
    pub fn pairs(&self) -> Vec<(&[u8], &[u8])> {
        self.read().unwrap_or_default()
    }

    #[inline]
    fn read(&self) -> Option<Vec<(&[u8], &[u8])>> {
        let (count, rest) = self.0.split_first_chunk()?;
        let count = usize::try_from(u32::from_le_bytes(*count)).ok()?;
        let (sizes, mut bytes) = rest.split_at_checked(count.checked_mul(8)?)?;
        let mut part = |size: [u8; 4]| {
            let size = usize::try_from(u32::from_le_bytes(size)).ok()?;
            let part = bytes.get(..size)?;
            // Behind it is a NUL.
            bytes = bytes.get(size..)?.get(1..)?;
            Some(part)
        };
        let (sizes, _) = sizes.as_chunks::<8>();
        // Filled in place: adding one by one would look each time whether there is room.
        let mut pairs: Vec<(&[u8], &[u8])> = vec![(&[], &[]); sizes.len()];
        for (pair, [n0, n1, n2, n3, v0, v1, v2, v3]) in pairs.iter_mut().zip(sizes) {
            *pair = (part([*n0, *n1, *n2, *n3])?, part([*v0, *v1, *v2, *v3])?);
        }
        Some(pairs)
    }
}
