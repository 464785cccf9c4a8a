//! The few WASI calls that Envoy answers: no files, no environment, no arguments.
//!
//! <https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md>

use anyhow::Result;
use wasmtime::{Caller, Error, Linker};

use super::{Called, guest};
use crate::hosts::proxy_wasm::{error::LogLevel, host::Host};

const MODULE: &str = "wasi_snapshot_preview1";

/// Error numbers of WASI.
const SUCCESS: u32 = 0;
const BAD_DESCRIPTOR: u32 = 8;
const INVALID: u32 = 28;

pub(super) fn define(linker: &mut Linker<Host>) -> Result<()> {
    linker.func_wrap(MODULE, "fd_write", fd_write)?;
    linker.func_wrap(MODULE, "environ_get", |_: u32, _: u32| SUCCESS)?;
    linker.func_wrap(MODULE, "environ_sizes_get", none)?;
    linker.func_wrap(MODULE, "args_get", |_: u32, _: u32| SUCCESS)?;
    linker.func_wrap(MODULE, "args_sizes_get", none)?;
    linker.func_wrap(MODULE, "clock_time_get", clock_time_get)?;
    linker.func_wrap(MODULE, "random_get", random_get)?;
    linker.func_wrap(MODULE, "sched_yield", || SUCCESS)?;
    linker.func_wrap(MODULE, "proc_exit", |code: u32| -> wasmtime::Result<()> {
        Err(Error::msg(format!("the module exited with code {code}")))
    })?;
    linker.func_wrap(MODULE, "fd_close", |_: u32| BAD_DESCRIPTOR)?;
    linker.func_wrap(MODULE, "fd_fdstat_get", |_: u32, _: u32| BAD_DESCRIPTOR)?;
    linker.func_wrap(MODULE, "fd_prestat_get", |_: u32, _: u32| BAD_DESCRIPTOR)?;
    linker.func_wrap(MODULE, "fd_prestat_dir_name", |_: u32, _: u32, _: u32| BAD_DESCRIPTOR)?;
    linker.func_wrap(MODULE, "fd_read", |_: u32, _: u32, _: u32, _: u32| BAD_DESCRIPTOR)?;
    linker.func_wrap(MODULE, "fd_seek", |_: u32, _: i64, _: u32, _: u32| BAD_DESCRIPTOR)?;
    Ok(())
}

fn none(mut caller: Caller<'_, Host>, count: u32, bytes: u32) -> Called {
    guest::write_u32(&mut caller, count, 0)?;
    guest::write_u32(&mut caller, bytes, 0)?;
    Ok(SUCCESS)
}

/// Standard output and standard error go to the log, as in Envoy.
fn fd_write(mut caller: Caller<'_, Host>, descriptor: u32, vectors: u32, count: u32, written: u32) -> Called {
    let level = match descriptor {
        1 => LogLevel::Info,
        2 => LogLevel::Error,
        _ => return Ok(BAD_DESCRIPTOR),
    };
    let mut text = Vec::new();
    for index in 0..count {
        let vector = vectors.saturating_add(index.saturating_mul(8));
        let (at, length) = (guest::read_u32(&caller, vector)?, guest::read_u32(&caller, vector.saturating_add(4))?);
        text.extend(guest::read(&caller, at, length)?);
    }
    guest::write_u32(&mut caller, written, u32::try_from(text.len())?)?;
    caller.data_mut().log(level, text.trim_ascii_end());
    Ok(SUCCESS)
}

/// The wall clock (0) and the monotonic clock (1), both the test's.
fn clock_time_get(mut caller: Caller<'_, Host>, clock: u32, _precision: u64, at: u32) -> Called {
    if clock > 1 {
        return Ok(INVALID);
    }
    let now = u64::try_from(caller.data().clock.since_epoch().as_nanos())?;
    guest::write_u64(&mut caller, at, now)?;
    Ok(SUCCESS)
}

fn random_get(mut caller: Caller<'_, Host>, at: u32, length: u32) -> Called {
    let mut bytes = Vec::new();
    while bytes.len() < length as usize {
        bytes.extend(caller.data_mut().next_random().to_le_bytes());
    }
    bytes.truncate(length as usize);
    guest::write(&mut caller, at, &bytes)?;
    Ok(SUCCESS)
}
