//! The HTTP API on every host.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::keeper::Keeper;
use super::native::Native;
use super::sidecar::Sidecar;
use super::store::{SPIN_STORE, StoreState, damaged};
use super::{ApiDeployment, Host};
use crate::hosts::fastly::{FastlyHost, FastlyOptions};
use crate::hosts::spin::{Component, Reuse, SpinHost, SpinOptions};
use crate::http_client::{Client, Request, Response};
use crate::modules::Module;
use anyhow::{Context as _, Result, bail};

/// The name of the stores on Fastly.
const FASTLY_STORE: &str = "jackstaff";

/// What Fastly's service calls a server.
pub(crate) fn backend(address: SocketAddr) -> String {
    format!("server-{}", address.port())
}

/// A running service.
pub enum ApiHost {
    /// In this process.
    Native(Box<Native>),
    /// On wasmtime.
    Spin(SpinHost, Client),
    /// In Viceroy.
    Fastly(FastlyHost, Client),
    /// In the filter, on wasmtime or in Envoy.
    Sidecar(Sidecar),
}

impl ApiHost {
    /// Starts the service.
    ///
    /// # Errors
    /// When the module cannot be built, or the host cannot be installed or started.
    pub fn start(host: Host, deployment: &ApiDeployment) -> Result<Self> {
        let keeper = || deployment.keeper.as_ref().map(Keeper::serve).transpose();
        match host {
            Host::Native => Ok(Self::Native(Box::new(Native::new(deployment)))),
            Host::Spin => {
                let component = Component::load(Module::Spin.path()?)?;
                let keeper = keeper()?;
                let origin = |address: SocketAddr| format!("http://{address}");
                let mut variables = deployment.settings(&keeper.map(origin).unwrap_or_default());
                variables.insert("keys".to_owned(), deployment.keys_setting());
                variables.extend(deployment.sources_setting(origin));
                // As spin.toml has them.
                let defaults = [
                    ("test", ""),
                    ("open_environment", ""),
                    ("rate_limit", ""),
                    ("user_data", ""),
                    ("sources", ""),
                    ("ruleset_cache_ms", "10000"),
                ];
                for (name, value) in defaults {
                    variables.entry(name.to_owned()).or_insert_with(|| value.to_owned());
                }
                let stores = if deployment.no_store {
                    BTreeMap::new()
                } else {
                    BTreeMap::from([(SPIN_STORE.to_owned(), deployment.store())])
                };
                let host = SpinHost::start(
                    &component,
                    SpinOptions {
                        variables,
                        stores,
                        clock: deployment.clock.clone(),
                        faults: deployment.faults.clone(),
                        listen: deployment.listen,
                        reuse: if deployment.fresh_instances { Reuse::NONE } else { Reuse::SPIN },
                        allowed_outbound_hosts: deployment.called().chain(keeper).map(origin).collect(),
                        ..SpinOptions::default()
                    },
                )?;
                let client = Client::new(host.address());
                Ok(Self::Spin(host, client))
            }
            Host::Fastly => {
                let named = |map| BTreeMap::from([(FASTLY_STORE.to_owned(), map)]);
                let mut secrets = BTreeMap::from([("keys".to_owned(), deployment.keys_setting())]);
                let keeper = keeper()?;
                let mut settings = deployment.settings(&keeper.map(backend).unwrap_or_default());
                secrets.extend(deployment.sources_setting(backend));
                secrets.extend(settings.remove("test").map(|test| ("test".to_owned(), test)));
                let kv_stores = if deployment.no_store {
                    BTreeMap::new()
                } else {
                    BTreeMap::from([(FASTLY_STORE.to_owned(), deployment.store())])
                };
                let host = FastlyHost::start(FastlyOptions {
                    kv_stores,
                    secrets: named(secrets),
                    config_stores: named(settings),
                    listen: deployment.listen,
                    backends: deployment
                        .called()
                        .chain(keeper)
                        .map(|address| (backend(address), format!("http://{address}/")))
                        .collect(),
                    ..FastlyOptions::new(Module::Fastly.path()?)
                })?;
                let client = Client::new(host.address());
                Ok(Self::Fastly(host, client))
            }
            Host::Filter | Host::Envoy => Sidecar::start(host, deployment).map(Self::Sidecar),
        }
    }

    /// Sends a request.
    ///
    /// # Errors
    /// When the host cannot be reached.
    pub fn send(&mut self, request: &Request) -> Result<Response> {
        match self {
            Self::Native(native) => native.send(request),
            Self::Spin(_, client) | Self::Fastly(_, client) => client.send(request),
            Self::Sidecar(sidecar) => sidecar.send(request),
        }
    }

    /// Makes the store behave so from now on.
    ///
    /// # Errors
    /// When the host cannot do that.
    pub fn set_store(&self, state: StoreState) -> Result<()> {
        match self {
            Self::Native(native) => native.set_store(state),
            Self::Spin(host, _) => state.on_spin(host.faults()),
            Self::Fastly(..) => bail!("Viceroy's stores have no faults: say so in not-played.json"),
            Self::Sidecar(sidecar) => return sidecar.set_store(state),
        }
        Ok(())
    }

    /// Damages the document that lies in the store under `key`.
    ///
    /// # Errors
    /// When there is none, or the store is closed to tests.
    pub fn damage(&self, key: &str) -> Result<()> {
        match self {
            Self::Native(native) => native.damage(key),
            Self::Spin(host, _) => {
                let store = host.store(SPIN_STORE)?;
                let value = store.get(key).context("nothing lies there")?;
                store.set(key, damaged(&value));
                Ok(())
            }
            Self::Fastly(..) => bail!("Viceroy's stores are closed to tests: say so in not-played.json"),
            Self::Sidecar(sidecar) => sidecar.damage(key),
        }
    }

    /// What lies in the store under `key`; `None` where the store is closed to tests.
    #[must_use]
    pub fn stored(&self, key: &str) -> Option<Option<Vec<u8>>> {
        match self {
            Self::Native(native) => Some(native.stored(key)),
            Self::Spin(host, _) => Some(host.store(SPIN_STORE).ok()?.get(key)),
            Self::Fastly(..) | Self::Sidecar(_) => None,
        }
    }

    /// Where it listens, if it does.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Native(_) | Self::Sidecar(_) => None,
            Self::Spin(host, _) => Some(host.address()),
            Self::Fastly(host, _) => Some(host.address()),
        }
    }

    /// What the host and the service logged, for failures to show.
    #[must_use]
    pub fn log(&mut self) -> String {
        match self {
            Self::Native(native) => native.log(),
            Self::Spin(host, _) => host.log(),
            Self::Fastly(host, _) => host.log(),
            Self::Sidecar(sidecar) => sidecar.log(),
        }
    }
}
