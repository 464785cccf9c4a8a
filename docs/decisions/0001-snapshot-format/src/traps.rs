//! Fields that make opening a zerovec table cost time for each row or byte.
#![forbid(unsafe_code)]

use alloc::{string::String, vec::Vec};
use serde::{Deserialize, Serialize};
use zerovec::{ZeroSlice, ZeroVec, make_ule};

/// Not every byte is an `Op`, so each row is looked at.
#[make_ule(OpULE)]
#[repr(u8)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Op {
    And = 0,
    Or = 1,
    Compare = 2,
}

#[make_ule(EnumRowULE)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EnumRow {
    op: Op,
    operand: u32,
}

#[make_ule(ByteRowULE)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ByteRow {
    op: u8,
    operand: u32,
}

#[derive(Serialize, Deserialize)]
struct EnumTable<'a>(#[serde(borrow)] &'a ZeroSlice<EnumRow>);

#[derive(Serialize, Deserialize)]
struct ByteTable<'a>(#[serde(borrow)] &'a ZeroSlice<ByteRow>);

pub fn enum_table(rows: u32) -> Result<Vec<u8>, postcard::Error> {
    let row = |operand| EnumRow {
        op: Op::Compare,
        operand,
    };
    let table: ZeroVec<'_, EnumRow> = (0..rows).map(row).collect();
    postcard::to_allocvec(&EnumTable(&table))
}

pub fn byte_table(rows: u32) -> Result<Vec<u8>, postcard::Error> {
    let table: ZeroVec<'_, ByteRow> = (0..rows)
        .map(|operand| ByteRow { op: 2, operand })
        .collect();
    postcard::to_allocvec(&ByteTable(&table))
}

pub fn text(bytes: u32) -> Result<Vec<u8>, postcard::Error> {
    postcard::to_allocvec(&String::from("x").repeat(bytes as usize))
}

pub fn open_enum_table(bytes: &[u8]) -> bool {
    postcard::from_bytes::<EnumTable<'_>>(bytes).is_ok_and(|t| !t.0.is_empty())
}

pub fn open_byte_table(bytes: &[u8]) -> bool {
    postcard::from_bytes::<ByteTable<'_>>(bytes).is_ok_and(|t| !t.0.is_empty())
}

pub fn open_text(bytes: &[u8]) -> bool {
    postcard::from_bytes::<&str>(bytes).is_ok_and(|t| !t.is_empty())
}

pub fn open_bytes(bytes: &[u8]) -> bool {
    postcard::from_bytes::<&[u8]>(bytes).is_ok_and(|t| !t.is_empty())
}
