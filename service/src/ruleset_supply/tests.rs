use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, Wake, Waker};

use super::*;
use crate::executor::poll_once;
use crate::memory::{MemoryPlatform, StoreFault};
use bytes::Bytes;
use http::{Request, Response};

use crate::platform::{FetchError, Found, Platform, PlatformError, ReadError, Written};
use jackstaff_core::source::read;
use jackstaff_core::{CompileOptions, compile};

const CACHE_MS: i64 = 10_000;

const STORE: Origins<'_> = Origins { environment: "e", store: true, sources: &[], cache_ms: CACHE_MS };

fn source(value: bool) -> Vec<u8> {
    format!(
        r#"{{"project":{{"_id":"p","key":"p","settings":{{}}}},"environment":{{"_id":"e","key":"e"}},
        "variables":[{{"_id":"v","key":"{value}","type":"Boolean"}}],"features":[]}}"#
    )
    .into_bytes()
}

fn snapshot(value: bool, revision: u64) -> Vec<u8> {
    compile(&source(value), &CompileOptions { revision, ..CompileOptions::default() }).unwrap().snapshot
}

fn platform(ruleset: Vec<u8>) -> MemoryPlatform {
    let platform = MemoryPlatform::default();
    platform.put("ruleset:e", ruleset);
    platform
}

fn get(supply: &Supply, platform: &MemoryPlatform, at: i64) -> Result<Supplied, Unsupplied> {
    platform.set_now(Timestamp(at));
    poll_once(supply.get(platform, &STORE, CACHE_MS, platform.now())).unwrap()
}

/// Which of the two rulesets it is, how fresh and how old.
fn seen(supplied: &Supplied) -> (bool, Freshness, u64) {
    (supplied.ruleset.get().find("true").is_some(), supplied.freshness, supplied.age)
}

#[test]
fn the_store_is_asked_once_per_cache_time() {
    let (supply, platform) = (Supply::default(), platform(source(false)));
    assert_eq!(seen(&get(&supply, &platform, 0).unwrap()), (false, Freshness::Fresh, 0));
    platform.put("ruleset:e", snapshot(true, 1));
    assert_eq!(seen(&get(&supply, &platform, 9_999).unwrap()), (false, Freshness::Fresh, 9));
    assert_eq!(platform.reads(), 1);
    assert_eq!(seen(&get(&supply, &platform, 10_000).unwrap()), (true, Freshness::Fresh, 0));
    assert_eq!(platform.reads(), 2);
    // A clock that goes back must not keep a ruleset for ever.
    get(&supply, &platform, 5_000).unwrap();
    assert_eq!(platform.reads(), 3);
}

#[test]
fn the_last_good_ruleset_is_kept_and_says_its_age() {
    let (supply, platform) = (Supply::default(), platform(snapshot(true, 5)));
    get(&supply, &platform, 0).unwrap();
    let mut damaged = snapshot(false, 6);
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    let truncated = snapshot(false, 6)[..100].to_vec();
    let mut at = 10_000;
    for bad in [damaged, truncated, b"{".to_vec(), b"{}".to_vec(), Vec::new(), snapshot(false, 4)] {
        platform.put("ruleset:e", bad);
        let supplied = get(&supply, &platform, at).unwrap();
        assert_eq!(seen(&supplied), (true, Freshness::Stale, u64::try_from(at / 1_000).unwrap()), "at {at}");
        at += 10_000;
    }
    for fault in [StoreFault::Missing, StoreFault::Failing] {
        platform.set_fault(fault);
        assert_eq!(get(&supply, &platform, at).unwrap().freshness, Freshness::Stale);
        at += 10_000;
    }
    assert_eq!(platform.lines().len(), 8, "{:#?}", platform.lines());
    platform.set_fault(StoreFault::None);
    platform.put("ruleset:e", snapshot(false, 6));
    assert_eq!(seen(&get(&supply, &platform, at).unwrap()), (false, Freshness::Fresh, 0));
}

#[test]
fn after_a_failure_the_store_is_asked_again_soon() {
    let (supply, platform) = (Supply::default(), platform(source(true)));
    get(&supply, &platform, 0).unwrap();
    platform.set_fault(StoreFault::Failing);
    get(&supply, &platform, 10_000).unwrap();
    get(&supply, &platform, 10_999).unwrap();
    assert_eq!(platform.reads(), 2);
    platform.set_fault(StoreFault::None);
    assert_eq!(get(&supply, &platform, 11_000).unwrap().freshness, Freshness::Fresh);
}

