//! The README shows what the commands print.

use std::fs;
use std::path::Path;
use std::process::Command;

/// The commands in the README that need nothing but the checkout, each with what it prints there.
fn shown(readme: &str) -> Vec<(String, String)> {
    let mut shown: Vec<(String, String)> = Vec::new();
    let mut within = false;
    for line in readme.lines() {
        let Some(line) = line.strip_prefix("    ").or(line.is_empty().then_some("")) else {
            within = false;
            continue;
        };
        if let Some(command) = line.strip_prefix("$ ") {
            within = ["check", "eval", "compile"].iter().any(|name| command.starts_with(&format!("jackstaff {name} ")));
            if within {
                shown.push((command.to_owned(), String::new()));
            }
        } else if within && let Some((_, output)) = shown.last_mut() {
            output.push_str(line);
            output.push('\n');
        }
    }
    shown
}

#[test]
fn the_readme_shows_what_is_printed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
    let directory = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(root.join("configs"), directory.path().join("configs")).unwrap();
    let commands = shown(&fs::read_to_string(root.join("README.md")).unwrap());
    assert_eq!(commands.len(), 4, "{commands:?}");
    for (command, expected) in commands {
        let program = Path::new(env!("CARGO_BIN_EXE_jackstaff")).parent().unwrap();
        let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
        let mut shell = Command::new("sh");
        let output =
            shell.args(["-c", &format!("{command} 2>&1")]).current_dir(directory.path()).env("PATH", path).output();
        let printed = String::from_utf8(output.unwrap().stdout).unwrap();
        assert_eq!(printed.trim_end(), expected.trim_end(), "{command}");
    }
}
