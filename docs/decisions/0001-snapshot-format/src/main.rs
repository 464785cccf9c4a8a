//! Measures every candidate and prints the table. Arguments choose something else:
//! `mutate N` plays N damaged snapshots of each, `traps` times what makes opening slow,
//! `write DIR` writes snapshots for wasm.mjs.

mod damage;

use damage::{crafted, mutate};
use snapshot_format::{
    Format, model, traps, with_flatbuffers::Flatbuffers, with_rkyv::Rkyv, with_zerocopy::Zerocopy,
    with_zerovec::Zerovec,
};
use std::{hint::black_box, time::Instant};

/// Bytes at an address of choice: a multiple of 16, plus `shift`.
struct At {
    room: Vec<u8>,
    start: usize,
    len: usize,
}

impl At {
    fn new(bytes: &[u8], shift: usize) -> At {
        let mut room = vec![0; bytes.len() + 32];
        let start = room.as_ptr().align_offset(16) + shift;
        room[start..start + bytes.len()].copy_from_slice(bytes);
        At {
            room,
            start,
            len: bytes.len(),
        }
    }
    fn bytes(&self) -> &[u8] {
        &self.room[self.start..self.start + self.len]
    }
}

/// Median nanoseconds of a call, over rounds of about 20 ms. `work` is given a running number.
fn nanos(mut work: impl FnMut(usize)) -> f64 {
    let mut calls = 1;
    loop {
        let start = Instant::now();
        (0..calls).for_each(&mut work);
        if start.elapsed().as_millis() >= 10 {
            break;
        }
        calls *= 2;
    }
    let mut rounds: Vec<f64> = (0..11)
        .map(|_| {
            let start = Instant::now();
            (0..calls).for_each(&mut work);
            start.elapsed().as_nanos() as f64 / calls as f64
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[rounds.len() / 2]
}

/// Keys spread over the ruleset.
fn keys(n: usize) -> Vec<String> {
    (0..64).map(|i| model::key(i * 7919 % n)).collect()
}

fn measure<F: Format>(n: usize, expected: u64) {
    let at = At::new(&F::build(&model::ruleset(n)), 0);
    let (bytes, keys) = (at.bytes(), keys(n));
    let opened = F::open(bytes).expect("opens what it built");
    let sum = keys.iter().fold(0, |sum: u64, k| {
        sum.wrapping_add(F::walk(&opened, k).expect("finds every key"))
    });
    assert_eq!(sum, expected, "all candidates must read the same");
    assert!(F::walk(&opened, "no such flag").is_none());
    let open = nanos(|_| drop(black_box(F::open(black_box(bytes)))));
    let first = nanos(|i| {
        let opened = F::open(black_box(bytes)).expect("opens");
        black_box(F::walk(&opened, &keys[i % 64]));
    });
    let warm = nanos(|i| {
        black_box(F::walk(&opened, &keys[i % 64]));
    });
    let unaligned =
        F::open(At::new(bytes, 1).bytes()).is_some_and(|s| F::walk(&s, &keys[0]).is_some());
    println!(
        "| {} | {n} | {open:.1} | {first:.1} | {warm:.1} | {} | {} |",
        F::NAME,
        bytes.len(),
        if unaligned { "yes" } else { "refused" }
    );
}

fn json_sum(ruleset: &model::Ruleset, key: &str) -> u64 {
    let flag = ruleset
        .flags
        .iter()
        .find(|f| f.key == key)
        .expect("finds every key");
    let mut sum = model::Sum(u64::from(flag.kind));
    for rule in &flag.rules {
        sum.number(u64::from(rule.seed));
        for node in &rule.nodes {
            sum.number(u64::from(node.op) << 8 | u64::from(node.comparator));
            sum.text(node.attribute.as_bytes());
            node.operands.iter().for_each(|o| sum.text(o.as_bytes()));
        }
        rule.splits
            .iter()
            .for_each(|s| sum.number(s.weight.to_bits() ^ u64::from(s.variant)));
    }
    flag.variants
        .iter()
        .for_each(|v| sum.text(v.value.as_bytes()));
    sum.0
}

/// Parses the same ruleset from JSON; returns the checksum the candidates must reproduce.
fn measure_json(n: usize) -> u64 {
    let text = serde_json::to_vec(&model::ruleset(n)).expect("serialises");
    let keys = keys(n);
    let parse = |text: &[u8]| serde_json::from_slice::<model::Ruleset>(text).expect("parses");
    let open = nanos(|_| drop(black_box(parse(black_box(&text)))));
    let first = nanos(|i| {
        black_box(json_sum(&parse(black_box(&text)), &keys[i % 64]));
    });
    let opened = parse(&text);
    println!(
        "| serde_json, typed | {n} | {open:.1} | {first:.1} | | {} | yes |",
        text.len()
    );
    keys.iter()
        .fold(0, |sum, k| sum.wrapping_add(json_sum(&opened, k)))
}

const FLAGS: [usize; 4] = [10, 100, 1_000, 10_000];

fn table() {
    println!(
        "| candidate | flags | open, ns | open + first decision, ns | warm decision, ns | bytes | unaligned |\n|---|---|---|---|---|---|---|"
    );
    for n in FLAGS {
        let sum = measure_json(n);
        measure::<Zerovec>(n, sum);
        measure::<Zerocopy>(n, sum);
        measure::<Rkyv>(n, sum);
        measure::<Flatbuffers>(n, sum);
    }
}

/// What makes opening slow: nanoseconds at two sizes.
fn trap_table() -> Result<(), postcard::Error> {
    type Build = fn(u32) -> Result<Vec<u8>, postcard::Error>;
    type Open = fn(&[u8]) -> bool;
    let rows: [(&str, Build, Open); 4] = [
        (
            "table with a `u8` field",
            traps::byte_table,
            traps::open_byte_table,
        ),
        (
            "table with an enum field",
            traps::enum_table,
            traps::open_enum_table,
        ),
        ("pool as `&[u8]`", traps::text, traps::open_bytes),
        ("pool as `&str`", traps::text, traps::open_text),
    ];
    println!("| opened | 9,000 rows or bytes, ns | 90,000, ns |\n|---|---|---|");
    for (name, build, open) in rows {
        let time = |bytes: Vec<u8>| {
            assert!(open(&bytes), "opens what it built");
            nanos(|_| _ = black_box(open(black_box(&bytes))))
        };
        println!(
            "| {name} | {:.1} | {:.1} |",
            time(build(9_000)?),
            time(build(90_000)?)
        );
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => table(),
        ["mutate", count] => {
            let count = count.parse()?;
            println!(
                "| candidate | mutations | still opened | panics | slowest open + 20 walks, µs |\n|---|---|---|---|---|"
            );
            mutate::<Zerovec>(count);
            mutate::<Zerocopy>(count);
            mutate::<Rkyv>(count);
            mutate::<Flatbuffers>(count);
            [10, 20, 40, 80].into_iter().for_each(crafted);
        }
        ["write", dir] => {
            for n in FLAGS {
                let ruleset = model::ruleset(n);
                std::fs::write(format!("{dir}/zerovec.{n}"), Zerovec::build(&ruleset))?;
                std::fs::write(format!("{dir}/zerocopy.{n}"), Zerocopy::build(&ruleset))?;
                std::fs::write(format!("{dir}/rkyv.{n}"), Rkyv::build(&ruleset))?;
                std::fs::write(
                    format!("{dir}/flatbuffers.{n}"),
                    Flatbuffers::build(&ruleset),
                )?;
            }
        }
        ["traps"] => trap_table()?,
        _ => return Err("no argument, `mutate N`, `traps` or `write DIR`".into()),
    }
    Ok(())
}
