//! Plays the generated DevCycle vectors on every host, and flagd's.

mod common;

use std::path::{Path, PathBuf};

use common::hosts;
use jackstaff_core::source::flagd::Fractional;
use jackstaff_testbed::deploy::Host;
use jackstaff_testbed::vectors::{Options, run};

fn play(host: Host, name: &str) {
    if !hosts::ready(host) {
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/devcycle");
    let file = |suffix: &str| -> PathBuf { folder.join(format!("{name}.{suffix}")) };
    let options = Options {
        dialect: "devcycle".to_owned(),
        fractional: Fractional::V2,
        configs: file("configs.json"),
        cases: file("jsonl"),
        hosts: vec![host],
        limit: None,
    };
    let score = run(&options).unwrap();
    assert!(score.failed == 0 && score.passed > 200, "{score:?} on {}", host.name());
}

#[test]
fn edges_and_open_rows_natively() {
    play(Host::Native, "edges");
    play(Host::Native, "open");
}

#[test]
fn edges_and_open_rows_in_the_filter() {
    play(Host::Filter, "edges");
    play(Host::Filter, "open");
}

#[test]
fn edges_and_open_rows_on_spin() {
    play(Host::Spin, "edges");
    play(Host::Spin, "open");
}

#[test]
fn edges_and_open_rows_on_fastly() {
    play(Host::Fastly, "edges");
    play(Host::Fastly, "open");
}

#[test]
fn edges_and_open_rows_in_envoy() {
    play(Host::Envoy, "edges");
    play(Host::Envoy, "open");
}

fn play_flagd(host: Host, fractional: Fractional) {
    if !hosts::ready(host) {
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/flagd");
    let options = Options {
        dialect: "flagd".to_owned(),
        fractional,
        configs: folder.join("open.sets.json"),
        cases: folder.join("open.jsonl"),
        hosts: vec![host],
        limit: None,
    };
    let score = run(&options).unwrap();
    assert!(score.failed == 0 && score.passed == 2_000, "{score:?} on {}", host.name());
}

#[test]
fn flagd_rows_natively() {
    play_flagd(Host::Native, Fractional::V2);
    play_flagd(Host::Native, Fractional::V3);
}

#[test]
fn flagd_rows_in_the_filter() {
    play_flagd(Host::Filter, Fractional::V2);
    play_flagd(Host::Filter, Fractional::V3);
}

#[test]
fn flagd_rows_on_spin() {
    play_flagd(Host::Spin, Fractional::V2);
    play_flagd(Host::Spin, Fractional::V3);
}

#[test]
fn flagd_rows_on_fastly() {
    play_flagd(Host::Fastly, Fractional::V2);
    play_flagd(Host::Fastly, Fractional::V3);
}

#[test]
fn flagd_rows_in_envoy() {
    play_flagd(Host::Envoy, Fractional::V2);
    play_flagd(Host::Envoy, Fractional::V3);
}

#[test]
fn a_wrong_expectation_of_a_flagd_row_fails() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/flagd");
    let rows = std::fs::read_to_string(folder.join("open.jsonl")).unwrap();
    let row = rows.lines().find(|row| row.contains(r#""reason": "TARGETING_MATCH""#)).unwrap();
    let row: serde_json::Value = serde_json::from_str(row).unwrap();
    for (name, wrong) in [
        ("value", 4711.into()),
        ("variant", "other".into()),
        ("reason", "SPLIT".into()),
        ("errorCode", "GENERAL".into()),
    ] {
        let (mut row, mut expect): (_, serde_json::Value) = (row.clone(), row["expect"].clone());
        expect[name] = wrong;
        row["expect"] = expect.clone();
        row["expect_v3"] = expect;
        let cases = dir.path().join(name);
        std::fs::write(&cases, row.to_string()).unwrap();
        let options = Options {
            dialect: "flagd".to_owned(),
            fractional: Fractional::V2,
            configs: folder.join("open.sets.json"),
            cases,
            hosts: vec![Host::Native],
            limit: None,
        };
        let score = run(&options).unwrap();
        assert_eq!((score.passed, score.failed), (0, 1), "{name}");
    }
}

#[test]
fn an_expectation_that_is_wrong_fails_everywhere() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/devcycle");
    let rows = std::fs::read_to_string(folder.join("edges.jsonl")).unwrap();
    // What AssemblyScript answers stands behind `as_expect`, and is not played.
    let expects_true =
        |row: &&str| row.split("\"as_expect\"").next().is_some_and(|row| row.contains(r#""value":true"#));
    let wrong: Vec<String> = rows
        .lines()
        .filter(expects_true)
        .take(3)
        .map(|row| row.replace(r#""value":true"#, r#""value":false"#))
        .collect();
    assert_eq!(wrong.len(), 3);
    let cases = dir.path().join("wrong.jsonl");
    std::fs::write(&cases, wrong.join("\n")).unwrap();
    for host in Host::ALL.into_iter().filter(|host| hosts::ready(*host)) {
        let options = Options {
            dialect: "devcycle".to_owned(),
            fractional: Fractional::V2,
            configs: folder.join("edges.configs.json"),
            cases: cases.clone(),
            hosts: vec![host],
            limit: None,
        };
        let score = run(&options).unwrap();
        assert_eq!((score.passed, score.failed), (0, 3), "on {}", host.name());
    }
}
