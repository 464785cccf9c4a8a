//! Plays every conformance case on every host.

mod common;

use std::io::Write as _;

use common::hosts;
use jackstaff_testbed::conformance::{load_all, play};
use jackstaff_testbed::deploy::Host;

/// Past the test runner, which hides what a test that passes prints.
fn say(text: &str) {
    // Nobody can be told that it failed.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

fn play_on(host: Host) {
    if !hosts::ready(host) {
        return;
    }
    let cases = load_all().unwrap();
    let mut failures = Vec::new();
    let mut played = 0;
    for case in &cases {
        match play(case, host) {
            Ok(None) => continue,
            Ok(Some(differences)) if differences.is_empty() => {}
            Ok(Some(differences)) => {
                failures.push(format!("{}: {}\n  {}", case.name, case.about, differences.join("\n  ")))
            }
            Err(error) => failures.push(format!("{}: {}\n  {error:#}", case.name, case.about)),
        }
        played += 1;
    }
    assert!(
        failures.is_empty(),
        "{} of {played} cases failed on {}:\n{}",
        failures.len(),
        host.name(),
        failures.join("\n")
    );
    let left_out = cases.iter().filter(|case| case.not_played_on(host).is_some()).count();
    assert_eq!(played + left_out, cases.len(), "{}: each case is played or has a reason", host.name());
    say(&format!("\n*** {}: {played} of {} cases played, {left_out} cannot be ***\n", host.name(), cases.len()));
}

#[test]
fn native() {
    play_on(Host::Native);
}

#[test]
fn filter() {
    play_on(Host::Filter);
}

#[test]
fn spin() {
    play_on(Host::Spin);
}

#[test]
fn fastly() {
    play_on(Host::Fastly);
}

#[test]
fn envoy() {
    play_on(Host::Envoy);
}

/// Which host plays which case, where it is not all of them, and why the others do not. Those for what a filter alone does are counted.
#[test]
fn what_is_not_played_is_said() {
    let cases = load_all().unwrap();
    let names = Host::ALL.map(|host| format!("{:<8}", host.name())).concat();
    let mut table =
        format!("\n*** CASES THAT A HOST CANNOT PLAY (testbed/cases/not-played.json) ***\n    {:<32}{names}\n", "");
    let (mut reasons, mut everywhere, mut filter_only) = (String::new(), 0, 0);
    for case in &cases {
        let marks = Host::ALL.map(|host| if case.not_played_on(host).is_none() { "plays   " } else { "-       " });
        if !case.has_api() {
            filter_only += 1;
        } else if !marks.contains(&"-       ") {
            everywhere += 1;
        } else {
            table.push_str(&format!("    {:<32}{}\n", case.name, marks.concat()));
            for host in Host::ALL {
                let Some(reason) = case.not_played_on(host) else { continue };
                reasons.push_str(&format!("    {} on {}: {reason}\n", case.name, host.name()));
            }
        }
    }
    say(&format!(
        "{table}    {everywhere} more are played by all; {filter_only} are on what the filter alone does\n{reasons}"
    ));
    for host in Host::ALL {
        let played = cases.iter().filter(|case| case.not_played_on(host).is_none()).count();
        assert!(played * 2 > cases.len(), "{} plays only {played} of {} cases", host.name(), cases.len());
    }
}
