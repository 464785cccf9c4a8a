//! What Prometheus gets of the filter, from the files in configs/envoy as they are: labels, and the names that the dashboard and the
//! documentation use.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use common::hosts::ready;
use jackstaff_testbed::deploy::Host;
use jackstaff_testbed::hosts::envoy::Envoy;
use jackstaff_testbed::http_client::{Request, send};
use jackstaff_testbed::modules::Module;
use jackstaff_testbed::upstream::{Reply, Seen, Upstream};
use regex::Regex;
use serde_json::{Value, json};

/// More flags than fit into a header, into a batch of events and into counters of their own.
const FLAGS: usize = 2_100;

/// For how many users there is room in this file's Envoy: two of the store's places.
const ROOM: usize = 16;

/// The demo's server key.
const KEY: &str = "dvc_server_demo";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// A delivered file on free ports, with `changes`.
fn start(file: &str, application: &Upstream, changes: &[(&str, &str)]) -> Envoy {
    let port = format!("port_value: {}", application.address().port());
    let ours = [
        ("target/modules/jackstaff_filter.wasm", Module::Filter.path().unwrap().to_str().unwrap()),
        ("0.0.0.0, port_value: 10000", "127.0.0.1, port_value: 0"),
        ("port_value: 9901", "port_value: 0"),
        ("port_value: 8080", &port),
    ];
    let file = root().join("configs/envoy").join(file);
    Envoy::start_file(&file, &root(), 2, &[&ours[..], changes].concat()).unwrap()
}

fn visit(envoy: &Envoy, user: &str) -> Seen {
    let response = send(envoy.addr("front").unwrap(), &Request::get("/").header("x-user-id", user)).unwrap();
    assert_eq!(response.status, 200);
    Seen::from_json(&response.body).unwrap()
}

/// What Prometheus would scrape of the filter: values by series.
fn scrape(envoy: &Envoy) -> BTreeMap<String, f64> {
    let text = common::text(&envoy.admin_get("/stats/prometheus").unwrap());
    let lines = text.lines().filter(|line| line.starts_with("jackstaff_"));
    lines
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(series, value)| (series.to_owned(), value.parse().unwrap()))
        .collect()
}

