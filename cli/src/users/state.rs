//! How far an import came, in a file beside its input.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

/// How far an import came.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Where to.
    pub host: String,
    /// All lines up to this one are done.
    pub line: u64,
    /// The SHA-256 of the bytes of these lines: another file must not be gone on with.
    pub sha256: String,
}

/// Where the state of an import of `input` lies.
pub fn path(input: &Path) -> PathBuf {
    let mut name = input.as_os_str().to_owned();
    name.push(".jackstaff-import");
    PathBuf::from(name)
}

/// The state in `path`; `None` where there is none.
pub fn load(path: &Path) -> Result<Option<State>> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    match serde_json::from_slice(&text) {
        Ok(state) => Ok(Some(state)),
        Err(error) => {
            bail!("{} does not say how far an import came ({error}): remove it to begin anew", path.display())
        }
    }
}

impl State {
    /// Writes the state, as a whole or not at all.
    pub fn save(&self, path: &Path) -> Result<()> {
        let save = || -> Result<()> {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(&serde_json::to_vec(self)?)?;
            file.persist(path)?;
            Ok(())
        };
        save().with_context(|| format!("cannot write {}, without which the import cannot be resumed", path.display()))
    }
}
