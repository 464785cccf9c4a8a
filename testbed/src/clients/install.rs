//! The libraries, installed once for each state of the lock files, outside of the checkout.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use super::{copy_files, folder};
use crate::{cache, lock::FileLock, program::run};

/// Written when an installation is complete.
const DONE: &str = "installed";

/// What programs are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Node 20 or later, with npm.
    Node,
    /// Python 3.10 or later, with venv.
    Python,
}

impl Language {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Node, Self::Python];

    /// The name of its folder, by which the command line calls it too.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Python => "python",
        }
    }

    const fn lock_file(self) -> &'static str {
        match self {
            Self::Node => "package-lock.json",
            Self::Python => "requirements.txt",
        }
    }

    /// Whether [`Language::libraries`] has nothing to install.
    #[must_use]
    pub fn is_installed(self) -> bool {
        self.directory().is_ok_and(|dir| dir.join(DONE).is_file())
    }

    /// Where the libraries are; installs them when they are not there. Processes that ask at the same time wait for each other.
    ///
    /// # Errors
    /// When npm, or Python with venv, is missing or cannot install what the lock file names.
    pub fn libraries(self) -> Result<PathBuf> {
        let dir = self.directory()?;
        if self.is_installed() {
            return Ok(dir);
        }
        let _lock = FileLock::acquire(&dir.with_extension("lock"), "the installation of client libraries")?;
        if !self.is_installed() {
            eprintln!("testbed: installing the client libraries for {} into {} …", self.name(), dir.display());
            match self {
                Self::Node => npm(&dir).context("cannot install the libraries: Node 20 or later and npm are needed")?,
                Self::Python => pip(&dir)
                    .context("cannot install the libraries: Python 3.10 or later is needed, with its venv module")?,
            }
            fs::write(dir.join(DONE), "")?;
        }
        Ok(dir)
    }

    /// Another for each content of the lock file.
    fn directory(self) -> Result<PathBuf> {
        let path = folder(self).join(self.lock_file());
        let lock = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let digest: String = Sha256::digest(lock).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        cache::dir(&format!("clients-{}-{digest}", self.name()))
    }
}

fn npm(dir: &Path) -> Result<()> {
    copy_files(&folder(Language::Node), dir)?;
    // None of the libraries needs its install scripts.
    run(Command::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(dir))
}

fn pip(dir: &Path) -> Result<()> {
    run(Command::new("python3").args(["-m", "venv"]).arg(dir))?;
    let requirements = folder(Language::Python).join(Language::Python.lock_file());
    run(Command::new(dir.join("bin").join("python3"))
        .args(["-m", "pip", "install", "--quiet", "--require-hashes", "--requirement"])
        .arg(requirements))
}
