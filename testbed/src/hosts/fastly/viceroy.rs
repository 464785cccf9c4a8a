//! Finding Viceroy, or installing it once into the cache directory.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{cache, lock::FileLock};

/// The first version with every hostcall that crate fastly 0.13.2 imports (0.20.1 lacks some, even for an empty service).
pub const VERSION: &str = "0.22.0";

/// Names a Viceroy to use instead of the installed one.
pub const OVERRIDE: &str = "JACKSTAFF_VICEROY";

/// The program to run: the one that `JACKSTAFF_VICEROY` names, else version [`VERSION`] from the cache directory, where it is built when it is not
/// there. That takes about 16 minutes of CPU, once; programs that need it at the same time wait for the first.
///
/// # Errors
/// When the named program does not exist, or `cargo install` fails.
pub fn program() -> Result<PathBuf> {
    if let Some(named) = env::var_os(OVERRIDE) {
        let named = PathBuf::from(named);
        if !named.is_file() {
            bail!("{OVERRIDE} names {}, which is no file", named.display());
        }
        return Ok(named);
    }
    let root = cache::dir(&format!("viceroy-{VERSION}"))?;
    let program = program_in(&root);
    if program.is_file() {
        return Ok(program);
    }
    let _lock = FileLock::acquire(&root.with_extension("lock"), "the installation of Viceroy")?;
    if !program.is_file() {
        install(&root)?;
    }
    Ok(program)
}

fn program_in(root: &Path) -> PathBuf {
    root.join("bin").join(format!("viceroy{}", env::consts::EXE_SUFFIX))
}

/// Whether [`program`] has nothing to install.
#[must_use]
pub fn is_installed() -> bool {
    env::var_os(OVERRIDE).is_some()
        || cache::dir(&format!("viceroy-{VERSION}")).is_ok_and(|root| program_in(&root).is_file())
}

fn install(root: &Path) -> Result<()> {
    eprintln!("testbed: building Viceroy {VERSION} into {} (once; about 16 minutes of CPU) …", root.display());
    let build = root.join("build");
    let status = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["install", "viceroy", "--version", VERSION, "--locked", "--ignore-rust-version", "--root"])
        .arg(root)
        .arg("--target-dir")
        .arg(&build)
        .status()
        .context("cannot run cargo")?;
    if !status.success() {
        bail!(
            "cargo install viceroy failed ({status}); its messages are above. Install version {VERSION} yourself and name it in {OVERRIDE}"
        );
    }
    fs::remove_dir_all(&build).with_context(|| format!("cannot remove {}", build.display()))
}
