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
    assert_eq!(commands.len(), 10, "{text}");
    let platinum = |command: &str, value: bool| {
        let answer = shell(command);
        // Of the API, and of the application behind Envoy, where `?0` is false.
        let behind_envoy = !answer.contains(r#""key":"platinum""#);
        assert_eq!(behind_envoy, answer.contains("x-flags-status"), "{command}: {answer}");
        let expected = match (behind_envoy, value) {
            (false, value) => format!(r#""value":{value}"#),
            (true, true) => "platinum,".to_owned(),
            (true, false) => "platinum=?0".to_owned(),
        };
        assert!(answer.contains(&expected), "{command}: {answer}");
    };
    platinum(&commands[0], true);
    platinum(&commands[1], false);
    for (group, value) in commands[2..].chunks(4).zip([true, false]) {
        assert!(shell(&group[0]).contains("Successfully stored"), "{}", group[0]);
        group[1..].iter().for_each(|command| platinum(command, value));
    }
    let id = running.0.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    assert!(running.0.wait().unwrap().success());
}
