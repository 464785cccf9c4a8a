//! A platform in memory: of tests, and of the native host.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Request, Response};
use jackstaff_core::Timestamp;

use crate::platform::{FetchError, Found, Platform, PlatformError, ReadError, Written};

/// How the key-value store misbehaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoreFault {
    /// Not at all.
    #[default]
    None,
    /// Every key seems absent.
    Missing,
    /// Every call fails.
    Failing,
    /// Every write and delete fails; reads work.
    FailingWrites,
    /// No answer comes within any time limit. Calls without one work.
    Slow,
}

/// What stands for other servers: the origin, the request and the milliseconds that it may take, to the answer.
pub type Servers = Box<dyn Fn(&str, &Request<Bytes>, u32) -> Result<Response<Bytes>, FetchError> + Send + Sync>;

/// A key-value store, settings and a clock that stands still until it is set.
#[derive(Default)]
pub struct MemoryPlatform {
    servers: Mutex<Option<Servers>>,
    values: Mutex<BTreeMap<String, (u64, Vec<u8>)>>,
    settings: Mutex<BTreeMap<String, String>>,
    fault: Mutex<StoreFault>,
    /// What another instance read, and how many milliseconds ago.
    copy: Mutex<Option<(Vec<u8>, i64)>>,
    /// What somebody else puts under a key just before the next writes, one each.
    rivals: Mutex<VecDeque<(String, Vec<u8>)>>,
    generation: AtomicU64,
    now: AtomicI64,
    /// Milliseconds that a read takes.
    pace: AtomicI64,
    reads: AtomicU64,
    writes: AtomicU64,
    pauses: AtomicU64,
    log: Mutex<Vec<String>>,
}

impl std::fmt::Debug for MemoryPlatform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryPlatform").finish_non_exhaustive()
    }
}

/// The maps stay whole whatever panics beside them: every change is one call.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MemoryPlatform {
    /// Puts `value` under `key`.
    pub fn put(&self, key: impl Into<String>, value: impl Into<Vec<u8>>) {
        let generation = self.generation.fetch_add(1, Relaxed);
        lock(&self.values).insert(key.into(), (generation, value.into()));
    }

    /// Takes away what lies under `key`.
    pub fn remove(&self, key: &str) {
        lock(&self.values).remove(key);
    }

    /// What lies under `key`.
    #[must_use]
    pub fn peek(&self, key: &str) -> Option<Vec<u8>> {
        lock(&self.values).get(key).map(|(_, value)| value.clone())
    }

    /// All keys, in order.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        lock(&self.values).keys().cloned().collect()
    }

    /// Lets somebody else put `value` under `key` just before the next write that has no such rival yet: that write finds a conflict.
    pub fn add_rival(&self, key: impl Into<String>, value: impl Into<Vec<u8>>) {
        lock(&self.rivals).push_back((key.into(), value.into()));
    }

    /// Sets the copy that another instance left of whatever it read, and how many milliseconds ago.
    pub fn set_copy(&self, value: impl Into<Vec<u8>>, age_ms: i64) {
        *lock(&self.copy) = Some((value.into(), age_ms));
    }

    /// Sets the setting or secret `name`.
    pub fn set(&self, name: impl Into<String>, text: impl Into<String>) {
        lock(&self.settings).insert(name.into(), text.into());
    }

    /// Sets the clock.
    pub fn set_now(&self, now: Timestamp) {
        self.now.store(now.0, Relaxed);
    }

    /// Lets the clock go on by `ms` with every read.
    pub fn set_pace(&self, ms: i64) {
        self.pace.store(ms, Relaxed);
    }

    /// Sets what answers for other servers. Until then none can be reached.
    pub fn set_servers(&self, servers: Servers) {
        *lock(&self.servers) = Some(servers);
    }

    /// Makes the store misbehave from now on.
    pub fn set_fault(&self, fault: StoreFault) {
        *lock(&self.fault) = fault;
    }

    /// How often the store was read.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.reads.load(Relaxed)
    }

    /// How often something was to be written or deleted.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.writes.load(Relaxed)
    }

    /// How often the service wanted to wait.
    #[must_use]
    pub fn pauses(&self) -> u64 {
        self.pauses.load(Relaxed)
    }

    /// The lines logged so far.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        lock(&self.log).clone()
    }

    fn look(&self, key: &str) -> Result<Found<u64>, PlatformError> {
        self.reads.fetch_add(1, Relaxed);
        self.now.fetch_add(self.pace.load(Relaxed), Relaxed);
        match *lock(&self.fault) {
            StoreFault::Missing => Ok(None),
            StoreFault::Failing => Err(told_to_fail()),
            _ => Ok(lock(&self.values).get(key).map(|(generation, value)| (value.clone(), *generation))),
        }
    }

    fn writable(&self) -> Result<(), PlatformError> {
        self.writes.fetch_add(1, Relaxed);
        match *lock(&self.fault) {
            StoreFault::Failing | StoreFault::FailingWrites => Err(told_to_fail()),
            _ => Ok(()),
        }
    }
}