#[test]
fn without_any_ruleset_the_reason_comes_back_and_each_request_tries() {
    let (supply, platform) = (Supply::default(), MemoryPlatform::default());
    let reason = get(&supply, &platform, 0).unwrap_err().0;
    assert!(reason.contains("nothing lies under the key `ruleset:e`"), "{reason}");
    platform.set_fault(StoreFault::Failing);
    let reason = get(&supply, &platform, 0).unwrap_err().0;
    assert!(reason.contains("cannot be read: the store was told to fail"), "{reason}");
    platform.set_fault(StoreFault::None);
    platform.put("ruleset:e", b"[]".to_vec());
    let reason = get(&supply, &platform, 0).unwrap_err().0;
    assert!(reason.contains("`ruleset:e` cannot be used"), "{reason}");
    platform.put("ruleset:e", source(true));
    get(&supply, &platform, 0).unwrap();
}

/// A store that answers when it is told to.
struct Slow {
    memory: MemoryPlatform,
    open: Mutex<bool>,
}

impl Platform for Slow {
    type Generation = u64;

    async fn kv_read(&self, key: &str, limit_ms: Option<u32>) -> Result<Found<u64>, ReadError> {
        self.memory.kv_read(key, limit_ms).await
    }

    async fn kv_write(
        &self,
        key: &str,
        value: &[u8],
        expected: Option<&u64>,
        lifetime_s: Option<u64>,
    ) -> Result<Written, PlatformError> {
        self.memory.kv_write(key, value, expected, lifetime_s).await
    }

    async fn kv_cache(&self, key: &str, value: &[u8], lifetime_s: u64, limit_ms: u32) {
        self.memory.kv_cache(key, value, lifetime_s, limit_ms).await;
    }

    async fn kv_delete(&self, key: &str) -> Result<(), PlatformError> {
        self.memory.kv_delete(key).await
    }

    async fn fetch(&self, origin: &str, request: Request<Bytes>, limit_ms: u32) -> Result<Response<Bytes>, FetchError> {
        self.memory.fetch(origin, request, limit_ms).await
    }

    async fn pause(&self, ms: u32) {
        self.memory.pause(ms).await;
    }

    async fn kv_get(&self, key: &str) -> Result<Option<Vec<u8>>, PlatformError> {
        std::future::poll_fn(|_| if *self.open.lock().unwrap() { Poll::Ready(()) } else { Poll::Pending }).await;
        self.memory.kv_get(key).await
    }

    async fn setting(&self, name: &str) -> Result<Option<String>, PlatformError> {
        self.memory.setting(name).await
    }

    fn now(&self) -> Timestamp {
        self.memory.now()
    }

