//! Tables of `#[repr(C)]` records read in place by zerocopy, behind a header of our own.
#![forbid(unsafe_code)]

use crate::{Format, flat, model};
use alloc::vec::Vec;
use zerocopy::{
    FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned,
    little_endian::{F64, U32},
};

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Range {
    start: U32,
    len: U32,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Flag {
    key: Range,
    id: Range,
    kind: u8,
    rules: Range,
    variants: Range,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Rule {
    seed: U32,
    nodes: Range,
    splits: Range,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Node {
    op: u8,
    comparator: u8,
    attribute: Range,
    operands: Range,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Split {
    weight: F64,
    variant: U32,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Variant {
    key: Range,
    value: Range,
}

const SECTIONS: usize = 8;

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    version: U32,
    /// Byte ranges from the start of the snapshot.
    sections: [Range; SECTIONS],
}

pub struct Snapshot<'a> {
    index: &'a [U32],
    flags: &'a [Flag],
    rules: &'a [Rule],
    nodes: &'a [Node],
    operands: &'a [Range],
    splits: &'a [Split],
    variants: &'a [Variant],
    pool: &'a [u8],
}

fn range((start, len): flat::Range) -> Range {
    Range {
        start: start.into(),
        len: len.into(),
    }
}

/// The rows of a range, or none when the range is not inside the table.
fn rows<T>(table: &[T], range: Range) -> Option<&[T]> {
    let start = range.start.get() as usize;
    table.get(start..start.checked_add(range.len.get() as usize)?)
}

pub struct Zerocopy;

impl Format for Zerocopy {
    const NAME: &str = "zerocopy, own header";
    type Opened<'a> = Snapshot<'a>;

    fn build(ruleset: &model::Ruleset) -> Vec<u8> {
        let t = flat::flatten(ruleset);
        let index: Vec<U32> = t.index.iter().map(|i| (*i).into()).collect();
        let flags: Vec<Flag> = t
            .flags
            .iter()
            .map(|&(key, id, kind, rules, variants)| Flag {
                key: range(key),
                id: range(id),
                kind,
                rules: range(rules),
                variants: range(variants),
            })
            .collect();
        let rules: Vec<Rule> = t
            .rules
            .iter()
            .map(|&(seed, nodes, splits)| Rule {
                seed: seed.into(),
                nodes: range(nodes),
                splits: range(splits),
            })
            .collect();
        let nodes: Vec<Node> = t
            .nodes
            .iter()
            .map(|&(op, comparator, attribute, operands)| Node {
                op,
                comparator,
                attribute: range(attribute),
                operands: range(operands),
            })
            .collect();
        let operands: Vec<Range> = t.operands.iter().map(|o| range(*o)).collect();
        let splits: Vec<Split> = t
            .splits
            .iter()
            .map(|&(weight, variant)| Split {
                weight: weight.into(),
                variant: variant.into(),
            })
            .collect();
        let variants: Vec<Variant> = t
            .variants
            .iter()
            .map(|&(key, value)| Variant {
                key: range(key),
                value: range(value),
            })
            .collect();
        let sections: [&[u8]; SECTIONS] = [
            index.as_bytes(),
            flags.as_bytes(),
            rules.as_bytes(),
            nodes.as_bytes(),
            operands.as_bytes(),
            splits.as_bytes(),
            variants.as_bytes(),
            &t.pool,
        ];
        let mut start = size_of::<Header>() as u32;
        let header = Header {
            version: 1.into(),
            sections: sections.map(|s| {
                let section = range((start, s.len() as u32));
                start += s.len() as u32;
                section
            }),
        };
        let mut bytes = header.as_bytes().to_vec();
        sections.iter().for_each(|s| bytes.extend_from_slice(s));
        bytes
    }

    fn open(bytes: &[u8]) -> Option<Snapshot<'_>> {
        let (header, _) = Header::ref_from_prefix(bytes).ok()?;
        let [index, flags, rules, nodes, operands, splits, variants, pool] = header.sections;
        let snapshot = Snapshot {
            index: <[U32]>::ref_from_bytes(rows(bytes, index)?).ok()?,
            flags: <[Flag]>::ref_from_bytes(rows(bytes, flags)?).ok()?,
            rules: <[Rule]>::ref_from_bytes(rows(bytes, rules)?).ok()?,
            nodes: <[Node]>::ref_from_bytes(rows(bytes, nodes)?).ok()?,
            operands: <[Range]>::ref_from_bytes(rows(bytes, operands)?).ok()?,
            splits: <[Split]>::ref_from_bytes(rows(bytes, splits)?).ok()?,
            variants: <[Variant]>::ref_from_bytes(rows(bytes, variants)?).ok()?,
            pool: rows(bytes, pool)?,
        };
        (header.version == 1 && snapshot.index.len().is_power_of_two()).then_some(snapshot)
    }

    fn walk(s: &Snapshot<'_>, key: &str) -> Option<u64> {
        let key = key.as_bytes();
        let slot = |i| s.index.get(i).map(|i: &U32| i.get());
        let at = model::find(s.index.len(), key, slot, |f| {
            s.flags.get(f).and_then(|f| rows(s.pool, f.key)) == Some(key)
        })?;
        let flag = s.flags.get(at)?;
        let mut sum = model::Sum(u64::from(flag.kind));
        for rule in rows(s.rules, flag.rules)? {
            sum.number(u64::from(rule.seed));
            for node in rows(s.nodes, rule.nodes)? {
                sum.number(u64::from(node.op) << 8 | u64::from(node.comparator));
                sum.text(rows(s.pool, node.attribute)?);
                for operand in rows(s.operands, node.operands)? {
                    sum.text(rows(s.pool, *operand)?);
                }
            }
            for split in rows(s.splits, rule.splits)? {
                sum.number(split.weight.get().to_bits() ^ u64::from(split.variant));
            }
        }
        for variant in rows(s.variants, flag.variants)? {
            sum.text(
                core::str::from_utf8(rows(s.pool, variant.value)?)
                    .ok()?
                    .as_bytes(),
            );
        }
        Some(sum.0)
    }
}
