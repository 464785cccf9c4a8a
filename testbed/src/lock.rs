//! A lock between processes, so that test binaries running side by side build or install a thing once.

use std::{
    fs::{self, File, TryLockError},
    path::Path,
};

use anyhow::{Context, Result};

/// An exclusive lock on a file, held until dropped. The system frees it when the process dies.
pub struct FileLock(#[expect(dead_code, reason = "held for its lock")] File);

impl FileLock {
    /// Takes the lock, waiting for whoever holds it and saying so; `what` names what the lock protects.
    ///
    /// # Errors
    /// When the file cannot be created or locked.
    pub fn acquire(path: &Path, what: &str) -> Result<Self> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
        }
        let file = File::options()
            .create(true)
            .append(true)
            .open(path)
            .with_context(|| format!("cannot open the lock file {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                eprintln!("testbed: waiting for another process with {what} …");
                file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", path.display()));
            }
        }
        Ok(Self(file))
    }
}
