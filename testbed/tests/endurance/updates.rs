//! Changes of configuration under traffic: by ECDS, which switches live connections, and by LDS, which drains them.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use jackstaff_testbed::deploy::Host;
use jackstaff_testbed::http_client::{Client, Request};
use jackstaff_testbed::upstream::{Seen, Upstream};
use serde_json::json;

use crate::change::{By, Changing};
use crate::common::hosts::ready;
use crate::lab::{Stop, WORKERS, config, decided, flags, flat, long, resident, wakeups};

/// How long a change may take until a request sees it.
const LIVE: Duration = Duration::from_secs(20);

fn run(by: By, workers: u32) {
    let upstream = Upstream::start(0).unwrap();
    let changing = Changing::start(by, workers, upstream.address(), &[], &config(0));
    let (envoy, address) = (&changing.envoy, changing.address());
    let idle = wakeups(envoy);
    let updates = if long() { 1_000 } else { 200 };
    let (published, done, sent) = (AtomicU32::new(0), AtomicBool::new(false), AtomicU64::new(0));
    let (mut before, mut slowest) = (0, Duration::ZERO);
    thread::scope(|scope| {
        // Traffic all the while: every request is answered, with one configuration or the next, never with half of one or none.
        scope.spawn(|| {
            let mut client = Client::new(address);
            while !done.load(Ordering::Relaxed) {
                let response = client.send(&Request::get("/").header("x-user-id", "u-1")).unwrap();
                assert_eq!(response.status, 200);
                let seen = Seen::from_json(&response.body).unwrap();
                let [header] = seen.header_all("x-flags")[..] else { panic!("{seen:?}") };
                let newest = published.load(Ordering::Relaxed);
                assert!((0..=newest).any(|build| flags(build).as_bytes() == header), "{seen:?}");
                sent.fetch_add(1, Ordering::Relaxed);
                thread::sleep(Duration::from_millis(2));
            }
        });
        let _stop = Stop(&done);
        for build in 1..=updates {
            published.store(build, Ordering::Relaxed);
            let start = Instant::now();
            changing.change(&config(build));
            let expected = flags(build);
            loop {
                let response = Client::new(address).send(&Request::get("/").header("x-user-id", "u-2")).unwrap();
                assert_eq!(response.status, 200);
                if Seen::from_json(&response.body).unwrap().header_all("x-flags") == [expected.as_bytes()] {
                    break;
                }
                assert!(start.elapsed() < LIVE, "update {build} is not live:\n{}", envoy.log());
                thread::sleep(Duration::from_millis(2));
            }
            slowest = slowest.max(start.elapsed());
            if build == updates / 4 {
                before = resident(envoy);
            }
        }
    });
    let sent = sent.into_inner();
    println!(
        "{by:?}, {workers} workers: {updates} updates, the slowest live in {slowest:?}, {sent} requests beside them"
    );
    assert!(sent > u64::from(updates), "{sent}");
    // What the last listeners held goes with them, and so do their timers.
    thread::sleep(Duration::from_secs(2));
    let woken = wakeups(envoy);
    println!(
        "{by:?}, {workers} workers: Envoy's threads woke up {idle} times in 2 s before the updates, {woken} times after them"
    );
    assert!(woken <= 2 * idle + 100, "{woken}");
    flat(&format!("{by:?}, {workers} workers, {updates} updates"), before, resident(envoy));
    // A configuration that the filter refuses: the one before stays.
    changing.change(&json!({ "flagz": [] }));
    let start = Instant::now();
    while !envoy.log().contains("$.flagz") {
        assert!(start.elapsed() < LIVE, "{}", envoy.log());
        thread::sleep(Duration::from_millis(20));
    }
    decided(&Client::new(address).send(&Request::get("/").header("x-user-id", "u-1")).unwrap(), updates);
    assert_eq!(crate::lab::counter(envoy, "http.testbed.downstream_rq_5xx"), 0);
}

#[test]
fn changes_by_ecds_lose_nothing_and_keep_nothing() {
    if ready(Host::Envoy) {
        WORKERS.into_iter().for_each(|workers| run(By::Ecds, workers));
    }
}

#[test]
fn changes_by_lds_lose_nothing_and_keep_nothing() {
    if ready(Host::Envoy) {
        WORKERS.into_iter().for_each(|workers| run(By::Lds, workers));
    }
}
