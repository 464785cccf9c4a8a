//! A real Envoy, running the filter as its users do.

mod bootstrap;
mod install;
mod process;

use std::{
    collections::HashMap,
    fs,
    net::SocketAddr,
    path::Path,
    process::{Command, ExitStatus, Stdio},
};

use anyhow::{Context, Result, bail, ensure};

use self::process::Process;
pub use self::{
    bootstrap::{EnvoyOptions, FailurePolicy, PluginConfig, UPSTREAM_CLUSTER},
    install::{OVERRIDE, VERSION, is_installed, program},
};
use crate::http_client::{self, Request, Response};

/// A running Envoy. It is killed and its files are removed when this is dropped.
pub struct Envoy {
    process: Process,
    listeners: HashMap<String, SocketAddr>,
}

impl Envoy {
    /// Starts Envoy with a listener for each plugin configuration, and waits until it serves.
    ///
    /// # Errors
    /// When Envoy cannot be found or installed, or does not start, as with a configuration that the filter rejects; the end of its log is in
    /// the error.
    pub fn start(options: &EnvoyOptions) -> Result<Self> {
        ensure!(options.wasm.is_file(), "there is no filter module at {}", options.wasm.display());
        Self::start_bootstrap(&options.bootstrap(), options.concurrency, &[])
    }

    /// Starts Envoy with a bootstrap of one's own, such as one whose listeners come from elsewhere, and further command line arguments.
    ///
    /// # Errors
    /// As for [`Envoy::start`].
    pub fn start_bootstrap(bootstrap: &serde_json::Value, concurrency: u32, arguments: &[&str]) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("bootstrap.json");
        fs::write(&path, bootstrap.to_string())?;
        Self::of(Process::start(dir, &path, concurrency, Path::new("."), arguments)?)
    }

    /// Starts Envoy with a bootstrap file of any kind, in the directory `current` that relative paths in it start from. Each of the
    /// `replacements` is put in the place of a text in the file: ports, addresses, paths of modules.
    ///
    /// # Errors
    /// When a text to be replaced is not in the file, and as for [`Envoy::start`].
    pub fn start_file(
        bootstrap: &Path,
        current: &Path,
        concurrency: u32,
        replacements: &[(&str, &str)],
    ) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let name = bootstrap.file_name().with_context(|| format!("{} is no file", bootstrap.display()))?;
        let path = dir.path().join(name);
        fs::write(&path, replaced(bootstrap, replacements)?)?;
        let process = Process::start(dir, &path, concurrency, current, &[])?;
        Self::of(process)
    }

    fn of(process: Process) -> Result<Self> {
        let listeners = process.listeners()?.into_iter().collect();
        Ok(Self { process, listeners })
    }

    /// The address of a listener; [`Envoy::start`] names each after its plugin.
    ///
    /// # Errors
    /// When there is no listener of that name.
    pub fn addr(&self, listener: &str) -> Result<SocketAddr> {
        self.listeners.get(listener).copied().with_context(|| format!("Envoy has no listener named {listener}"))
    }

    /// The address of the admin interface.
    pub fn admin(&self) -> SocketAddr {
        self.process.admin()
    }

    /// Asks the admin interface, as for `/stats/prometheus`.
    ///
    /// # Errors
    /// When Envoy does not answer.
    pub fn admin_get(&self, target: &str) -> Result<Response> {
        http_client::send(self.admin(), &Request::get(target))
    }

    /// What Envoy has logged so far, the filter's lines among it.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// The directory of this process's files: bootstrap, log.
    pub fn dir(&self) -> &Path {
        self.process.dir()
    }

    /// The process id.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Waits until Envoy ends by itself.
    ///
    /// # Errors
    /// When the system cannot wait for it.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        self.process.wait()
    }
}

/// Checks a bootstrap file as `envoy --mode validate` does, running the filter's start and configuration, with texts in it replaced
/// as by [`Envoy::start_file`].
///
/// # Errors
/// When Envoy rejects it, with Envoy's log, or cannot be found or installed.
pub fn validate(bootstrap: &Path, current: &Path, replacements: &[(&str, &str)]) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join(bootstrap.file_name().with_context(|| format!("{} is no file", bootstrap.display()))?);
    fs::write(&path, replaced(bootstrap, replacements)?)?;
    let mut command = Command::new(program()?);
    command
        .current_dir(current)
        .args(["--mode", "validate", "--log-level", "warning", "--component-log-level", "wasm:info", "--config-path"])
        .arg(&path);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot run {command:?}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("Envoy rejects {} ({}):\n{}", bootstrap.display(), output.status, process::tail(&said));
    }
    Ok(())
}

fn replaced(file: &Path, replacements: &[(&str, &str)]) -> Result<String> {
    let mut text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    for (from, to) in replacements {
        ensure!(text.contains(from), "{} does not hold {from:?}, which is to be replaced", file.display());
        text = text.replace(from, to);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_to_replace_must_be_there() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "port: 10000").unwrap();
        assert_eq!(replaced(file.path(), &[("10000", "0")]).unwrap(), "port: 0");
        let error = replaced(file.path(), &[("9901", "0")]).unwrap_err();
        assert!(error.to_string().contains("9901"), "{error}");
    }
}
