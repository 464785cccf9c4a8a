//! The built filter in its two hosts: what only shows with a host around it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use jackstaff_testbed::hosts::envoy::{Envoy, EnvoyOptions};
use jackstaff_testbed::hosts::proxy_wasm::{
    ConfigureError, Header, LogLevel, Module as Wasm, Outcome, RequestIn, ResponseIn, Vm, VmOptions, first, values,
};
use jackstaff_testbed::http_client::{Request, Response, send};
use jackstaff_testbed::modules::Module;
use jackstaff_testbed::upstream::{Seen, Upstream};
use serde_json::{Value, json};

/// `greeting` for the user `u-1` only, `nav` for everyone.
fn ruleset() -> Value {
    let everyone = json!({"operator": "and", "filters": [{"type": "all"}]});
    let one = json!({"operator": "and", "filters": [{"type": "user", "subType": "user_id", "comparator": "=", "values": ["u-1"]}]});
    let feature = |nth: u32, value: Value, filters: Value| {
        json!({
            "_id": format!("f{nth}"), "key": format!("f{nth}"), "type": "release",
            "variations": [{"_id": format!("x{nth}"), "key": "on", "name": "On", "variables": [{"_var": format!("v{nth}"), "value": value}]}],
            "configuration": {"_id": format!("c{nth}"), "targets": [{
                "_id": format!("t{nth}"), "_audience": {"_id": format!("a{nth}"), "filters": filters},
                "distribution": [{"_variation": format!("x{nth}"), "percentage": 1}],
            }]},
        })
    };
    json!({
        "project": {"_id": "p", "key": "p", "settings": {}}, "environment": {"_id": "e", "key": "e"},
        "variables": [{"_id": "v1", "key": "greeting", "type": "String"}, {"_id": "v2", "key": "nav", "type": "Boolean"}],
        "features": [feature(1, json!("café"), one), feature(2, json!(true), everyone)],
    })
}

const EVERYONE: &str = "nav";
const U_1: &str = r#"greeting=%"caf%c3%a9", nav"#;

fn config() -> Value {
    json!({
        "ruleset": ruleset(),
        "identity": [{"header": "x-user-id"}, {"cookie": "uid"}, {"anonymous": {}}],
        "per_flag_headers": {"nav": "x-flag-nav"},
    })
}

fn vm() -> Vm {
    let module = Wasm::load(Module::Filter.path().unwrap()).unwrap();
    Vm::new(&module, VmOptions::default()).unwrap()
}

/// The headers with which the request goes on, and the cookies that the response sets.
fn through(vm: &mut Vm, config: &Value, request: RequestIn) -> (Vec<Header>, Vec<Vec<u8>>) {
    let plugin = vm.configure(config.to_string().as_bytes()).unwrap();
    let (stream, outcome) = vm.request(plugin, request).unwrap();
    let Outcome::Forwarded { headers, .. } = outcome else { panic!("{outcome:?}") };
    let response = vm.response(stream, ResponseIn { status: 200, ..ResponseIn::default() }).unwrap();
    (headers, values(&response.headers, "set-cookie").into_iter().map(<[u8]>::to_vec).collect())
}

fn flags(headers: &[Header]) -> &str {
    std::str::from_utf8(first(headers, "x-flags").unwrap()).unwrap()
}

#[test]
fn the_user_is_found_by_header_and_by_cookie() {
    let mut vm = vm();
    let get = RequestIn::get("/");
    let (headers, cookies) = through(&mut vm, &config(), get.clone().header("x-user-id", "u-1"));
    assert_eq!((flags(&headers), cookies.len()), (U_1, 0));
    assert_eq!(first(&headers, "x-flag-nav"), Some(&b"true"[..]));
    assert_eq!(first(&headers, "x-flags-key").unwrap().len(), 16);
    let (headers, _) = through(&mut vm, &config(), get.header("cookie", "a=b; uid=u-1"));
    assert_eq!(flags(&headers), U_1);
}

#[test]
fn the_user_is_found_by_a_claim_and_in_the_query() {
    let mut vm = vm();
    let claim = ["metadata", "filter_metadata", "envoy.filters.http.jwt_authn", "jwt", "sub"];
    let mut config = config();
    config["identity"] = json!([{"property": claim}, {"query": "uid"}]);
    let (headers, _) = through(&mut vm, &config, RequestIn::get("/").property(&claim, "u-1"));
    assert_eq!(flags(&headers), U_1);
    let (headers, _) = through(&mut vm, &config, RequestIn::get("/?uid=u%2D1").property(&claim, b"\xff"));
    assert_eq!(flags(&headers), U_1, "what is no text is passed over");
    let (headers, _) = through(&mut vm, &config, RequestIn::get("/?uid=u-2"));
    assert_eq!(flags(&headers), EVERYONE);
}

