//! zerovec tables inside a struct that postcard opens: ICU4X's way.
#![forbid(unsafe_code)]

use crate::{Format, flat, model};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use zerovec::{ZeroSlice, ZeroVec, make_ule, ule::AsULE};

#[make_ule(RangeULE)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Range {
    start: u32,
    len: u32,
}

#[make_ule(FlagULE)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Flag {
    key: Range,
    id: Range,
    kind: u8,
    rules: Range,
    variants: Range,
}

#[make_ule(RuleULE)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rule {
    seed: u32,
    nodes: Range,
    splits: Range,
}

#[make_ule(NodeULE)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Node {
    op: u8,
    comparator: u8,
    attribute: Range,
    operands: Range,
}

#[make_ule(SplitULE)]
#[derive(Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[zerovec::skip_derive(Ord)]
pub struct Split {
    weight: f64,
    variant: u32,
}

#[make_ule(VariantULE)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Variant {
    key: Range,
    value: Range,
}

/// `&ZeroSlice` rather than `ZeroVec`: it only ever borrows. The stored bytes are the same.
#[derive(Serialize, Deserialize)]
pub struct Snapshot<'a> {
    version: u32,
    #[serde(borrow)]
    index: &'a ZeroSlice<u32>,
    #[serde(borrow)]
    flags: &'a ZeroSlice<Flag>,
    #[serde(borrow)]
    rules: &'a ZeroSlice<Rule>,
    #[serde(borrow)]
    nodes: &'a ZeroSlice<Node>,
    #[serde(borrow)]
    operands: &'a ZeroSlice<Range>,
    #[serde(borrow)]
    splits: &'a ZeroSlice<Split>,
    #[serde(borrow)]
    variants: &'a ZeroSlice<Variant>,
    pool: &'a [u8],
}

fn range((start, len): flat::Range) -> Range {
    Range { start, len }
}

/// The rows of a range, or none when the range is not inside the table.
fn rows<T: AsULE>(table: &ZeroSlice<T>, range: Range) -> Option<impl Iterator<Item = T> + '_> {
    let start = range.start as usize;
    Some(
        table
            .get_subslice(start..start.checked_add(range.len as usize)?)?
            .iter(),
    )
}

impl Snapshot<'_> {
    fn text(&self, range: Range) -> Option<&[u8]> {
        let start = range.start as usize;
        self.pool.get(start..start.checked_add(range.len as usize)?)
    }
}

/// Stores tables as they are: also what a hostile author would store.
pub fn encode(t: &flat::Tables) -> Vec<u8> {
    let flag = |&(key, id, kind, rules, variants)| Flag {
        key: range(key),
        id: range(id),
        kind,
        rules: range(rules),
        variants: range(variants),
    };
    let index = ZeroVec::alloc_from_slice(&t.index);
    let flags: ZeroVec<'_, Flag> = t.flags.iter().map(flag).collect();
    let rules: ZeroVec<'_, Rule> = t
        .rules
        .iter()
        .map(|&(seed, nodes, splits)| Rule {
            seed,
            nodes: range(nodes),
            splits: range(splits),
        })
        .collect();
    let node = |&(op, comparator, attribute, operands)| Node {
        op,
        comparator,
        attribute: range(attribute),
        operands: range(operands),
    };
    let nodes: ZeroVec<'_, Node> = t.nodes.iter().map(node).collect();
    let operands: ZeroVec<'_, Range> = t.operands.iter().map(|o| range(*o)).collect();
    let splits: ZeroVec<'_, Split> = t
        .splits
        .iter()
        .map(|&(weight, variant)| Split { weight, variant })
        .collect();
    let variants: ZeroVec<'_, Variant> = t
        .variants
        .iter()
        .map(|&(key, value)| Variant {
            key: range(key),
            value: range(value),
        })
        .collect();
    let snapshot = Snapshot {
        version: 1,
        index: &index,
        flags: &flags,
        rules: &rules,
        nodes: &nodes,
        operands: &operands,
        splits: &splits,
        variants: &variants,
        pool: &t.pool,
    };
    postcard::to_allocvec(&snapshot).expect("a snapshot always serialises")
}

pub struct Zerovec;

impl Format for Zerovec {
    const NAME: &str = "zerovec + postcard";
    type Opened<'a> = Snapshot<'a>;

    fn build(ruleset: &model::Ruleset) -> Vec<u8> {
        encode(&flat::flatten(ruleset))
    }

    fn open(bytes: &[u8]) -> Option<Snapshot<'_>> {
        let snapshot: Snapshot<'_> = postcard::from_bytes(bytes).ok()?;
        (snapshot.version == 1 && snapshot.index.len().is_power_of_two()).then_some(snapshot)
    }

    fn walk(s: &Snapshot<'_>, key: &str) -> Option<u64> {
        let key = key.as_bytes();
        let at = model::find(
            s.index.len(),
            key,
            |i| s.index.get(i),
            |f| s.flags.get(f).and_then(|f| s.text(f.key)) == Some(key),
        )?;
        let flag = s.flags.get(at)?;
        let mut sum = model::Sum(u64::from(flag.kind));
        for rule in rows(s.rules, flag.rules)? {
            sum.number(u64::from(rule.seed));
            for node in rows(s.nodes, rule.nodes)? {
                sum.number(u64::from(node.op) << 8 | u64::from(node.comparator));
                sum.text(s.text(node.attribute)?);
                for operand in rows(s.operands, node.operands)? {
                    sum.text(s.text(operand)?);
                }
            }
            for split in rows(s.splits, rule.splits)? {
                sum.number(split.weight.to_bits() ^ u64::from(split.variant));
            }
        }
        for variant in rows(s.variants, flag.variants)? {
            sum.text(
                core::str::from_utf8(s.text(variant.value)?)
                    .ok()?
                    .as_bytes(),
            );
        }
        Some(sum.0)
    }
}
