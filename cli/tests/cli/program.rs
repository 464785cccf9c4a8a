//! Running the built program.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a run of `jackstaff` left behind.
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Runs `jackstaff` with `args`, feeding it `stdin`.
pub fn jackstaff_with(args: &[&str], stdin: &[u8]) -> Run {
    jackstaff_in(args, stdin, &[])
}

/// Runs `jackstaff` with `args` and these variables, feeding it `stdin`. No proxy stands between it and a server of the test.
pub fn jackstaff_in(args: &[&str], stdin: &[u8], variables: &[(&str, &str)]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jackstaff"));
    for name in ["JACKSTAFF_KEY", "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        command.env_remove(name);
    }
    let mut child = command
        .args(args)
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that does not read its input closes the pipe: that is its business.
    let _ = child.stdin.take().unwrap().write_all(stdin);
    let output = child.wait_with_output().unwrap();
    Run {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Runs `jackstaff` with `args` and no input.
pub fn jackstaff(args: &[&str]) -> Run {
    jackstaff_with(args, b"")
}

/// The demo ruleset.
pub fn coffee_shop() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/flags/coffee-shop.json")
}

/// A path as an argument.
pub fn arg(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The demo ruleset with one feature's distribution short of 1: `checkout` has an error, all else works.
pub fn damaged_coffee_shop() -> String {
    let sound = std::fs::read_to_string(coffee_shop()).unwrap();
    let damaged = sound.replacen("\"percentage\": 0.5", "\"percentage\": 0.25", 1);
    assert_ne!(sound, damaged, "the demo ruleset has no half share any more");
    damaged
}
