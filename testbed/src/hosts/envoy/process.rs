//! A running Envoy process: its log, its readiness, its end.

use std::{
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tempfile::TempDir;

use super::install;
use crate::http_client::{self, Request};

/// How long Envoy may take to start. Compiling a module takes it a second, configuring hundreds of plugins a few more, on a busy machine.
const START_TIMEOUT: Duration = Duration::from_secs(120);

const POLL: Duration = Duration::from_millis(20);

/// How much of the log an error shows: its last lines.
const SHOWN_LINES: usize = 40;

/// An Envoy process and the directory of its files. Both end when this is dropped.
pub(super) struct Process {
    child: Child,
    admin: SocketAddr,
    log: PathBuf,
    dir: TempDir,
}

impl Process {
    /// Starts Envoy in the directory `current` with a bootstrap file that the caller has put into `dir`, and waits until it serves.
    /// `arguments` are added to those of its command line.
    pub(super) fn start(
        dir: TempDir,
        bootstrap: &Path,
        concurrency: u32,
        current: &Path,
        arguments: &[&str],
    ) -> Result<Self> {
        let program = install::program()?;
        let log = dir.path().join("envoy.log");
        let admin_path = dir.path().join("admin-address");
        let mut command = Command::new(&program);
        command
            .current_dir(current)
            .arg("--config-path")
            .arg(bootstrap)
            .args(["--concurrency", &concurrency.to_string()])
            .args(["--disable-hot-restart", "--log-level", "warning", "--component-log-level", "wasm:info"])
            .arg("--admin-address-path")
            .arg(&admin_path)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(File::create(dir.path().join("stdout"))?)
            .stderr(File::create(&log)?);
        let child = command.spawn().with_context(|| format!("cannot run {}", program.display()))?;
        let mut process = Self { child, admin: ([127, 0, 0, 1], 0).into(), log, dir };
        process.wait_until_ready(&admin_path)?;
        Ok(process)
    }

    fn wait_until_ready(&mut self, admin_path: &Path) -> Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                bail!("Envoy did not start ({status}). The end of its log:\n{}", tail(&self.log()));
            }
            if let Some(admin) = fs::read_to_string(admin_path).ok().and_then(|text| text.trim().parse().ok()) {
                self.admin = admin;
                if http_client::send(admin, &Request::get("/ready")).is_ok_and(|response| response.status == 200) {
                    return Ok(());
                }
            }
            thread::sleep(POLL);
        }
        bail!("Envoy did not become ready within {START_TIMEOUT:?}. The end of its log:\n{}", tail(&self.log()))
    }

    pub(super) fn admin(&self) -> SocketAddr {
        self.admin
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(super) fn log(&self) -> String {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    pub(super) fn wait(&mut self) -> Result<ExitStatus> {
        Ok(self.child.wait()?)
    }

    /// The listeners' names and addresses.
    pub(super) fn listeners(&self) -> Result<Vec<(String, SocketAddr)>> {
        let response = http_client::send(self.admin, &Request::get("/listeners?format=json"))?;
        let json = response.json()?;
        let statuses = json["listener_statuses"].as_array().map(Vec::as_slice).unwrap_or_default();
        statuses.iter().map(listener).collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Neither fails unless the process has ended by itself, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listener(status: &Value) -> Result<(String, SocketAddr)> {
    let socket = &status["local_address"]["socket_address"];
    let address =
        || Some((socket["address"].as_str()?.parse().ok()?, u16::try_from(socket["port_value"].as_u64()?).ok()?));
    let address: Option<(std::net::IpAddr, u16)> = address();
    let name = status["name"].as_str().context("a listener without a name")?;
    Ok((name.to_owned(), address.with_context(|| format!("the listener {name} has no address: {status}"))?.into()))
}

/// The last lines of a log.
pub(super) fn tail(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
}