    fn log(&self, line: &str) {
        self.memory.log(line);
    }
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

#[test]
fn requests_at_the_same_time_ask_once() {
    let slow = Slow { memory: platform(source(true)), open: Mutex::new(false) };
    let supply = Supply::default();
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    let mut context = Context::from_waker(&waker);
    let mut first = pin!(supply.get(&slow, &STORE, CACHE_MS, slow.now()));
    let mut second = pin!(supply.get(&slow, &STORE, CACHE_MS, slow.now()));
    assert!(first.as_mut().poll(&mut context).is_pending());
    assert!(second.as_mut().poll(&mut context).is_pending());
    *slow.open.lock().unwrap() = true;
    // Only the first one may ask.
    assert!(second.as_mut().poll(&mut context).is_pending());
    assert!(matches!(first.as_mut().poll(&mut context), Poll::Ready(Ok(_))));
    assert!(woken.0.load(Relaxed) > 0);
    assert!(matches!(second.as_mut().poll(&mut context), Poll::Ready(Ok(_))));
    assert_eq!(slow.memory.reads(), 1);

    // While one asks again, the others go on with what there is.
    *slow.open.lock().unwrap() = false;
    slow.memory.set_now(Timestamp(CACHE_MS));
    let mut third = pin!(supply.get(&slow, &STORE, CACHE_MS, slow.now()));
    assert!(third.as_mut().poll(&mut context).is_pending());
    assert!(poll_once(supply.get(&slow, &STORE, CACHE_MS, slow.now())).unwrap().is_ok());
}

#[test]
fn a_request_that_is_abandoned_leaves_its_turn_to_others() {
    let slow = Slow { memory: platform(source(true)), open: Mutex::new(false) };
    let supply = Supply::default();
    {
        let mut context = Context::from_waker(Waker::noop());
        let mut first = pin!(supply.get(&slow, &STORE, CACHE_MS, slow.now()));
        assert!(first.as_mut().poll(&mut context).is_pending());
    }
    *slow.open.lock().unwrap() = true;
    assert!(poll_once(supply.get(&slow, &STORE, CACHE_MS, slow.now())).unwrap().is_ok());
}

#[test]
fn a_recent_copy_spares_the_store() {
    let (supply, platform) = (Supply::default(), platform(snapshot(true, 3)));
    platform.set_copy(snapshot(false, 2), 4_000);
    assert_eq!(seen(&get(&supply, &platform, 50_000).unwrap()), (false, Freshness::Fresh, 4));
    // The store is asked as long after the copy was made as it would be had this instance made it.
    assert_eq!(seen(&get(&supply, &platform, 55_000).unwrap()), (false, Freshness::Fresh, 9));
    assert_eq!(platform.reads(), 0);
    platform.set_copy(snapshot(false, 2), CACHE_MS);
    assert_eq!(seen(&get(&supply, &platform, 56_000).unwrap()), (true, Freshness::Fresh, 0));
    assert_eq!(platform.reads(), 1);
    // What somebody else read since then confirms what is in use.
    platform.set_copy(snapshot(true, 3), 1_000);
    assert_eq!(seen(&get(&supply, &platform, 66_000).unwrap()), (true, Freshness::Fresh, 1));
    assert_eq!(platform.reads(), 1);
}

#[test]
fn a_copy_that_cannot_be_used_is_no_reason_to_fail() {
    for copy in [snapshot(false, 1), b"rubbish".to_vec()] {
        let (supply, platform) = (Supply::default(), platform(snapshot(true, 2)));
        assert_eq!(seen(&get(&supply, &platform, 0).unwrap()), (true, Freshness::Fresh, 0));
        platform.set_copy(copy, 500);
        assert_eq!(seen(&get(&supply, &platform, 20_000).unwrap()), (true, Freshness::Fresh, 0));
        assert_eq!(platform.reads(), 2);
    }
}

/// Asks a new instance, whose server answers so.
fn begin(
    platform: &MemoryPlatform,
    at: i64,
    answer: Result<(u16, Vec<u8>), FetchError>,
) -> Result<Supplied, Unsupplied> {
    let sources: Vec<Source> =
        read(br#"[{"origin":"o","authority":"a","path":"/","environment":"e"},{"origin":"o","authority":"a","path":"/","environment":"f"}]"#)
            .unwrap();
    platform.set_servers(Box::new(move |_, _, _| {
        let (status, body) = answer.clone()?;
        Ok(Response::builder().status(status).header("etag", "\"1\"").body(body.into()).unwrap())
    }));
    platform.set_now(Timestamp(at));
    let origins = Origins { sources: &sources, ..STORE };
    poll_once(Supply::default().get(platform, &origins, CACHE_MS, platform.now())).unwrap()
}

#[test]
fn what_a_server_gave_is_kept_for_instances_to_come() {
    let platform = MemoryPlatform::default();
    assert!(begin(&platform, 0, Err(FetchError::Late)).is_err());
    assert_eq!(seen(&begin(&platform, 0, Ok((200, source(true)))).unwrap()), (true, Freshness::Fresh, 0));
    // Within the cache time no server is asked, then it is; where it does not answer, what is kept is as old as it is.
    assert_eq!(seen(&begin(&platform, 9_999, Err(FetchError::Late)).unwrap()), (true, Freshness::Fresh, 9));
    assert_eq!(seen(&begin(&platform, 60_000, Err(FetchError::Late)).unwrap()), (true, Freshness::Stale, 60));
    assert_eq!(seen(&begin(&platform, 60_000, Ok((200, b"{".to_vec()))).unwrap()), (true, Freshness::Stale, 60));
    assert_eq!(seen(&begin(&platform, 60_000, Ok((304, Vec::new()))).unwrap()), (true, Freshness::Fresh, 0));
    assert_eq!(seen(&begin(&platform, 65_000, Err(FetchError::Late)).unwrap()), (true, Freshness::Fresh, 5));
    assert_eq!(seen(&begin(&platform, 80_000, Ok((200, source(false)))).unwrap()), (false, Freshness::Fresh, 0));
    // The store comes first.
    platform.put("ruleset:e", source(true));
    assert_eq!(seen(&begin(&platform, 80_001, Ok((200, source(false)))).unwrap()), (true, Freshness::Fresh, 0));
    // What is kept and makes no sense is not used.
    platform.remove("ruleset:e");
    platform.put("kept-ruleset:e", b"1\n2".to_vec());
    assert!(begin(&platform, 80_002, Err(FetchError::Late)).is_err());
}
