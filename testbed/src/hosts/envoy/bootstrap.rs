//! The configuration that Envoy starts with.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use serde_json::{Value, json};

/// The name of the cluster that requests are routed to.
pub const UPSTREAM_CLUSTER: &str = "upstream";

/// How long a request may take, so that a stream that a filter never resumes ends (the route's timeout does not cover it).
const REQUEST_TIMEOUT: &str = "10s";

/// One configuration of the filter, served by a listener of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginConfig {
    /// The name of the plugin and of the listener.
    pub name: String,
    /// The plugin configuration, JSON text.
    pub json: String,
}

/// What Envoy does with requests when the filter has failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailurePolicy {
    /// It answers 503: errors show.
    #[default]
    FailClosed,
    /// It forwards them past the filter.
    FailOpen,
    /// It answers 503 until it has loaded the filter again, at most once in this many milliseconds.
    FailReload {
        /// The interval, in milliseconds.
        interval_millis: u32,
    },
}

/// What to start Envoy with.
#[derive(Clone, Debug)]
pub struct EnvoyOptions {
    /// The filter module.
    pub wasm: PathBuf,
    /// The filter's configurations; all of them run in one VM per thread.
    pub plugins: Vec<PluginConfig>,
    /// The number of worker threads.
    pub concurrency: u32,
    /// The application that requests go to.
    pub upstream: SocketAddr,
    /// Further clusters, by name, for the filter's own calls.
    pub clusters: Vec<(String, SocketAddr)>,
    /// What happens when the filter fails.
    pub failure_policy: FailurePolicy,
    /// Where the first listener listens on 127.0.0.1; 0 for any free port.
    pub port: u16,
}

impl EnvoyOptions {
    /// One worker and a filter whose failures show.
    pub fn new(wasm: impl Into<PathBuf>, upstream: SocketAddr) -> Self {
        Self {
            wasm: wasm.into(),
            plugins: Vec::new(),
            concurrency: 1,
            upstream,
            clusters: Vec::new(),
            failure_policy: FailurePolicy::default(),
            port: 0,
        }
    }

    /// Adds a configuration of the filter.
    #[must_use]
    pub fn plugin(mut self, name: impl Into<String>, json: impl Into<String>) -> Self {
        self.plugins.push(PluginConfig { name: name.into(), json: json.into() });
        self
    }

    /// The configuration as Envoy reads it. All ports are free ones that Envoy chooses.
    pub fn bootstrap(&self) -> Value {
        let listeners: Vec<_> = self
            .plugins
            .iter()
            .enumerate()
            .map(|(nth, plugin)| self.listener(plugin, if nth == 0 { self.port } else { 0 }))
            .collect();
        let upstream = [(UPSTREAM_CLUSTER.to_owned(), self.upstream)];
        let clusters: Vec<_> =
            upstream.iter().chain(&self.clusters).map(|(name, address)| cluster(name, *address)).collect();
        json!({
            "admin": { "address": address(&free_port()) },
            "static_resources": { "listeners": listeners, "clusters": clusters },
        })
    }

    fn listener(&self, plugin: &PluginConfig, port: u16) -> Value {
        let router = json!({ "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" });
        let manager = json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "testbed",
            // The host that stands in for Envoy invents no request id, so neither does Envoy.
            "generate_request_id": false,
            "request_timeout": REQUEST_TIMEOUT,
            "route_config": { "virtual_hosts": [{
                "name": "all",
                "domains": ["*"],
                "routes": [{ "match": { "prefix": "/" }, "route": { "cluster": UPSTREAM_CLUSTER } }],
            }] },
            "http_filters": [
                { "name": "jackstaff", "typed_config": self.wasm_filter(plugin) },
                { "name": "envoy.filters.http.router", "typed_config": router },
            ],
        });
        let filter = json!({ "name": "envoy.filters.network.http_connection_manager", "typed_config": manager });
        let on = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        json!({ "name": plugin.name, "address": address(&on), "filter_chains": [{ "filters": [filter] }] })
    }

    fn wasm_filter(&self, plugin: &PluginConfig) -> Value {
        let mut config = json!({
            "name": plugin.name,
            // Serving a POST needs the filter to be able to wait for the body.
            "allow_on_headers_stop_iteration": true,
            "configuration": { "@type": "type.googleapis.com/google.protobuf.StringValue", "value": plugin.json },
            "vm_config": {
                // One id and one code for all: Envoy then runs every configuration in one VM per thread.
                "vm_id": "jackstaff",
                "runtime": "envoy.wasm.runtime.v8",
                "code": { "local": { "filename": self.wasm } },
            },
        });
        match self.failure_policy {
            FailurePolicy::FailClosed => config["failure_policy"] = json!("FAIL_CLOSED"),
            FailurePolicy::FailOpen => config["failure_policy"] = json!("FAIL_OPEN"),
            FailurePolicy::FailReload { interval_millis } => {
                config["failure_policy"] = json!("FAIL_RELOAD");
                let interval = format!("{}.{:03}s", interval_millis / 1000, interval_millis % 1000);
                config["reload_config"] = json!({ "backoff": { "base_interval": interval } });
            }
        }
        json!({ "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm", "config": config })
    }
}

fn free_port() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

fn address(address: &SocketAddr) -> Value {
    json!({ "socket_address": { "address": address.ip().to_string(), "port_value": address.port() } })
}

fn cluster(name: &str, endpoint: SocketAddr) -> Value {
    let endpoint = json!({ "endpoint": { "address": address(&endpoint) } });
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": { "cluster_name": name, "endpoints": [{ "lb_endpoints": [endpoint] }] },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_plugin_has_a_listener_and_all_have_one_vm() {
        let mut options = EnvoyOptions::new("filter.wasm", free_port()).plugin("a", "{}").plugin("b", "[\"\u{e9}\"]");
        options.failure_policy = FailurePolicy::FailReload { interval_millis: 1_005 };
        let bootstrap = options.bootstrap();
        let listeners = bootstrap["static_resources"]["listeners"].as_array().unwrap();
        assert_eq!(listeners.iter().map(|listener| &listener["name"]).collect::<Vec<_>>(), ["a", "b"]);
        let filter = "/filter_chains/0/filters/0/typed_config/http_filters/0/typed_config/config";
        let [a, b] = [0, 1].map(|index| listeners[index].pointer(filter).unwrap());
        assert_eq!(a["vm_config"], b["vm_config"]);
        assert_eq!(b["configuration"]["value"], "[\"\u{e9}\"]");
        assert_eq!(a["reload_config"]["backoff"]["base_interval"], "1.005s");
    }
}