/// Waits until every one of the series is there.
fn until(envoy: &Envoy, wanted: &[&str]) -> BTreeMap<String, f64> {
    let begun = Instant::now();
    loop {
        let metrics = scrape(envoy);
        let missing: Vec<_> = wanted.iter().filter(|series| !metrics.contains_key(**series)).collect();
        if missing.is_empty() {
            return metrics;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{missing:?} are not in {metrics:?}\n{}", envoy.log());
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn decisions_and_reasons_have_labels() {
    if !ready(Host::Envoy) {
        return;
    }
    let application = Upstream::start(0).unwrap();
    let envoy = start("envoy.yaml", &application, &[]);
    let mut treated = 0.0;
    for nth in 0..20 {
        let seen = visit(&envoy, &format!("user-{nth}"));
        treated += f64::from(u8::from(seen.header_all("x-flag-checkout") == [b"treatment"]));
    }
    assert!((1.0..20.0).contains(&treated), "{treated}");
    let treatment = r#"jackstaff_decisions{flag="checkout",variant="treatment"}"#;
    let control = r#"jackstaff_decisions{flag="checkout",variant="control"}"#;
    let split = r#"jackstaff_reasons{reason="split"}"#;
    let begun = Instant::now();
    let metrics = loop {
        let metrics = until(&envoy, &[treatment, control, split]);
        // Each worker tells from time to time, and reasons last.
        if metrics[split] >= 20.0 || begun.elapsed() > Duration::from_secs(10) {
            break metrics;
        }
    };
    assert_eq!((metrics[treatment], metrics[control]), (treated, 20.0 - treated), "{metrics:?}");
    assert_eq!((metrics[split], metrics["jackstaff_requests{}"]), (20.0, 20.0));
    assert_eq!(metrics["jackstaff_ruleset_flags{}"], 6.0);
}

/// Everything that can be counted, counted: the series of a filter that had all kinds of trouble.
fn troubled() -> BTreeMap<String, f64> {
    let up = Arc::new(AtomicBool::new(false));
    let flags: serde_json::Map<String, Value> = (0..FLAGS)
        .map(|nth| {
            (format!("flag-{nth}"), json!({"state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on"}))
        })
        .collect();
    let ruleset = json!({ "flags": flags }).to_string().into_bytes();
    let is_up = up.clone();
    let rulesets = Upstream::start_with(0, move |_: &Seen| {
        let (status, body) = if is_up.load(Relaxed) { (200, ruleset.clone()) } else { (503, Vec::new()) };
        Some(Reply { status, headers: Vec::new(), body })
    })
    .unwrap();
    let collecting = Arc::new(AtomicBool::new(false));
    let collects = collecting.clone();
    let collector = Upstream::start_with(0, move |_: &Seen| {
        Some(Reply { status: if collects.load(Relaxed) { 202 } else { 503 }, headers: Vec::new(), body: Vec::new() })
    })
    .unwrap();
    let application = Upstream::start(0).unwrap();
    let [rulesets_port, collector_port] =
        [&rulesets, &collector].map(|server| format!("port_value: {}", server.address().port()));
    let changes = [
        ("port_value: 8081", &*rulesets_port),
        ("port_value: 8083", &*collector_port),
        (r#""interval_s": 10"#, r#""interval_s": 1"#),
        (r#""users": 10000"#, &*format!(r#""users": {ROOM}"#)),
    ];
    let envoy = start("sources.yaml", &application, &changes);
    until(&envoy, &["jackstaff_source_failures{}"]);
    up.store(true, Relaxed);
    until(&envoy, &["jackstaff_ruleset_age_seconds{}", "jackstaff_ruleset_revision{}"]);
    // The other worker may have it a moment later.
    let begun = Instant::now();
    while visit(&envoy, "ada").header_all("x-flags").is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(10), "{}", envoy.log());
        thread::sleep(Duration::from_millis(50));
    }
    until(&envoy, &["jackstaff_events_batches_failed{}", "jackstaff_events_decisions_dropped{}"]);
    collecting.store(true, Relaxed);
    // More than there is room for, and `ada` last, who has hers therefore.
    for user in (0..=ROOM).map(|nth| format!("user-{nth}")).chain(["ada".to_owned()]) {
        let patch = Request {
            method: "PATCH".to_owned(),
            body: br#"{"customData":{"stars":120}}"#.to_vec(),
            ..Request::get(&format!("/flags/v1/edgedb/{user}")).header("authorization", KEY)
        };
        assert_eq!(send(envoy.addr("front").unwrap(), &patch).unwrap().status, 200);
    }
    assert_eq!(visit(&envoy, "ada").header_all("x-flags").len(), 1);
    let found = r#"jackstaff_user_data{outcome="found"}"#;
    let other = r#"jackstaff_decisions{flag="_other",variant="_other"}"#;
    let evicted = "jackstaff_user_data_evicted{}";
    until(&envoy, &["jackstaff_events_batches_sent{}", "jackstaff_header_overflow{}", evicted, found, other])
}

/// The names with the labels that each has.
fn names(series: impl IntoIterator<Item = String>) -> BTreeMap<String, BTreeSet<String>> {
    let label = Regex::new(r"(\w+)=").unwrap();
    let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for series in series {
        let (name, labels) = series.split_once('{').unwrap();
        names.entry(name.to_owned()).or_default().extend(label.captures_iter(labels).map(|found| found[1].to_owned()));
    }
    names
}

/// Every expression of the dashboard.
fn expressions(dashboard: &Value) -> Vec<String> {
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().unwrap()).map(|target| &target["expr"]);
    let variables = dashboard["templating"]["list"].as_array().unwrap().iter().map(|variable| &variable["query"]);
    targets.chain(variables).map(|text| text.as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_dashboard_and_the_documentation_name_the_metrics_that_there_are() {
    if !ready(Host::Envoy) {
        return;
    }
    let names = names(troubled().into_keys());

    let dashboard: Value = serde_json::from_str(&read("configs/envoy/grafana.json")).unwrap();
    let metric = Regex::new(r"jackstaff_\w+").unwrap();
    // Grouping, selection, and the values of a variable.
    let label = Regex::new(r"by \(([^)]*)\)|\{(\w+)=|, (\w+)\)$").unwrap();
    let mut shown = BTreeSet::new();
    for expression in expressions(&dashboard) {
        let Some(name) = metric.find(&expression) else {
            assert_eq!(expression, "prometheus");
            continue;
        };
        let labels = names.get(name.as_str()).unwrap_or_else(|| panic!("{expression}: there is no such metric"));
        for found in label.captures_iter(&expression) {
            let list = found.iter().skip(1).flatten().next().unwrap().as_str();
            // Prometheus itself says which instance it scraped.
            for wanted in list.split(", ").filter(|wanted| *wanted != "instance") {
                assert!(labels.contains(wanted), "{expression}: {name:?} has no label `{wanted}`");
            }
        }
        shown.extend(metric.find_iter(&expression).map(|name| name.as_str().to_owned()));
    }
    let there: BTreeSet<_> = names.keys().cloned().collect();
    assert_eq!(shown, there, "the dashboard (left) shows every metric");

    let row = Regex::new(r"(?m)^\| `(jackstaff_\w+)(?:\{([^}]*)\})?` \|").unwrap();
    let documented: BTreeMap<String, BTreeSet<String>> = row
        .captures_iter(&read("docs/filter.md"))
        .map(|found| {
            let labels = found.get(2).map_or("", |labels| labels.as_str());
            (found[1].to_owned(), labels.split(", ").filter(|label| !label.is_empty()).map(str::to_owned).collect())
        })
        .collect();
    assert_eq!(documented, names, "the table in docs/filter.md (left)");
}
