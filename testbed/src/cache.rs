//! Where the testbed keeps what takes long to make: compiled components, installed programs.

use std::{env, fs, path::PathBuf};

use anyhow::{Context, Result};

/// Names another directory for the cache.
pub const OVERRIDE: &str = "JACKSTAFF_CACHE";

/// The directory `name` in the testbed's cache, created when missing: below `$JACKSTAFF_CACHE`, else `$XDG_CACHE_HOME/jackstaff`, else `~/.cache/jackstaff`.
///
/// # Errors
/// When there is no home directory, or the directory cannot be created.
pub fn dir(name: &str) -> Result<PathBuf> {
    let root = env::var_os(OVERRIDE)
        .map(PathBuf::from)
        .or_else(|| env::var_os("XDG_CACHE_HOME").map(|cache| PathBuf::from(cache).join("jackstaff")))
        .or_else(|| env::home_dir().map(|home| home.join(".cache").join("jackstaff")))
        .with_context(|| format!("no home directory to keep a cache in; name a directory in {OVERRIDE}"))?;
    let dir = root.join(name);
    fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    Ok(dir)
}
