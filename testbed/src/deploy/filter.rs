//! The filter, on wasmtime and in Envoy.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Context, Result, bail};

use super::keeper::{Asked, Keeper};
use super::store::DAMAGE;
use super::{Host, StoreState};
use crate::clock::Clock;
use crate::hosts::envoy::{Envoy, EnvoyOptions};
use crate::hosts::proxy_wasm::{
    self, Callout, CalloutReply, Outcome, PluginId, RequestIn, ResponseIn, SharedDataFault, Vm, VmOptions,
};
use crate::http_client::{Client, Request, Response};
use crate::modules::Module;
use crate::upstream::{Seen, Upstream};

/// The cluster of the Jackstaff that keeps the user data.
pub(super) const KEEPER: &str = "keeper";

/// Plugin configurations, by name.
#[derive(Clone, Debug, Default)]
pub struct FilterDeployment {
    /// JSON texts.
    pub plugins: BTreeMap<String, String>,
    /// The clock, where the host has one to set.
    pub clock: Clock,
    /// The Jackstaff that keeps the user data, as the cluster `keeper`.
    pub keeper: Option<Keeper>,
    /// The port of the first plugin, for hosts that listen; 0 for any free one.
    pub port: u16,
}

/// What became of a request.
#[derive(Clone, Debug)]
pub struct Passed {
    /// The headers which the application saw, none where the request did not reach it.
    pub upstream: Option<Vec<(String, Vec<u8>)>>,
    /// What the client got.
    pub response: Response,
}

/// A running filter with its plugins.
pub enum FilterHost {
    /// On wasmtime.
    Wasmtime(Box<Vm>, BTreeMap<String, PluginId>),
    /// In Envoy, with an application behind it.
    Envoy {
        /// The proxy.
        envoy: Box<Envoy>,
        /// The application.
        upstream: Upstream,
        /// A connection for each plugin.
        clients: BTreeMap<String, Client>,
    },
}

impl FilterHost {
    /// Starts all plugins in one host.
    ///
    /// # Errors
    /// When the module cannot be built, the host cannot be installed, or a configuration is refused.
    pub fn start(host: Host, deployment: &FilterDeployment) -> Result<Self> {
        let wasm = Module::Filter.path()?;
        match host {
            Host::Filter => {
                let module = proxy_wasm::Module::load(wasm)?;
                let options = VmOptions { clock: deployment.clock.clone(), ..VmOptions::default() };
                let mut vm = Vm::new(&module, options)?;
                if let Some(keeper) = deployment.keeper.clone() {
                    vm.answer_with(move |callout| asked(&keeper, callout));
                }
                let mut plugins = BTreeMap::new();
                for (name, json) in &deployment.plugins {
                    let plugin = vm.configure(json.as_bytes()).with_context(|| format!("plugin {name}"))?;
                    plugins.insert(name.clone(), plugin);
                }
                Ok(Self::Wasmtime(Box::new(vm), plugins))
            }
            Host::Envoy => {
                let upstream = Upstream::start(0)?;
                let options = deployment
                    .plugins
                    .iter()
                    .fold(EnvoyOptions::new(wasm, upstream.address()), |options, (name, json)| {
                        options.plugin(name, json)
                    });
                let keeper = deployment.keeper.as_ref().map(Keeper::serve).transpose()?;
                let clusters = keeper.map(|address| (KEEPER.to_owned(), address)).into_iter().collect();
                let options = EnvoyOptions { port: deployment.port, clusters, ..options };
                let envoy = Box::new(Envoy::start(&options)?);
                let clients = deployment
                    .plugins
                    .keys()
                    .map(|name| Ok((name.clone(), Client::new(envoy.addr(name)?))))
                    .collect::<Result<_>>()?;
                Ok(Self::Envoy { envoy, upstream, clients })
            }
            _ => bail!("{} runs no filter", host.name()),
        }
    }

    /// Makes the data that workers share behave so from now on.
    ///
    /// # Errors
    /// When the host cannot do that.
    pub fn set_store(&self, state: StoreState) -> Result<()> {
        let Self::Wasmtime(vm, _) = self else {
            bail!("Envoy's shared data has no faults: say so in not-played.json");
        };
        vm.shared_data().set_fault(match state {
            StoreState::Works => SharedDataFault::None,
            StoreState::Fails => SharedDataFault::Fails,
            StoreState::FailsWrites => SharedDataFault::FailsWrites,
            StoreState::Slow => bail!("shared data answers at once: say so in not-played.json"),
        });
        Ok(())
    }

