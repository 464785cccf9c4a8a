//! An Envoy with the filter, what is known about its requests, and what must hold when all is over.

use std::env;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use jackstaff_testbed::hosts::envoy::{Envoy, EnvoyOptions};
use jackstaff_testbed::http_client::{Client, Request, Response};
use jackstaff_testbed::modules::Module;
use jackstaff_testbed::upstream::{Seen, Upstream};
use serde_json::{Value, json};

/// The numbers of workers that everything is played with.
pub const WORKERS: [u32; 2] = [1, 4];

/// Whether the long form is asked for.
pub fn long() -> bool {
    env::var("JACKSTAFF_ENDURANCE").is_ok_and(|value| value == "long")
}

/// A plugin configuration whose flag `build` is this number for everyone; `nav` has a header of its own.
pub fn config(build: u32) -> Value {
    let everyone = json!({"operator": "and", "filters": [{"type": "all"}]});
    let feature = |nth: u32, value: Value| {
        json!({
            "_id": format!("f{nth}"), "key": format!("f{nth}"), "type": "release",
            "variations": [{"_id": format!("x{nth}"), "key": "on", "name": "On", "variables": [{"_var": format!("v{nth}"), "value": value}]}],
            "configuration": {"_id": format!("c{nth}"), "targets": [{
                "_id": format!("t{nth}"), "_audience": {"_id": format!("a{nth}"), "filters": everyone},
                "distribution": [{"_variation": format!("x{nth}"), "percentage": 1}],
            }]},
        })
    };
    json!({
        "identity": [{"header": "x-user-id"}, {"cookie": "uid"}, {"anonymous": {}}],
        "attributes": [{"header": "x-country", "name": "country", "scope": "profile"}, {"header": "x-n", "name": "n", "type": "number"}],
        "per_flag_headers": {"nav": "x-flag-nav"},
        "ruleset": {
            "project": {"_id": "p", "key": "p", "settings": {}}, "environment": {"_id": "e", "key": "e"},
            "variables": [{"_id": "v1", "key": "build", "type": "Number"}, {"_id": "v2", "key": "nav", "type": "Boolean"}],
            "features": [feature(1, json!(build)), feature(2, json!(true))],
        },
    })
}

/// What the flag header then says.
pub fn flags(build: u32) -> String {
    format!("build={build}, nav")
}

/// An Envoy with the filter and an application that remembers what it saw.
pub struct Lab {
    pub envoy: Envoy,
    seen: Arc<Mutex<Vec<Seen>>>,
    _upstream: Upstream,
}

/// An application that remembers.
pub fn application() -> (Upstream, Arc<Mutex<Vec<Seen>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&seen);
    let upstream = Upstream::start_with(0, move |request| {
        record.lock().unwrap().push(request.clone());
        None
    });
    (upstream.unwrap(), seen)
}

impl Lab {
    pub fn start(workers: u32) -> Self {
        let (upstream, seen) = application();
        let mut options =
            EnvoyOptions::new(Module::Filter.path().unwrap(), upstream.address()).plugin("shop", config(1).to_string());
        options.concurrency = workers;
        Self { envoy: Envoy::start(&options).unwrap(), seen, _upstream: upstream }
    }

    pub fn client(&self) -> Client {
        Client::new(self.envoy.addr("shop").unwrap())
    }

    /// What the application has seen since it was last asked.
    pub fn take_seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }

    /// What must hold at the end, whatever came: the filter still works, and no request has failed through it.
    pub fn check(&self) {
        self.check_but(0);
    }

    /// The same where so many requests are known to have got an answer of Envoy's own from 500 on.
    pub fn check_but(&self, known: u64) {
        for _ in 0..20 {
            // A connection each, so that every worker gets some.
            let response = self.client().send(&Request::get("/").header("x-user-id", "u-1")).unwrap();
            decided(&response, 1);
        }
        unharmed(&self.envoy, known);
    }
}

/// The request reached the application with the flags it should have, and with none but the filter's.
pub fn decided(response: &Response, build: u32) -> Seen {
    assert_eq!(response.status, 200, "{}", String::from_utf8_lossy(&response.body));
    let seen = Seen::from_json(&response.body).unwrap();
    genuine(&seen, build);
    seen
}

/// No client has had a say in the flags of a request.
pub fn genuine(seen: &Seen, build: u32) {
    assert_eq!(seen.header_all("x-flags"), [flags(build).as_bytes()], "{seen:?}");
    assert_eq!(seen.header_all("x-flag-nav"), [b"true"], "{seen:?}");
    assert_eq!(seen.header_all("x-flags-key").len(), 1, "{seen:?}");
    let [status] = seen.header_all("x-flags-status")[..] else { panic!("{seen:?}") };
    assert!(status.starts_with(b"fresh;"), "{seen:?}");
    let alike = |name: &str| {
        ["x_flags", "x_flags_key", "x_flags_status", "x_flag_nav"].contains(&name.replace('-', "_").as_str())
    };
    assert_eq!(seen.headers.iter().filter(|(name, _)| alike(name)).count(), 4, "{seen:?}");
}

/// No request failed in Envoy or in the filter, but for so many that are known, and no VM has been lost.
pub fn unharmed(envoy: &Envoy, known: u64) {
    assert_eq!(counter(envoy, "http.testbed.downstream_rq_5xx"), known, "{}", envoy.log());
    let log = envoy.log();
    for sign in ["Function: proxy_on", "Wasm VM failed", "Plugin", "panicked"] {
        assert!(!log.contains(sign), "{sign}:\n{log}");
    }
}

/// A counter or gauge; 0 where Envoy has none of this name.
pub fn counter(envoy: &Envoy, name: &str) -> u64 {
    let stats = envoy.admin_get("/stats").unwrap();
    let text = String::from_utf8(stats.body).unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    value.map_or(0, |value| value.parse().unwrap())
}

/// The memory that a process has resident, in KiB.
pub fn resident(envoy: &Envoy) -> u64 {
    status(Path::new(&format!("/proc/{}/status", envoy.process_id())), "VmRSS:")
}

/// How often a process's threads woke up in two seconds.
pub fn wakeups(envoy: &Envoy) -> u64 {
    let woken = || {
        let threads = fs::read_dir(format!("/proc/{}/task", envoy.process_id())).unwrap();
        threads.map(|thread| status(&thread.unwrap().path().join("status"), "voluntary_ctxt_switches:")).sum::<u64>()
    };
    let before = woken();
    thread::sleep(Duration::from_secs(2));
    woken() - before
}

/// A number in one of the kernel's files about processes.
fn status(file: &Path, name: &str) -> u64 {
    let text = fs::read_to_string(file).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Memory that has not grown, noise of allocators apart.
pub fn flat(what: &str, before: u64, after: u64) {
    /// In KiB: less than a byte for each of the requests of the long form, or a few KB for each of its updates.
    const NOISE: u64 = 6 * 1_024;
    println!("{what}: {before} KiB resident after the first part, {after} KiB at the end");
    assert!(after <= before + NOISE, "{what}: memory grew from {before} to {after} KiB");
}

/// Ends the traffic, also when the test fails.
pub struct Stop<'a>(pub &'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
