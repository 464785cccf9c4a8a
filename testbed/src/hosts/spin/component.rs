//! A Spin component, compiled once for all hosts and all runs.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    sync::OnceLock,
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use wasmtime::{Config, Engine};

use crate::cache;

/// How often a running component gives way, so that a deadline can end one that loops. Far below any deadline, far above the cost of a tick.
const EPOCH_TICK: Duration = Duration::from_millis(10);

/// A Spin component ready to be started.
#[derive(Clone)]
pub struct Component(pub(super) wasmtime::component::Component);

impl Component {
    /// Reads and compiles a component. The compiled form is kept in the cache directory under a key of its bytes and of the engine, so
    /// that a second load takes milliseconds.
    ///
    /// # Errors
    /// When the file cannot be read or is no component that wasmtime accepts.
    pub fn load(path: &Path) -> Result<Self> {
        let wasm = fs::read(path).with_context(|| format!("cannot read the Spin component {}", path.display()))?;
        Self::from_bytes(&wasm).with_context(|| format!("cannot compile the Spin component {}", path.display()))
    }

    /// The same for bytes in memory.
    ///
    /// # Errors
    /// When they are no component that wasmtime accepts.
    pub fn from_bytes(wasm: &[u8]) -> Result<Self> {
        let engine = engine()?;
        let cached = cache_path(engine, wasm)?;
        if cached.is_file() {
            // SAFETY: the file was written below by this program, by `serialize` and under a name only it uses, in the user's own cache directory;
            // wasmtime itself refuses one of another version or configuration.
            if let Ok(component) = unsafe { wasmtime::component::Component::deserialize_file(engine, &cached) } {
                return Ok(Self(component));
            }
        }
        let component = wasmtime::component::Component::new(engine, wasm)?;
        write_whole(&cached, &component.serialize()?)?;
        Ok(Self(component))
    }
}

/// The one engine of the process, with a thread that makes time pass in it.
fn engine() -> Result<&'static Engine> {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    if let Some(engine) = ENGINE.get() {
        return Ok(engine);
    }
    let mut config = Config::new();
    config.wasm_component_model_async(true).epoch_interruption(true);
    let engine = Engine::new(&config)?;
    Ok(ENGINE.get_or_init(|| {
        let ticking = engine.clone();
        thread::spawn(move || {
            loop {
                thread::sleep(EPOCH_TICK);
                ticking.increment_epoch();
            }
        });
        engine
    }))
}

fn cache_path(engine: &Engine, wasm: &[u8]) -> Result<PathBuf> {
    let mut compatibility = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut compatibility);
    let content: String = Sha256::digest(wasm).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(cache::dir("components")?.join(format!("{content}-{:016x}.cwasm", compatibility.finish())))
}

/// Writes beside the target and renames, so that another process never reads half a file.
fn write_whole(target: &Path, bytes: &[u8]) -> Result<()> {
    let partial = target.with_extension(format!("{}.{:?}.partial", std::process::id(), thread::current().id()));
    fs::write(&partial, bytes)
        .and_then(|()| fs::rename(&partial, target))
        .with_context(|| format!("cannot write the compiled component to {}", target.display()))
}