#[test]
fn a_stranger_gets_an_id_and_keeps_it() {
    let mut vm = vm();
    let (headers, cookies) = through(&mut vm, &config(), RequestIn::get("/"));
    assert_eq!(flags(&headers), EVERYONE);
    let cookie = String::from_utf8(cookies.concat()).unwrap();
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    assert!(attributes.contains("Secure") && attributes.contains("HttpOnly"), "{cookie}");
    let (_, again) = through(&mut vm, &config(), RequestIn::get("/").header("cookie", pair));
    assert_eq!(again.len(), 0, "{pair}");
    let (_, other) = through(&mut vm, &config(), RequestIn::get("/"));
    assert_ne!(String::from_utf8(other.concat()).unwrap(), cookie, "ids are random");
}

#[test]
fn forged_headers_do_not_pass() {
    let forged = RequestIn::get("/")
        .header("X-Flags", "forged")
        .header("x-flags", "forged")
        .header("x_flags", "forged")
        .header("x-flags-key", "forged")
        .header("X_Flags-Status", "forged")
        .header("x-flag_nav", "forged")
        .header("x-mine", "stays");
    for config in [config(), json!({})] {
        let (headers, _) = through(&mut vm(), &config, forged.clone());
        let left: Vec<_> = headers.iter().filter(|(_, value)| value == b"forged").collect();
        // Without a configuration the filter cannot know of the flag's own header.
        let known = usize::from(config == json!({}));
        assert_eq!(left.len(), known, "{left:?}");
        assert_eq!(first(&headers, "x-mine"), Some(&b"stays"[..]));
        assert_eq!(values(&headers, "x-flags-status").len(), 1);
    }
}

#[test]
fn without_a_ruleset_the_status_says_so() {
    let mut vm = vm();
    let (headers, cookies) = through(&mut vm, &json!({"identity": [{"anonymous": {}}]}), RequestIn::get("/"));
    assert_eq!(first(&headers, "x-flags-status"), Some(&b"none"[..]));
    assert_eq!((first(&headers, "x-flags"), cookies.len()), (None, 0));
    assert!(vm.take_logs().iter().any(|line| line.level == LogLevel::Warn && line.text.contains("$.ruleset")));
}

#[test]
fn bytes_that_are_no_text_break_nothing() {
    let odd = RequestIn::get("/")
        .header("x-user-id", b"\xff\xfe")
        .header("x-other", b"\x80")
        .header("cookie", b"uid=u-1; x=\xff");
    let (headers, _) = through(&mut vm(), &config(), odd);
    assert_eq!(flags(&headers), U_1, "the next source counts");
    assert_eq!(first(&headers, "x-other"), Some(&b"\x80"[..]));
}

#[test]
fn what_does_not_fit_is_counted() {
    let mut config = config();
    config["max_header_bytes"] = json!(EVERYONE.len());
    let (headers, _) = through(&mut vm(), &config, RequestIn::get("/").header("x-user-id", "u-1"));
    assert_eq!(flags(&headers), EVERYONE);
    let status = std::str::from_utf8(first(&headers, "x-flags-status").unwrap()).unwrap();
    assert!(status.starts_with("fresh;rev=\"") && status.ends_with("\";age=0;omitted=1"), "{status}");
}

#[test]
fn two_configurations_in_one_vm_keep_apart() {
    let mut vm = vm();
    let mut other = config();
    other["headers"] = json!({"flags": "x-other-flags"});
    let [a, b] = [config(), other].map(|config| vm.configure(config.to_string().as_bytes()).unwrap());
    for _ in 0..2 {
        for (plugin, name, not) in [(a, "x-flags", "x-other-flags"), (b, "x-other-flags", "x-flags")] {
            let (stream, outcome) = vm.request(plugin, RequestIn::get("/")).unwrap();
            let Outcome::Forwarded { headers, .. } = outcome else { panic!("{outcome:?}") };
            assert_eq!((first(&headers, name), first(&headers, not)), (Some(EVERYONE.as_bytes()), None));
            vm.cancel(stream).unwrap();
        }
    }
    vm.remove(a).unwrap();
    let (stream, _) = vm.request(b, RequestIn::get("/")).unwrap();
    vm.cancel(stream).unwrap();
}

#[test]
fn a_bad_configuration_is_refused_and_says_where_and_what_to_do() {
    let mut vm = vm();
    for (config, path) in [("{\"flagz\":1}", "$.flagz"), ("[]", "$:"), ("{\"ruleset\":{}}", "$.ruleset")] {
        let Err(ConfigureError::Rejected { logs }) = vm.configure(config.as_bytes()) else { panic!("{config}") };
        assert!(logs.iter().any(|line| line.level == LogLevel::Error && line.text.contains(path)), "{logs:?}");
    }
    vm.configure(config().to_string().as_bytes()).unwrap();
}

#[test]
fn nothing_about_users_is_logged() {
    let mut vm = vm();
    let plugin = vm.configure(config().to_string().as_bytes()).unwrap();
    vm.take_logs();
    let (stream, _) = vm.request(plugin, RequestIn::get("/").header("x-user-id", "u-1")).unwrap();
    vm.cancel(stream).unwrap();
    assert_eq!(vm.take_logs(), []);
}

