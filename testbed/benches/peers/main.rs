//! Jackstaff beside what people use today, in one run: one table of ratios with the design's budgets.
//!
//!     cargo bench -p jackstaff-testbed --features peers --bench peers [-- --quick] [devcycle|open|flagd]…
//!
//! Words choose parts of it.
//! Every pair must agree on its answers before it is timed. A missed budget is marked and does not fail the run: machines differ.

#[path = "../../probes/core/src/everything.rs"]
mod everything;
mod flagd;
// The configuration generator of the core's own benchmarks.
#[path = "../../../core/benches/generate/mod.rs"]
mod generate;
#[allow(dead_code, reason = "each benchmark uses a part")]
mod measure;
mod native;
mod node;
mod probe;
mod rust_crate;
mod subject;
mod table;
mod typed_json;
mod webassembly;

use std::env;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};
use measure::Effort;
use subject::Subject;
use table::Table;

/// What can be measured by itself.
const PARTS: [&str; 3] = ["devcycle", "open", "flagd"];

fn main() -> Result<()> {
    // Cargo adds `--bench`.
    let quick = env::args().any(|argument| argument == "--quick" || argument == "--test");
    let effort = if quick { Effort::QUICK } else { Effort::FULL };
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    let mut table = Table::default();

    let parts: Vec<String> = env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    ensure!(
        parts.iter().all(|part| PARTS.contains(&&**part)),
        "{parts:?}: there are the parts {PARTS:?}, each by its name"
    );
    let wanted = |part: &str| parts.is_empty() || parts.iter().any(|wanted| wanted == part);

    if wanted("devcycle") {
        let subject = Subject::choose()?;
        println!(
            "configuration: {} ({})\nuser: {}\nflag: {}\n",
            subject.name,
            subject.size(),
            subject.user,
            subject.flag
        );
        native::decisions(&subject, effort, now, &mut table)?;
        webassembly::decisions(&subject, effort, now, if quick { 0.3 } else { 9.0 }, &mut table)?;
    }
    if wanted("open") {
        for features in if quick { &[10, 100][..] } else { &[10, 100, 1_000, 10_000][..] } {
            native::first_decision(*features, effort, now, &mut table)?;
        }
    }
    if wanted("flagd") {
        flagd::decisions(effort, now, if quick { 0.2 } else { 6.0 }, &mut table)?;
    }

    println!("{table}");
    for row in table.missed() {
        println!("MISSED: {} against {}", row.what, row.peer);
    }
    if quick {
        println!("A quick run shows that everything runs and agrees. Its figures mean nothing.");
    }
    Ok(())
}
