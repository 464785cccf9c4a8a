//! `jackstaff eval`.

use crate::program::{arg, coffee_shop, damaged_coffee_shop, jackstaff, jackstaff_with};
use serde_json::{Value, json};

const PLATINUM_GUEST: &str = r#"{"user_id":"ada","country":"DE","customData":{"stars":120}}"#;

fn flags(run: &crate::program::Run) -> Value {
    assert_eq!(run.code, 0, "{}", run.stderr);
    serde_json::from_str::<Value>(&run.stdout).unwrap()["flags"].clone()
}

#[test]
fn a_table_for_people() {
    let run = jackstaff(&["eval", arg(&coffee_shop()), "--context", PLATINUM_GUEST]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(lines[0], "FLAG              VARIANT   REASON           VALUE");
    assert_eq!(lines[1], "platinum          platinum  TARGETING_MATCH  true");
    assert_eq!(lines[2], "welcome-text      platinum  TARGETING_MATCH  \"Schön, dass du da bist ☕\"");
    assert_eq!(lines.len(), 7);
}

#[test]
fn source_and_snapshot_decide_alike() {
    let directory = tempfile::tempdir().unwrap();
    let snapshot = directory.path().join("flags.jks");
    assert_eq!(jackstaff(&["compile", arg(&coffee_shop()), "-o", arg(&snapshot)]).code, 0);
    let eval =
        |file: &str| flags(&jackstaff(&["eval", file, "--format", "json", "--explain", "--context", PLATINUM_GUEST]));
    let source = eval(arg(&coffee_shop()));
    assert_eq!(source.as_array().unwrap().len(), 6);
    assert_eq!(source, eval(arg(&snapshot)));
}

#[test]
fn programs_get_values_of_their_own_types() {
    let run = jackstaff(&["eval", arg(&coffee_shop()), "--format", "json", "--context", PLATINUM_GUEST]);
    let flags = flags(&run);
    let value = |key: &str| flags.as_array().unwrap().iter().find(|f| f["flag"] == key).unwrap()["value"].clone();
    assert_eq!(value("platinum"), json!(true));
    assert_eq!(value("max-items"), json!(40));
    assert_eq!(value("pricing"), json!({"currency":"EUR","espresso":2.5,"filter":3,"cappuccino":3.8}));
    assert_eq!(flags[3]["reason"], "SPLIT");
    assert_eq!(flags[3]["rule"], "68f0c0ffee0000000000e311");
}

#[test]
fn the_explanation_names_what_was_tested() {
    let context = r#"{"user_id":"ada","customData":{"stars":99}}"#;
    let run = jackstaff(&["eval", arg(&coffee_shop()), "--flag", "platinum", "--explain", "--context", context]);
    let (_, explanation) = run.stdout.split_once("\n\n").unwrap();
    assert_eq!(
        explanation,
        "\
platinum: TARGETING_MATCH
  decision platinum
    ✗ rule 68f0c0ffee0000000000e301
      ✗ all of
        ✗ is in a segment
          ✗ all of
            ✗ custom attribute `stars` is at least 100 — it is 99
    ✓ rule 68f0c0ffee0000000000e302
      ✓ all of
        ✓ everyone
  → variant standard
"
    );
}

#[test]
fn the_time_can_be_chosen() {
    let everyone = r#""distribution": [{ "_variation": "68f0c0ffee0000000000e121", "percentage": 1 }]"#;
    let source = std::fs::read_to_string(coffee_shop()).unwrap();
    let scheduled = source.replace(
        everyone,
        &format!(r#""rollout": {{ "type": "schedule", "startDate": "2026-12-24T18:00:00.000Z" }}, {everyone}"#),
    );
    assert_ne!(source, scheduled);
    let at = |now: &str| {
        let args = ["eval", "-", "--context", PLATINUM_GUEST, "--flag", "payments-enabled", "--explain", "--now", now];
        let run = jackstaff_with(&args, scheduled.as_bytes());
        assert_eq!(run.code, 0, "{}", run.stderr);
        run.stdout
    };
    let before = at("2026-12-24T17:59:59.999Z");
    assert!(before.contains("(the application's default)"), "{before}");
    assert!(before.contains("✗ the rollout leaves the user out"), "{before}");
    let after = at("2026-12-24T19:00:00+01:00");
    assert!(after.contains("✓ the rollout includes the user"), "{after}");
    assert!(after.contains("→ variant on"), "{after}");
}

#[test]
fn a_mistyped_flag_is_recognised() {
    let eval = |key: &str| jackstaff(&["eval", arg(&coffee_shop()), "--context", PLATINUM_GUEST, "--flag", key]);
    let run = eval("chekout");
    assert_eq!(run.code, 1);
    assert_eq!(run.stderr, "error: there is no flag `chekout`; did you mean `checkout`?\n");
    let run = eval("zzz");
    assert_eq!(run.stderr, "error: there is no flag `zzz`; without --flag all of them are shown\n");
}

#[test]
fn the_context_may_come_from_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let user = directory.path().join("user.json");
    std::fs::write(&user, PLATINUM_GUEST).unwrap();
    let context = format!("@{}", arg(&user));
    let run =
        jackstaff(&["eval", arg(&coffee_shop()), "--context", &context, "--flag", "max-items", "--format", "json"]);
    assert_eq!(flags(&run)[0]["value"], 40);
}

#[test]
fn a_bad_context_is_refused_with_an_example() {
    for context in ["ada", "{}", "[]", r#"{"user_id":7}"#] {
        let run = jackstaff(&["eval", arg(&coffee_shop()), "--context", context]);
        assert_eq!(run.code, 1, "{context}");
        assert!(run.stderr.contains(r#"'{"user_id":"ada"}'"#), "{}", run.stderr);
    }
}

#[test]
fn a_fault_is_the_answer_of_its_flag_alone() {
    // Some user in the half that the damaged distribution no longer covers.
    let source = damaged_coffee_shop();
    let faults = (0..40).find_map(|i| {
        let context = format!(r#"{{"user_id":"user-{i}"}}"#);
        let run = jackstaff_with(&["eval", "-", "--format", "json", "--context", &context], source.as_bytes());
        assert!(run.stderr.contains("has 1 error; `jackstaff check` lists them"), "{}", run.stderr);
        let flags = flags(&run);
        (flags[3]["reason"] == "ERROR").then_some(flags)
    });
    let flags = faults.expect("a quarter of all users has no share");
    assert_eq!(flags[3]["error"], "the percentages do not cover this user");
    assert_eq!(flags[3].get("value"), None);
    assert_eq!(flags[0]["value"], false);
}

#[test]
fn wrong_usage_is_told_from_errors() {
    assert_eq!(jackstaff(&["eval", arg(&coffee_shop())]).code, 2);
    assert_eq!(jackstaff(&["eval", arg(&coffee_shop()), "--context", "{}", "--now", "yesterday"]).code, 2);
}
