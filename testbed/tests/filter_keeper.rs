//! A real Envoy whose filter has user data kept by a Jackstaff that gets into every kind of trouble while requests go on: none fails or
//! hangs, the status says that stored data was missing, and a change that is not known to be made is an error.

mod common;

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use common::{hosts, text};
use jackstaff_testbed::deploy::{Host, Keeper, KeeperState};
use jackstaff_testbed::hosts::envoy::{Envoy, EnvoyOptions};
use jackstaff_testbed::http_client::{Client, Request, Response};
use jackstaff_testbed::modules::Module;
use jackstaff_testbed::upstream::{Seen, Upstream};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const KEY: &str = "dvc_server_front";

/// What a decision waits for the keeper: less than its answers take when it is slow.
const LIMIT_MS: u64 = 200;

/// A request may take the limit, and what a busy machine adds.
const NO_HANG: Duration = Duration::from_millis(LIMIT_MS + 800);

const CLIENTS: usize = 6;

/// How long requests go on in each state: longer than the keeper is left alone after a failure.
const PHASE: Duration = Duration::from_millis(2_500);

fn config(keeper: &str) -> Value {
    let ruleset = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/cases/stars.json")).unwrap();
    let digest: String = Sha256::digest(KEY).iter().map(|byte| format!("{byte:02x}")).collect();
    json!({
        "ruleset": serde_json::from_slice::<Value>(&ruleset).unwrap(),
        "environment": "test",
        "identity": [{"header": "x-user-id"}],
        "api": {"prefix": "/flags", "keys": [{"sha256": digest, "kind": "server", "environment": "test"}]},
        "user_data": {"settings": {
            "read_limit_ms": LIMIT_MS,
            "remote": Keeper::setting(keeper, &json!({"cache_s": 0, "missing_cache_s": 0})),
        }},
    })
}

fn outcome(status: &[u8]) -> String {
    let status = String::from_utf8_lossy(status);
    status.rsplit_once(";user-data=").map(|(_, outcome)| outcome.to_owned()).unwrap_or_else(|| status.into_owned())
}

fn change(client: &mut Client, method: &str, body: &str) -> Response {
    let request = Request::with_body(method, "/flags/v1/edgedb/ada", body.as_bytes()).header("authorization", KEY);
    client.send(&request).unwrap()
}

/// One request to the application and one to the API; what both say became of the user's data.
fn both(client: &mut Client) -> [String; 2] {
    let response = client.send(&Request::get("/").header("x-user-id", "ada")).unwrap();
    assert_eq!(response.status, 200, "{}", text(&response));
    let seen = Seen::from_json(&response.body).unwrap();
    let injected = outcome(seen.header_all("x-flags-status")[0]);
    let flags = String::from_utf8_lossy(&seen.header_all("x-flags").concat()).into_owned();
    assert_eq!(flags.contains("platinum=?0"), injected != "found", "{injected}: {flags}");
    let body = br#"{"context":{"targetingKey":"ada","$jackstaff":{"userData":true}}}"#;
    let ask = Request::with_body("POST", "/flags/ofrep/v1/evaluate/flags/platinum", body);
    let response = client.send(&ask.header("authorization", KEY).header("content-type", "application/json")).unwrap();
    assert_eq!(response.status, 200, "{}", text(&response));
    let said = response.json().unwrap();
    let told = said["metadata"]["jackstaff.userData"].as_str().unwrap_or_default().to_owned();
    assert_eq!(said["value"] == true, told == "found", "{said}");
    [injected, told]
}

