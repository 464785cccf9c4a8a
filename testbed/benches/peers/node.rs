//! DevCycle's own libraries in Node: AssemblyScript (a WebAssembly module) and TypeScript.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

/// Median nanoseconds.
#[derive(Deserialize)]
pub struct Figures {
    pub as_one_flag_ns: f64,
    pub as_all_ns: f64,
    pub ts_all_ns: f64,
    pub node: String,
}

/// Times the libraries. They check each other's answers for the flag.
pub fn measure(config: &Path, user: &Path, flag: &str, seconds: f64) -> Result<Figures> {
    let directory = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/node"));
    if !directory.join("node_modules").is_dir() {
        eprintln!("peers: npm ci in {} …", directory.display());
        let npm = Command::new("npm").arg("ci").current_dir(&directory).output();
        let npm = npm.context("there is no `npm` on PATH: install Node 20 or later")?;
        if !npm.status.success() {
            bail!("npm ci failed in {}:\n{}", directory.display(), String::from_utf8_lossy(&npm.stderr));
        }
    }
    let mut node = Command::new("node");
    node.arg("peers.mjs").current_dir(&directory);
    node.arg("--config").arg(config).arg("--user").arg(user).args(["--flag", flag, "--seconds", &seconds.to_string()]);
    let output = node.output().context("there is no `node` on PATH: install Node 20 or later")?;
    if !output.status.success() {
        bail!("node peers.mjs failed:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    serde_json::from_slice(&output.stdout).context("node peers.mjs prints no figures")
}
