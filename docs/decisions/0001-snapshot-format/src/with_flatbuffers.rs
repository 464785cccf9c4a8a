//! FlatBuffers in its natural nested form, checked by its verifier.
#![forbid(unsafe_code)]

use crate::{Format, model, snapshot_generated as fb};
use alloc::vec::Vec;
use flatbuffers::FlatBufferBuilder;

pub struct Flatbuffers;

impl Format for Flatbuffers {
    const NAME: &str = "flatbuffers (verified)";
    type Opened<'a> = fb::Snapshot<'a>;

    fn build(ruleset: &model::Ruleset) -> Vec<u8> {
        let b = &mut FlatBufferBuilder::new();
        let flags: Vec<_> = ruleset.flags.iter().map(|f| flag(b, f)).collect();
        let flags = Some(b.create_vector(&flags));
        let index = Some(b.create_vector(&ruleset.index));
        let root = fb::Snapshot::create(b, &fb::SnapshotArgs { flags, index });
        b.finish(root, None);
        b.finished_data().to_vec()
    }

    fn open(bytes: &[u8]) -> Option<fb::Snapshot<'_>> {
        let s = fb::root_as_snapshot(bytes).ok()?;
        s.index().len().is_power_of_two().then_some(s)
    }

    fn walk(s: &fb::Snapshot<'_>, key: &str) -> Option<u64> {
        // Vector::get panics outside the vector, so every place is compared with the length first.
        let (index, flags) = (s.index(), s.flags());
        let slot = |i| (i < index.len()).then(|| index.get(i));
        let at = model::find(index.len(), key.as_bytes(), slot, |f| {
            f < flags.len() && flags.get(f).key() == key
        })?;
        let flag = (at < flags.len()).then(|| flags.get(at))?;
        let mut sum = model::Sum(u64::from(flag.kind()));
        for rule in flag.rules() {
            sum.number(u64::from(rule.seed()));
            for node in rule.nodes() {
                sum.number(u64::from(node.op()) << 8 | u64::from(node.comparator()));
                sum.text(node.attribute().as_bytes());
                for operand in node.operands() {
                    sum.text(operand.as_bytes());
                }
            }
            for split in rule.splits() {
                sum.number(split.weight().to_bits() ^ u64::from(split.variant()));
            }
        }
        for variant in flag.variants() {
            sum.text(variant.value().as_bytes());
        }
        Some(sum.0)
    }
}

fn flag<'a>(
    b: &mut FlatBufferBuilder<'a>,
    f: &model::Flag,
) -> flatbuffers::WIPOffset<fb::Flag<'a>> {
    let rules: Vec<_> = f
        .rules
        .iter()
        .map(|rule| {
            let nodes: Vec<_> = rule
                .nodes
                .iter()
                .map(|node| {
                    let operands: Vec<_> = node
                        .operands
                        .iter()
                        .map(|o| b.create_shared_string(o))
                        .collect();
                    let operands = Some(b.create_vector(&operands));
                    let attribute = Some(b.create_shared_string(&node.attribute));
                    fb::Node::create(
                        b,
                        &fb::NodeArgs {
                            op: node.op,
                            comparator: node.comparator,
                            attribute,
                            operands,
                        },
                    )
                })
                .collect();
            let nodes = Some(b.create_vector(&nodes));
            let splits: Vec<_> = rule
                .splits
                .iter()
                .map(|s| fb::Split::new(s.weight, s.variant))
                .collect();
            let splits = Some(b.create_vector(&splits));
            fb::Rule::create(
                b,
                &fb::RuleArgs {
                    seed: rule.seed,
                    nodes,
                    splits,
                },
            )
        })
        .collect();
    let variants: Vec<_> = f
        .variants
        .iter()
        .map(|v| {
            let key = Some(b.create_shared_string(&v.key));
            let value = Some(b.create_shared_string(&v.value));
            fb::Variant::create(b, &fb::VariantArgs { key, value })
        })
        .collect();
    let args = fb::FlagArgs {
        key: Some(b.create_string(&f.key)),
        id: Some(b.create_string(&f.id)),
        kind: f.kind,
        rules: Some(b.create_vector(&rules)),
        variants: Some(b.create_vector(&variants)),
    };
    fb::Flag::create(b, &args)
}
