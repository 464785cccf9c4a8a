//! Changes of configuration while exposure events wait to be sent: none is lost, and none is counted twice.

use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use jackstaff_testbed::deploy::Host;
use jackstaff_testbed::http_client::{Request, send};
use jackstaff_testbed::upstream::{Reply, Seen, Upstream};
use serde_json::{Value, json};

use crate::change::{By, Changing};
use crate::common::hosts::ready;
use crate::lab::{WORKERS, counter, flat, long, resident, unharmed};

/// Longer than the test: what waits for it is sent by nobody but a successor.
const LONG_S: u64 = 3_600;

/// How long a slow collector takes: the configuration changes meanwhile.
const SLOW: Duration = Duration::from_millis(300);

/// Requests for each change.
const REQUESTS: u64 = 20;

/// How the collector behaves.
#[derive(Clone, Copy, Debug)]
enum Collector {
    Works,
    IsSlow,
    Fails,
    /// It answers later than is waited for.
    Hangs,
}

/// A plugin configuration with one flag, so that each request is a decision. The header tells one configuration from the next.
fn config(generation: u64, interval_s: u64) -> Value {
    let flag = json!({"state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on"});
    json!({
        "environment": "shop",
        "ruleset": {"flags": {"build": flag}},
        "per_flag_headers": {"build": format!("x-generation-{generation}")},
        "events": {"interval_s": interval_s, "collector": {"origin": "collector", "authority": "events.test", "path": "/events"}},
    })
}

struct Lab {
    changing: Changing,
    state: Arc<Mutex<Collector>>,
    collected: Arc<AtomicU64>,
    sent: AtomicU64,
    _servers: [Upstream; 2],
}

impl Lab {
    fn start(by: By, workers: u32, first: &Value) -> Self {
        let (state, collected) = (Arc::new(Mutex::new(Collector::Works)), Arc::<AtomicU64>::default());
        let (behaves, count) = (Arc::clone(&state), Arc::clone(&collected));
        let collector = Upstream::start_with(0, move |seen: &Seen| {
            let behaves = *behaves.lock().unwrap();
            let status = if matches!(behaves, Collector::Fails) { 503 } else { 202 };
            match behaves {
                Collector::Works | Collector::Fails => {}
                Collector::IsSlow => thread::sleep(SLOW),
                Collector::Hangs => thread::sleep(Duration::from_secs(6)),
            }
            let lines = std::str::from_utf8(&seen.body).unwrap().lines();
            let counts = lines.map(|line| serde_json::from_str::<Value>(line).unwrap()["count"].as_u64().unwrap());
            count.fetch_add(if status == 202 { counts.sum() } else { 0 }, Relaxed);
            Some(Reply { status, headers: Vec::new(), body: Vec::new() })
        });
        let (collector, upstream) = (collector.unwrap(), Upstream::start(0).unwrap());
        let clusters = [("collector", collector.address())];
        let changing = Changing::start(by, workers, upstream.address(), &clusters, first);
        Self { changing, state, collected, sent: AtomicU64::new(0), _servers: [collector, upstream] }
    }

    fn ask(&self) -> Seen {
        let response = send(self.changing.address(), &Request::get("/")).unwrap();
        assert_eq!(response.status, 200);
        self.sent.fetch_add(1, Relaxed);
        Seen::from_json(&response.body).unwrap()
    }

