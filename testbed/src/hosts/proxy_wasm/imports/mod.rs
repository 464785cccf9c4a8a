//! The functions that a module imports.

mod calls;
mod data;
mod guest;
mod maps;
mod wasi;

use anyhow::Result;
use wasmtime::{Caller, ExternType, Linker, Module};

use super::host::Host;

/// The results of calls. The Rust SDK knows the first four and treats any other as a broken host; shared data, which the filter reaches
/// without the SDK, can also be told to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Status {
    Ok = 0,
    NotFound = 1,
    BadArgument = 2,
    CasMismatch = 8,
    InternalFailure = 10,
}

impl From<Status> for u32 {
    fn from(status: Status) -> Self {
        status as Self
    }
}

/// What an import returns: a status, or a trap when its arguments point outside the module's memory.
type Called = wasmtime::Result<u32>;

const OK: Called = Ok(Status::Ok as u32);

const fn status(status: Status) -> Called {
    Ok(status as u32)
}

/// Functions that Envoy has and this host does not. The SDK imports them whether it needs them or not; one that is called traps and
/// says so.
const ABSENT: [&str; 13] = [
    "proxy_call_foreign_function",
    "proxy_close_stream",
    "proxy_dequeue_shared_queue",
    "proxy_enqueue_shared_queue",
    "proxy_get_status",
    "proxy_grpc_call",
    "proxy_grpc_cancel",
    "proxy_grpc_close",
    "proxy_grpc_send",
    "proxy_grpc_stream",
    "proxy_register_shared_queue",
    "proxy_resolve_shared_queue",
    "proxy_done",
];

/// Gives a linker everything that the module may import from Envoy.
pub(super) fn define(linker: &mut Linker<Host>, module: &Module) -> Result<()> {
    calls::define(linker)?;
    data::define(linker)?;
    maps::define(linker)?;
    wasi::define(linker)?;
    for import in module.imports().filter(|import| import.module() == "env") {
        let (ExternType::Func(function), Some(name)) =
            (import.ty(), ABSENT.iter().find(|name| **name == import.name()))
        else {
            continue;
        };
        linker.func_new("env", name, function, move |_: Caller<'_, Host>, _, _| {
            Err(wasmtime::Error::msg(format!("the testbed's proxy-wasm host lacks {name}: a real Envoy has it")))
        })?;
    }
    Ok(())
}
