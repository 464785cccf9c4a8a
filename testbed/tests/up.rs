//! `cargo up` starts everything, the commands that it prints work, and a signal stops it.

mod common;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use common::hosts;
use jackstaff_testbed::deploy::Host;

/// Ends with the test, whatever happens.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The printed text up to its last line.
fn printed(child: &mut Child) -> String {
    let mut text = String::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        text.push_str(&line);
        text.push('\n');
        if line.starts_with("Ctrl-C") {
            return text;
        }
    }
    panic!("it ended early:\n{text}");
}

/// The commands among the text, as a shell takes them: lines that end in a backslash go on.
fn commands(text: &str) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    let mut goes_on = false;
    for line in text.lines() {
        if goes_on {
            commands.last_mut().unwrap().push_str(&format!("\n{line}"));
        } else if line.trim_start().starts_with("curl") {
            commands.push(line.to_owned());
        } else {
            continue;
        }
        goes_on = line.ends_with('\\');
    }
    commands
}

fn shell(command: &str) -> String {
    let output = Command::new("sh").args(["-c", command]).output().unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_printed_commands_work_and_a_signal_stops_everything() {
    if !(hosts::ready(Host::Envoy) && hosts::ready(Host::Fastly)) {
        return;
    }
    let child = Command::new(env!("CARGO_BIN_EXE_jackstaff-testbed"))
        .args(["up", "--envoy-port", "0", "--spin-port", "0", "--fastly-port", "0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut running = Running(child);
    let text = printed(&mut running.0);
    let commands = commands(&text);
    assert_eq!(commands.len(), 5, "{text}");
    let seen = shell(&commands[0]);
    assert!(seen.contains("x-flags-status") && seen.contains("platinum"), "{seen}");
    for [tell, ask] in commands[1..].as_chunks().0 {
        let platinum = |value| {
            let answer = shell(ask);
            let expected = format!(r#""value":{value}"#);
            assert!(answer.contains(r#""key":"platinum""#) && answer.contains(&expected), "{ask}: {answer}");
        };
        platinum(false);
        assert!(shell(tell).contains("Successfully stored"), "{tell}");
        platinum(true);
    }
    let id = running.0.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    assert!(running.0.wait().unwrap().success());
}
