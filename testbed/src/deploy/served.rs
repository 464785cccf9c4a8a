//! The HTTP API at an address, whatever the host.

use std::net::SocketAddr;
use std::sync::Mutex;

use anyhow::{Context as _, Result};

use super::{ApiDeployment, ApiHost, Host};
use crate::upstream::{Reply, Seen, Upstream};

/// A service that clients reach by an address. It stops when dropped.
pub struct Served {
    base_url: String,
    #[expect(dead_code, reason = "runs until it is dropped")]
    running: Running,
}

#[expect(dead_code, reason = "runs until it is dropped")]
enum Running {
    Itself(Box<ApiHost>),
    /// Hosts that do not listen, behind a server that hands each request on.
    Behind(Upstream),
}

impl Served {
    /// Starts the service, at `deployment.listen` where that is given.
    ///
    /// # Errors
    /// As for [`ApiHost::start`].
    pub fn start(host: Host, deployment: &ApiDeployment) -> Result<Self> {
        let api = ApiHost::start(host, deployment)?;
        if let Some(base_url) = base_url(&api)? {
            return Ok(Self { base_url, running: Running::Itself(Box::new(api)) });
        }
        let api = Mutex::new(api);
        let port = deployment.listen.as_ref().map_or(0, SocketAddr::port);
        let front = Upstream::start_with(port, move |seen| Some(handed_on(&api, seen)))?;
        let base_url = format!("http://{}", front.address());
        Ok(Self { base_url, running: Running::Behind(front) })
    }

    /// What the paths of the API are appended to: no slash at its end.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }
}

/// Nothing where the host does not listen.
fn base_url(api: &ApiHost) -> Result<Option<String>> {
    match api {
        ApiHost::Sidecar(sidecar) => sidecar.base_url(),
        _ => Ok(api.address().map(|address| format!("http://{address}"))),
    }
}

fn handed_on(api: &Mutex<ApiHost>, seen: &Seen) -> Reply {
    let answer = api.lock().ok().context("the host has panicked").and_then(|mut api| api.send(&seen.to_request()));
    answer.map_or_else(|error| Reply::of_error(&error), Reply::from)
}
