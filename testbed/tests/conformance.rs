//! Plays every conformance case on every host.

mod common;

use common::hosts;
use jackstaff_testbed::conformance::{load_all, play};
use jackstaff_testbed::deploy::Host;

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
    assert!(played >= 8, "only {played} cases were played on {}", host.name());
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
