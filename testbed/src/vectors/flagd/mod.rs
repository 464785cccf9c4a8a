//! flagd vectors: value, variant, reason, error code and metadata over OFREP, and by the core itself; by the values in the injected header
//! through the filter.

mod api;
mod filter;
mod native;
mod row;

use std::path::Path;

use anyhow::{Result, bail};
use jackstaff_core::source::flagd::Fractional;
use jackstaff_core::{CompileOptions, compile};

use super::{Failure, Player};
use crate::deploy::Host;
use row::Vectors;

pub(super) fn load(
    configs: &Path,
    cases: &Path,
    limit: Option<usize>,
    fractional: Fractional,
) -> Result<Box<dyn Player>> {
    Ok(Box::new(row::load(configs, cases, limit, fractional)?))
}

impl Player for Vectors {
    fn rows(&self) -> usize {
        self.rows.len()
    }

    fn configs(&self) -> usize {
        self.sets.len()
    }

    fn play(&self, host: Host) -> Result<Vec<Failure>> {
        let mut failures = api::play(host, self)?;
        if host == Host::Native {
            failures.extend(native::play(self)?);
        }
        if host.injects() {
            failures.extend(filter::play(host, self)?);
        }
        Ok(merged(failures))
    }
}

/// One failure for each row, however it was played.
fn merged(failures: Vec<Failure>) -> Vec<Failure> {
    let mut merged: Vec<Failure> = Vec::new();
    for failure in failures {
        match merged.iter_mut().find(|known| known.row == failure.row) {
            Some(known) => known.differences.extend(failure.differences),
            None => merged.push(failure),
        }
    }
    merged
}

fn snapshot(set: &str, fractional: Fractional) -> Result<Vec<u8>> {
    match compile(set.as_bytes(), &CompileOptions { fractional: Some(fractional), ..CompileOptions::default() }) {
        Ok(compiled) => Ok(compiled.snapshot),
        Err(diagnostics) => bail!("{}", diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")),
    }
}
