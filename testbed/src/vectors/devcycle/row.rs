//! Reading vectors: the shape is that of `testbed/vectors/devcycle`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::vectors::file;

/// Configurations and the rows that are played on them.
pub(super) struct Vectors {
    /// JSON texts by id.
    pub configs: BTreeMap<String, String>,
    pub rows: Vec<Row>,
}

/// One user in one configuration at one moment.
pub(super) struct Row {
    /// How failures call it.
    pub label: String,
    pub config: String,
    /// RFC 3339.
    pub now: String,
    pub now_ms: u64,
    /// As written, down to the digits of its numbers.
    pub user: String,
    /// Feature id → variation id, in the order written.
    pub overrides: Vec<(String, String)>,
    pub expect: Expect,
}

/// What the reference answers.
pub(super) enum Expect {
    Answer {
        features: Value,
        variables: Value,
        variation_map: Value,
    },
    /// It fails with this message; Jackstaff names the fault and answers the rest.
    Fault(String),
}

pub(super) fn load(configs: &Path, cases: &Path, limit: Option<usize>) -> Result<Vectors> {
    let configs = file::configs(configs)?;
    let rows = file::rows(cases, limit, row)?;
    let used = file::used(&configs, rows.iter().map(|row| &row.config))?;
    Ok(Vectors { configs: used, rows })
}

fn row(line: &str, number: usize) -> Result<Row> {
    #[derive(Deserialize)]
    struct Verbatim {
        user: Box<RawValue>,
        #[serde(default)]
        overrides: Option<Box<RawValue>>,
    }
    let verbatim: Verbatim = serde_json::from_str(line)?;
    let row: Map<String, Value> = serde_json::from_str(line)?;
    let text = |row: &Map<String, Value>, name: &str| {
        row.get(name)
            .and_then(Value::as_str)
            .map(str::to_owned)
            .with_context(|| format!("`{name}` is missing or no string"))
    };
    let config = text(&row, "config_id")?;
    let now = text(&row, "now")?;
    let time = jackstaff_core::Timestamp::parse(&now).with_context(|| format!("`now` is no date: {now}"))?;
    let name = row.get("name").and_then(Value::as_str).map(|name| format!(" ({name})")).unwrap_or_default();
    let expect = row.get("expect").and_then(Value::as_object).context("`expect` is missing or no object")?;
    let expect = match expect.get("error") {
        Some(error) => Expect::Fault(error.as_str().context("`expect.error` is no string")?.to_owned()),
        None => {
            let member = |name: &str| expect.get(name).cloned().with_context(|| format!("`expect.{name}` is missing"));
            Expect::Answer {
                features: member("features")?,
                variables: member("variables")?,
                variation_map: member("featureVariationMap")?,
            }
        }
    };
    Ok(Row {
        label: format!("row {number}{name}, configuration {config}"),
        config,
        now_ms: u64::try_from(time.0)?,
        now,
        user: verbatim.user.get().to_owned(),
        overrides: overrides(verbatim.overrides.as_deref())?,
        expect,
    })
}

/// Our own reader keeps the order of members.
fn overrides(json: Option<&RawValue>) -> Result<Vec<(String, String)>> {
    let Some(json) = json else { return Ok(Vec::new()) };
    let jackstaff_core::Value::Map(members) = serde_json::from_str(json.get())? else { return Ok(Vec::new()) };
    let text = |(name, value): (_, jackstaff_core::Value<'_>)| {
        let name = std::borrow::Cow::<str>::into_owned(name);
        Ok((name, value.as_str().context("an override is no string")?.to_owned()))
    };
    members.into_iter().map(text).collect()
}
