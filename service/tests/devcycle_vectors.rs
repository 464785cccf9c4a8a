//! Plays what DevCycle's TypeScript library answered, in full: values, reasons, their texts and the ids of targets.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a test reads its data, and says where it has none"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use jackstaff_core::source::devcycle::parse_user;
use jackstaff_core::source::repair_surrogates;
use jackstaff_core::{CompileOptions, SharedRuleset, Timestamp, compile};
use jackstaff_service::api::devcycle::answer::bucketed;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// Failures shown; the rest is counted.
const SHOWN: usize = 8;

/// A user in a configuration at a moment, and the reference's answer.
#[derive(Deserialize)]
struct Row {
    #[serde(alias = "test")]
    name: Option<String>,
    config_id: String,
    now: String,
    /// As written, down to the digits of its numbers.
    user: Box<RawValue>,
    #[serde(default)]
    overrides: Map<String, Value>,
    /// The answer, or `{"error": "…"}` where the reference fails altogether.
    #[serde(default)]
    expect: Value,
    /// The same failure, in the records of upstream's tests.
    error: Option<String>,
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

fn open(config: &str) -> SharedRuleset {
    SharedRuleset::verify(compile(config.as_bytes(), &CompileOptions::default()).unwrap().snapshot).unwrap()
}

/// What is wrong with our answer to `row`, if anything. `members` are compared.
fn play(row: &Row, ruleset: &SharedRuleset, members: &[&str]) -> Option<String> {
    let now = Timestamp::parse(&row.now).unwrap();
    let json = repair_surrogates(row.user.get().as_bytes());
    let user = parse_user(&json).unwrap();
    let overrides: Vec<(&str, &str)> =
        row.overrides.iter().map(|(feature, variation)| (feature.as_str(), variation.as_str().unwrap())).collect();
    let answer = bucketed(ruleset.get(), &user, now, &overrides);
    let faults: Vec<String> = answer.fault_messages().collect();
    let error = row.error.as_deref().or_else(|| row.expect.get("error")?.as_str());
    if let Some(error) = error {
        return (!faults.iter().any(|fault| fault == error))
            .then(|| format!("expected the fault {error:?}, got {faults:?}"));
    }
    if !faults.is_empty() {
        return Some(format!("unexpected faults: {faults:?}"));
    }
    let got: Value = serde_json::from_slice(&answer.to_json().unwrap()).unwrap();
    let differs = |name: &&&str| !same(&row.expect[**name], &got[**name]);
    members.iter().find(differs).map(|name| format!("{name}: expected\n  {}\ngot\n  {}", row.expect[*name], got[*name]))
}

/// Numbers are equal by value: the records hold `1e21` where we write `1e+21`.
fn same(expected: &Value, got: &Value) -> bool {
    match (expected, got) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, value)| b.get(name).is_some_and(|other| same(value, other)))
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        _ => expected == got,
    }
}

/// Plays all rows; panics with those that fail.
fn play_all(rows: &[Row], configs: &BTreeMap<String, Box<RawValue>>, members: &[&str]) {
    let mut rulesets = BTreeMap::new();
    let mut failures = Vec::new();
    for (number, row) in (1..).zip(rows) {
        let ruleset = rulesets.entry(&row.config_id).or_insert_with(|| open(configs[&row.config_id].get()));
        if let Some(failure) = play(row, ruleset, members) {
            let name = row.name.as_deref().unwrap_or_default();
            failures.push(format!("row {number} {name} ({}, user {}): {failure}", row.config_id, row.user));
        }
    }
    let shown = failures.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join("\n\n");
    assert!(failures.is_empty(), "{} of {} rows fail\n{shown}", failures.len(), rows.len());
}

fn generated(name: &str) -> (Vec<Row>, BTreeMap<String, Box<RawValue>>) {
    let folder = workspace().join("testbed/vectors/devcycle");
    let configs = serde_json::from_str(&read(&folder.join(format!("{name}.configs.json")))).unwrap();
    let rows = read(&folder.join(format!("{name}.jsonl")));
    (rows.lines().map(|row| serde_json::from_str(row).unwrap()).collect(), configs)
}

const ANSWER: [&str; 3] = ["features", "featureVariationMap", "variables"];

#[test]
fn generated_rows() {
    let (rows, configs) = generated("open");
    assert_eq!(rows.len(), 3_200);
    play_all(&rows, &configs, &ANSWER);
}

#[test]
fn edge_cases() {
    let (rows, configs) = generated("edges");
    assert_eq!(rows.len(), 213);
    play_all(&rows, &configs, &ANSWER);
}

/// The inputs of upstream's own tests are not ours to publish: they are played where they lie beside the checkout, or where
/// `JACKSTAFF_SHARED` says.
#[test]
fn upstream_configurations() {
    #[derive(Deserialize)]
    struct Upstream {
        configs: BTreeMap<String, Box<RawValue>>,
        cases: Vec<Box<RawValue>>,
    }
    #[derive(Deserialize)]
    struct Kind {
        kind: String,
    }
    let shared = std::env::var_os("JACKSTAFF_SHARED").map_or_else(|| workspace().join("../shared"), PathBuf::from);
    let path = shared.join("vectors/devcycle/upstream.json");
    if !path.is_file() {
        eprintln!("NOT PLAYED: DevCycle's own test cases, as there is no {}", path.display());
        return;
    }
    let upstream: Upstream = serde_json::from_str(&read(&path)).unwrap();
    let whole = |case: &&str| serde_json::from_str::<Kind>(case).unwrap().kind == "generateBucketedConfig";
    let cases = upstream.cases.iter().map(|case| case.get());
    let rows: Vec<Row> = cases.filter(whole).map(|case| serde_json::from_str(case).unwrap()).collect();
    assert_eq!(rows.len(), 35);
    let members = ["project", "environment", "features", "featureVariationMap", "variableVariationMap", "variables"];
    play_all(&rows, &upstream.configs, &members);
}

#[test]
fn a_wrong_expectation_fails() {
    let (rows, configs) = generated("edges");
    let mut row = rows.into_iter().find(|row| row.expect.pointer("/variables/x/eval/details").is_some()).unwrap();
    let ruleset = open(configs[&row.config_id].get());
    assert_eq!(play(&row, &ruleset, &ANSWER), None);
    *row.expect.pointer_mut("/variables/x/eval/details").unwrap() = Value::from("All of them");
    assert!(play(&row, &ruleset, &ANSWER).unwrap().starts_with("variables: "));
    row.expect = serde_json::json!({"error": "Failed to decide target variation"});
    assert!(play(&row, &ruleset, &ANSWER).unwrap().starts_with("expected the fault"));
}
