//! `jackstaff check`.

use crate::program::{arg, coffee_shop, damaged_coffee_shop, jackstaff, jackstaff_with};

#[test]
fn the_demo_ruleset_is_sound() {
    let run = jackstaff(&["check", arg(&coffee_shop())]);
    assert_eq!(run.code, 0, "{}", run.stdout);
    assert!(run.stdout.ends_with("source, 6 flags, 4 decisions: 0 errors, 0 warnings\n"), "{}", run.stdout);
}

#[test]
fn a_defect_comes_with_its_place_meaning_and_remedy() {
    let run = jackstaff_with(&["check", "-"], damaged_coffee_shop().as_bytes());
    assert_eq!(run.code, 1);
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(
        lines,
        [
            "error: standard input: $.features[1].configuration.targets[0].distribution",
            "  the percentages add up to 0.75; users beyond that have no feature",
            "  help: let them add up to 1",
            "standard input: source, 6 flags, 4 decisions: 1 error, 0 warnings",
        ]
    );
}

#[test]
fn programs_get_json_for_every_file() {
    let directory = tempfile::tempdir().unwrap();
    let damaged = directory.path().join("damaged.json");
    std::fs::write(&damaged, damaged_coffee_shop()).unwrap();
    let missing = directory.path().join("missing.json");
    let run = jackstaff(&["check", "--format", "json", arg(&coffee_shop()), arg(&damaged), arg(&missing)]);
    assert_eq!(run.code, 1);
    let files: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(files[0]["kind"], "source");
    assert_eq!(files[0]["flags"], 6);
    assert_eq!(files[0]["errors"], 0);
    assert_eq!(files[1]["errors"], 1);
    let finding = &files[1]["diagnostics"][0];
    assert_eq!(finding["severity"], "error");
    assert_eq!(finding["path"], "$.features[1].configuration.targets[0].distribution");
    assert!(finding["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty()));
    assert_eq!(files[2]["kind"], serde_json::Value::Null);
    assert_eq!(files[2]["errors"], 1);
}

#[test]
fn warnings_are_no_errors() {
    let odd = std::fs::read_to_string(coffee_shop()).unwrap().replace("\"type\": \"JSON\"", "\"type\": \"Jason\"");
    let run = jackstaff_with(&["check", "-"], odd.as_bytes());
    assert_eq!(run.code, 0, "{}", run.stdout);
    assert!(run.stdout.starts_with("warning: standard input: $.variables[5]\n"), "{}", run.stdout);
}

#[test]
fn flags_that_the_header_cannot_tell_apart_are_an_error() {
    let colliding =
        std::fs::read_to_string(coffee_shop()).unwrap().replace("\"key\": \"max-items\"", "\"key\": \"Platinum\"");
    let run = jackstaff_with(&["check", "-"], colliding.as_bytes());
    assert_eq!(run.code, 1);
    assert!(run.stdout.starts_with("error: standard input: $.variables\n"), "{}", run.stdout);
    assert!(run.stdout.contains("`Platinum`, `platinum` are all written `platinum`"), "{}", run.stdout);
}

#[test]
fn a_snapshot_is_verified() {
    let directory = tempfile::tempdir().unwrap();
    let snapshot = directory.path().join("flags.jks");
    assert_eq!(jackstaff(&["compile", arg(&coffee_shop()), "-o", arg(&snapshot)]).code, 0);
    let run = jackstaff(&["check", arg(&snapshot)]);
    assert_eq!(run.code, 0, "{}", run.stdout);
    assert!(run.stdout.ends_with(": snapshot, 6 flags, 4 decisions: 0 errors, 0 warnings\n"), "{}", run.stdout);

    let mut bytes = std::fs::read(&snapshot).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let run = jackstaff_with(&["check", "-"], &bytes);
    assert_eq!(run.code, 1);
    assert!(run.stdout.contains("truncated or damaged"), "{}", run.stdout);
}

#[test]
fn a_snapshot_names_its_broken_decisions() {
    let broken = std::fs::read_to_string(coffee_shop()).unwrap().replace(
        "\"distribution\": [{ \"_variation\": \"68f0c0ffee0000000000e121\", \"percentage\": 1 }]",
        "\"distribution\": 1",
    );
    let directory = tempfile::tempdir().unwrap();
    let snapshot = directory.path().join("flags.jks");
    let run = jackstaff_with(&["compile", "-", "--allow-errors", "-o", arg(&snapshot)], broken.as_bytes());
    assert_eq!(run.code, 0, "{}", run.stderr);
    let run = jackstaff(&["check", arg(&snapshot)]);
    assert_eq!(run.code, 1);
    assert!(run.stdout.contains("the flags of decision `payments` answer ERROR"), "{}", run.stdout);
}

#[test]
fn what_is_no_ruleset_is_said_so() {
    for input in ["", "{", "[]", "\u{feff}", "plain text"] {
        let run = jackstaff_with(&["check", "-"], input.as_bytes());
        assert_eq!(run.code, 1, "{input:?}");
        assert!(run.stdout.contains("standard input: no ruleset: 1 error"), "{input:?}: {}", run.stdout);
    }
}

#[test]
fn wrong_usage_is_told_from_errors() {
    assert_eq!(jackstaff(&["check"]).code, 2);
    assert_eq!(jackstaff(&["chek", "x.json"]).code, 2);
    let help = jackstaff(&["--help"]);
    assert_eq!(help.code, 0);
    assert!(help.stdout.contains("jackstaff eval configs/flags/coffee-shop.json"), "{}", help.stdout);
}
