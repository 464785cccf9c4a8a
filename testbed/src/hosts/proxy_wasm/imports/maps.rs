//! Header maps and buffers.

use anyhow::Result;
use wasmtime::{Caller, Error, Linker};

use super::{Called, OK, Status, guest, status};
use crate::hosts::proxy_wasm::{
    headers::{HeaderMap, deserialise, serialise},
    host::{Host, MapType},
};

/// The most pairs that Envoy takes when a module sets a whole map.
const MAX_PAIRS: usize = 1024;

pub(super) fn define(linker: &mut Linker<Host>) -> Result<()> {
    linker.func_wrap("env", "proxy_get_header_map_pairs", get_pairs)?;
    linker.func_wrap("env", "proxy_set_header_map_pairs", set_pairs)?;
    linker.func_wrap("env", "proxy_get_header_map_value", get_value)?;
    linker.func_wrap("env", "proxy_add_header_map_value", add_value)?;
    linker.func_wrap("env", "proxy_replace_header_map_value", replace_value)?;
    linker.func_wrap("env", "proxy_remove_header_map_value", remove_value)?;
    linker.func_wrap("env", "proxy_get_buffer_bytes", get_buffer)?;
    linker.func_wrap("env", "proxy_set_buffer_bytes", set_buffer)?;
    Ok(())
}

fn map_type(number: u32) -> wasmtime::Result<MapType> {
    MapType::of(number).ok_or_else(|| Error::msg(format!("there is no header map {number}")))
}

/// A map that cannot be read now reads as empty.
fn get_pairs(mut caller: Caller<'_, Host>, map: u32, pointer: u32, length: u32) -> Called {
    let bytes = caller.data().map(map_type(map)?).map(serialise).unwrap_or_default();
    guest::give(&mut caller, &bytes, pointer, length)?;
    OK
}

/// More pairs than Envoy takes leave the map empty.
fn set_pairs(mut caller: Caller<'_, Host>, map: u32, at: u32, length: u32) -> Called {
    let bytes = guest::read(&caller, at, length)?;
    let pairs = deserialise(&bytes).ok_or_else(|| Error::msg("a header map that is not in the ABI's form"))?;
    let pairs = if pairs.len() > MAX_PAIRS { Vec::new() } else { pairs };
    change(&mut caller, map, |map| *map = HeaderMap::new(pairs))
}

fn get_value(mut caller: Caller<'_, Host>, map: u32, name: u32, name_length: u32, pointer: u32, length: u32) -> Called {
    let name = guest::read(&caller, name, name_length)?;
    let Some(map) = caller.data().map(map_type(map)?) else {
        return status(Status::BadArgument);
    };
    let name = name.to_ascii_lowercase();
    let Some(value) = map.iter().find(|(given, _)| *given == name).map(|(_, value)| value.clone()) else {
        return status(Status::NotFound);
    };
    guest::give(&mut caller, &value, pointer, length)?;
    OK
}

fn add_value(
    mut caller: Caller<'_, Host>,
    map: u32,
    name: u32,
    name_length: u32,
    value: u32,
    value_length: u32,
) -> Called {
    let name = guest::read(&caller, name, name_length)?;
    let value = guest::read(&caller, value, value_length)?;
    change(&mut caller, map, |map| map.add(&name, &value))
}

fn replace_value(
    mut caller: Caller<'_, Host>,
    map: u32,
    name: u32,
    name_length: u32,
    value: u32,
    value_length: u32,
) -> Called {
    let name = guest::read(&caller, name, name_length)?;
    let value = guest::read(&caller, value, value_length)?;
    change(&mut caller, map, |map| map.replace(&name, &value))
}

fn remove_value(mut caller: Caller<'_, Host>, map: u32, name: u32, name_length: u32) -> Called {
    let name = guest::read(&caller, name, name_length)?;
    change(&mut caller, map, |map| map.remove(&name))
}

fn change(caller: &mut Caller<'_, Host>, map: u32, change: impl FnOnce(&mut HeaderMap)) -> Called {
    match caller.data_mut().map_mut(map_type(map)?) {
        Some(map) => {
            change(map);
            OK
        }
        None => status(Status::BadArgument),
    }
}

fn get_buffer(mut caller: Caller<'_, Host>, buffer: u32, start: u32, max: u32, pointer: u32, length: u32) -> Called {
    let Some(bytes) = caller.data().buffer(buffer) else {
        return status(Status::NotFound);
    };
    let rest = bytes.get(start as usize..).unwrap_or_default();
    let part = rest.get(..max as usize).unwrap_or(rest).to_vec();
    guest::give(&mut caller, &part, pointer, length)?;
    OK
}

/// A body can be replaced whole, or added to at either end.
fn set_buffer(mut caller: Caller<'_, Host>, buffer: u32, start: u32, length: u32, at: u32, size: u32) -> Called {
    let new = guest::read(&caller, at, size)?;
    let body = caller.data_mut().stream_mut().filter(|_| buffer <= 1).and_then(|stream| stream.buffer_mut(buffer));
    let Some(body) = body else {
        return status(Status::BadArgument);
    };
    if start as usize >= body.len() && start > 0 {
        body.extend(new);
    } else if start == 0 && length == 0 {
        body.splice(..0, new);
    } else if start == 0 && length as usize >= body.len() {
        *body = new;
    } else {
        return status(Status::BadArgument);
    }
    OK
}
