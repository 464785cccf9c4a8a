use std::cell::{Cell, RefCell};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use http::{Response, StatusCode};
use jackstaff_core::source::read;
use jackstaff_core::{CompileOptions, compile};

use super::*;
use crate::memory::MemoryPlatform;
use crate::platform::FetchError;

#[derive(Default)]
struct Table {
    state: RefCell<Option<(Vec<u8>, u32)>>,
    ruleset: RefCell<Option<Vec<u8>>>,
    versions: Cell<u32>,
}

impl Mirror for Table {
    fn state(&self) -> Option<(Vec<u8>, u32)> {
        self.state.borrow().clone()
    }
    fn set_state(&self, state: &[u8], version: Option<u32>) -> bool {
        let mut place = self.state.borrow_mut();
        if place.as_ref().map(|(_, version)| *version) != version {
            return false;
        }
        self.versions.set(self.versions.get() + 1);
        *place = Some((state.to_vec(), self.versions.get()));
        true
    }
    fn ruleset(&self) -> Option<Vec<u8>> {
        self.ruleset.borrow().clone()
    }
    fn set_ruleset(&self, snapshot: &[u8]) -> bool {
        *self.ruleset.borrow_mut() = Some(snapshot.to_vec());
        true
    }
}

/// A status and a body; nothing where no answer comes.
type Answer = Option<(u16, Vec<u8>)>;

/// A server whose answer can be changed, and how often it was asked.
#[derive(Clone, Default)]
struct Server(Arc<(Mutex<Answer>, AtomicUsize)>);

impl Server {
    fn set(&self, status: u16, body: impl Into<Vec<u8>>) {
        *self.0.0.lock().unwrap() = Some((status, body.into()));
    }
    fn asked(&self) -> usize {
        self.0.1.load(Relaxed)
    }
}

