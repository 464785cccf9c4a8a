//! The core itself, compiled for this machine.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use jackstaff_core::source::flagd::parse_context;
use jackstaff_core::{Dialect, Ruleset, Timestamp, Value};
use serde_json::json;

use super::row::{Answer, NOW_MS, Row, Vectors};
use super::snapshot;
use crate::vectors::Failure;

pub(super) fn play(vectors: &Vectors) -> Result<Vec<Failure>> {
    let snapshots = vectors
        .sets
        .iter()
        .map(|(id, set)| Ok((id, snapshot(set, vectors.fractional).with_context(|| id.clone())?)))
        .collect::<Result<BTreeMap<_, _>>>()?;
    let mut failures = Vec::new();
    for row in &vectors.rows {
        let snapshot = snapshots.get(&row.set).map(Vec::as_slice).unwrap_or_default();
        let differences = row.differences(answer(&Ruleset::open(snapshot)?, row).with_context(|| row.label.clone())?);
        if !differences.is_empty() {
            failures.push(Failure { row: row.label.clone(), differences });
        }
    }
    Ok(failures)
}

fn answer(ruleset: &Ruleset<'_>, row: &Row) -> Result<Answer> {
    let Some(flag) = ruleset.find(&row.flag) else { return Ok(Answer::not_found()) };
    let Value::Map(members) = serde_json::from_str(&row.context)? else { bail!("the context is no object") };
    let context = parse_context(members, Dialect::Flagd)?;
    let decision = ruleset.evaluate(flag, &context, Timestamp(i64::try_from(NOW_MS)?));
    let value = decision
        .value
        .map(|value| {
            let mut json = String::new();
            value.write_json(&mut json);
            serde_json::from_str(&json)
        })
        .transpose()?;
    let variant = decision.choice.and_then(|choice| ruleset.variant(choice.variant)).map(|variant| variant.key);
    Ok(Answer {
        value,
        variant: variant.map(str::to_owned),
        reason: decision.reason.as_str().to_owned(),
        error_code: decision.fault.map(|fault| fault.error_code().as_str().to_owned()),
        metadata: match ruleset.flag(flag).map(|view| view.metadata) {
            Some(metadata) => serde_json::from_str(metadata)?,
            None => json!({}),
        },
    })
}
