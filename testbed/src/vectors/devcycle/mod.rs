//! DevCycle vectors: in full over the HTTP API of every host, and by the values in the injected header where there is one.

mod api;
mod filter;
mod row;

use std::path::Path;

use anyhow::Result;
use serde_json::Value;

use super::{Failure, Player};
use crate::deploy::Host;
use row::{Row, Vectors};

/// The header that a test configuration takes the time and chosen variants from.
const TEST_HEADER: &str = "x-jackstaff-test";

pub(super) fn load(configs: &Path, cases: &Path, limit: Option<usize>) -> Result<Box<dyn Player>> {
    Ok(Box::new(row::load(configs, cases, limit)?))
}

impl Player for Vectors {
    fn rows(&self) -> usize {
        self.rows.len()
    }

    fn configs(&self) -> usize {
        self.configs.len()
    }

    fn play(&self, host: Host) -> Result<Vec<Failure>> {
        let mut failures = api::play(host, self)?;
        if host.injects() {
            // A row may fail in both ways, and is one failure then.
            for Failure { row, differences } in filter::play(host, self)? {
                match failures.iter_mut().find(|failure| failure.row == row) {
                    Some(failure) => failure.differences.extend(differences),
                    None => failures.push(Failure { row, differences }),
                }
            }
        }
        Ok(failures)
    }
}

/// Only environments called so may take their time from a request.
fn environment(config: &str) -> String {
    format!("test-{config}")
}

fn compile(config: &str) -> Result<Vec<u8>> {
    match jackstaff_core::compile(config.as_bytes(), &jackstaff_core::CompileOptions::default()) {
        Ok(compiled) => Ok(compiled.snapshot),
        Err(diagnostics) => {
            anyhow::bail!("{}", diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
        }
    }
}

/// The test header: what this host's clock and the row's overrides need.
fn test_header(host: Host, row: &Row) -> Option<String> {
    let mut members = Vec::new();
    if !host.clock_is_set() {
        members.push(format!(r#""now":"{}""#, row.now));
    }
    if !row.overrides.is_empty() {
        let pairs: Vec<String> = row
            .overrides
            .iter()
            .map(|(feature, variation)| format!("{}:{}", Value::from(&**feature), Value::from(&**variation)))
            .collect();
        members.push(format!(r#""overrides":{{{}}}"#, pairs.join(",")));
    }
    (!members.is_empty()).then(|| format!("{{{}}}", members.join(",")))
}
