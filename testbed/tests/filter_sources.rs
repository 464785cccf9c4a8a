//! Rulesets from other servers, in a real Envoy with one worker and with four.

mod common;

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use common::hosts::ready;
use jackstaff_core::{CompileOptions, compile};
use jackstaff_testbed::deploy::{ApiDeployment, ApiHost, Host, Key};
use jackstaff_testbed::hosts::envoy::{Envoy, EnvoyOptions};
use jackstaff_testbed::http_client::{Request, Response, send};
use jackstaff_testbed::modules::Module;
use jackstaff_testbed::upstream::{Reply, Seen, Upstream};
use serde_json::{Value, json};

/// Connections that are opened to meet every worker.
const CONNECTIONS: usize = 24;

/// Seconds between two looks at the sources.
const POLL_S: u64 = 2;

/// Within the poll interval and this a change is to be live in every worker.
const MARGIN: Duration = Duration::from_secs(1);

/// A ruleset with one flag, `build`.
fn source(build: u32) -> Vec<u8> {
    json!({"flags": {"build": {"state": "ENABLED", "variants": {"on": build}, "defaultVariant": "on"}}})
        .to_string()
        .into_bytes()
}

fn snapshot(build: u32, revision: u64) -> Vec<u8> {
    compile(&source(build), &CompileOptions { revision, ..CompileOptions::default() }).unwrap().snapshot
}

/// A server of rulesets.
struct Source {
    server: Upstream,
    reply: Arc<Mutex<Reply>>,
    asked: Arc<AtomicUsize>,
    /// Of these, those that were told that nothing has changed.
    unchanged: Arc<AtomicUsize>,
}

fn reply(status: u16, headers: &[(&str, &str)], body: Vec<u8>) -> Reply {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Reply { status, headers, body }
}

impl Source {
    fn start(first: Reply) -> Self {
        let (current, asked, unchanged) = (Arc::new(Mutex::new(first)), Arc::default(), Arc::default());
        let (answer, count, same): (_, Arc<AtomicUsize>, Arc<AtomicUsize>) =
            (Arc::clone(&current), Arc::clone(&asked), Arc::clone(&unchanged));
        let server = Upstream::start_with(0, move |request: &Seen| {
            count.fetch_add(1, Relaxed);
            let current = answer.lock().unwrap().clone();
            let etag =
                current.headers.iter().find(|(name, _)| name == "etag").map(|(_, value)| value.as_bytes().to_vec());
            if etag.is_some_and(|etag| request.header_all("if-none-match") == [etag.as_slice()]) {
                same.fetch_add(1, Relaxed);
                return Some(reply(304, &[], Vec::new()));
            }
            Some(current)
        })
        .unwrap();
        Self { server, reply: current, asked, unchanged }
    }

    fn set(&self, reply: Reply) {
        *self.reply.lock().unwrap() = reply;
    }
}

fn config(origins: &[&str], rest: &Value) -> String {
    let sources: Vec<Value> = origins
        .iter()
        .map(|origin| json!({"origin": origin, "authority": "rulesets.test", "path": "/flags.json", "limit_ms": 1_000}))
        .collect();
    let mut config = json!({"sources": sources, "refresh": {"poll_s": POLL_S}, "identity": [{"header": "x-user-id"}]});
    config.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    config.to_string()
}

struct Lab {
    envoy: Envoy,
    _upstream: Upstream,
}

impl Lab {
    fn start(workers: u32, clusters: &[(&str, SocketAddr)], config: String) -> Self {
        let upstream = Upstream::start(0).unwrap();
        let mut options = EnvoyOptions::new(Module::Filter.path().unwrap(), upstream.address()).plugin("flags", config);
        options.concurrency = workers;
        options.clusters = clusters.iter().map(|(name, address)| ((*name).to_owned(), *address)).collect();
        Self { envoy: Envoy::start(&options).unwrap(), _upstream: upstream }
    }

    fn send(&self) -> Response {
        send(self.envoy.addr("flags").unwrap(), &Request::get("/").header("x-user-id", "ada")).unwrap()
    }

