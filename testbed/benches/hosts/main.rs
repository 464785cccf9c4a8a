//! What a request costs on the testbed's hosts, beside modules of the same SDKs that do next to nothing.
//!
//!     cargo bench -p jackstaff-testbed --bench hosts [-- --quick]
//!
//! A missed budget is marked and does not fail the run: machines differ.

mod edge;
mod filter;
// The configuration generator of the core's own benchmarks.
#[allow(dead_code, reason = "each benchmark uses a part")]
#[path = "../../../core/benches/generate/mod.rs"]
mod generate;
#[allow(dead_code, reason = "each benchmark uses a part")]
#[path = "../peers/measure.rs"]
mod measure;

use std::env;

use anyhow::{Result, anyhow};
use jackstaff_core::{CompileOptions, compile};
use measure::Effort;

/// How many flags the ruleset has.
const FLAGS: usize = 1_000;

fn main() -> Result<()> {
    // Cargo adds `--bench`.
    let quick = env::args().any(|argument| argument == "--quick" || argument == "--test");
    let effort = if quick { Effort::QUICK } else { Effort::FULL };
    let compiled = compile(generate::config(FLAGS).as_bytes(), &CompileOptions::default());
    let snapshot = compiled.map_err(|errors| anyhow!("the configuration does not compile: {errors:?}"))?.snapshot;
    println!("a ruleset of {FLAGS} flags, a snapshot of {} KB\n", snapshot.len() / 1_000);
    filter::print(&snapshot, effort)?;
    edge::print(&snapshot, effort)?;
    if quick {
        println!("A quick run shows that everything runs. Its figures mean nothing.");
    }
    Ok(())
}
