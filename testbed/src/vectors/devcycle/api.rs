//! Over the HTTP API.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sfv::{BareItem, ListEntry, Parser};

use super::row::{Expect, Row, Vectors};
use super::{TEST_HEADER, compile, environment, test_header};
use crate::clock::Clock;
use crate::deploy::{ApiDeployment, ApiHost, Host, Key};
use crate::http_client::{Request, Response};
use crate::vectors::Failure;
use crate::vectors::compare::differences;

/// The header in which the API names broken decisions.
const FAULTS_HEADER: &str = "x-jackstaff-faults";

pub(super) fn play(host: Host, vectors: &Vectors) -> Result<Vec<Failure>> {
    let clock = Clock::fixed(0);
    let mut deployment = ApiDeployment {
        test: json!({ "header": TEST_HEADER }).to_string(),
        clock: clock.clone(),
        ..ApiDeployment::default()
    };
    // Every second configuration goes in as the source it is, the others compiled: hosts take both.
    for (nth, (id, config)) in vectors.configs.iter().enumerate() {
        let ruleset = if nth % 2 == 0 { config.clone().into_bytes() } else { compile(config)? };
        deployment.rulesets.insert(environment(id), ruleset);
        deployment.keys.push(Key {
            key: format!("dvc_server_{id}"),
            kind: "server".to_owned(),
            environment: environment(id),
        });
    }
    let mut api = ApiHost::start(host, &deployment)?;
    let mut failures = Vec::new();
    for row in &vectors.rows {
        clock.set(row.now_ms);
        let differences = play_row(host, &mut api, row).with_context(|| format!("{}\n{}", row.label, api.log()))?;
        if !differences.is_empty() {
            failures.push(Failure { row: row.label.clone(), differences });
        }
    }
    Ok(failures)
}

fn play_row(host: Host, api: &mut ApiHost, row: &Row) -> Result<Vec<String>> {
    let mut ask = |target: &str| -> Result<(Value, Response)> {
        let mut request = Request::with_body("POST", target, row.user.as_bytes())
            .header("authorization", format!("dvc_server_{}", row.config))
            .header("content-type", "application/json");
        if let Some(test) = test_header(host, row) {
            request = request.header(TEST_HEADER, test);
        }
        let response = api.send(&request)?;
        ensure!(response.status == 200, "{target}: {} {}", response.status, String::from_utf8_lossy(&response.body));
        Ok((response.json()?, response))
    };
    let (features, response) = ask("/v1/features")?;
    let (variables, _) = ask("/v1/variables")?;
    let faults = faults(&response)?;
    let mut found = Vec::new();
    match &row.expect {
        Expect::Answer { features: expected, variables: expected_variables, variation_map } => {
            found.extend(differences("features", expected, &features));
            found.extend(differences("variables", expected_variables, &variables));
            found.extend(differences("featureVariationMap", variation_map, &variation_map_of(&features)));
            found.extend(faults.iter().map(|fault| format!("an unexpected fault: {fault}")));
        }
        Expect::Fault(message) if !faults.contains(message) => {
            found.push(format!("expected the fault {message:?}, got {faults:?}"));
        }
        Expect::Fault(_) => {}
    }
    // Single flags agree with the whole: one of each row, another each time.
    if let Some(variables) = variables.as_object().filter(|v| !v.is_empty()) {
        let nth = usize::try_from(row.now_ms).unwrap_or(0).wrapping_add(row.label.len()) % variables.len();
        if let Some((key, expected)) = variables.iter().nth(nth) {
            found.extend(differences(&format!("variables/{key}"), expected, &ask(&format!("/v1/variables/{key}"))?.0));
        }
    }
    Ok(found)
}

fn variation_map_of(features: &Value) -> Value {
    let of = |feature: &Value, name: &str| feature.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    features
        .as_object()
        .map(|features| features.values().map(|f| (of(f, "_id"), Value::from(of(f, "_variation")))).collect())
        .unwrap_or_default()
}

fn faults(response: &Response) -> Result<Vec<String>> {
    let Some(header) = response.header(FAULTS_HEADER) else { return Ok(Vec::new()) };
    let list: sfv::List = Parser::new(header).parse().context("the faults header is no structured list")?;
    Ok(list
        .iter()
        .filter_map(|entry| match entry {
            ListEntry::Item(item) => match &item.bare_item {
                BareItem::String(text) => Some(text.as_str().to_owned()),
                BareItem::DisplayString(text) => Some(text.to_string()),
                _ => None,
            },
            ListEntry::InnerList(_) => None,
        })
        .collect())
}
