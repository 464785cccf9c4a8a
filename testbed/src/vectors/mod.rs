//! Plays test vectors through every host and compares the answers.

mod compare;
pub(crate) use compare::differences;
mod devcycle;
mod file;
mod flagd;
mod header;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, bail};
use jackstaff_core::source::flagd::Fractional;

use crate::deploy::Host;

/// How many failures are shown in full.
const SHOWN: usize = 5;

/// What to play.
#[derive(Clone, Debug)]
pub struct Options {
    /// The dialect of the configurations: `devcycle` or `flagd`.
    pub dialect: String,
    /// The generation of flagd's `fractional` that is played.
    pub fractional: Fractional,
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

/// Vectors of one dialect.
trait Player {
    fn rows(&self) -> usize;
    fn configs(&self) -> usize;
    /// The rows that `host` answers otherwise than expected.
    fn play(&self, host: Host) -> Result<Vec<Failure>>;
}

/// Plays rows on every host asked for, prints what differs and how many passed.
///
/// # Errors
/// When the files cannot be read, or a host cannot be started.
pub fn run(options: &Options) -> Result<Score> {
    let vectors = match &*options.dialect {
        "devcycle" => devcycle::load(&options.configs, &options.cases, options.limit)?,
        "flagd" => flagd::load(&options.configs, &options.cases, options.limit, options.fractional)?,
        other => bail!("there is no dialect `{other}`: use devcycle or flagd"),
    };
    let (rows, configs) = (vectors.rows(), vectors.configs());
    let mut total = Score::default();
    for &host in &options.hosts {
        let started = Instant::now();
        eprintln!("{}: {rows} rows over {configs} configurations…", host.name());
        let failures = vectors.play(host)?;
        let score = Score { passed: rows - failures.len(), failed: failures.len() };
        for failure in failures.iter().take(SHOWN) {
            println!("{} {}", host.name(), failure.row);
            for difference in &failure.differences {
                println!("    {difference}");
            }
        }
        if failures.len() > SHOWN {
            println!("    … and {} more", failures.len() - SHOWN);
        }
        eprintln!("{}: {} of {rows} in {:.1?}", host.name(), score.passed, started.elapsed());
        total.passed += score.passed;
        total.failed += score.failed;
    }
    println!("{} passed, {} failed", total.passed, total.failed);
    Ok(total)
}