fn snapshot(flag: &str, revision: u64) -> Vec<u8> {
    let source =
        format!(r#"{{"flags":{{"{flag}":{{"state":"ENABLED","variants":{{"on":true}},"defaultVariant":"on"}}}}}}"#);
    compile(source.as_bytes(), &CompileOptions { revision, ..CompileOptions::default() }).unwrap().snapshot
}

const SOURCE: &str = r#"[{"origin":"o","authority":"a","path":"/flags.json"}]"#;

#[derive(Clone)]
struct Lab {
    platform: Rc<MemoryPlatform>,
    server: Server,
}

impl Lab {
    fn new() -> Self {
        let (platform, server) = (Rc::new(MemoryPlatform::default()), Server::default());
        let at = server.clone();
        platform.set_servers(Box::new(move |_, request, _| {
            at.0.1.fetch_add(1, Relaxed);
            let Some((status, body)) = at.0.0.lock().unwrap().clone() else { return Err(FetchError::Late) };
            let etag = format!("\"{:x}\"", super::super::load::fingerprint(&body));
            if request.headers().get("if-none-match").is_some_and(|known| *known == etag) {
                return Ok(Response::builder().status(304).body(bytes::Bytes::new()).unwrap());
            }
            let status = StatusCode::from_u16(status).unwrap();
            Ok(Response::builder().status(status).header("etag", etag).body(body.into()).unwrap())
        }));
        platform.set_now(Timestamp(1_000_000));
        Self { platform, server }
    }

    fn worker(&self, owner: u64, max_age_ms: Option<i64>) -> Refresh<MemoryPlatform> {
        let sources: Vec<Source> = read(SOURCE.as_bytes()).unwrap();
        let supply = Arc::new(Supply::default());
        let mut worker = Refresh::new(self.platform.clone(), "e".into(), sources, 10_000, max_age_ms, supply);
        worker.owner = owner;
        worker
    }

    fn at(&self, ms: i64) {
        self.platform.set_now(Timestamp(1_000_000 + ms));
    }
}

fn flag(fresh: &Fresh) -> Option<String> {
    let Fresh::New(supplied) = fresh else { return None };
    let ruleset = supplied.ruleset.get();
    ruleset.flags().next().and_then(|flag| ruleset.flag(flag)).map(|flag| flag.key.to_owned())
}

#[test]
fn one_asks_and_all_take_it() {
    let (lab, mirror) = (Lab::new(), Table::default());
    lab.server.set(200, snapshot("a", 1));
    let (mut one, mut other) = (lab.worker(1, None), lab.worker(2, None));
    one.go_on(&mirror);
    assert_eq!(flag(&one.go_on(&mirror)).unwrap(), "a");
    assert_eq!(flag(&other.go_on(&mirror)).unwrap(), "a");
    assert_eq!(lab.server.asked(), 1);
    // Before it is time nobody asks, then one does, and a server that has nothing else is told so.
    lab.at(9_999);
    assert!(matches!(other.go_on(&mirror), Fresh::Same(Freshness::Fresh, 9)));
    lab.at(10_000);
    other.go_on(&mirror);
    one.go_on(&mirror);
    assert_eq!(lab.server.asked(), 2);
    assert!(matches!(one.go_on(&mirror), Fresh::Same(Freshness::Fresh, 0)));
    // A worker that begins takes what there is.
    assert_eq!(flag(&lab.worker(3, None).begin(&mirror)).unwrap(), "a");
}

#[test]
fn what_is_broken_or_older_replaces_nothing() {
    let (lab, mirror) = (Lab::new(), Table::default());
    lab.server.set(200, snapshot("a", 7));
    let mut worker = lab.worker(1, None);
    worker.go_on(&mirror);
    assert_eq!(flag(&worker.go_on(&mirror)).unwrap(), "a");
    let mut at = 0;
    for (status, body) in
        [(200, snapshot("b", 6)), (200, b"{".to_vec()), (200, vec![0; 100]), (404, Vec::new()), (500, snapshot("b", 8))]
    {
        lab.server.set(status, body);
        at += 10_000;
        lab.at(at);
        worker.go_on(&mirror);
        let age = u64::try_from(at / 1_000).unwrap();
        assert!(matches!(worker.go_on(&mirror), Fresh::Same(Freshness::Stale, seen) if seen == age), "{status}");
    }
    assert_eq!(lab.platform.lines().len(), 5, "{:?}", lab.platform.lines());
    lab.server.set(200, snapshot("b", 8));
    lab.at(at + 10_000);
    worker.go_on(&mirror);
    assert_eq!(flag(&worker.go_on(&mirror)).unwrap(), "b");
}

#[test]
fn a_holder_that_is_gone_is_replaced_when_its_lease_ends() {
    let (lab, mirror) = (Lab::new(), Table::default());
    let lease = Shared { lease: 1_000_000 + 7_000, owner: 9, ..Shared::default() };
    assert!(mirror.set_state(&lease.to_text(), None));
    lab.server.set(200, snapshot("a", 1));
    let mut worker = lab.worker(1, None);
    worker.go_on(&mirror);
    lab.at(6_999);
    worker.go_on(&mirror);
    assert_eq!(lab.server.asked(), 0);
    lab.at(7_000);
    worker.go_on(&mirror);
    assert_eq!(flag(&worker.go_on(&mirror)).unwrap(), "a");
}

#[test]
fn the_last_good_one_serves_as_long_as_it_may() {
    let (lab, mirror) = (Lab::new(), Table::default());
    lab.server.set(200, snapshot("a", 1));
    let mut worker = lab.worker(1, Some(60_000));
    worker.go_on(&mirror);
    worker.go_on(&mirror);
    lab.server.set(503, "");
    for second in 1..=60 {
        lab.at(second * 1_000);
        assert!(matches!(worker.go_on(&mirror), Fresh::Same(..)));
    }
    // Less and less often: after 10 (when it was time), 11, 13, 17, 25, and then every ten seconds.
    assert_eq!(lab.server.asked(), 1 + 8);
    lab.at(61_000);
    assert!(matches!(worker.go_on(&mirror), Fresh::Expired));
    lab.server.set(200, snapshot("a", 1));
    lab.at(80_000);
    worker.go_on(&mirror);
    assert_eq!(flag(&worker.go_on(&mirror)).unwrap(), "a");
}

#[test]
fn a_state_that_makes_no_sense_is_none() {
    let shared = Shared { fingerprint: 7, owner: 9, confirmed: -1, ..Shared::default() };
    assert_eq!(Shared::parse(&shared.to_text()), Some(shared));
    for text in [&b""[..], b"1", b"1\n2\n3\n4\n5\n6\nx\n\n", b"\xff"] {
        assert_eq!(Shared::parse(text), None);
    }
}
