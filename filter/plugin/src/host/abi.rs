//! The numbers of the proxy-wasm ABI 0.2.1, as far as the filter needs them (proxy-wasm/spec, abi-versions/v0.2.1).

/// What becomes of a request after a callback.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It goes on.
    Continue = 0,
    /// It waits until the filter lets it go on, or answers it.
    Pause = 1,
}

/// A map of headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapType {
    /// The request's.
    RequestHeaders = 0,
    /// What follows the body of the request.
    RequestTrailers = 1,
    /// The response's.
    ResponseHeaders = 2,
    /// Those of another server's answer.
    CallResponseHeaders = 6,
}

/// A buffer of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BufferType {
    /// The request's body.
    RequestBody = 0,
    /// The body of another server's answer.
    CallResponseBody = 4,
    /// The configuration of the plugin.
    PluginConfiguration = 7,
}

/// How much a line of the log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogLevel {
    /// Worth knowing.
    Info = 2,
    /// Somebody should look at it.
    Warn = 3,
    /// Something does not work.
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
