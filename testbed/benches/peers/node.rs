//! Peers in Node: DevCycle's own libraries (AssemblyScript, which is a WebAssembly module, and TypeScript), and flagd's evaluator.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Median nanoseconds of DevCycle's libraries.
#[derive(Deserialize)]
pub struct Figures {
    pub as_one_flag_ns: f64,
    pub as_all_ns: f64,
    pub ts_all_ns: f64,
    pub node: String,
}

/// Median nanoseconds of flagd's evaluator, and the variant that it gives of each flag.
#[derive(Deserialize)]
pub struct FlagdFigures {
    pub one_ns: f64,
    pub all_ns: f64,
    pub variants: BTreeMap<String, String>,
    pub node: String,
    pub version: String,
}

/// Times DevCycle's libraries. They check each other's answers for the flag.
pub fn measure(config: &Path, user: &Path, flag: &str, seconds: f64) -> Result<Figures> {
    run("peers.mjs", &[("--config", config), ("--user", user)], flag, seconds)
}

/// Times flagd's evaluator.
pub fn measure_flagd(flags: &Path, context: &Path, flag: &str, seconds: f64) -> Result<FlagdFigures> {
    run("flagd.mjs", &[("--flags", flags), ("--context", context)], flag, seconds)
}

fn run<T: DeserializeOwned>(script: &str, files: &[(&str, &Path)], flag: &str, seconds: f64) -> Result<T> {
    let directory = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/node"));
    if !is_installed(&directory) {
        eprintln!("peers: npm ci in {} …", directory.display());
        let npm = Command::new("npm").arg("ci").current_dir(&directory).output();
        let npm = npm.context("there is no `npm` on PATH: install Node 20 or later")?;
        if !npm.status.success() {
            bail!("npm ci failed in {}:\n{}", directory.display(), String::from_utf8_lossy(&npm.stderr));
        }
    }
    let mut node = Command::new("node");
    node.arg(script).current_dir(&directory).args(["--flag", flag, "--seconds", &seconds.to_string()]);
    for (option, file) in files {
        node.arg(option).arg(file);
    }
    let output = node.output().context("there is no `node` on PATH: install Node 20 or later")?;
    if !output.status.success() {
        bail!("node {script} failed:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    serde_json::from_slice(&output.stdout).with_context(|| format!("node {script} prints no figures"))
}

/// Whether what the lock file names is there: npm leaves its own copy of the lock file behind when it is done.
fn is_installed(directory: &Path) -> bool {
    let modified = |name: &str| directory.join(name).metadata().and_then(|file| file.modified()).ok();
    matches!((modified("node_modules/.package-lock.json"), modified("package-lock.json")), (Some(done), Some(lock)) if done >= lock)
}
