//! The numbers of the proxy-wasm ABI 0.2.1, as far as the filter needs them (proxy-wasm/spec, abi-versions/v0.2.1).

/// What becomes of a request after a callback.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Continue = 0,
    Pause = 1,
}

/// A map of headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MapType {
    RequestHeaders = 0,
    RequestTrailers = 1,
    ResponseHeaders = 2,
    CallResponseHeaders = 6,
}

/// A buffer of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BufferType {
    RequestBody = 0,
    CallResponseBody = 4,
    PluginConfiguration = 7,
}

/// How much a line of the log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogLevel {
    Info = 2,
    Warn = 3,
    Error = 4,
}

/// How a call went. Every number but this one is a failure, also those that no version of the ABI names yet: so they are numbers, no enum.
pub(super) const OK: u32 = 0;
/// There is no such thing.
pub(super) const NOT_FOUND: u32 = 1;
/// Of a call to another server: there is no such cluster, or the call names no authority.
pub(super) const BAD_ARGUMENT: u32 = 2;
/// Somebody else has changed the value.
pub(super) const CAS_MISMATCH: u32 = 8;
