//! A host for the Fastly module: Viceroy, Fastly's own local server, as a subprocess.
//!
//! A module built with the Fastly crate has 157 imports of Fastly's own, so no general host can run it. What Viceroy does otherwise than
//! production: writes are lost when it stops, comparing generations is not atomic, and it enforces hardly any limit.

mod manifest;
mod output;
mod viceroy;

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};
use tempfile::TempDir;

pub use viceroy::{
    OVERRIDE as VICEROY_VARIABLE, VERSION as VICEROY_VERSION, is_installed as viceroy_is_installed,
    program as viceroy_program,
};

use output::Output;

/// How long Viceroy may take to compile a module and listen: under a second on an idle machine.
const START_LIMIT: Duration = Duration::from_secs(60);

/// How often to look whether a starting Viceroy has ended instead.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Lines of output shown in an error.
const SHOWN_LINES: usize = 40;

/// The line that Viceroy logs when it accepts requests, before its address.
const LISTENING: &str = "Listening on http://";

/// Of Viceroy's own log: warnings, and the line above. It would otherwise log five lines for each request.
const LOG_FILTER: &str = "warn,viceroy_lib::service=info";

/// How a Fastly service is configured.
#[derive(Clone, Debug)]
pub struct FastlyOptions {
    /// The module.
    pub wasm: PathBuf,
    /// Key-value stores by name, with what they contain at the start. Viceroy reads them once.
    pub kv_stores: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
    /// Secret stores by name.
    pub secrets: BTreeMap<String, BTreeMap<String, String>>,
    /// Config stores by name.
    pub config_stores: BTreeMap<String, BTreeMap<String, String>>,
    /// Backends by name, with their addresses: `http://127.0.0.1:8080/`.
    pub backends: BTreeMap<String, String>,
    /// Where to listen; a free port of 127.0.0.1 when `None`.
    pub listen: Option<SocketAddr>,
}

impl FastlyOptions {
    /// A service without any store or backend.
    pub fn new(wasm: impl Into<PathBuf>) -> Self {
        Self {
            wasm: wasm.into(),
            kv_stores: BTreeMap::new(),
            secrets: BTreeMap::new(),
            config_stores: BTreeMap::new(),
            backends: BTreeMap::new(),
            listen: None,
        }
    }
}

/// A running Fastly service. Dropping it stops it.
pub struct FastlyHost {
    address: SocketAddr,
    child: Child,
    output: Output,
    _files: TempDir,
}

impl FastlyHost {
    /// Starts Viceroy, installing it first when need be, and waits until it accepts requests.
    ///
    /// # Errors
    /// When Viceroy cannot be had or does not start: with what it printed.
    pub fn start(options: FastlyOptions) -> Result<Self> {
        let program = viceroy_program()?;
        if !options.wasm.is_file() {
            bail!("no Fastly module at {}", options.wasm.display());
        }
        let files = tempfile::Builder::new().prefix("jackstaff-fastly-").tempdir()?;
        manifest::write(files.path(), &options)?;
        let wanted = options.listen.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let mut child = Command::new(&program)
            .arg("serve")
            .arg("--addr")
            .arg(wanted.to_string())
            .arg("--config")
            .arg(files.path().join("fastly.toml"))
            .arg(std::path::absolute(&options.wasm)?)
            .current_dir(files.path())
            .env("RUST_LOG", LOG_FILTER)
            .env("NO_COLOR", "1")
            // It appends its own stack to the body of a 500 otherwise.
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {}", program.display()))?;
        let output = Output::default();
        if let Some(stream) = child.stdout.take() {
            output.gather(stream);
        }
        if let Some(stream) = child.stderr.take() {
            output.gather(stream);
        }
        // From here on dropping the host ends the child, whatever happens.
        let mut host = Self { address: wanted, child, output, _files: files };
        host.address = host.wait_until_listening()?;
        Ok(host)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The entries that the service wrote to the log endpoint `name`, oldest first, with newlines as `\n` (Viceroy's doing).
    pub fn endpoint_lines(&self, name: &str) -> Vec<String> {
        let prefix = format!("{name} :: ");
        self.output.lines().iter().filter_map(|line| line.strip_prefix(&prefix)).map(str::to_owned).collect()
    }

    /// Waits until the log endpoint `name` has at least `count` entries and returns them: an entry is printed some time after the response.
    ///
    /// # Errors
    /// When there are fewer at the end of `limit`.
    pub fn wait_for_endpoint_lines(&self, name: &str, count: usize, limit: Duration) -> Result<Vec<String>> {
        let prefix = format!("{name} :: ");
        let enough =
            |lines: &[String]| (lines.iter().filter(|line| line.starts_with(&prefix)).count() >= count).then_some(());
        self.output.wait(Instant::now() + limit, enough).ok_or_else(|| {
            anyhow!("fewer than {count} entries at the log endpoint {name:?} after {limit:?}\n{}", self.last_lines())
        })?;
        Ok(self.endpoint_lines(name))
    }

    /// Waits until a line that Viceroy or the service printed contains `text`: a line is read some time after the response.
    ///
    /// # Errors
    /// When there is none at the end of `limit`.
    pub fn wait_for_line(&self, text: &str, limit: Duration) -> Result<()> {
        let found = |lines: &[String]| lines.iter().any(|line| line.contains(text)).then_some(());
        self.output
            .wait(Instant::now() + limit, found)
            .ok_or_else(|| anyhow!("{text:?} is not in the log after {limit:?}\n{}", self.last_lines()))
    }

    /// What Viceroy and the service printed, newest last.
    pub fn log(&self) -> String {
        self.output.lines().join("\n")
    }

    /// The end of the log, for errors.
    fn last_lines(&self) -> String {
        let lines = self.output.lines();
        lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
    }

    fn wait_until_listening(&mut self) -> Result<SocketAddr> {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            let listening = |lines: &[String]| {
                lines.iter().find_map(|line| line.split_once(LISTENING)?.1.trim().parse::<SocketAddr>().ok())
            };
            if let Some(address) = self.output.wait(Instant::now() + LOOK_INTERVAL, listening) {
                return Ok(address);
            }
            if let Some(status) = self.child.try_wait()? {
                // Its last words may still be on their way through the pipes.
                std::thread::sleep(LOOK_INTERVAL);
                bail!("Viceroy ended ({status}) instead of listening:\n{}", self.last_lines());
            }
            if Instant::now() > deadline {
                bail!("Viceroy did not listen within {START_LIMIT:?}:\n{}", self.last_lines());
            }
        }
    }
}

impl Drop for FastlyHost {
    fn drop(&mut self) {
        // Both fail only when it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
