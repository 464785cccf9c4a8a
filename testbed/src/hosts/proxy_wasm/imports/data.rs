//! The log, the time, shared data, metrics, properties.

use anyhow::Result;
use wasmtime::{Caller, Error, Linker};

use super::{Called, OK, Status, guest, status};
use crate::hosts::proxy_wasm::{error::LogLevel, host::Host, metrics::MetricKind};

pub(super) fn define(linker: &mut Linker<Host>) -> Result<()> {
    linker.func_wrap("env", "proxy_log", log)?;
    linker.func_wrap("env", "proxy_get_log_level", get_log_level)?;
    linker.func_wrap("env", "proxy_get_current_time_nanoseconds", get_time)?;
    linker.func_wrap("env", "proxy_get_shared_data", get_shared_data)?;
    linker.func_wrap("env", "proxy_set_shared_data", set_shared_data)?;
    linker.func_wrap("env", "proxy_define_metric", define_metric)?;
    linker.func_wrap("env", "proxy_get_metric", get_metric)?;
    linker.func_wrap("env", "proxy_record_metric", record_metric)?;
    linker.func_wrap("env", "proxy_increment_metric", increment_metric)?;
    linker.func_wrap("env", "proxy_get_property", get_property)?;
    linker.func_wrap("env", "proxy_set_property", set_property)?;
    Ok(())
}

fn log(mut caller: Caller<'_, Host>, level: u32, at: u32, length: u32) -> Called {
    let text = guest::read(&caller, at, length)?;
    let level = LogLevel::of(level).ok_or_else(|| Error::msg(format!("there is no log level {level}")))?;
    caller.data_mut().log(level, &text);
    OK
}

/// Everything is logged here.
fn get_log_level(mut caller: Caller<'_, Host>, at: u32) -> Called {
    guest::write_u32(&mut caller, at, LogLevel::Trace as u32)?;
    OK
}

fn get_time(mut caller: Caller<'_, Host>, at: u32) -> Called {
    let now = u64::try_from(caller.data().clock.since_epoch().as_nanos())?;
    guest::write_u64(&mut caller, at, now)?;
    OK
}

fn get_shared_data(
    mut caller: Caller<'_, Host>,
    key: u32,
    key_length: u32,
    pointer: u32,
    length: u32,
    version: u32,
) -> Called {
    let key = guest::read(&caller, key, key_length)?;
    if !caller.data().shared_data.can_be_read() {
        return status(Status::InternalFailure);
    }
    let Some((value, current)) = caller.data().shared_data.get(&key) else {
        return status(Status::NotFound);
    };
    guest::give(&mut caller, &value, pointer, length)?;
    guest::write_u32(&mut caller, version, current)?;
    OK
}

fn set_shared_data(
    caller: Caller<'_, Host>,
    key: u32,
    key_length: u32,
    value: u32,
    value_length: u32,
    version: u32,
) -> Called {
    let key = guest::read(&caller, key, key_length)?;
    let value = guest::read(&caller, value, value_length)?;
    if !caller.data().shared_data.can_be_written() {
        return status(Status::InternalFailure);
    }
    if caller.data().shared_data.set(&key, &value, version) { OK } else { status(Status::CasMismatch) }
}

fn define_metric(mut caller: Caller<'_, Host>, kind: u32, name: u32, name_length: u32, number: u32) -> Called {
    let name = guest::read(&caller, name, name_length)?;
    let Some(kind) = MetricKind::of(kind) else {
        return status(Status::BadArgument);
    };
    let defined = caller.data_mut().metrics.define(kind, String::from_utf8_lossy(&name).into_owned());
    guest::write_u32(&mut caller, number, defined)?;
    OK
}

fn get_metric(mut caller: Caller<'_, Host>, number: u32, at: u32) -> Called {
    match caller.data().metrics.get(number) {
        Ok(value) => {
            guest::write_u64(&mut caller, at, value)?;
            OK
        }
        Err(error) => status(error),
    }
}

fn record_metric(mut caller: Caller<'_, Host>, number: u32, value: u64) -> Called {
    caller.data_mut().metrics.record(number, value).map_or_else(status, |()| OK)
}

fn increment_metric(mut caller: Caller<'_, Host>, number: u32, by: i64) -> Called {
    caller.data_mut().metrics.increment(number, by).map_or_else(status, |()| OK)
}

fn get_property(mut caller: Caller<'_, Host>, path: u32, path_length: u32, pointer: u32, length: u32) -> Called {
    let path = guest::read(&caller, path, path_length)?;
    let Some(value) = caller.data().property(&path) else {
        return status(Status::NotFound);
    };
    guest::give(&mut caller, &value, pointer, length)?;
    OK
}

fn set_property(mut caller: Caller<'_, Host>, path: u32, path_length: u32, value: u32, value_length: u32) -> Called {
    let path = guest::read(&caller, path, path_length)?;
    let value = guest::read(&caller, value, value_length)?;
    // Envoy takes the path as one name, whatever it holds.
    let name = String::from_utf8_lossy(&path).into_owned();
    match caller.data_mut().stream_mut() {
        Some(stream) => {
            stream.filter_state.insert(name, value);
            OK
        }
        None => status(Status::NotFound),
    }
}
