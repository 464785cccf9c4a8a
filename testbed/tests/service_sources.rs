//! Rulesets from other servers on Spin and Fastly, behind their key-value stores.

mod common;

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use common::hosts::ready;
use jackstaff_testbed::deploy::{ApiDeployment, ApiHost, Host, Key};
use jackstaff_testbed::http_client::Request;
use jackstaff_testbed::upstream::{Reply, Seen, Upstream};
use serde_json::json;

const KEY: &str = "dvc_server_test";

fn source(build: u32) -> Vec<u8> {
    json!({"flags": {"build": {"state": "ENABLED", "variants": {"on": build}, "defaultVariant": "on"}}})
        .to_string()
        .into_bytes()
}

fn build(host: &mut ApiHost) -> Result<u64, (u16, String)> {
    let ask = Request::with_body("POST", "/ofrep/v1/evaluate/flags/build", br#"{"context":{"targetingKey":"u"}}"#)
        .header("content-type", "application/json");
    let response = host.send(&ask).unwrap();
    match response.status {
        200 => Ok(response.json().unwrap()["value"].as_u64().unwrap()),
        status => Err((status, common::text(&response))),
    }
}

fn until(host: &mut ApiHost, what: &str, good: impl Fn(&Result<u64, (u16, String)>) -> bool) {
    let begun = Instant::now();
    loop {
        let seen = build(host);
        if good(&seen) {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(15), "{what}: {seen:?}\n{}", host.log());
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_server_has_what_the_store_has_not() {
    for host in [Host::Spin, Host::Fastly] {
        if !ready(host) {
            continue;
        }
        let reply = Arc::new(Mutex::new(Reply { status: 200, headers: Vec::new(), body: source(1) }));
        let answer = reply.clone();
        let server = Upstream::start_with(0, move |_: &Seen| Some(answer.lock().unwrap().clone())).unwrap();
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let deployment = ApiDeployment {
            open_environment: "shop".to_owned(),
            sources: vec![(nobody, "/gone.json".to_owned()), (server.address(), "/flags.json".to_owned())],
            cache_ms: Some(100),
            ..ApiDeployment::default()
        };
        let mut host = ApiHost::start(host, &deployment).unwrap();
        until(&mut host, "the first", |seen| *seen == Ok(1));
        reply.lock().unwrap().body = source(2);
        until(&mut host, "a change", |seen| *seen == Ok(2));
        // What is broken replaces nothing, and neither does silence.
        *reply.lock().unwrap() = Reply { status: 200, headers: Vec::new(), body: b"{".to_vec() };
        for _ in 0..10 {
            assert_eq!(build(&mut host), Ok(2));
            thread::sleep(Duration::from_millis(50));
        }
        drop(server);
        for _ in 0..10 {
            assert_eq!(build(&mut host), Ok(2));
            thread::sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn without_a_store_decisions_go_on_and_say_that_user_data_is_missing() {
    for host in [Host::Spin, Host::Fastly] {
        if !ready(host) {
            continue;
        }
        let server =
            Upstream::start_with(0, |_: &Seen| Some(Reply { status: 200, headers: Vec::new(), body: source(1) }));
        let server = server.unwrap();
        let deployment = ApiDeployment {
            keys: vec![Key { key: KEY.to_owned(), kind: "server".to_owned(), environment: "shop".to_owned() }],
            sources: vec![(server.address(), "/flags.json".to_owned())],
            no_store: true,
            ..ApiDeployment::default()
        };
        let mut running = ApiHost::start(host, &deployment).unwrap();
        let mut send = |method: &str, target: &str, body: &[u8]| {
            let request = Request::with_body(method, target, body).header("authorization", KEY);
            running.send(&request.header("content-type", "application/json")).unwrap()
        };
        let context = br#"{"context":{"targetingKey":"ada","$jackstaff":{"userData":true}}}"#;
        for _ in 0..3 {
            let response = send("POST", "/ofrep/v1/evaluate/flags/build", context);
            let said = common::text(&response);
            assert_eq!(response.status, 200, "{}: {said}", host.name());
            let said = response.json().unwrap();
            assert_eq!(said["value"], 1, "{said}");
            assert_eq!(said["metadata"]["jackstaff.userData"], "failed", "{said}");
        }
        let response = send("PATCH", "/v1/edgedb/ada", br#"{"customData":{"stars":1}}"#);
        let said = common::text(&response);
        assert_eq!(response.status, 500, "{}: {said}", host.name());
        assert!(said.contains("add key_value_stores") || said.contains("create it and link it"), "{said}");
    }
}
