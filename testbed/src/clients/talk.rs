//! Listening to a program: lines of JSON from its standard output, answers into its standard input.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use super::Program;
use super::lab::{Lab, Wanted};
use crate::deploy::Host;

/// Longer than a program waits for anything, and than a host takes to start.
const SILENCE_LIMIT: Duration = Duration::from_secs(60);

/// What a program says.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Deploy {
        deploy: Wanted,
    },
    Down {
        #[expect(dead_code, reason = "tells it apart")]
        down: bool,
    },
    Passed {
        #[expect(dead_code, reason = "tells it apart")]
        passed: String,
    },
    Failed {
        failed: String,
        why: String,
    },
}

/// How a program's checks went.
#[derive(Debug)]
pub struct Score {
    /// How many held.
    pub passed: usize,
    /// Those that did not, and why.
    pub failures: Vec<String>,
}

/// Ends with the program's run, whatever happens.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only when it has ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a program against a host.
///
/// # Errors
/// When its libraries cannot be installed, the host cannot be started, or the program ends in another way than by telling its checks; with
/// what it printed to its standard error.
pub fn play(program: Program, host: Host) -> Result<Score> {
    let (mut command, _dir) = program.command()?;
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut running = Running(child.with_context(|| format!("cannot run {command:?}"))?);
    let mut stderr = running.0.stderr.take().context("no standard error")?;
    let errors = thread::spawn(move || {
        let mut text = Vec::new();
        // What came before a failure to read is still worth showing.
        let _ = stderr.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    });
    let heard = converse(&mut running.0, host);
    if heard.is_err() {
        // It may be waiting for an answer.
        let _ = running.0.kill();
    }
    let status = running.0.wait()?;
    let printed = errors.join().unwrap_or_default();
    let score = heard.with_context(|| format!("{} on {} printed:\n{printed}", program.file(), host.name()))?;
    if !status.success() && score.failures.is_empty() {
        bail!("{} on {} ended with {status}:\n{printed}", program.file(), host.name());
    }
    Ok(score)
}

fn converse(child: &mut Child, host: Host) -> Result<Score> {
    let mut stdin = child.stdin.take().context("no standard input")?;
    let stdout = child.stdout.take().context("no standard output")?;
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines() {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    let mut lab = Lab::new(host)?;
    let mut score = Score { passed: 0, failures: Vec::new() };
    loop {
        let line = match lines.recv_timeout(SILENCE_LIMIT) {
            Ok(line) => line?,
            Err(RecvTimeoutError::Disconnected) => return Ok(score),
            Err(RecvTimeoutError::Timeout) => bail!("it said nothing for {SILENCE_LIMIT:?}"),
        };
        let line: Line = serde_json::from_str(&line).with_context(|| format!("it said {line:?}"))?;
        let answer = match line {
            Line::Deploy { deploy } => serde_json::to_string(&lab.deploy(deploy)?)?,
            Line::Down { .. } => {
                lab.take_down();
                "{}".to_owned()
            }
            Line::Passed { .. } => {
                score.passed += 1;
                continue;
            }
            Line::Failed { failed, why } => {
                score.failures.push(format!("{failed}: {why}"));
                continue;
            }
        };
        writeln!(stdin, "{answer}").context("it does not listen")?;
    }
}