fn seen(listener: SocketAddr, request: Request) -> (Seen, Response) {
    let response = send(listener, &request.header("host", "shop.test")).unwrap();
    (Seen::from_json(&response.body).unwrap(), response)
}

#[test]
fn in_a_real_envoy() {
    let upstream = Upstream::start(0).unwrap();
    let mut small = config();
    small["max_header_bytes"] = json!(EVERYONE.len());
    let options = EnvoyOptions::new(Module::Filter.path().unwrap(), upstream.address())
        .plugin("shop", config().to_string())
        .plugin("small", small.to_string())
        .plugin("none", "{}");
    let envoy = Envoy::start(&options).unwrap();
    let [shop, small, none] = ["shop", "small", "none"].map(|name| envoy.addr(name).unwrap());

    let forged = Request::get("/")
        .header("X-Flags", "forged")
        .header("x-flags", "forged")
        .header("x_flags", "forged")
        .header("X-FLAGS-KEY", "forged");
    let (request, _) = seen(shop, forged.clone().header("x-user-id", "u-1"));
    assert_eq!(request.header_all("x-flags"), [U_1.as_bytes()]);
    assert_eq!(request.header_all("x-flag-nav"), [b"true"]);
    assert_eq!(request.header_all("x_flags").len(), 0);
    assert_eq!(request.header_all("x-flags-key").len(), 1);

    let (request, response) = seen(shop, Request::get("/").header("x-user-id", b"\xff").header("cookie", "uid=u-1"));
    assert_eq!(request.header_all("x-flags"), [U_1.as_bytes()]);
    assert!(response.headers.iter().all(|(name, _)| name != "set-cookie"));

    let (request, response) = seen(shop, Request::get("/"));
    assert_eq!(request.header_all("x-flags"), [EVERYONE.as_bytes()]);
    let cookie = response.headers.iter().find(|(name, _)| name == "set-cookie").unwrap();
    assert!(cookie.1.starts_with(b"jackstaff_id="));

    let (request, _) = seen(small, Request::get("/").header("x-user-id", "u-1"));
    assert_eq!(request.header_all("x-flags"), [EVERYONE.as_bytes()]);
    assert!(request.header_all("x-flags-status")[0].ends_with(b";omitted=1"));

    let (request, _) = seen(none, forged);
    assert_eq!(request.header_all("x-flags").len() + request.header_all("x_flags").len(), 0);
    assert_eq!(request.header_all("x-flags-status"), [b"none"]);
}

/// The repository's root, from where delivered configurations run.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn the_delivered_bootstrap_holds_the_demo_ruleset() {
    let bootstrap = fs::read_to_string(root().join("configs/envoy/envoy.yaml")).unwrap();
    let ruleset = fs::read_to_string(root().join("configs/flags/coffee-shop.json")).unwrap();
    // A block scalar, where every line is indented alike.
    let at = "\n                        ";
    let indented = at.to_owned() + &ruleset.trim_end().replace('\n', at) + "\n";
    assert!(
        bootstrap.contains(&indented),
        "copy configs/flags/coffee-shop.json into configs/envoy/envoy.yaml, indented"
    );
}

#[test]
fn the_delivered_bootstrap_runs() {
    let upstream = Upstream::start(0).unwrap();
    let (module, port) = (Module::Filter.path().unwrap().to_str().unwrap(), upstream.address().port().to_string());
    let upstream_port = format!("port_value: {port}");
    let replacements = [
        ("target/modules/jackstaff_filter.wasm", module),
        ("0.0.0.0, port_value: 10000", "127.0.0.1, port_value: 0"),
        ("port_value: 9901", "port_value: 0"),
        ("port_value: 8080", upstream_port.as_str()),
    ];
    let envoy = Envoy::start_file(&root().join("configs/envoy/envoy.yaml"), &root(), 1, &replacements).unwrap();
    let front = envoy.addr("front").unwrap();
    let flags = |stars: &str| {
        let request =
            Request::get("/").header("x-user-id", "amelie").header("x-stars", stars).header("x-flags", "forged");
        let (request, _) = seen(front, request);
        assert_eq!(request.header_all("x-flag-payments"), [b"true"]);
        let [flags] = request.header_all("x-flags")[..] else { panic!("{request:?}") };
        String::from_utf8(flags.to_vec()).unwrap()
    };
    assert!(flags("120").contains("max-items=40, payments-enabled, platinum, "), "{}", flags("120"));
    assert!(flags("12").contains("max-items=12, payments-enabled, platinum=?0, "), "{}", flags("12"));

    let off = [(
        "\"_variation\": \"68f0c0ffee0000000000e121\", \"percentage\": 1",
        "\"_variation\": \"68f0c0ffee0000000000e122\", \"percentage\": 1",
    )];
    let replacements = [&replacements[..], &off].concat();
    let envoy = Envoy::start_file(&root().join("configs/envoy/envoy.yaml"), &root(), 1, &replacements).unwrap();
    let response = send(envoy.addr("front").unwrap(), &Request::get("/payments/new")).unwrap();
    assert_eq!(response.status, 503, "the flag closes the route");
}