    /// Damages the document that the filter keeps under `key`.
    ///
    /// # Errors
    /// When there is none, or the host's memory is closed to tests.
    pub fn damage(&self, key: &str) -> Result<()> {
        let Self::Wasmtime(vm, _) = self else {
            bail!("Envoy's shared data is closed to tests: say so in not-played.json");
        };
        let shared = vm.shared_data();
        for place in shared.keys() {
            let Some((mut bytes, _)) = shared.get(&place) else { continue };
            let found = |part: &[u8], from: usize| bytes[from..].windows(part.len()).position(|window| window == part);
            // The document follows its key.
            let Some(at) = found(key.as_bytes(), 0) else { continue };
            let Some(document) = found(b"{\"profile\"", at) else { continue };
            bytes[at + document] = DAMAGE;
            shared.set(&place, &bytes, 0);
            return Ok(());
        }
        bail!("nothing lies there")
    }

    /// Sends a request through a plugin.
    ///
    /// # Errors
    /// When the filter traps or holds the request, or the host cannot be reached.
    pub fn send(&mut self, plugin: &str, request: &Request) -> Result<Passed> {
        match self {
            Self::Wasmtime(vm, plugins) => {
                let plugin = *plugins.get(plugin).with_context(|| format!("there is no plugin {plugin}"))?;
                through_vm(vm, plugin, request)
            }
            Self::Envoy { clients, envoy, .. } => {
                let client = clients.get_mut(plugin).with_context(|| format!("there is no plugin {plugin}"))?;
                let response = client.send(request).with_context(|| envoy.log())?;
                let upstream = Seen::from_json(&response.body).ok().map(|seen| seen.headers);
                Ok(Passed { upstream, response })
            }
        }
    }

    /// Where a plugin listens, if its host does.
    ///
    /// # Errors
    /// When there is no such plugin.
    pub fn address(&self, plugin: &str) -> Result<Option<SocketAddr>> {
        match self {
            Self::Wasmtime(..) => Ok(None),
            Self::Envoy { envoy, .. } => envoy.addr(plugin).map(Some),
        }
    }

    /// What the filter logged, for failures to show.
    #[must_use]
    pub fn log(&mut self) -> String {
        match self {
            Self::Wasmtime(vm, _) => vm.take_logs().iter().map(|line| format!("{line}\n")).collect(),
            Self::Envoy { envoy, .. } => envoy.log(),
        }
    }
}

fn lossy(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

fn through_vm(vm: &mut Vm, plugin: PluginId, request: &Request) -> Result<Passed> {
    let (stream, outcome) = vm.request(plugin, RequestIn::from(request))?;
    let named = |headers: Vec<(Vec<u8>, Vec<u8>)>| headers.into_iter().map(|(n, v)| (lossy(&n), v)).collect();
    match outcome {
        Outcome::Forwarded { headers, .. } => {
            let answer = vm.response(stream, ResponseIn { status: 200, ..ResponseIn::default() })?;
            let response = Response { status: answer.status, headers: named(answer.headers), body: answer.body };
            Ok(Passed { upstream: Some(named(headers)), response })
        }
        Outcome::LocalReply(answer) => {
            let response = Response { status: answer.status, headers: named(answer.headers), body: answer.body };
            Ok(Passed { upstream: None, response })
        }
        Outcome::Paused => bail!("the filter holds the request"),
    }
}

/// What Envoy would hand to the module of what a keeper says.
fn asked(keeper: &Keeper, callout: &Callout) -> CalloutReply {
    let first = |name| proxy_wasm::first(&callout.headers, name).unwrap_or_default();
    let request = Request {
        method: lossy(first(":method")),
        target: first(":path").to_vec(),
        headers: callout.headers.iter().filter(|(name, _)| !name.starts_with(b":")).cloned().collect(),
        body: callout.body.clone(),
    };
    match keeper.ask(&request) {
        Ok(Asked::Answered(_, delay)) if callout.timeout.is_some_and(|limit| delay >= limit) => {
            CalloutReply::timed_out()
        }
        Ok(Asked::Answered(response, _)) => CalloutReply::new(response.status, response.body),
        Ok(Asked::Unreachable) => CalloutReply::unreachable(),
        Err(error) => CalloutReply::new(500, format!("{error:#}")),
    }
}
