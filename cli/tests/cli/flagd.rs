//! flagd's flag definitions, in JSON and YAML.

use std::path::{Path, PathBuf};

use crate::program::{arg, jackstaff, jackstaff_with};
use serde_json::{Value, json};

const GUEST: &str = r#"{"targetingKey":"ada","country":"DE","stars":120}"#;

/// The demo ruleset in YAML.
fn definitions() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/flags/coffee-shop.flagd.yaml")
}

fn evaluated(args: &[&str]) -> Vec<Value> {
    let run = jackstaff(args);
    assert_eq!(run.code, 0, "{}", run.stderr);
    serde_json::from_str::<Value>(&run.stdout).unwrap()["flags"].as_array().unwrap().clone()
}

#[test]
fn the_demo_definitions_are_sound() {
    let run = jackstaff(&["check", arg(&definitions())]);
    assert_eq!(run.code, 0, "{}", run.stdout);
    assert!(run.stdout.ends_with("source, 7 flags, 7 decisions: 0 errors, 0 warnings\n"), "{}", run.stdout);
}

#[test]
fn yaml_and_its_snapshot_decide_alike() {
    let directory = tempfile::tempdir().unwrap();
    let snapshot = directory.path().join("flags.jks");
    assert_eq!(jackstaff(&["compile", arg(&definitions()), "-o", arg(&snapshot)]).code, 0);
    let eval = |file: &str| evaluated(&["eval", file, "--format", "json", "--explain", "--context", GUEST]);
    let flags = eval(arg(&definitions()));
    assert_eq!(flags, eval(arg(&snapshot)));
    let flag = |key: &str| flags.iter().find(|flag| flag["flag"] == key).unwrap();
    assert_eq!(flag("max-items")["value"], json!(40));
    assert_eq!(flag("max-items")["reason"], "TARGETING_MATCH");
    assert_eq!(flag("payments-enabled")["reason"], "STATIC");
    assert_eq!(flag("checkout")["metadata"], json!({"flagSetId": "coffee-shop", "owner": "payments"}));
    assert_eq!(flag("happy-hour")["reason"], "DISABLED");
    assert!(flag("happy-hour").get("value").is_none());
}

#[test]
fn the_explanation_names_every_expression() {
    let run = jackstaff(&["eval", arg(&definitions()), "--flag", "platinum", "--explain", "--context", GUEST]);
    let (_, explanation) = run.stdout.split_once("\n\n").unwrap();
    assert_eq!(
        explanation,
        "\
platinum: TARGETING_MATCH
  targeting
    if (>=, \"platinum\") → \"platinum\"
      >= (var stars, 100) → true
        var stars → 120
  → variant platinum
"
    );
}

#[test]
fn the_generation_of_fractional_can_be_chosen() {
    let checkout = |user: u32, generation: &str| {
        let context = format!(r#"{{"targetingKey":"user-{user}"}}"#);
        let file = definitions();
        let args = [
            "eval",
            arg(&file),
            "--flag",
            "checkout",
            "--format",
            "json",
            "--fractional",
            generation,
            "--context",
            &context,
        ];
        evaluated(&args)[0]["variant"].clone()
    };
    assert!((0..20).any(|user| checkout(user, "v2") != checkout(user, "v3")));
}

#[test]
fn a_defect_comes_with_its_line() {
    let yaml = "flags:\n  a:\n    state: ENABLED\n    variants: {on: true}\n    defaultVariant: off\n";
    let run = jackstaff_with(&["check", "-"], yaml.as_bytes());
    assert_eq!(run.code, 1);
    assert!(run.stdout.starts_with("error: standard input:5: $.flags[\"a\"].defaultVariant\n"), "{}", run.stdout);
    let run = jackstaff_with(&["check", "-", "--format", "json"], yaml.as_bytes());
    assert_eq!(serde_json::from_str::<Value>(&run.stdout).unwrap()[0]["diagnostics"][0]["line"], 5);
}

#[test]
fn what_is_no_yaml_comes_with_its_line() {
    let run = jackstaff_with(&["check", "-"], b"flags:\n  a: [1\n  b: 2\n");
    assert_eq!(run.code, 1);
    assert!(run.stdout.starts_with("error: standard input:"), "{}", run.stdout);
    assert!(run.stdout.contains("this is no YAML"), "{}", run.stdout);
}

#[test]
fn the_dialect_can_be_chosen() {
    let run = jackstaff(&["check", arg(&definitions()), "--dialect", "devcycle"]);
    assert_eq!(run.code, 1);
    assert!(run.stdout.contains("no ruleset"), "{}", run.stdout);
}

#[test]
fn a_fault_names_its_code() {
    let broken = r#"{"flags":{"a":{"state":"ENABLED","variants":{"on":true},"targeting":{"if":[true,"nope"]}}}}"#;
    let run = jackstaff_with(&["eval", "-", "--format", "json", "--context", "{}"], broken.as_bytes());
    let flags = serde_json::from_str::<Value>(&run.stdout).unwrap()["flags"].clone();
    assert_eq!(flags[0]["reason"], "ERROR");
    assert_eq!(flags[0]["error_code"], "GENERAL");
}

#[test]
fn an_evaluation_context_is_an_object() {
    let run = jackstaff(&["eval", arg(&definitions()), "--context", "[1]"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("pass an evaluation context such as '{\"targetingKey\":\"ada\"}'"), "{}", run.stderr);
}

#[test]
fn devcycle_rulesets_take_an_evaluation_context_too() {
    let flags = |context| {
        let file = crate::program::coffee_shop();
        evaluated(&["eval", arg(&file), "--format", "json", "--context", context])
    };
    let user = flags(r#"{"user_id":"ada","country":"DE","customData":{"stars":120}}"#);
    assert_eq!(user, flags(GUEST));
}
