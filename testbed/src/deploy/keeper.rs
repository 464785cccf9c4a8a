//! Another Jackstaff that keeps the user data, behind every host, and how it misbehaves.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Result, bail};
use serde::Deserialize;
use serde_json::{Value, json};

use super::native::Native;
use super::{ApiDeployment, Key};
use crate::clock::Clock;
use crate::http_client::{Request, Response, send};
use crate::upstream::{Reply, Seen, Upstream};

/// The key by which a host asks it.
pub const KEEPER_KEY: &str = "dvc_server_keeper";

/// A slow one answers this much later: more than a case lets a decision wait, less than a change waits.
const SLOW: Duration = Duration::from_millis(1_500);

/// How it behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeeperState {
    /// As it should.
    Works,
    /// Every answer comes later than a case lets a decision wait.
    Slow,
    /// Every answer is a 500.
    Fails,
    /// Every answer is a 200 with a web page.
    Rubbish,
    /// Every answer is a 401: the key is not one of its own.
    Refuses,
    /// Nobody listens.
    Gone,
}

/// What came of asking it.
pub(super) enum Asked {
    /// Its answer, after so long.
    Answered(Response, Duration),
    /// No connection.
    Unreachable,
}

/// A Jackstaff in this process, or at an address. Clones are the same one.
#[derive(Clone)]
pub struct Keeper {
    inner: Arc<Inner>,
    /// Where hosts reach it that call over the network.
    door: Arc<Mutex<Option<Door>>>,
}

/// A port, where nobody listens while the keeper is gone.
struct Door {
    address: SocketAddr,
    server: Option<Upstream>,
}

struct Inner {
    jackstaff: Jackstaff,
    state: Mutex<KeeperState>,
    asked: AtomicU64,
}

enum Jackstaff {
    Own(Box<Native>),
    At(SocketAddr),
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper").finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Keeper {
    /// One that runs at `address`, serves [`KEEPER_KEY`], and always works.
    #[must_use]
    pub fn at(address: SocketAddr) -> Self {
        Self::of(Jackstaff::At(address))
    }

    /// One that works and knows nobody, with a clock of its own.
    #[must_use]
    pub fn start() -> Self {
        let deployment = ApiDeployment {
            keys: vec![Key { key: KEEPER_KEY.to_owned(), kind: "server".to_owned(), environment: "kept".to_owned() }],
            clock: Clock::system(),
            ..ApiDeployment::default()
        };
        Self::of(Jackstaff::Own(Box::new(Native::new(&deployment))))
    }

    fn of(jackstaff: Jackstaff) -> Self {
        let inner = Inner { jackstaff, state: Mutex::new(KeeperState::Works), asked: AtomicU64::default() };
        Self { inner: Arc::new(inner), door: Arc::default() }
    }

    /// Makes it behave so from now on.
    ///
    /// # Errors
    /// When its port was taken while it was gone.
    pub fn set(&self, state: KeeperState) -> Result<()> {
        *lock(&self.inner.state) = state;
        let mut door = lock(&self.door);
        let Some(door) = door.as_mut() else { return Ok(()) };
        if state == KeeperState::Gone {
            door.server = None;
        } else if door.server.is_none() {
            door.server = Some(self.listen(door.address.port())?);
        }
        Ok(())
    }

    /// Damages the document that it has under `key`, where it is in this process.
    ///
    /// # Errors
    /// When there is none.
    pub fn damage(&self, key: &str) -> Result<()> {
        match &self.inner.jackstaff {
            Jackstaff::Own(native) => native.damage(key),
            Jackstaff::At(address) => bail!("what the keeper at {address} stores is closed to tests"),
        }
    }

    /// Where it listens: at a free port from now on, if it did not.
    ///
    /// # Errors
    /// When the system has none.
    pub fn serve(&self) -> Result<SocketAddr> {
        if let Jackstaff::At(address) = self.inner.jackstaff {
            return Ok(address);
        }
        let server = self.listen(0)?;
        let address = server.address();
        *lock(&self.door) = Some(Door { address, server: Some(server) });
        Ok(address)
    }

    /// How often it was asked so far.
    #[must_use]
    pub fn asked(&self) -> u64 {
        self.inner.asked.load(Relaxed)
    }

    /// The member `remote` of the setting `user_data`, for a platform that calls this server `origin`; `settings` are its other members.
    #[must_use]
    pub fn setting(origin: &str, settings: &Value) -> Value {
        let mut remote = json!({"origin": origin, "authority": "keeper.test", "key": KEEPER_KEY});
        if let (Some(remote), Some(settings)) = (remote.as_object_mut(), settings.as_object()) {
            remote.extend(settings.clone());
        }
        remote
    }

    /// What it answers.
    pub(super) fn ask(&self, request: &Request) -> Result<Asked> {
        self.inner.ask(request)
    }

    fn listen(&self, port: u16) -> Result<Upstream> {
        let inner = self.inner.clone();
        Upstream::start_late(port, move |seen: &Seen| match inner.ask(&seen.to_request()) {
            Ok(Asked::Answered(response, delay)) => (Reply::from(response), delay),
            // It is about to stop listening.
            Ok(Asked::Unreachable) => (Reply { status: 503, headers: Vec::new(), body: Vec::new() }, Duration::ZERO),
            Err(error) => (Reply::of_error(&error), Duration::ZERO),
        })
    }
}

impl Inner {
    fn ask(&self, request: &Request) -> Result<Asked> {
        let state = *lock(&self.state);
        if state == KeeperState::Gone {
            return Ok(Asked::Unreachable);
        }
        self.asked.fetch_add(1, Relaxed);
        let said = |status, body: &str| Response { status, headers: Vec::new(), body: body.into() };
        let response = match state {
            KeeperState::Works | KeeperState::Slow | KeeperState::Gone => match &self.jackstaff {
                Jackstaff::Own(native) => native.send(request)?,
                Jackstaff::At(address) => send(*address, request)?,
            },
            KeeperState::Fails => said(500, r#"{"statusCode":500,"message":"told to fail"}"#),
            KeeperState::Rubbish => said(200, "<html>a web page</html>"),
            KeeperState::Refuses => said(401, r#"{"statusCode":401,"message":"unknown key"}"#),
        };
        Ok(Asked::Answered(response, if state == KeeperState::Slow { SLOW } else { Duration::ZERO }))
    }
}