#[test]
fn no_request_fails_or_hangs_whatever_the_keeper_does() {
    if !hosts::ready(Host::Envoy) {
        return;
    }
    let keeper = Keeper::start();
    let upstream = Upstream::start(0).unwrap();
    let mut options = EnvoyOptions::new(Module::Filter.path().unwrap(), upstream.address())
        .plugin("flags", config("keeper").to_string());
    options.concurrency = 2;
    options.clusters.push(("keeper".to_owned(), keeper.serve().unwrap()));
    let envoy = Envoy::start(&options).unwrap();
    let address = envoy.addr("flags").unwrap();
    let mut client = Client::new(address);
    assert_eq!(change(&mut client, "PATCH", r#"{"customData":{"stars":120}}"#).status, 200);

    let (over, requests) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (seen, longest) = (Mutex::new(BTreeSet::new()), Mutex::new(Duration::ZERO));
    // A panic beside the clients would leave them running.
    let (mut wrong, mut said_of_keys) = (Vec::new(), false);
    // It is gone and comes back, as one that is restarted, between all other states.
    let phases: [(KeeperState, &[&str], u16); 9] = [
        (KeeperState::Works, &["found"], 200),
        (KeeperState::Gone, &["failed"], 500),
        (KeeperState::Works, &["failed", "found"], 200),
        (KeeperState::Fails, &["failed"], 500),
        (KeeperState::Slow, &["failed", "late"], 200),
        (KeeperState::Gone, &["failed", "late"], 500),
        (KeeperState::Rubbish, &["failed"], 500),
        (KeeperState::Refuses, &["failed"], 500),
        (KeeperState::Works, &["failed", "found"], 200),
    ];
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut client = Client::new(address);
                while !over.load(Relaxed) {
                    let begun = Instant::now();
                    let outcomes = both(&mut client);
                    // Two requests.
                    let took = begun.elapsed() / 2;
                    requests.fetch_add(2, Relaxed);
                    seen.lock().unwrap().extend(outcomes);
                    let mut longest = longest.lock().unwrap();
                    *longest = took.max(*longest);
                }
            });
        }
        for (state, outcomes, written) in phases {
            keeper.set(state).unwrap();
            // Of those that were under way when it changed.
            thread::sleep(Duration::from_millis(300));
            seen.lock().unwrap().clear();
            thread::sleep(PHASE);
            let response = change(&mut client, "PATCH", r#"{"customData":{"stars":120,"seen":true}}"#);
            let outcomes: BTreeSet<String> = outcomes.iter().map(|outcome| (*outcome).to_owned()).collect();
            let met = std::mem::take(&mut *seen.lock().unwrap());
            println!("{state:?}: decisions {met:?}, a change {}", response.status);
            let said = text(&response);
            let honest = written == 200 || said.contains("nothing is known to be stored");
            if met.is_empty() || !met.is_subset(&outcomes) || response.status != written || !honest {
                wrong.push(format!("{state:?}: {met:?}, a change {} {said}", response.status));
            }
            said_of_keys |= said.contains("dvc_server");
        }
        over.store(true, Relaxed);
    });
    assert!(wrong.is_empty() && !said_of_keys, "{wrong:#?}");
    let longest = *longest.lock().unwrap();
    println!("{} requests, none failed; the longest two took {longest:?} each", requests.load(Relaxed));
    assert!(longest < NO_HANG, "{longest:?}");
    let user: Value = change(&mut client, "GET", "").json().unwrap();
    assert_eq!(user["customData"], json!({"stars": 120, "seen": true}));
    assert!(!envoy.log().contains("dvc_server"), "a key in Envoy's log");
}

/// Accepts connections on a thread of its own until the test ends: `hold` keeps them without a word, else they are closed at once.
fn silent(hold: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let mut held = Vec::new();
        for connection in listener.incoming().flatten() {
            if hold {
                held.push(connection);
            }
        }
    });
    address
}

#[test]
fn a_keeper_that_says_nothing_at_all() {
    if !hosts::ready(Host::Envoy) {
        return;
    }
    let upstream = Upstream::start(0).unwrap();
    let plugins = ["nowhere", "closes", "holds"];
    let mut options = plugins
        .iter()
        .fold(EnvoyOptions::new(Module::Filter.path().unwrap(), upstream.address()), |options, keeper| {
            options.plugin(*keeper, config(keeper).to_string())
        });
    options.clusters.extend([("closes".to_owned(), silent(false)), ("holds".to_owned(), silent(true))]);
    let envoy = Envoy::start(&options).unwrap();
    for (keeper, first) in plugins.iter().zip(["failed", "failed", "late"]) {
        let mut client = Client::new(envoy.addr(keeper).unwrap());
        let begun = Instant::now();
        let outcomes = both(&mut client);
        assert!(begun.elapsed() < NO_HANG * 2, "{keeper}: {:?}", begun.elapsed());
        assert_eq!(outcomes, [first, "failed"], "{keeper}");
        let response = change(&mut client, "PATCH", r#"{"customData":{"stars":120}}"#);
        let said = text(&response);
        assert_eq!(response.status, 500, "{keeper}: {said}");
        let remedy = if *keeper == "nowhere" { "add a cluster of this name" } else { "send it again" };
        assert!(said.contains(remedy), "{keeper}: {said}");
        println!("{keeper}: decisions {outcomes:?}; a change: {said}");
    }
    assert!(!envoy.log().contains("dvc_server"), "a key in Envoy's log");
}