    /// Waits until every worker has this configuration.
    fn until_live(&self, generation: u64) {
        let (begun, header) = (Instant::now(), format!("x-generation-{generation}"));
        while !(0..REQUESTS).all(|_| !self.ask().header_all(&header).is_empty()) {
            assert!(begun.elapsed() < Duration::from_secs(20), "{header}: {}", self.changing.envoy.log());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until what was decided is what was collected, and says how long that took.
    fn until_collected(&self) -> Duration {
        let (begun, sent) = (Instant::now(), self.sent.load(Relaxed));
        let dropped = || counter(&self.changing.envoy, "wasmcustom.jackstaff.events.decisions_dropped");
        while self.collected.load(Relaxed) < sent {
            let lacks = sent - self.collected.load(Relaxed);
            assert!(
                begun.elapsed() < Duration::from_secs(15),
                "{lacks} of {sent} are missing, {} counted as dropped:\n{}",
                dropped(),
                self.changing.envoy.log()
            );
            thread::sleep(Duration::from_millis(20));
        }
        let took = begun.elapsed();
        thread::sleep(Duration::from_millis(1_500));
        assert_eq!((self.collected.load(Relaxed), dropped()), (sent, 0), "none is collected twice, none is dropped");
        took
    }
}

fn run(by: By, workers: u32) {
    let lab = Lab::start(by, workers, &config(0, LONG_S));
    let rounds = if long() { 200 } else { 6 };
    let (mut generation, mut before) = (0, 0);
    for round in 0..rounds {
        *lab.state.lock().unwrap() = [Collector::Works, Collector::IsSlow, Collector::Fails][round % 3];
        // One that sends all the time, and one that sends once and then for an hour no more.
        for interval in [1, LONG_S] {
            for _ in 0..REQUESTS {
                lab.ask();
            }
            generation += 1;
            lab.changing.change(&config(generation, interval));
            lab.until_live(generation);
        }
        if round == rounds / 4 {
            before = resident(&lab.changing.envoy);
        }
    }
    *lab.state.lock().unwrap() = Collector::Works;
    lab.changing.change(&config(generation + 1, 1));
    lab.until_live(generation + 1);
    let took = lab.until_collected();
    println!(
        "{by:?}, {workers} workers: {} decisions over {generation} changes, all collected {took:?} after the last",
        lab.sent.load(Relaxed)
    );
    flat(
        &format!("{by:?}, {workers} workers, {generation} changes with events"),
        before,
        resident(&lab.changing.envoy),
    );
    unharmed(&lab.changing.envoy, 0);
}

#[test]
fn changes_by_ecds_lose_no_event() {
    if ready(Host::Envoy) {
        WORKERS.into_iter().for_each(|workers| run(By::Ecds, workers));
    }
}

#[test]
fn changes_by_lds_lose_no_event() {
    if ready(Host::Envoy) {
        WORKERS.into_iter().for_each(|workers| run(By::Lds, workers));
    }
}

#[test]
fn another_module_sends_what_the_one_before_could_not() {
    if !ready(Host::Envoy) {
        return;
    }
    for by in By::ALL {
        let lab = Lab::start(by, 4, &config(0, LONG_S));
        lab.until_live(0);
        // A worker's first batch goes soon, and what comes after it waits for an hour.
        thread::sleep(Duration::from_secs(1));
        for _ in 0..REQUESTS {
            lab.ask();
        }
        thread::sleep(Duration::from_secs(1));
        assert!(lab.collected.load(Relaxed) < lab.sent.load(Relaxed));
        lab.changing.change_vm(&config(1, 1));
        lab.until_live(1);
        lab.until_collected();
        unharmed(&lab.changing.envoy, 0);
    }
}

#[test]
fn envoy_ends_though_events_wait() {
    if !ready(Host::Envoy) {
        return;
    }
    for interval in [1, LONG_S] {
        let mut lab = Lab::start(By::Ecds, 4, &config(0, interval));
        *lab.state.lock().unwrap() = Collector::Hangs;
        for _ in 0..5 {
            lab.until_live(0);
            thread::sleep(Duration::from_millis(300));
        }
        let (begun, id) = (Instant::now(), lab.changing.envoy.process_id().to_string());
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let status = lab.changing.envoy.wait().unwrap();
        let (log, took) = (lab.changing.envoy.log(), begun.elapsed());
        assert!(status.success() && took < Duration::from_secs(4), "{status} after {took:?}: {log}");
        assert!(!log.contains("Wasm VM failed") && !log.contains("panicked"), "{log}");
    }
}
