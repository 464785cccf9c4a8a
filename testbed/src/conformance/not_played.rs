//! Which host cannot play which case, and why: `testbed/cases/not-played.json`, the only place that leaves one out.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::deploy::Host;

type Reasons = BTreeMap<Host, String>;

/// The reasons, as far as no case has taken them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NotPlayed {
    /// For cases that deploy nothing but a filter.
    filter_only: Reasons,
    /// By the case's name.
    cases: BTreeMap<String, Reasons>,
}

impl NotPlayed {
    /// Reads the file.
    ///
    /// # Errors
    /// When it has another form, names no host of ours, or gives no reason.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let read: Self = serde_json::from_str(&text).with_context(|| format!("{}", path.display()))?;
        for (name, reasons) in &read.cases {
            ensure!(reasons.values().all(|reason| reason.len() > 20), "{}: {name}: give a reason", path.display());
            ensure!(reasons.len() < Host::ALL.len(), "{}: {name}: no host is left to play it", path.display());
        }
        Ok(read)
    }

    /// Takes the reasons of a case.
    pub(super) fn of(&mut self, case: &str, filter_only: bool) -> Reasons {
        let mut reasons = self.cases.remove(case).unwrap_or_default();
        if filter_only {
            reasons.extend(self.filter_only.clone());
        }
        reasons
    }

    /// Looks whether there was a case for each.
    ///
    /// # Errors
    /// When one was not there.
    pub(super) fn end(&self) -> Result<()> {
        let names: Vec<_> = self.cases.keys().collect();
        ensure!(names.is_empty(), "not-played.json names cases that are not there: {names:?}");
        Ok(())
    }
}
