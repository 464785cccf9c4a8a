//! How many bytes a snapshot has: a fresh sandbox copies all of them. `cargo test -p jackstaff-core --test size -- --nocapture` prints them.

#![allow(clippy::disallowed_macros, reason = "it prints figures")]

#[allow(dead_code, reason = "the users that benchmarks decide for")]
#[path = "../benches/generate/mod.rs"]
mod generate;

use jackstaff_core::{CompileOptions, compile};

/// For 1,000 flags with three rules each; see docs/benchmarks.md, "Spin and Fastly".
const BUDGET: usize = 500_000;

fn bytes(source: &str) -> usize {
    compile(source.as_bytes(), &CompileOptions::default()).unwrap().snapshot.len()
}

#[test]
fn a_thousand_flags_stay_within_the_budget() {
    let (devcycle, flagd) = (generate::config(1_000), generate::flagd::definitions(1_000));
    println!("1,000 features of DevCycle: {} bytes of {}", bytes(&devcycle), devcycle.len());
    println!("1,000 flags of flagd: {} bytes of {}", bytes(&flagd), flagd.len());
    assert!(bytes(&devcycle) <= BUDGET);
    assert!(bytes(&flagd) <= BUDGET);
}
