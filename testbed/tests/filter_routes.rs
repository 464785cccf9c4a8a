//! Routes of a real Envoy that say in their metadata which flags their service uses.

mod common;

use common::hosts::ready;
use jackstaff_testbed::deploy::Host;
use jackstaff_testbed::hosts::envoy::{Envoy, EnvoyOptions, UPSTREAM_CLUSTER};
use jackstaff_testbed::http_client::{Request, send};
use jackstaff_testbed::modules::Module;
use jackstaff_testbed::upstream::{Seen, Upstream};
use serde_json::{Value, json};

/// Three flags; `b` has a header of its own, which sends requests to another route.
fn config() -> Value {
    let flag = |value: Value| json!({"state": "ENABLED", "variants": {"on": value}, "defaultVariant": "on"});
    json!({
        "flags": ["a", "b"],
        "routes": [
            {"path_prefix": "/path", "flags": ["b"]},
            {"name": "checkout", "flags": ["c"]},
            {"name": "static", "path_prefix": "/static", "flags": []},
        ],
        "per_flag_headers": {"b": "x-flag-b"},
        "ruleset": {"flags": {"a": flag(json!(1)), "b": flag(json!(2)), "c": flag(json!("c"))}},
    })
}

/// A route for a path, with this metadata.
fn route(path: &str, jackstaff: Value) -> Value {
    json!({
        "match": {"prefix": path},
        "route": {"cluster": UPSTREAM_CLUSTER},
        "metadata": {"filter_metadata": {"jackstaff": jackstaff}},
    })
}

#[test]
fn a_route_names_its_flags() {
    if !ready(Host::Envoy) {
        return;
    }
    let upstream = Upstream::start(0).unwrap();
    let options =
        EnvoyOptions::new(Module::Filter.path().unwrap(), upstream.address()).plugin("flags", config().to_string());
    let mut bootstrap = options.bootstrap();
    let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
    let mut moved = route("/moved", json!({"route": "static"}));
    moved["match"]["headers"] = json!([{"name": "x-flag-b", "string_match": {"exact": "2"}}]);
    let plain = |path: &str| json!({"match": {"prefix": path}, "route": {"cluster": UPSTREAM_CLUSTER}});
    bootstrap.pointer_mut(manager).unwrap()["route_config"]["virtual_hosts"][0]["routes"] = json!([
        route("/checkout", json!({"route": "checkout"})),
        route("/path/checkout", json!({"route": "checkout"})),
        route("/path/unknown", json!({"route": "unknown"})),
        route("/path/list", json!({"route": ["checkout"]})),
        route("/unknown", json!({"route": "unknown"})),
        route("/number", json!({"route": 7})),
        route("/object", json!({"route": {"route": "checkout"}})),
        route("/other", json!({"flags": "checkout"})),
        moved,
        route("/moved", json!({"route": "checkout"})),
        plain("/static"),
        plain("/path"),
        plain("/all"),
    ]);
    let envoy = Envoy::start_bootstrap(&bootstrap, 1, &[]).unwrap();
    let address = envoy.addr("flags").unwrap();
    let ask = |path: &str| send(address, &Request::get(path)).unwrap();
    let mut keys = Vec::new();
    for (path, flags) in [
        ("/checkout/1", r#"c="c""#),
        // What the route says comes before what the path says.
        ("/path/checkout", r#"c="c""#),
        // Where it says nothing that is known, the path does, and then nobody.
        ("/path/unknown", "b=2"),
        ("/path/list", "b=2"),
        ("/path", "b=2"),
        ("/unknown", "a=1, b=2"),
        ("/number", "a=1, b=2"),
        ("/object", "a=1, b=2"),
        ("/other", "a=1, b=2"),
        ("/all", "a=1, b=2"),
        ("/static/x", ""),
        // The route that the request came to counts, not the one that a flag's header then leads to.
        ("/moved", r#"c="c""#),
    ] {
        let response = ask(path);
        assert_eq!(response.status, 200, "{path}: {}", envoy.log());
        let seen = Seen::from_json(&response.body).unwrap();
        let found = seen.header_all("x-flags").first().map(|value| String::from_utf8_lossy(value).into_owned());
        assert_eq!(found.unwrap_or_default(), flags, "{path}");
        assert_eq!(seen.header_all("x-flag-b"), [b"2"], "{path}: on every route");
        keys.push((flags, seen.header_all("x-flags-key")[0].to_vec()));
    }
    // The key covers the flags that are sent, and nothing else.
    for (flags, key) in &keys {
        for (others, other) in &keys {
            assert_eq!(flags == others, key == other, "{flags} {others}");
        }
    }
    assert_eq!(ask("/nowhere").status, 404, "no route, no metadata, no harm");
}
