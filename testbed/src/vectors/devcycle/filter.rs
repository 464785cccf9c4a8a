//! Through the filter: the values and types in the header that the application sees.

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use jackstaff_core::source::devcycle::{fault_message, parse_user};
use jackstaff_core::{FlagValue, NoVisitor, Ruleset, Timestamp};

use super::row::{Expect, Row, Vectors};
use super::{TEST_HEADER, compile, environment, test_header};
use crate::clock::Clock;
use crate::deploy::{FilterDeployment, FilterHost, Host};
use crate::http_client::Request;
use crate::vectors::Failure;
use crate::vectors::compare::differences;
use crate::vectors::header::{CONTEXT_HEADER, HEADER_BYTES, header_flags, header_key};

pub(super) fn play(host: Host, vectors: &Vectors) -> Result<Vec<Failure>> {
    let clock = Clock::fixed(0);
    let mut deployment = FilterDeployment { clock: clock.clone(), ..FilterDeployment::default() };
    for (id, config) in &vectors.configs {
        let plugin = json!({
            "environment": environment(id),
            "identity": [{ "header": "x-user-id" }],
            "context": { "header": CONTEXT_HEADER, "trusted": true },
            "max_header_bytes": HEADER_BYTES,
            "test": { "header": TEST_HEADER },
        });
        // The configuration goes in as it is written.
        let plugin = format!(r#"{{"ruleset":{config},{}"#, plugin.to_string().trim_start_matches('{'));
        deployment.plugins.insert(id.clone(), plugin);
    }
    let mut filter = FilterHost::start(host, &deployment)?;
    let mut failures = Vec::new();
    for row in &vectors.rows {
        clock.set(row.now_ms);
        let config = vectors.configs.get(&row.config).map(String::as_str).unwrap_or_default();
        let differences = match play_row(host, &mut filter, config, row) {
            Ok(differences) => differences,
            Err(error) => return Err(error.context(format!("{}\n{}", row.label, filter.log()))),
        };
        if !differences.is_empty() {
            failures.push(Failure { row: row.label.clone(), differences });
        }
    }
    Ok(failures)
}

fn play_row(host: Host, filter: &mut FilterHost, config: &str, row: &Row) -> Result<Vec<String>> {
    let mut request = Request::get("/").header(CONTEXT_HEADER, &row.user);
    if let Some(test) = test_header(host, row) {
        request = request.header(TEST_HEADER, test);
    }
    let passed = filter.send(&row.config, &request)?;
    let upstream =
        passed.upstream.with_context(|| format!("the request was answered with {}", passed.response.status))?;
    let header = |name: &str| {
        upstream.iter().find(|(n, _)| n == name).map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    };
    let status = header("x-flags-status").context("there is no x-flags-status")?;
    let flags = header_flags(&header("x-flags").unwrap_or_default())?;
    let mut found = Vec::new();
    if upstream.iter().any(|(name, _)| name == CONTEXT_HEADER || name == TEST_HEADER) {
        found.push("the context or test header went on to the application".to_owned());
    }
    match &row.expect {
        Expect::Answer { variables, .. } => found.extend(differences("flags", &expected_flags(variables), &flags)),
        // The filter has no answer to name the fault in but its status: flags that could not be decided are counted there.
        Expect::Fault(message) => {
            let native = Native::decide(row, config)?;
            if !native.faults.contains(message) {
                found.push(format!("expected the fault {message:?}, got {:?}", native.faults));
            }
            found.extend(differences("flags", &native.flags, &flags));
            let errors = format!("errors={}", native.errors);
            if native.errors > 0 && !status.split(';').any(|part| part.trim() == errors) {
                found.push(format!("expected {errors} in the status, got {status:?}"));
            }
        }
    }
    Ok(found)
}

/// Value with its type, so that `"7"`, `7` and `{"json": 7}` differ.
fn typed(value: &Value) -> Value {
    match value {
        Value::Bool(b) => json!({ "boolean": b }),
        Value::Number(n) => json!({ "number": n.as_f64() }),
        Value::String(text) => json!({ "string": text }),
        other => json!({ "json": other }),
    }
}

fn expected_flags(variables: &Value) -> Value {
    let of = |variable: &Value| variable.get("value").map_or(Value::Null, typed);
    variables
        .as_object()
        .map(|v| v.iter().map(|(key, variable)| (header_key(key), of(variable))).collect())
        .unwrap_or_default()
}

/// What the core decides natively, for rows on which the reference gives up.
struct Native {
    flags: Value,
    faults: Vec<String>,
    errors: usize,
}

impl Native {
    fn decide(row: &Row, config: &str) -> Result<Self> {
        let snapshot = compile(config)?;
        let ruleset = Ruleset::open(&snapshot)?;
        let context = parse_user(row.user.as_bytes())?;
        let overrides: Vec<(&str, &str)> =
            row.overrides.iter().map(|(feature, variation)| (&**feature, &**variation)).collect();
        let mut session = ruleset.session(&context, Timestamp(i64::try_from(row.now_ms)?)).with_overrides(&overrides);
        let mut flags = Map::new();
        let mut errors = 0;
        for flag in ruleset.flags() {
            let decision = session.evaluate(flag, &mut NoVisitor);
            errors += usize::from(decision.fault.is_some());
            let Some(value) = decision.value else { continue };
            let mut json = String::new();
            value.write_json(&mut json);
            let parsed: Value = serde_json::from_str(&json)?;
            let structure = matches!(value, FlagValue::Structure(_));
            let key = ruleset.flag(flag).map(|f| header_key(f.key)).unwrap_or_default();
            flags.insert(key, if structure { json!({ "json": parsed }) } else { typed(&parsed) });
        }
        let faults = (0..ruleset.decision_count())
            .filter_map(|decision| session.decide(decision, &mut NoVisitor).err())
            .map(|fault| fault_message(&fault))
            .collect();
        Ok(Self { flags: Value::from(flags), faults, errors })
    }
}
