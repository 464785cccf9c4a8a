//! A filter module, compiled once for all runs.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    sync::OnceLock,
};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use wasmtime::{Config, Engine};

use crate::cache;

/// A filter module ready to be started.
#[derive(Clone)]
pub struct Module(pub(super) wasmtime::Module);

impl Module {
    /// Reads and compiles a module. The compiled form is kept in the cache directory, so that a second load takes milliseconds.
    ///
    /// # Errors
    /// When the file cannot be read or is no module that wasmtime accepts.
    pub fn load(path: &Path) -> Result<Self> {
        let wasm = fs::read(path).with_context(|| format!("cannot read the filter {}", path.display()))?;
        Self::from_bytes(&wasm).with_context(|| format!("cannot compile the filter {}", path.display()))
    }

    /// The same for bytes in memory.
    ///
    /// # Errors
    /// When they are no module that wasmtime accepts.
    pub fn from_bytes(wasm: &[u8]) -> Result<Self> {
        let engine = engine()?;
        let cached = cache_path(engine, wasm)?;
        if cached.is_file() {
            // SAFETY: the file was written below by this program, by `serialize` and under a name only it uses, in the user's own cache
            // directory; wasmtime itself refuses one of another version or configuration.
            if let Ok(module) = unsafe { wasmtime::Module::deserialize_file(engine, &cached) } {
                return Ok(Self(module));
            }
        }
        let module = wasmtime::Module::new(engine, wasm)?;
        write_whole(&cached, &module.serialize()?)?;
        Ok(Self(module))
    }
}

/// The one engine of the process. Fuel rather than a deadline ends an endless loop: it counts the same on a busy machine.
fn engine() -> Result<&'static Engine> {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    if let Some(engine) = ENGINE.get() {
        return Ok(engine);
    }
    let engine = Engine::new(Config::new().consume_fuel(true))?;
    Ok(ENGINE.get_or_init(|| engine))
}

/// The name is a digest of the module and of the engine's version and settings.
fn cache_path(engine: &Engine, wasm: &[u8]) -> Result<PathBuf> {
    let mut compatibility = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut compatibility);
    let digest: String = Sha256::digest(wasm).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(cache::dir("filters")?.join(format!("{digest}-{:016x}.cwasm", compatibility.finish())))
}

/// Writes beside and renames, so that a process that reads meanwhile sees the whole file or none.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let dir = path.parent().context("a file in no directory")?;
    let file = tempfile::NamedTempFile::new_in(dir)?;
    fs::write(file.path(), bytes)?;
    file.persist(path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}
