//! The filter, on wasmtime and in Envoy.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Context, Result, bail};

use super::Host;
use crate::clock::Clock;
use crate::hosts::envoy::{Envoy, EnvoyOptions};
use crate::hosts::proxy_wasm::{self, Outcome, PluginId, RequestIn, ResponseIn, Vm, VmOptions};
use crate::http_client::{Client, Request, Response};
use crate::modules::Module;
use crate::upstream::{Seen, Upstream};

/// Plugin configurations, by name.
#[derive(Clone, Debug, Default)]
pub struct FilterDeployment {
    /// JSON texts.
    pub plugins: BTreeMap<String, String>,
    /// The clock, where the host has one to set.
    pub clock: Clock,
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
                let envoy = Box::new(Envoy::start(&EnvoyOptions { port: deployment.port, ..options })?);
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