    /// The flags and their status.
    fn seen(&self) -> (String, String) {
        let response = self.send();
        assert_eq!(response.status, 200, "a flag never breaks a request");
        let seen = Seen::from_json(&response.body).unwrap();
        let text = |name| seen.header_all(name).first().map(|value| String::from_utf8_lossy(value).into_owned());
        (text("x-flags").unwrap_or_default(), text("x-flags-status").unwrap_or_default())
    }

    /// Waits until `CONNECTIONS` in a row see it, and says how long that took.
    fn until(&self, what: &str, good: impl Fn(&(String, String)) -> bool) -> Duration {
        let begun = Instant::now();
        loop {
            let mut last = (String::new(), String::new());
            let all = (0..CONNECTIONS).all(|_| {
                last = self.seen();
                good(&last)
            });
            if all {
                return begun.elapsed();
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "{what}: still {last:?}\n{}", self.envoy.log());
            thread::sleep(Duration::from_millis(50));
        }
    }
}

fn build(build: u32) -> impl Fn(&(String, String)) -> bool {
    move |(flags, status)| *flags == format!("build={build}") && status.starts_with("fresh")
}

#[test]
fn a_change_is_live_in_every_worker_within_the_poll_interval_and_a_second() {
    if !ready(Host::Envoy) {
        return;
    }
    for workers in [1, 4] {
        let source = Source::start(reply(200, &[("etag", "\"1\"")], source(1)));
        let lab = Lab::start(workers, &[("rulesets", source.server.address())], config(&["rulesets"], &json!({})));
        lab.until("the first ruleset", build(1));
        let mut longest = Duration::ZERO;
        for nth in 2..6 {
            let etag = format!("\"{nth}\"");
            source.set(reply(200, &[("etag", &etag)], self::source(nth)));
            longest = longest.max(lab.until("a change", build(nth)));
        }
        let asked = source.asked.load(Relaxed);
        thread::sleep(Duration::from_secs(2 * POLL_S) + MARGIN);
        let more = source.asked.load(Relaxed) - asked;
        println!(
            "{workers} workers, poll interval {POLL_S} s: the slowest of 4 changes was live everywhere after {longest:?}; {more} requests to the \
             source in {} s, {} of all answered 304",
            2 * POLL_S + 1,
            source.unchanged.load(Relaxed)
        );
        assert!(longest <= Duration::from_secs(POLL_S) + MARGIN + Duration::from_millis(500), "{longest:?}");
        assert!((1..=4).contains(&more), "one worker asks for all: {more}");
        assert!(source.unchanged.load(Relaxed) > 0, "it says what it has");
    }
}

#[test]
fn what_is_broken_replaces_nothing_and_says_so() {
    if !ready(Host::Envoy) {
        return;
    }
    let gzip = [("content-encoding", "gzip")];
    let faults = [
        ("wrong", reply(200, &[], b"<html>".to_vec())),
        ("gzip'd", reply(200, &gzip, vec![0x1f, 0x8b, 8, 0])),
        ("of 20 MB", reply(200, &[], vec![b' '; 20_000_000])),
        ("gone", reply(404, &[], Vec::new())),
        ("older", reply(200, &[], snapshot(8, 6))),
        ("half a snapshot", reply(200, &[], snapshot(8, 8)[..100].to_vec())),
    ];
    let source = Source::start(reply(200, &[], snapshot(7, 7)));
    let lab = Lab::start(1, &[("rulesets", source.server.address())], config(&["rulesets"], &json!({})));
    lab.until("the first ruleset", build(7));
    for (name, fault) in faults {
        source.set(fault);
        lab.until(name, |(flags, status)| flags == "build=7" && status.starts_with("stale;rev=\"7\";age="));
        source.set(reply(200, &[], snapshot(7, 7)));
        lab.until("it recovers", build(7));
    }
    let log = lab.envoy.log();
    for said in ["it answered in the encoding", "404 Not Found", "older than 7"] {
        assert!(log.contains(said), "{said}: {log}");
    }
    assert!(!log.contains("/flags.json"), "a path may be secret");
}

