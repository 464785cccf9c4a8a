//! One Envoy with a listener for each variant.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Result;
use jackstaff_testbed::modules::Module;
use serde_json::{Value, json};

use crate::decider::{Decider, Make};

/// What stands in front of the router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// No filter.
    Nothing,
    /// A wasm filter without a line of its own.
    NoOp,
    /// A wasm filter that reads all headers at once and adds one.
    AllHeaders,
    /// Lua that reads three headers and adds one.
    Lua,
    /// The filter.
    Jackstaff,
    /// A service with the same core, asked by gRPC for leave and headers.
    ExtAuthz(Make),
    /// The same service, asked over a gRPC stream for each request.
    ExtProc(Make),
}

const LUA: &str = r#"function envoy_on_request(handle)
  local headers = handle:headers()
  local user, country, agent = headers:get("x-user-id"), headers:get("x-country"), headers:get("user-agent")
  headers:add("x-flags", user .. country .. #agent)
end"#;

impl Variant {
    pub const ALL: [Self; 9] = [
        Self::Nothing,
        Self::NoOp,
        Self::AllHeaders,
        Self::Lua,
        Self::Jackstaff,
        Self::ExtAuthz(Make::Tonic),
        Self::ExtAuthz(Make::ByHand),
        Self::ExtProc(Make::Tonic),
        Self::ExtProc(Make::ByHand),
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "no filter",
            Self::NoOp => "wasm that does nothing",
            Self::AllHeaders => "wasm that reads all headers and adds one",
            Self::Lua => "Lua that reads three headers and adds one",
            Self::Jackstaff => "Jackstaff",
            Self::ExtAuthz(Make::Tonic) => "ext_authz to a local service with the same core (tonic)",
            Self::ExtAuthz(Make::ByHand) => "ext_authz to such a service (gRPC by hand on hyper, as lean as it gets)",
            Self::ExtProc(Make::Tonic) => "ext_proc to the same service (tonic)",
            Self::ExtProc(Make::ByHand) => "ext_proc to such a service (gRPC by hand on hyper, as lean as it gets)",
        }
    }

    /// The service that it asks.
    pub const fn service(self) -> Option<Make> {
        match self {
            Self::ExtAuthz(make) | Self::ExtProc(make) => Some(make),
            _ => None,
        }
    }

    fn filter(self, config: &Value) -> Result<Option<Value>> {
        let grpc = |make: Make| json!({ "envoy_grpc": { "cluster_name": make.cluster() }, "timeout": "5s" });
        let extension = |name: &str, kind: &str, config: Value| {
            let mut config = config;
            config["@type"] = json!(format!("type.googleapis.com/envoy.extensions.filters.http.{kind}"));
            json!({ "name": name, "typed_config": config })
        };
        Ok(Some(match self {
            Self::Nothing => return Ok(None),
            Self::NoOp => wasm(Module::ProbeFilter.path()?, "probe", "nothing"),
            Self::AllHeaders => wasm(Module::ProbeFilter.path()?, "probe", "headers"),
            Self::Jackstaff => wasm(Module::Filter.path()?, "jackstaff", &config.to_string()),
            Self::Lua => extension("lua", "lua.v3.Lua", json!({ "default_source_code": { "inline_string": LUA } })),
            Self::ExtAuthz(make) => extension(
                "ext_authz",
                "ext_authz.v3.ExtAuthz",
                json!({ "grpc_service": grpc(make), "transport_api_version": "V3" }),
            ),
            Self::ExtProc(make) => extension(
                "ext_proc",
                "ext_proc.v3.ExternalProcessor",
                json!({ "grpc_service": grpc(make), "processing_mode": {
                    "request_header_mode": "SEND", "response_header_mode": "SKIP",
                    "request_body_mode": "NONE", "response_body_mode": "NONE",
                } }),
            ),
        }))
    }
}

fn wasm(module: &Path, vm: &str, configuration: &str) -> Value {
    json!({ "name": vm, "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
        "config": {
            "name": vm,
            "configuration": { "@type": "type.googleapis.com/google.protobuf.StringValue", "value": configuration },
            "vm_config": { "vm_id": vm, "runtime": "envoy.wasm.runtime.v8", "code": { "local": { "filename": module } } },
        },
    } })
}

/// A listener for each variant. Envoy answers by itself, so that nothing but Envoy and the filter is counted; below `/check` the answer tells the
/// header that the filter has set.
pub fn bootstrap(config: &Value, deciders: &[Decider]) -> Result<Value> {
    let direct = json!({ "status": 200, "body": { "inline_string": "ok" } });
    let told = json!([{ "header": { "key": "x-told", "value": "%REQ(x-flags)%" }, "keep_empty_value": true }]);
    let routes = json!([
        { "match": { "prefix": "/check" }, "direct_response": direct, "response_headers_to_add": told },
        { "match": { "prefix": "/" }, "direct_response": direct },
    ]);
    let router = json!({ "name": "router", "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" } });
    let mut listeners = Vec::new();
    for variant in Variant::ALL {
        let filters: Vec<_> = variant.filter(config)?.into_iter().chain([router.clone()]).collect();
        let manager = json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "bench",
            "generate_request_id": false,
            "route_config": { "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": routes }] },
            "http_filters": filters,
        });
        listeners.push(json!({
            "name": variant.name(),
            "address": address(&([127, 0, 0, 1], 0).into()),
            "filter_chains": [{ "filters": [{ "name": "http", "typed_config": manager }] }],
        }));
    }
    let http2 = json!({
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": { "http2_protocol_options": {} },
    });
    let clusters = deciders.iter().map(|decider| {
        let name = decider.make().cluster();
        json!({
            "name": name, "type": "STATIC", "connect_timeout": "5s",
            "typed_extension_protocol_options": { "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2 },
            "load_assignment": { "cluster_name": name, "endpoints": [{ "lb_endpoints": [
                { "endpoint": { "address": address(&decider.address()) } },
            ] }] },
        })
    });
    Ok(json!({
        "admin": { "address": address(&([127, 0, 0, 1], 0).into()) },
        "static_resources": { "listeners": listeners, "clusters": clusters.collect::<Vec<_>>() },
    }))
}

fn address(address: &SocketAddr) -> Value {
    json!({ "socket_address": { "address": address.ip().to_string(), "port_value": address.port() } })
}