fn told_to_fail() -> PlatformError {
    PlatformError("the store was told to fail".to_owned())
}

impl Platform for MemoryPlatform {
    type Generation = u64;

    const STORE_FORGETS: bool = false;

    async fn kv_get(&self, key: &str) -> Result<Option<Vec<u8>>, PlatformError> {
        Ok(self.look(key)?.map(|(value, _)| value))
    }

    async fn kv_recent(&self, key: &str, within_ms: i64) -> Result<Option<(Vec<u8>, i64)>, PlatformError> {
        let copy = lock(&self.copy).clone();
        match copy.filter(|(_, age)| *age < within_ms) {
            Some(copy) => Ok(Some(copy)),
            None => Ok(self.kv_get(key).await?.map(|value| (value, 0))),
        }
    }

    async fn kv_read(&self, key: &str, limit_ms: Option<u32>) -> Result<Found<u64>, ReadError> {
        if limit_ms.is_some() && *lock(&self.fault) == StoreFault::Slow {
            self.reads.fetch_add(1, Relaxed);
            return Err(ReadError::Late);
        }
        Ok(self.look(key)?)
    }

    async fn kv_write(
        &self,
        key: &str,
        value: &[u8],
        expected: Option<&u64>,
        _: Option<u64>,
    ) -> Result<Written, PlatformError> {
        self.writable()?;
        let rival = lock(&self.rivals).pop_front();
        if let Some((key, value)) = rival {
            self.put(key, value);
        }
        let mut values = lock(&self.values);
        if values.get(key).map(|(generation, _)| generation) != expected {
            return Ok(Written::Conflict);
        }
        values.insert(key.to_owned(), (self.generation.fetch_add(1, Relaxed), value.to_vec()));
        Ok(Written::Stored)
    }

    /// Kept until it is taken away, as Spin's stores keep it.
    async fn kv_cache(&self, key: &str, value: &[u8], _: u64, _: u32) {
        if self.writable().is_ok() {
            self.put(key, value);
        }
    }

    async fn kv_delete(&self, key: &str) -> Result<(), PlatformError> {
        self.writable()?;
        self.remove(key);
        Ok(())
    }

    /// No time passes.
    async fn fetch(&self, origin: &str, request: Request<Bytes>, limit_ms: u32) -> Result<Response<Bytes>, FetchError> {
        match &*lock(&self.servers) {
            Some(servers) => servers(origin, &request, limit_ms),
            None => Err(PlatformError(format!("there is no server `{origin}`")).into()),
        }
    }

    async fn pause(&self, _: u32) {
        self.pauses.fetch_add(1, Relaxed);
    }

    /// Always the same: tests repeat.
    fn random(&self) -> u64 {
        0
    }

    async fn setting(&self, name: &str) -> Result<Option<String>, PlatformError> {
        Ok(lock(&self.settings).get(name).cloned())
    }

    fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Relaxed))
    }

    fn log(&self, line: &str) {
        lock(&self.log).push(line.to_owned());
    }
}
