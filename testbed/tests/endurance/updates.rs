//! Changes of configuration under traffic: by ECDS, which switches live connections, and by LDS, which drains them.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use jackstaff_testbed::deploy::Host;
use jackstaff_testbed::hosts::envoy::{Envoy, EnvoyOptions};
use jackstaff_testbed::http_client::{Client, Request};
use jackstaff_testbed::modules::Module;
use jackstaff_testbed::upstream::{Seen, Upstream};
use serde_json::{Value, json};

use crate::common::hosts::ready;
use crate::lab::{WORKERS, config, decided, flags, flat, long, resident};

/// How long a change may take until a request sees it.
const LIVE: Duration = Duration::from_secs(20);

/// How a change reaches Envoy.
#[derive(Clone, Copy, Debug)]
enum By {
    Ecds,
    Lds,
}

/// The listener with the filter's configuration in it, as the testbed's own bootstrap has it.
fn listener(upstream: &Upstream, build: u32) -> Value {
    let options =
        EnvoyOptions::new(Module::Filter.path().unwrap(), upstream.address()).plugin("shop", config(build).to_string());
    options.bootstrap()["static_resources"]["listeners"][0].clone()
}

const FILTERS: &str = "/filter_chains/0/filters/0/typed_config/http_filters";

/// Puts a resource where Envoy watches for it: a file that is moved into place.
fn publish(directory: &Path, kind: &str, resource: &Value) {
    let mut resource = resource.clone();
    resource["@type"] = json!(kind);
    let file = directory.join("new");
    fs::write(&file, json!({ "resources": [resource] }).to_string()).unwrap();
    fs::rename(&file, directory.join("xds.json")).unwrap();
}

impl By {
    fn publish(self, directory: &Path, upstream: &Upstream, build: u32) {
        let listener = listener(upstream, build);
        match self {
            Self::Lds => publish(directory, "type.googleapis.com/envoy.config.listener.v3.Listener", &listener),
            Self::Ecds => {
                let filter = listener.pointer(FILTERS).unwrap()[0].clone();
                publish(directory, "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig", &filter);
            }
        }
    }

    fn start(self, directory: &Path, upstream: &Upstream, workers: u32) -> Envoy {
        self.publish(directory, upstream, 0);
        let source =
            json!({ "path_config_source": { "path": directory.join("xds.json") }, "resource_api_version": "V3" });
        let options = EnvoyOptions::new(Module::Filter.path().unwrap(), upstream.address());
        let mut bootstrap = options.bootstrap();
        bootstrap["node"] = json!({ "id": "testbed", "cluster": "testbed" });
        match self {
            Self::Lds => bootstrap["dynamic_resources"] = json!({ "lds_config": source }),
            Self::Ecds => {
                let mut listener = listener(upstream, 0);
                listener.pointer_mut(FILTERS).unwrap()[0] = json!({ "name": "jackstaff", "config_discovery": {
                    "config_source": source,
                    "type_urls": ["type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"],
                } });
                bootstrap["static_resources"]["listeners"] = json!([listener]);
            }
        }
        // Old listeners go at once, as their connections are closed by the next answer.
        Envoy::start_bootstrap(&bootstrap, workers, &["--drain-time-s", "1", "--drain-strategy", "immediate"]).unwrap()
    }

    fn run(self, workers: u32) {
        let upstream = Upstream::start(0).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let envoy = self.start(directory.path(), &upstream, workers);
        let address = envoy.addr("shop").unwrap();
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
                self.publish(directory.path(), &upstream, build);
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
                    before = resident(&envoy);
                }
            }
        });
        let sent = sent.into_inner();
        println!(
            "{self:?}, {workers} workers: {updates} updates, the slowest live in {slowest:?}, {sent} requests beside them"
        );
        assert!(sent > u64::from(updates), "{sent}");
        // What the last listeners held goes with them.
        thread::sleep(Duration::from_secs(2));
        flat(&format!("{self:?}, {workers} workers, {updates} updates"), before, resident(&envoy));
        self.publish_bad(directory.path());
        thread::sleep(Duration::from_millis(500));
        decided(&Client::new(address).send(&Request::get("/").header("x-user-id", "u-1")).unwrap(), updates);
        assert!(envoy.log().contains("$.flagz"), "{}", envoy.log());
        assert_eq!(crate::lab::counter(&envoy, "http.testbed.downstream_rq_5xx"), 0);
    }

    /// A configuration that the filter refuses: the one before stays.
    fn publish_bad(self, directory: &Path) {
        let good = fs::read_to_string(directory.join("xds.json")).unwrap();
        fs::write(directory.join("new"), good.replace("per_flag_headers", "flagz")).unwrap();
        fs::rename(directory.join("new"), directory.join("xds.json")).unwrap();
    }
}

/// Ends the traffic, also when the test fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn changes_by_ecds_lose_nothing_and_keep_nothing() {
    if ready(Host::Envoy) {
        WORKERS.into_iter().for_each(|workers| By::Ecds.run(workers));
    }
}

#[test]
fn changes_by_lds_lose_nothing_and_keep_nothing() {
    if ready(Host::Envoy) {
        WORKERS.into_iter().for_each(|workers| By::Lds.run(workers));
    }
}
