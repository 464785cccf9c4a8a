//! A platform in memory: of tests, and of the native host.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jackstaff_core::Timestamp;

use crate::platform::{Platform, PlatformError};

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
}

/// A key-value store, settings and a clock that stands still until it is set.
#[derive(Debug, Default)]
pub struct MemoryPlatform {
    values: Mutex<BTreeMap<String, Vec<u8>>>,
    settings: Mutex<BTreeMap<String, String>>,
    fault: Mutex<StoreFault>,
    now: AtomicI64,
    reads: AtomicU64,
    log: Mutex<Vec<String>>,
}

/// The maps stay whole whatever panics beside them: every change is one call.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MemoryPlatform {
    /// Puts `value` under `key`.
    pub fn put(&self, key: impl Into<String>, value: impl Into<Vec<u8>>) {
        lock(&self.values).insert(key.into(), value.into());
    }

    /// Takes away what lies under `key`.
    pub fn remove(&self, key: &str) {
        lock(&self.values).remove(key);
    }

    /// Sets the setting or secret `name`.
    pub fn set(&self, name: impl Into<String>, text: impl Into<String>) {
        lock(&self.settings).insert(name.into(), text.into());
    }

    /// Sets the clock.
    pub fn set_now(&self, now: Timestamp) {
        self.now.store(now.0, Relaxed);
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

    /// The lines logged so far.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        lock(&self.log).clone()
    }
}

impl Platform for MemoryPlatform {
    async fn kv_get(&self, key: &str) -> Result<Option<Vec<u8>>, PlatformError> {
        self.reads.fetch_add(1, Relaxed);
        match *lock(&self.fault) {
            StoreFault::None => Ok(lock(&self.values).get(key).cloned()),
            StoreFault::Missing => Ok(None),
            StoreFault::Failing => Err(PlatformError("the store was told to fail".to_owned())),
        }
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
