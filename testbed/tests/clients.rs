//! Unmodified client libraries do on every host what `testbed/clients` says of them.

mod common;

use std::path::Path;

use common::hosts;
use jackstaff_testbed::clients::{Program, play};
use jackstaff_testbed::deploy::Host;

/// The fewest checks of a program: fewer, and it has ended early.
const FEWEST: usize = 5;

fn play_on(host: Host) {
    if !hosts::ready(host) {
        return;
    }
    for program in Program::ALL {
        if !hosts::libraries_ready(program.language()) {
            continue;
        }
        let score = play(program, host).unwrap_or_else(|error| panic!("{error:#}"));
        let (file, name) = (program.file(), host.name());
        assert!(
            score.failures.is_empty(),
            "{} of {} checks of {file} failed on {name}:\n{}",
            score.failures.len(),
            score.failures.len() + score.passed,
            score.failures.join("\n")
        );
        assert!(score.passed >= FEWEST, "{file} on {name}: {score:?}");
        eprintln!("{file} on {name}: {} checks passed", score.passed);
    }
}

#[test]
fn programs_do_what_the_readme_says() {
    let read = |path: &str| std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let programs =
        ["node/server.mjs", "node/web.mjs", "python/client.py"].map(|file| read(&format!("clients/{file}"))).concat();
    let readme = read("../README.md");
    let lines: Vec<&str> = readme.lines().filter(|line| line.contains("Provider(")).collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    for line in lines {
        assert!(programs.contains(line), "no program has this line of README.md: {line}");
    }
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
