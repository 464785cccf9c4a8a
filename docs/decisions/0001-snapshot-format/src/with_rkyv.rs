//! rkyv's archive of the model as it stands, validated by bytecheck.
#![forbid(unsafe_code)]

use crate::{Format, model};
use alloc::vec::Vec;
use rkyv::rancor::{Failure, Panic};

pub struct Rkyv;

impl Format for Rkyv {
    const NAME: &str = "rkyv (bytecheck)";
    type Opened<'a> = &'a model::ArchivedRuleset;

    fn build(ruleset: &model::Ruleset) -> Vec<u8> {
        rkyv::to_bytes::<Panic>(ruleset)
            .expect("a snapshot always serialises")
            .to_vec()
    }

    fn open(bytes: &[u8]) -> Option<&model::ArchivedRuleset> {
        let s = rkyv::access::<model::ArchivedRuleset, Failure>(bytes).ok()?;
        s.index.len().is_power_of_two().then_some(s)
    }

    fn walk(s: &&model::ArchivedRuleset, key: &str) -> Option<u64> {
        let at = model::find(
            s.index.len(),
            key.as_bytes(),
            |i| Some(s.index.get(i)?.to_native()),
            |f| s.flags.get(f).is_some_and(|f| f.key == *key),
        )?;
        let flag = s.flags.get(at)?;
        let mut sum = model::Sum(u64::from(flag.kind));
        for rule in flag.rules.iter() {
            sum.number(u64::from(rule.seed.to_native()));
            for node in rule.nodes.iter() {
                sum.number(u64::from(node.op) << 8 | u64::from(node.comparator));
                sum.text(node.attribute.as_bytes());
                for operand in node.operands.iter() {
                    sum.text(operand.as_bytes());
                }
            }
            for split in rule.splits.iter() {
                sum.number(
                    split.weight.to_native().to_bits() ^ u64::from(split.variant.to_native()),
                );
            }
        }
        for variant in flag.variants.iter() {
            sum.text(variant.value.as_bytes());
        }
        Some(sum.0)
    }
}
