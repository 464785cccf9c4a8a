//! How a change of configuration reaches a running Envoy.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use jackstaff_testbed::hosts::envoy::{Envoy, EnvoyOptions};
use jackstaff_testbed::modules::Module;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The way.
#[derive(Clone, Copy, Debug)]
pub enum By {
    /// Live connections are switched.
    Ecds,
    /// Connections are drained.
    Lds,
}

impl By {
    pub const ALL: [Self; 2] = [Self::Ecds, Self::Lds];
}

const FILTERS: &str = "/filter_chains/0/filters/0/typed_config/http_filters";

/// An Envoy whose plugin `shop` can be given another configuration.
pub struct Changing {
    pub envoy: Envoy,
    by: By,
    options: EnvoyOptions,
    directory: TempDir,
}

impl Changing {
    pub fn start(by: By, workers: u32, upstream: SocketAddr, clusters: &[(&str, SocketAddr)], config: &Value) -> Self {
        let mut options = EnvoyOptions::new(Module::Filter.path().unwrap(), upstream);
        options.clusters = clusters.iter().map(|(name, address)| ((*name).to_owned(), *address)).collect();
        let directory = tempfile::tempdir().unwrap();
        publish(by, directory.path(), &listener(&options, config));
        let source = json!({ "path_config_source": { "path": directory.path().join("xds.json") }, "resource_api_version": "V3" });
        let mut bootstrap = options.bootstrap();
        bootstrap["node"] = json!({ "id": "testbed", "cluster": "testbed" });
        match by {
            By::Lds => bootstrap["dynamic_resources"] = json!({ "lds_config": source }),
            By::Ecds => {
                let mut listener = listener(&options, config);
                listener.pointer_mut(FILTERS).unwrap()[0] = json!({ "name": "jackstaff", "config_discovery": {
                    "config_source": source,
                    "type_urls": ["type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"],
                } });
                bootstrap["static_resources"]["listeners"] = json!([listener]);
            }
        }
        // Old listeners go at once, as their connections are closed by the next answer.
        let arguments = ["--drain-time-s", "1", "--drain-strategy", "immediate"];
        let envoy = Envoy::start_bootstrap(&bootstrap, workers, &arguments).unwrap();
        Self { envoy, by, options, directory }
    }

    pub fn address(&self) -> SocketAddr {
        self.envoy.addr("shop").unwrap()
    }

    /// Hands over another configuration. Envoy takes it a moment later, if the filter does.
    pub fn change(&self, config: &Value) {
        publish(self.by, self.directory.path(), &listener(&self.options, config));
    }

    /// The same with VMs of its own, as with another module. The VMs before end with their configuration.
    pub fn change_vm(&self, config: &Value) {
        let mut listener = listener(&self.options, config);
        let vm = listener.pointer_mut(FILTERS).unwrap()[0].pointer_mut("/typed_config/config/vm_config").unwrap();
        vm["configuration"] = json!({ "@type": "type.googleapis.com/google.protobuf.StringValue", "value": "another" });
        publish(self.by, self.directory.path(), &listener);
    }
}

/// The listener with the filter's configuration in it, as the testbed's own bootstrap has it.
fn listener(options: &EnvoyOptions, config: &Value) -> Value {
    options.clone().plugin("shop", config.to_string()).bootstrap()["static_resources"]["listeners"][0].clone()
}

/// Puts a resource where Envoy watches for it: a file that is moved into place.
fn publish(by: By, directory: &Path, listener: &Value) {
    let (kind, mut resource) = match by {
        By::Lds => ("envoy.config.listener.v3.Listener", listener.clone()),
        By::Ecds => ("envoy.config.core.v3.TypedExtensionConfig", listener.pointer(FILTERS).unwrap()[0].clone()),
    };
    resource["@type"] = json!(format!("type.googleapis.com/{kind}"));
    let file = directory.join("new");
    fs::write(&file, json!({ "resources": [resource] }).to_string()).unwrap();
    fs::rename(&file, directory.join("xds.json")).unwrap();
}
