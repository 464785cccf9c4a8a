//! What the core's calls cost, for profiling: `cargo bench -p jackstaff-core`. How that compares with others is the testbed's benchmark.

mod generate;

use divan::{Bencher, black_box};
use jackstaff_core::source::devcycle::{Details, parse_user};
use jackstaff_core::{CompileOptions, NoVisitor, Ruleset, Timestamp, compile};

const NOW: Timestamp = Timestamp(1_770_000_000_000);
const SIZES: [usize; 4] = [10, 100, 1_000, 10_000];

fn main() {
    divan::main();
}

fn snapshot(features: usize) -> Vec<u8> {
    let compiled = compile(generate::config(features).as_bytes(), &CompileOptions::default()).unwrap();
    assert_eq!(compiled.diagnostics, []);
    compiled.snapshot
}

/// A flag in the middle, looked up by its key.
#[divan::bench(args = SIZES)]
fn one_flag(bencher: Bencher, features: usize) {
    let snapshot = snapshot(features);
    let ruleset = Ruleset::open(&snapshot).unwrap();
    let context = parse_user(generate::USER.as_bytes()).unwrap();
    let key = format!("flag-{}", features / 2);
    bencher.bench_local(|| {
        let flag = ruleset.find(black_box(&key)).unwrap();
        ruleset.evaluate(flag, &context, NOW).value.is_some()
    });
}

/// Every decision, with the text of its reason.
#[divan::bench(args = [80, 1_000])]
fn every_decision_with_details(bencher: Bencher, features: usize) {
    let snapshot = snapshot(features);
    let ruleset = Ruleset::open(&snapshot).unwrap();
    let context = parse_user(generate::USER.as_bytes()).unwrap();
    bencher.bench_local(|| {
        let mut session = ruleset.session(&context, NOW);
        let mut details = Details::default();
        let mut bytes = 0;
        for decision in 0..ruleset.decision_count() {
            if let Ok(Some(choice)) = session.decide(decision, &mut details) {
                bytes += details.text(&ruleset, &choice).len();
            }
        }
        bytes
    });
}

/// Every decision, with nobody watching.
#[divan::bench(args = [80, 1_000])]
fn every_decision(bencher: Bencher, features: usize) {
    let snapshot = snapshot(features);
    let ruleset = Ruleset::open(&snapshot).unwrap();
    let context = parse_user(generate::USER.as_bytes()).unwrap();
    bencher.bench_local(|| {
        let mut session = ruleset.session(&context, NOW);
        (0..ruleset.decision_count()).filter(|&d| matches!(session.decide(d, &mut NoVisitor), Ok(Some(_)))).count()
    });
}

/// From JSON to a context.
#[divan::bench]
fn user() -> usize {
    parse_user(black_box(generate::USER.as_bytes())).unwrap().len()
}

/// From bytes to a ruleset.
#[divan::bench(args = SIZES)]
fn open(bencher: Bencher, features: usize) {
    let snapshot = snapshot(features);
    bencher.bench_local(|| Ruleset::open(black_box(&snapshot)).unwrap().len());
}
