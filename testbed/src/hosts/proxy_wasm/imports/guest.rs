//! The module's memory.

use wasmtime::{Caller, Error, Result};

use crate::hosts::proxy_wasm::host::{Exports, Host};

fn exports(caller: &Caller<'_, Host>) -> Result<Exports> {
    caller.data().exports.clone().ok_or_else(|| Error::msg("the module calls the host before it has started"))
}

/// A copy of bytes in the module's memory.
pub(super) fn read(caller: &Caller<'_, Host>, at: u32, length: u32) -> Result<Vec<u8>> {
    let memory = exports(caller)?.memory;
    let bytes = memory.data(caller).get(at as usize..).and_then(|rest| rest.get(..length as usize));
    bytes
        .map(<[u8]>::to_vec)
        .ok_or_else(|| Error::msg(format!("{length} bytes at {at} are outside the module's memory")))
}

pub(super) fn read_u32(caller: &Caller<'_, Host>, at: u32) -> Result<u32> {
    let bytes = read(caller, at, 4)?;
    Ok(bytes.iter().rev().fold(0, |number, byte| (number << 8) | u32::from(*byte)))
}

pub(super) fn write(caller: &mut Caller<'_, Host>, at: u32, bytes: &[u8]) -> Result<()> {
    let memory = exports(caller)?.memory;
    Ok(memory.write(caller, at as usize, bytes)?)
}

pub(super) fn write_u32(caller: &mut Caller<'_, Host>, at: u32, number: u32) -> Result<()> {
    write(caller, at, &number.to_le_bytes())
}

pub(super) fn write_u64(caller: &mut Caller<'_, Host>, at: u32, number: u64) -> Result<()> {
    write(caller, at, &number.to_le_bytes())
}

/// Hands bytes to the module in memory that the module allocates and will free. No bytes are a null pointer and a size of 0.
pub(super) fn give(caller: &mut Caller<'_, Host>, bytes: &[u8], pointer: u32, length: u32) -> Result<()> {
    let mut at = 0;
    if !bytes.is_empty() {
        let allocate = exports(caller)?.allocate;
        at = allocate.call(&mut *caller, u32::try_from(bytes.len())?)?;
        write(caller, at, bytes)?;
    }
    write_u32(caller, pointer, at)?;
    write_u32(caller, length, u32::try_from(bytes.len())?)
}
