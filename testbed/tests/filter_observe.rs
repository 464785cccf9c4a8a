//! What the filter tells besides request headers, in a real Envoy: metrics, exposure events, access logs, browsers; and testers' tokens.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use common::hosts::ready;
use jackstaff_service::overrides::sign;
use jackstaff_testbed::deploy::Host;
use jackstaff_testbed::hosts::envoy::{Envoy, EnvoyOptions};
use jackstaff_testbed::http_client::{Request, Response, send};
use jackstaff_testbed::modules::Module;
use jackstaff_testbed::upstream::{Reply, Seen, Upstream};
use serde_json::{Value, json};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn config(rest: &Value) -> String {
    let rule = json!({"if": [{"==": [{"var": "targetingKey"}, "ada"]}, "on"]});
    let mut config = json!({
        "environment": "shop",
        "identity": [{"header": "x-user-id"}],
        "ruleset": {"flags": {
            "nav.bar": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off", "targeting": rule},
            "text": {"state": "ENABLED", "variants": {"long": "a \"quoted\" text"}, "defaultVariant": "long"},
        }},
    });
    config.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    config.to_string()
}

fn ask(envoy: &Envoy, path: &str, headers: &[(&str, &str)]) -> (Response, Seen) {
    let request = headers.iter().fold(Request::get(path), |request, (name, value)| request.header(name, value));
    let response = send(envoy.addr("flags").unwrap(), &request).unwrap();
    assert_eq!(response.status, 200);
    let seen = Seen::from_json(&response.body).unwrap();
    (response, seen)
}

