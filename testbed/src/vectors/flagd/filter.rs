//! Through the filter: the value and type in the header that the application sees.

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jackstaff_core::source::flagd::Fractional;
use serde_json::{Value, json};

use super::row::{NOW_MS, Row, Vectors};
use super::snapshot;
use crate::clock::Clock;
use crate::deploy::{FilterDeployment, FilterHost, Host};
use crate::http_client::Request;
use crate::vectors::Failure;
use crate::vectors::header::{CONTEXT_HEADER, HEADER_BYTES, header_flags, header_key};

pub(super) fn play(host: Host, vectors: &Vectors) -> Result<Vec<Failure>> {
    let mut deployment = FilterDeployment { clock: Clock::fixed(NOW_MS), ..FilterDeployment::default() };
    for (id, set) in &vectors.sets {
        let plugin = json!({
            "identity": [{ "header": "x-user-id" }],
            "context": { "header": CONTEXT_HEADER, "trusted": true },
            "max_header_bytes": HEADER_BYTES,
        });
        // A source goes in as it is written; it says nothing of v3.
        let ruleset = if vectors.fractional == Fractional::default() {
            set.clone()
        } else {
            Value::from(STANDARD.encode(snapshot(set, vectors.fractional).with_context(|| id.clone())?)).to_string()
        };
        let plugin = format!(r#"{{"ruleset":{ruleset},{}"#, plugin.to_string().trim_start_matches('{'));
        deployment.plugins.insert(id.clone(), plugin);
    }
    let mut filter = FilterHost::start(host, &deployment)?;
    let mut failures = Vec::new();
    for row in &vectors.rows {
        let differences = match play_row(&mut filter, row) {
            Ok(differences) => differences,
            Err(error) => return Err(error.context(format!("{}\n{}", row.label, filter.log()))),
        };
        if !differences.is_empty() {
            failures.push(Failure { row: row.label.clone(), differences });
        }
    }
    Ok(failures)
}

fn play_row(filter: &mut FilterHost, row: &Row) -> Result<Vec<String>> {
    let passed = filter.send(&row.set, &Request::get("/").header(CONTEXT_HEADER, &row.context))?;
    let upstream =
        passed.upstream.with_context(|| format!("the request was answered with {}", passed.response.status))?;
    let header = upstream.iter().find(|(name, _)| name == "x-flags").map(|(_, value)| String::from_utf8_lossy(value));
    let flags = header_flags(&header.unwrap_or_default())?;
    // The type is the name of the only member.
    let typed = flags.get(header_key(&row.flag)).and_then(Value::as_object);
    Ok(row.value_differences(typed.and_then(|typed| typed.values().next()).cloned()))
}
