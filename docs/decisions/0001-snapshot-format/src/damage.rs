//! Snapshots damaged at random, and one made to be slow.

use crate::At;
use snapshot_format::{
    Format, flat, model,
    with_zerovec::{self, Zerovec},
};
use std::{hint::black_box, panic, time::Instant};

/// Opens and walks damaged snapshots: none may panic, and none may take long.
pub fn mutate<F: Format>(count: usize) {
    let good = F::build(&model::ruleset(20));
    let rng = &mut model::Rng(1);
    let (mut opened, mut panics, mut slowest) = (0, 0, 0);
    for round in 0..count {
        let mut bad = good.clone();
        match round % 4 {
            0 => (0..1 + rng.below(8))
                .for_each(|_| bad[rng.below(good.len() as u64) as usize] ^= 1 << rng.below(8)),
            1 => (0..1 + rng.below(64))
                .for_each(|_| bad[rng.below(good.len() as u64) as usize] = rng.below(256) as u8),
            // Small and large numbers where the format keeps its lengths and offsets.
            2 => (0..1 + rng.below(4)).for_each(|_| {
                let at = rng.below(good.len() as u64 - 4) as usize;
                let value = [
                    0,
                    1,
                    4,
                    0xffff_ffff,
                    0xffff_fffc,
                    0x8000_0000,
                    good.len() as u32,
                    rng.below(1 << 32) as u32,
                ][rng.below(8) as usize];
                bad.get_mut(at..at + 4)
                    .into_iter()
                    .for_each(|b| b.copy_from_slice(&value.to_le_bytes()));
            }),
            _ => bad.truncate(rng.below(good.len() as u64) as usize),
        }
        let at = At::new(&bad, 0);
        let play = || {
            F::open(at.bytes()).map(|s| {
                (0..20)
                    .filter_map(|k| F::walk(&s, &model::key(k)))
                    .for_each(|sum| _ = black_box(sum))
            })
        };
        match panic::catch_unwind(play) {
            Ok(Some(())) => opened += 1,
            Ok(None) => {}
            Err(_) => {
                panics += 1;
                continue;
            }
        }
        // The fastest of five, so that what else the machine does is not mistaken for a slow snapshot.
        let times = (0..5).map(|_| {
            let start = Instant::now();
            black_box(play());
            start.elapsed().as_micros()
        });
        slowest = slowest.max(times.min().unwrap_or(0));
    }
    println!(
        "| {} | {count} | {opened} | {panics} | {slowest} |",
        F::NAME
    );
}

/// A snapshot that no check of ranges refuses: every rule holds all conditions, every condition all operands.
pub fn crafted(n: usize) {
    let mut t = flat::flatten(&model::ruleset(n));
    let all = |len: usize| (0, len as u32);
    let (rules, nodes, operands) = (
        all(t.rules.len()),
        all(t.nodes.len()),
        all(t.operands.len()),
    );
    t.flags.iter_mut().for_each(|flag| flag.3 = rules);
    t.rules.iter_mut().for_each(|rule| rule.1 = nodes);
    t.nodes.iter_mut().for_each(|node| node.3 = operands);
    let bytes = with_zerovec::encode(&t);
    let start = Instant::now();
    let sum = Zerovec::open(&bytes).and_then(|s| Zerovec::walk(&s, &model::key(0)));
    println!(
        "one crafted decision of {n} flags: {} ms, {sum:?}",
        start.elapsed().as_millis()
    );
}