fn flags(seen: &Seen) -> String {
    seen.header_all("x-flags").first().map(|value| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
}

/// Waits until it holds.
fn until<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(15), "{what}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// The filter's metrics, by name.
fn metrics(envoy: &Envoy) -> BTreeMap<String, u64> {
    let stats = common::text(&envoy.admin_get("/stats?filter=jackstaff").unwrap());
    stats
        .lines()
        .filter_map(|line| line.split_once(": "))
        .filter_map(|(name, value)| {
            Some((name.rsplit_once("jackstaff.").map_or(name, |(_, name)| name).to_owned(), value.parse().ok()?))
        })
        .collect()
}

#[test]
fn decisions_are_metrics_and_events_that_tell_of_no_user() {
    if !ready(Host::Envoy) {
        return;
    }
    let got: Arc<Mutex<(bool, Vec<Value>)>> = Arc::default();
    let collected = got.clone();
    let collector = Upstream::start_with(0, move |seen: &Seen| {
        let mut collected = collected.lock().unwrap();
        let up = collected.0;
        if up {
            assert_eq!((seen.method.as_str(), seen.path.as_str()), ("POST", "/events"));
            assert_eq!(seen.header_all("content-type"), [b"application/x-ndjson"]);
            let lines = std::str::from_utf8(&seen.body).unwrap().lines();
            collected.1.extend(lines.map(|line| serde_json::from_str::<Value>(line).unwrap()));
        }
        Some(Reply { status: if up { 202 } else { 503 }, headers: Vec::new(), body: Vec::new() })
    })
    .unwrap();
    let application = Upstream::start(0).unwrap();
    let events = json!({"events": {"interval_s": 1, "collector": {"origin": "collector", "authority": "events.test", "path": "/events"}}});
    let mut options =
        EnvoyOptions::new(Module::Filter.path().unwrap(), application.address()).plugin("flags", config(&events));
    options.concurrency = 2;
    options.clusters = vec![("collector".to_owned(), collector.address())];
    let envoy = Envoy::start(&options).unwrap();
    // The collector is down at first, which costs requests nothing and loses no event.
    for nth in 0..20 {
        let user = if nth < 5 { "ada" } else { "bob" };
        ask(&envoy, "/", &[("x-user-id", user)]);
    }
    let failed = |metrics: &BTreeMap<String, u64>| metrics.get("events.batches_failed").copied().unwrap_or(0) > 0;
    until("a batch fails", || failed(&metrics(&envoy)).then_some(()));
    got.lock().unwrap().0 = true;
    let sums = until("all events", || {
        let mut sums: BTreeMap<(String, String), u64> = BTreeMap::new();
        for event in &got.lock().unwrap().1 {
            let text = |name: &str| event[name].as_str().unwrap().to_owned();
            *sums.entry((text("flag"), text("variant"))).or_default() += event["count"].as_u64().unwrap();
        }
        (sums.values().sum::<u64>() >= 40).then_some(sums)
    });
    let expected = [(("nav.bar", "off"), 15), (("nav.bar", "on"), 5), (("text", "long"), 20)];
    let expected: BTreeMap<_, _> =
        expected.into_iter().map(|((flag, variant), count)| ((flag.to_owned(), variant.to_owned()), count)).collect();
    assert_eq!(sums, expected);
    let event = got.lock().unwrap().1[0].clone();
    assert_eq!((&event["kind"], &event["environment"]), (&json!("exposure"), &json!("shop")));
    let metrics = metrics(&envoy);
    for (name, value) in [
        ("requests", 20),
        ("decisions.flag.nav_bar.variant.off", 15),
        ("decisions.flag.nav_bar.variant.on", 5),
        ("decisions.flag.text.variant.long", 20),
        ("reasons.reason.targeting_match", 5),
        ("ruleset_flags", 2),
    ] {
        assert_eq!(metrics.get(name), Some(&value), "{name}: {metrics:?}");
    }
    let told = format!("{metrics:?} {:?} {}", got.lock().unwrap().1, envoy.log());
    assert!(!told.contains("ada") && !told.contains("bob"), "{told}");
}

#[test]
fn access_logs_and_browsers_see_the_flags_where_they_are_to() {
    if !ready(Host::Envoy) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("access.log");
    let application = Upstream::start(0).unwrap();
    let rest =
        json!({"access_log": true, "response": {"header": "x-page-flags", "server_timing": true}, "flags": ["text"]});
    let options =
        EnvoyOptions::new(Module::Filter.path().unwrap(), application.address()).plugin("flags", config(&rest));
    let mut bootstrap = options.bootstrap();
    let manager =
        bootstrap.pointer_mut("/static_resources/listeners/0/filter_chains/0/filters/0/typed_config").unwrap();
    manager["access_log"] = json!([{"name": "file", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
        "path": log, "log_format": {"text_format_source": {"inline_string": "flags=%FILTER_STATE(wasm.jackstaff_flags:PLAIN)%\n"}},
    }}]);
    let envoy = Envoy::start_bootstrap(&bootstrap, 1, &[]).unwrap();
    let (response, seen) = ask(&envoy, "/", &[("x-user-id", "ada")]);
    let flags = flags(&seen);
    assert_eq!(flags, r#"text="a \"quoted\" text""#);
    assert_eq!(response.header("x-page-flags"), Some(flags.as_bytes()));
    assert_eq!(response.header("server-timing"), Some(&br#"jackstaff;desc="text=\"a \\\"quoted\\\" text\"""#[..]));
    let line = until("the access log", || fs::read_to_string(&log).ok().filter(|text| text.contains('\n')));
    assert!(line.contains("quoted"), "{line}");
}

#[test]
fn each_route_has_its_flags_and_testers_have_their_tokens() {
    if !ready(Host::Envoy) {
        return;
    }
    let application = Upstream::start(0).unwrap();
    let rest = json!({
        "routes": [{"path_prefix": "/text", "flags": ["text"]}],
        "overrides": {"secret": SECRET, "header": "x-flag-overrides", "cookie": "overrides"},
    });
    let options =
        EnvoyOptions::new(Module::Filter.path().unwrap(), application.address()).plugin("flags", config(&rest));
    let envoy = Envoy::start(&options).unwrap();
    let (_, all) = ask(&envoy, "/", &[("x-user-id", "bob")]);
    let (_, text) = ask(&envoy, "/text/x", &[("x-user-id", "bob")]);
    assert_eq!(flags(&all), r#"nav.bar=?0, text="a \"quoted\" text""#);
    assert_eq!(flags(&text), r#"text="a \"quoted\" text""#);
    assert_ne!(all.header_all("x-flags-key"), text.header_all("x-flags-key"));
    let token =
        |secret: &str, expires| sign(secret.as_bytes(), expires, &vec![("nav.bar".to_owned(), "on".to_owned())]);
    let good = token(SECRET, 4_000_000_000);
    for (name, value, on) in [
        ("x-flag-overrides", good.clone(), true),
        ("cookie", format!("overrides={good}"), true),
        ("x-flag-overrides", token(SECRET, 1), false),
        ("x-flag-overrides", token("another secret that has 32 bytes!", 4_000_000_000), false),
    ] {
        let (_, seen) = ask(&envoy, "/", &[("x-user-id", "bob"), (name, &value)]);
        assert_eq!(flags(&seen).contains("nav.bar=?0"), !on, "{name}: {}", flags(&seen));
        assert!(seen.header_all("x-flag-overrides").is_empty());
    }
}
