//! What the stored read adds to a request on each host, and which way of storing users is better on Spin.
//!
//!     cargo bench -p jackstaff-testbed --bench user_data [-- --quick]

mod added;
mod layout;
#[allow(dead_code, reason = "each benchmark uses a part")]
#[path = "../peers/measure.rs"]
mod measure;

use std::env;

use anyhow::Result;
use measure::Effort;

fn main() -> Result<()> {
    // Cargo adds `--bench`.
    let quick = env::args().any(|argument| argument == "--quick" || argument == "--test");
    added::print(if quick { Effort::QUICK } else { Effort::FULL })?;
    layout::print(if quick { Effort::QUICK } else { Effort::FULL }, if quick { 1 } else { 5 })?;
    if quick {
        println!("A quick run shows that everything runs. Its figures mean nothing.");
    }
    Ok(())
}