/// Accepts connections and does the same with each.
fn raw(serve: impl Fn(std::net::TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = serve.clone();
            thread::spawn(move || serve(stream));
        }
    });
    address
}

#[test]
fn the_next_source_serves_while_one_is_down_slow_or_breaks_off() {
    if !ready(Host::Envoy) {
        return;
    }
    let good = Source::start(reply(200, &[], source(3)));
    let down = { TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap() };
    let slow = raw(|stream| {
        thread::sleep(Duration::from_secs(30));
        drop(stream);
    });
    let broken = raw(|mut stream| {
        let _ = stream.read(&mut [0; 4_096]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"flags\"");
    });
    for (name, bad) in [("down", down), ("slow", slow), ("broken", broken)] {
        let clusters = [("bad", bad), ("good", good.server.address())];
        let lab = Lab::start(1, &clusters, config(&["bad", "good"], &json!({})));
        let took = lab.until(name, build(3));
        println!("first source {name}: the second one's ruleset after {took:?}");
    }
    // With no other there are no flags, and the inline ruleset serves where there is one.
    let lab = Lab::start(1, &[("bad", slow)], config(&["bad"], &json!({})));
    lab.until("no ruleset", |(flags, status)| flags.is_empty() && status == "none");
    let inline: Value = serde_json::from_slice(&source(5)).unwrap();
    let lab = Lab::start(1, &[("bad", down)], config(&["bad"], &json!({"ruleset": inline})));
    lab.until("the inline ruleset", |(flags, status)| flags == "build=5" && status.starts_with("stale"));
}

#[test]
fn requests_are_refused_until_there_is_a_ruleset_where_that_is_wanted() {
    if !ready(Host::Envoy) {
        return;
    }
    let source = Source::start(reply(503, &[], Vec::new()));
    let rest = json!({"refresh": {"poll_s": 1, "without": "unavailable", "max_age_s": 3}});
    let lab = Lab::start(1, &[("rulesets", source.server.address())], config(&["rulesets"], &rest));
    let refused = lab.send();
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some(&b"1"[..])));
    source.set(reply(200, &[], self::source(1)));
    let begun = Instant::now();
    while lab.send().status != 200 {
        assert!(begun.elapsed() < Duration::from_secs(10), "{}", lab.envoy.log());
        thread::sleep(Duration::from_millis(50));
    }
    // The last good one serves for three seconds.
    source.set(reply(503, &[], Vec::new()));
    let begun = Instant::now();
    while lab.send().status == 200 {
        assert!(begun.elapsed() < Duration::from_secs(15), "{}", lab.envoy.log());
        thread::sleep(Duration::from_millis(50));
    }
    assert!(begun.elapsed() > Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[test]
fn another_jackstaff_is_a_source() {
    if !ready(Host::Envoy) {
        return;
    }
    let key = Key { key: "dvc_server_mesh".to_owned(), kind: "server".to_owned(), environment: "shop".to_owned() };
    let deployment = ApiDeployment {
        rulesets: BTreeMap::from([("shop".to_owned(), source(9))]),
        keys: vec![key],
        ..ApiDeployment::default()
    };
    let spin = ApiHost::start(Host::Spin, &deployment).unwrap();
    let from_spin = json!({
        "sources": [{"origin": "jackstaff", "authority": "flags.test", "path": "/v1/ruleset", "authorization": "dvc_server_mesh"}],
        "refresh": {"poll_s": 1},
        "identity": [{"header": "x-user-id"}],
    });
    let lab = Lab::start(2, &[("jackstaff", spin.address().unwrap())], from_spin.to_string());
    lab.until("Spin's ruleset", build(9));
    // Asked again, Spin says that nothing has changed, and the ruleset counts as fresh.
    thread::sleep(Duration::from_secs(3));
    lab.until("still fresh", |(_, status)| status.starts_with("fresh") && !status.contains("age=3"));
}
