//! Changes of configuration while the ruleset comes from a server, and changes too.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use jackstaff_testbed::deploy::Host;
use jackstaff_testbed::http_client::{Client, Request, send};
use jackstaff_testbed::upstream::{Reply, Seen, Upstream};
use serde_json::{Value, json};

use crate::change::{By, Changing};
use crate::common::hosts::ready;
use crate::lab::{Stop, WORKERS, flat, long, resident, unharmed};

/// Seconds between two looks at the source.
const POLL_S: u64 = 1;

/// Within the poll interval, what the source takes to answer, and this, a change of the ruleset is to be live in every worker.
const MARGIN: Duration = Duration::from_secs(1);

/// What the test itself takes: it looks every 20 ms, at each worker, on a machine that has other work.
const LOOK: Duration = Duration::from_millis(500);

/// How long a slow source takes.
const SLOW: Duration = Duration::from_millis(800);

/// Connections that are opened to meet every worker.
const CONNECTIONS: usize = 24;

/// How the source behaves while the configuration changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Works,
    IsSlow,
    /// Each change comes while it is being asked, so whoever asks ends before the answer is there.
    IsBeingAsked,
    Fails,
}

/// A server of rulesets: how it behaves, the ruleset's `build`, and how often it was asked.
#[derive(Clone)]
struct Rulesets(Arc<Mutex<(Source, u64)>>, Arc<AtomicU64>);

impl Rulesets {
    fn reply(&self) -> Reply {
        self.1.fetch_add(1, Relaxed);
        let (source, build) = *self.0.lock().unwrap();
        if matches!(source, Source::IsSlow | Source::IsBeingAsked) {
            thread::sleep(SLOW);
        }
        let flag = json!({"state": "ENABLED", "variants": {"on": build}, "defaultVariant": "on"});
        let status = if source == Source::Fails { 503 } else { 200 };
        Reply { status, headers: Vec::new(), body: json!({"flags": {"build": flag}}).to_string().into_bytes() }
    }

    fn set(&self, change: impl FnOnce(&mut (Source, u64))) {
        change(&mut self.0.lock().unwrap());
    }

    fn wait_until_asked(&self) {
        let asked = self.1.load(Relaxed);
        while self.1.load(Relaxed) == asked {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A plugin configuration whose requests carry a header of this number's name.
fn config(generation: u64) -> Value {
    json!({
        "sources": [{"origin": "rulesets", "authority": "rulesets.test", "path": "/flags.json"}],
        "refresh": {"poll_s": POLL_S},
        "per_flag_headers": {"build": header(generation)},
    })
}

fn header(generation: u64) -> String {
    format!("x-generation-{generation}")
}

/// The build that a request was given. It has one, whatever is changing.
fn build(seen: &Seen) -> u64 {
    let [flags] = seen.header_all("x-flags")[..] else { panic!("{seen:?}") };
    std::str::from_utf8(flags).unwrap().strip_prefix("build=").unwrap().parse().unwrap()
}

/// Waits until every worker does so, and says how long that took.
fn until(changing: &Changing, what: &str, good: impl Fn(&Seen) -> bool) -> Duration {
    let begun = Instant::now();
    let all = || {
        (0..CONNECTIONS).all(|_| {
            let response = send(changing.address(), &Request::get("/")).unwrap();
            assert_eq!(response.status, 200);
            good(&Seen::from_json(&response.body).unwrap())
        })
    };
    while !all() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}:\n{}", changing.envoy.log());
        thread::sleep(Duration::from_millis(20));
    }
    begun.elapsed()
}

/// A request whose end is still to come.
struct Long(TcpStream);

impl Long {
    fn begin(address: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .write_all(b"POST / HTTP/1.1\r\nhost: shop.test\r\nconnection: close\r\ncontent-length: 4\r\n\r\nbe")
            .unwrap();
        Self(stream)
    }

    fn end(mut self) {
        self.0.write_all(b"gy").unwrap();
        let mut answer = String::new();
        self.0.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("begy"), "{answer}");
    }
}

