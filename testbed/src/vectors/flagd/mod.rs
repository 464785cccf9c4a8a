//! flagd vectors: value, variant, reason, error code and metadata of single flags.

mod native;
mod row;

use std::path::Path;

use anyhow::{Result, bail};
use jackstaff_core::source::flagd::Fractional;

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
        match host {
            Host::Native => native::play(self),
            other => bail!("flagd's vectors are not played on {} yet: use native", other.name()),
        }
    }
}
