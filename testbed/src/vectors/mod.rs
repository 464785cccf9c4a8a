//! Plays test vectors through every host and compares the answers.

mod compare;
pub(crate) use compare::differences;
mod devcycle;
mod row;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::deploy::Host;

/// How many failures are shown in full.
const SHOWN: usize = 5;

/// What to play.
#[derive(Clone, Debug)]
pub struct Options {
    /// The dialect of the configurations.
    pub dialect: String,
    /// A JSON object of configurations by id.
    pub configs: PathBuf,
    /// Rows, a JSON object a line.
    pub cases: PathBuf,
    /// Where.
    pub hosts: Vec<Host>,
    /// At most so many rows, taken evenly from the file.
    pub limit: Option<usize>,
}

/// How it went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// Rows answered as expected.
    pub passed: usize,
    /// Rows answered otherwise.
    pub failed: usize,
}

/// A row that was answered otherwise than expected.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Which row.
    pub row: String,
    /// A line for each difference.
    pub differences: Vec<String>,
}

/// Plays rows on every host asked for, prints what differs and how many passed.
///
/// # Errors
/// When the files cannot be read, or a host cannot be started.
pub fn run(options: &Options) -> Result<Score> {
    if options.dialect != "devcycle" {
        bail!("there is no dialect `{}`: use devcycle", options.dialect);
    }
    let vectors = row::load(&options.configs, &options.cases, options.limit)?;
    let mut total = Score::default();
    for &host in &options.hosts {
        let started = Instant::now();
        eprintln!("{}: {} rows over {} configurations…", host.name(), vectors.rows.len(), vectors.configs.len());
        let failures = devcycle::play(host, &vectors)?;
        let score = Score { passed: vectors.rows.len() - failures.len(), failed: failures.len() };
        for failure in failures.iter().take(SHOWN) {
            println!("{} {}", host.name(), failure.row);
            for difference in &failure.differences {
                println!("    {difference}");
            }
        }
        if failures.len() > SHOWN {
            println!("    … and {} more", failures.len() - SHOWN);
        }
        eprintln!("{}: {} of {} in {:.1?}", host.name(), score.passed, vectors.rows.len(), started.elapsed());
        total.passed += score.passed;
        total.failed += score.failed;
    }
    println!("{} passed, {} failed", total.passed, total.failed);
    Ok(total)
}