fn run(by: By, workers: u32) {
    let state = Rulesets(Arc::new(Mutex::new((Source::Works, 1))), Arc::default());
    let serving = state.clone();
    let rulesets = Upstream::start_with(0, move |_| Some(serving.reply())).unwrap();
    let upstream = Upstream::start(0).unwrap();
    let changing = Changing::start(by, workers, upstream.address(), &[("rulesets", rulesets.address())], &config(0));
    let (envoy, address) = (&changing.envoy, changing.address());
    until(&changing, "the first ruleset", |seen| !seen.header_all("x-flags").is_empty());
    let begun = Instant::now();
    let (rounds, updates) = if long() { (40, 25) } else { (4, 3) };
    let (done, sent, newest) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(1));
    let (mut generation, mut before, mut slowest) = (0, 0, Duration::ZERO);
    thread::scope(|scope| {
        // Traffic all the while: every request is answered, with the last good ruleset.
        scope.spawn(|| {
            let mut client = Client::new(address);
            while !done.load(Relaxed) {
                let response = client.send(&Request::get("/")).unwrap();
                assert_eq!(response.status, 200);
                let seen = Seen::from_json(&response.body).unwrap();
                assert!((1..=newest.load(Relaxed)).contains(&build(&seen)), "{seen:?}");
                sent.fetch_add(1, Relaxed);
                thread::sleep(Duration::from_millis(2));
            }
        });
        let _stop = Stop(&done);
        for round in 0..rounds {
            let source = [Source::Works, Source::IsSlow, Source::IsBeingAsked, Source::Fails][round % 4];
            state.set(|state| state.0 = source);
            for _ in 0..updates {
                generation += 1;
                // Whatever is under way keeps its configuration, and so whoever is asking the source.
                let long = (source != Source::IsBeingAsked).then(|| Long::begin(address));
                if source == Source::IsBeingAsked {
                    state.wait_until_asked();
                }
                changing.change(&config(generation));
                until(&changing, "a change of configuration", |seen| !seen.header_all(&header(generation)).is_empty());
                long.into_iter().for_each(Long::end);
            }
            state.set(|state| {
                if source == Source::Fails {
                    state.0 = Source::Works;
                }
                newest.fetch_add(1, Relaxed);
                state.1 += 1;
            });
            let took = until(&changing, "a change of the ruleset", |seen| build(seen) == newest.load(Relaxed));
            let allowed =
                if matches!(source, Source::IsSlow | Source::IsBeingAsked) { 2 * SLOW } else { Duration::ZERO };
            println!("{by:?}, {workers} workers, the source {source:?}: a change of the ruleset live after {took:?}");
            assert!(took <= Duration::from_secs(POLL_S) + MARGIN + allowed + LOOK, "{source:?}: {took:?}");
            slowest = slowest.max(took);
            if round == rounds / 4 {
                before = resident(envoy);
            }
        }
    });
    let (sent, asked) = (sent.into_inner(), state.1.load(Relaxed));
    println!(
        "{by:?}, {workers} workers: {generation} changes of configuration beside {rounds} of the ruleset, the slowest live in {slowest:?}; {sent} \
         requests beside them; the source was asked {asked} times in {:?}",
        begun.elapsed()
    );
    // One asks for all, and a new configuration has no reason to ask once more.
    assert!(asked <= begun.elapsed().as_secs() / POLL_S + 2, "{asked}");
    thread::sleep(Duration::from_secs(2));
    flat(&format!("{by:?}, {workers} workers, {generation} changes with sources"), before, resident(envoy));
    unharmed(envoy, 0);
}

#[test]
fn changes_by_ecds_leave_the_ruleset_alone() {
    if ready(Host::Envoy) {
        WORKERS.into_iter().for_each(|workers| run(By::Ecds, workers));
    }
}

#[test]
fn changes_by_lds_leave_the_ruleset_alone() {
    if ready(Host::Envoy) {
        WORKERS.into_iter().for_each(|workers| run(By::Lds, workers));
    }
}

/// Where the sources change, be it only their key, nothing is known of them yet. Both rulesets are the same, so what lacks flags came between.
#[test]
fn other_sources_are_asked_at_once() {
    if !ready(Host::Envoy) {
        return;
    }
    /// Less than once around for the workers' timers.
    const GAP: Duration = Duration::from_millis(350);
    for by in By::ALL {
        let state = Rulesets(Arc::new(Mutex::new((Source::Works, 1))), Arc::default());
        let serving = state.clone();
        let rulesets = Upstream::start_with(0, move |_| Some(serving.reply())).unwrap();
        let upstream = Upstream::start(0).unwrap();
        let keyed = |generation: u64| {
            let mut config = config(generation);
            config["sources"][0]["authorization"] = json!(format!("key-{generation}"));
            config
        };
        let changing = Changing::start(by, 4, upstream.address(), &[("rulesets", rulesets.address())], &keyed(0));
        let has_flags = |seen: &Seen| !seen.header_all("x-flags").is_empty();
        until(&changing, "the first ruleset", has_flags);
        let mut longest = Duration::ZERO;
        for generation in 1..=3 {
            changing.change(&keyed(generation));
            let (mut without, begun) = (None, Instant::now());
            while begun.elapsed() < Duration::from_secs(2) {
                let response = send(changing.address(), &Request::get("/")).unwrap();
                assert_eq!(response.status, 200);
                if !has_flags(&Seen::from_json(&response.body).unwrap()) {
                    longest = longest.max(without.get_or_insert_with(Instant::now).elapsed());
                }
                thread::sleep(Duration::from_millis(1));
            }
            until(&changing, "the next configuration", |seen| !seen.header_all(&header(generation)).is_empty());
        }
        println!("{by:?}: requests came without flags for {longest:?} after the sources had changed");
        assert!(longest < GAP, "{longest:?}");
    }
}
