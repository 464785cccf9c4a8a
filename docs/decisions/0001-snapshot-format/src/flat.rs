//! Flat tables, shared by the candidates that store them: rows refer to ranges of other tables.

use crate::model::Ruleset;
use alloc::{string::String, vec::Vec};
use std::collections::HashMap;

/// A range of another table: first row, number of rows.
pub type Range = (u32, u32);

#[derive(Default)]
pub struct Tables {
    pub index: Vec<u32>,
    pub flags: Vec<(Range, Range, u8, Range, Range)>,
    pub rules: Vec<(u32, Range, Range)>,
    pub nodes: Vec<(u8, u8, Range, Range)>,
    pub operands: Vec<Range>,
    pub splits: Vec<(f64, u32)>,
    pub variants: Vec<(Range, Range)>,
    pub pool: Vec<u8>,
}

pub fn flatten(ruleset: &Ruleset) -> Tables {
    let mut t = Tables {
        index: ruleset.index.clone(),
        ..Tables::default()
    };
    let mut known = HashMap::<String, Range>::new();
    let mut intern = |pool: &mut Vec<u8>, s: &str| {
        *known.entry(s.into()).or_insert_with(|| {
            let range = (pool.len() as u32, s.len() as u32);
            pool.extend_from_slice(s.as_bytes());
            range
        })
    };
    for flag in &ruleset.flags {
        let rules = (t.rules.len() as u32, flag.rules.len() as u32);
        let variants = (t.variants.len() as u32, flag.variants.len() as u32);
        for rule in &flag.rules {
            let nodes = (t.nodes.len() as u32, rule.nodes.len() as u32);
            let splits = (t.splits.len() as u32, rule.splits.len() as u32);
            t.rules.push((rule.seed, nodes, splits));
            for node in &rule.nodes {
                let operands = (t.operands.len() as u32, node.operands.len() as u32);
                for operand in &node.operands {
                    let operand = intern(&mut t.pool, operand);
                    t.operands.push(operand);
                }
                let attribute = intern(&mut t.pool, &node.attribute);
                t.nodes
                    .push((node.op, node.comparator, attribute, operands));
            }
            t.splits
                .extend(rule.splits.iter().map(|s| (s.weight, s.variant)));
        }
        for v in &flag.variants {
            let row = (intern(&mut t.pool, &v.key), intern(&mut t.pool, &v.value));
            t.variants.push(row);
        }
        let (key, id) = (
            intern(&mut t.pool, &flag.key),
            intern(&mut t.pool, &flag.id),
        );
        t.flags.push((key, id, flag.kind, rules, variants));
    }
    t
}
