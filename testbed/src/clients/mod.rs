//! Unmodified client libraries, pointed at every host.
//!
//! `testbed/clients` has a program for each of them. A program drives: it asks for a deployment, evaluates, and tells what held (`talk.rs` is
//! this side of that). Versions are those of the lock files beside the programs.

mod install;
mod lab;
mod talk;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use tempfile::TempDir;

pub use install::Language;
pub use talk::{Score, play};

/// A program in `testbed/clients`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// OpenFeature's OFREP provider for servers in Node.
    Server,
    /// OpenFeature's OFREP provider for the web, in Node.
    Web,
    /// OpenFeature's OFREP provider in Python.
    Python,
    /// DevCycle's SDK for Node, asking its Bucketing API.
    DevCycle,
}

impl Program {
    /// All programs.
    pub const ALL: [Self; 4] = [Self::Server, Self::Web, Self::Python, Self::DevCycle];

    /// What it is written in.
    #[must_use]
    pub const fn language(self) -> Language {
        match self {
            Self::Server | Self::Web | Self::DevCycle => Language::Node,
            Self::Python => Language::Python,
        }
    }

    /// Its file, in the language's folder.
    #[must_use]
    pub const fn file(self) -> &'static str {
        match self {
            Self::Server => "server.mjs",
            Self::Web => "web.mjs",
            Self::Python => "client.py",
            Self::DevCycle => "devcycle.mjs",
        }
    }

    /// The command that runs it, and the directory that it runs in: a copy, so that libraries are found beside it and not in the checkout.
    fn command(self) -> Result<(Command, TempDir)> {
        let language = self.language();
        let libraries = language.libraries()?;
        let dir = tempfile::Builder::new().prefix("jackstaff-client-").tempdir()?;
        copy_files(&folder(language), dir.path())?;
        let evaluations = "evaluations.json";
        std::fs::copy(root().join(evaluations), dir.path().join(evaluations)).context(evaluations)?;
        let mut command = match language {
            Language::Node => {
                std::os::unix::fs::symlink(libraries.join("node_modules"), dir.path().join("node_modules"))?;
                Command::new("node")
            }
            Language::Python => Command::new(libraries.join("bin").join("python3")),
        };
        command.arg(self.file()).current_dir(dir.path());
        Ok((command, dir))
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients")
}

/// Where the programs in a language are.
fn folder(language: Language) -> PathBuf {
    root().join(language.name())
}

fn copy_files(from: &Path, to: &Path) -> Result<()> {
    for entry in std::fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name()))
                .with_context(|| format!("cannot copy {}", entry.path().display()))?;
        }
    }
    Ok(())
}
