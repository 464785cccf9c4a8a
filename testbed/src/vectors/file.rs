//! Reading the files of vectors: documents by id, and rows, a JSON object a line.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::value::RawValue;

/// JSON texts by id.
pub(super) fn configs(path: &Path) -> Result<BTreeMap<String, Box<RawValue>>> {
    serde_json::from_str(&read(path)?)
        .with_context(|| format!("{} is no JSON object of configurations", path.display()))
}

/// Reads each row with its number; with a limit a sample, evenly taken, so that it covers the file.
pub(super) fn rows<T>(
    path: &Path,
    limit: Option<usize>,
    read_row: impl Fn(&str, usize) -> Result<T>,
) -> Result<Vec<T>> {
    let text = read(path)?;
    let lines: Vec<(usize, &str)> = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).collect();
    ensure!(!lines.is_empty(), "{} holds no rows", path.display());
    let step = limit.map_or(1, |limit| lines.len().div_ceil(limit.max(1)));
    lines
        .into_iter()
        .step_by(step)
        .map(|(i, line)| read_row(line, i + 1).with_context(|| format!("{} line {}", path.display(), i + 1)))
        .collect()
}

/// Those configurations that rows use.
pub(super) fn used<'r>(
    configs: &BTreeMap<String, Box<RawValue>>,
    ids: impl Iterator<Item = &'r String>,
) -> Result<BTreeMap<String, String>> {
    let mut used = BTreeMap::new();
    for id in ids {
        let config = configs.get(id).with_context(|| format!("there is no configuration `{id}`"))?;
        used.entry(id.clone()).or_insert_with(|| config.get().to_owned());
    }
    Ok(used)
}

pub(super) fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
