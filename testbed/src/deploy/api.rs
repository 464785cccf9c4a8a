//! The HTTP API on every host.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Result, bail};
use jackstaff_service::store_key;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::Host;
use super::native::Native;
use super::sidecar::Sidecar;
use super::store::{SPIN_STORE, StoreState};
use crate::clock::Clock;
use crate::hosts::fastly::{FastlyHost, FastlyOptions};
use crate::hosts::spin::{Component, Faults, Reuse, SpinHost, SpinOptions};
use crate::http_client::{Client, Request, Response};
use crate::modules::Module;

/// The name of the stores on Fastly.
const FASTLY_STORE: &str = "jackstaff";

/// A key that clients call with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The key itself.
    pub key: String,
    /// `server`, `client`, `mobile` or `admin`.
    pub kind: String,
    /// The environment it opens.
    pub environment: String,
}

/// What the service is given.
#[derive(Clone, Debug, Default)]
pub struct ApiDeployment {
    /// Source or snapshot, by environment.
    pub rulesets: BTreeMap<String, Vec<u8>>,
    /// The keys.
    pub keys: Vec<Key>,
    /// The `test` setting, as JSON; empty for none.
    pub test: String,
    /// The `open_environment` setting; empty for none.
    pub open_environment: String,
    /// The `rate_limit` setting, as JSON; empty for none.
    pub rate_limit: String,
    /// The `user_data` setting, as JSON; empty for none.
    pub user_data: String,
    /// Servers that have rulesets which the store has not: their addresses and paths, in order of preference.
    pub sources: Vec<(std::net::SocketAddr, String)>,
    /// Further servers that it may call.
    pub servers: Vec<std::net::SocketAddr>,
    /// What else lies in the store at the start.
    pub stored: BTreeMap<String, Vec<u8>>,
    /// How long a ruleset is used before the store is asked again, in milliseconds; the service's default where there is none.
    pub cache_ms: Option<u64>,
    /// The clock, where the host has one to set.
    pub clock: Clock,
    /// Faults of the store, where the host has them.
    pub faults: Faults,
    /// There is no store at all.
    pub no_store: bool,
    /// Each request gets an instance of its own, on Spin.
    pub fresh_instances: bool,
    /// Where to listen, for hosts that do.
    pub listen: Option<std::net::SocketAddr>,
}

impl ApiDeployment {
    /// The `keys` setting: hashes, not keys.
    #[must_use]
    pub fn keys_setting(&self) -> String {
        serde_json::Value::from(self.key_entries()).to_string()
    }

    /// The entries of that setting.
    pub(crate) fn key_entries(&self) -> Vec<serde_json::Value> {
        self.keys
            .iter()
            .map(|key| {
                let mut sha256 = String::new();
                for byte in Sha256::digest(key.key.as_bytes()) {
                    // Writing to a String cannot fail.
                    let _ = write!(sha256, "{byte:02x}");
                }
                json!({"sha256": sha256, "kind": key.kind, "environment": key.environment})
            })
            .collect()
    }

    /// The key-value store's content.
    #[must_use]
    pub fn store(&self) -> BTreeMap<String, Vec<u8>> {
        let rulesets =
            self.rulesets.iter().map(|(environment, bytes)| (store_key::ruleset(environment), bytes.clone()));
        rulesets.chain(self.stored.clone()).collect()
    }

    /// All servers that it may call.
    fn called(&self) -> impl Iterator<Item = std::net::SocketAddr> {
        self.sources.iter().map(|(address, _)| *address).chain(self.servers.iter().copied())
    }

    /// The `sources` setting, for a platform that calls the server with this address so.
    fn sources_setting(&self, origin: impl Fn(std::net::SocketAddr) -> String) -> Option<(String, String)> {
        let sources: Vec<_> = self
            .sources
            .iter()
            .map(|(address, path)| {
                json!({"origin": origin(*address), "authority": address.to_string(), "path": path, "limit_ms": 1_000})
            })
            .collect();
        (!sources.is_empty()).then(|| ("sources".to_owned(), serde_json::Value::from(sources).to_string()))
    }

    /// Settings other than the keys, by name.
    #[must_use]
    pub fn settings(&self) -> BTreeMap<String, String> {
        let mut settings = BTreeMap::new();
        let texts = [
            ("test", &self.test),
            ("open_environment", &self.open_environment),
            ("rate_limit", &self.rate_limit),
            ("user_data", &self.user_data),
        ];
        for (name, text) in texts {
            if !text.is_empty() {
                settings.insert(name.to_owned(), text.clone());
            }
        }
        if let Some(ms) = self.cache_ms {
            settings.insert("ruleset_cache_ms".to_owned(), ms.to_string());
        }
        settings
    }
}

/// What Fastly's service calls a server.
pub(crate) fn backend(address: std::net::SocketAddr) -> String {
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
        match host {
            Host::Native => Ok(Self::Native(Box::new(Native::new(deployment)))),
            Host::Spin => {
                let component = Component::load(Module::Spin.path()?)?;
                let mut variables = deployment.settings();
                variables.insert("keys".to_owned(), deployment.keys_setting());
                variables.extend(deployment.sources_setting(|address| format!("http://{address}")));
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
                        allowed_outbound_hosts: deployment
                            .called()
                            .map(|address| format!("http://{address}"))
                            .collect(),
                        ..SpinOptions::default()
                    },
                )?;
                let client = Client::new(host.address());
                Ok(Self::Spin(host, client))
            }
            Host::Fastly => {
                let named = |map| BTreeMap::from([(FASTLY_STORE.to_owned(), map)]);
                let mut secrets = BTreeMap::from([("keys".to_owned(), deployment.keys_setting())]);
                let mut settings = deployment.settings();
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
            Self::Fastly(..) => bail!("Viceroy's stores have no faults: leave fastly out of the case's `hosts`"),
            Self::Sidecar(_) => {
                bail!("the filter's store has no faults: leave filter and envoy out of the case's `hosts`")
            }
        }
        Ok(())
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
    pub fn address(&self) -> Option<std::net::SocketAddr> {
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
            Self::Native(_) => String::new(),
            Self::Spin(host, _) => host.log(),
            Self::Fastly(host, _) => host.log(),
            Self::Sidecar(sidecar) => sidecar.log(),
        }
    }
}
