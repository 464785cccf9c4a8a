//! What the core's calls cost, for profiling: `cargo bench -p jackstaff-core`. How that compares with others is the testbed's benchmark.

mod generate;

use divan::{Bencher, black_box};
use jackstaff_core::source::devcycle::{Details, parse_user};
use jackstaff_core::source::flagd::parse_context;
use jackstaff_core::{CompileOptions, Context, Dialect, NoVisitor, Ruleset, Timestamp, Value, compile};

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

fn flagd_snapshot(flags: usize) -> Vec<u8> {
    let compiled = compile(generate::flagd::definitions(flags).as_bytes(), &CompileOptions::default()).unwrap();
    assert_eq!(compiled.diagnostics, []);
    compiled.snapshot
}

fn flagd_context() -> Context<'static> {
    let Value::Map(members) = serde_json::from_str(generate::flagd::CONTEXT).unwrap() else { unreachable!() };
    parse_context(members, Dialect::Flagd).unwrap()
}

/// A flagd flag by its key: one of the four kinds of rule.
#[divan::bench(args = [0, 1, 2, 3])]
fn one_flagd_flag(bencher: Bencher, kind: usize) {
    let snapshot = flagd_snapshot(100);
    let ruleset = Ruleset::open(&snapshot).unwrap();
    let context = flagd_context();
    let key = format!("flag-{kind}");
    bencher.bench_local(|| {
        let flag = ruleset.find(black_box(&key)).unwrap();
        ruleset.evaluate(flag, &context, NOW).value.is_some()
    });
}

/// All of a hundred flagd flags.
#[divan::bench]
fn every_flagd_flag(bencher: Bencher) {
    let snapshot = flagd_snapshot(100);
    let ruleset = Ruleset::open(&snapshot).unwrap();
    let context = flagd_context();
    bencher.bench_local(|| {
        let mut session = ruleset.session(black_box(&context), NOW);
        ruleset.flags().filter(|flag| session.evaluate(*flag, &mut NoVisitor).value.is_some()).count()
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
