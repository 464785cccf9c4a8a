//! A key-value store in memory, shared between the component and the test.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// A key-value store in memory. Clones share their contents.
#[derive(Clone, Debug, Default)]
pub struct KvStore(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    contents: Mutex<BTreeMap<String, Vec<u8>>>,
    reads: AtomicU64,
    writes: AtomicU64,
    lists: AtomicU64,
}

/// How often the component used a store. What the test does itself is not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KvUse {
    /// `get`, `exists` and `current`. Akamai Functions allows 1,000 a second for an application.
    pub reads: u64,
    /// `set`, `delete`, `swap` and `increment`. Akamai Functions allows 50 a second for an application.
    pub writes: u64,
    /// `get-keys`, which a component must not use: it hangs Spin's SQLite store when a value is read meanwhile.
    pub lists: u64,
}

impl KvStore {
    /// A store with these contents.
    pub fn new(contents: BTreeMap<String, Vec<u8>>) -> Self {
        Self(Arc::new(Inner { contents: Mutex::new(contents), ..Inner::default() }))
    }

    /// The value of `key`, if there is one.
    pub fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.lock().get(key).cloned()
    }

    /// Sets `key` to `value`, whatever was there.
    pub fn set(&self, key: &str, value: impl Into<Vec<u8>>) {
        self.lock().insert(key.to_owned(), value.into());
    }

    /// Removes `key`. True when it was there.
    pub fn delete(&self, key: &str) -> bool {
        self.lock().remove(key).is_some()
    }

    /// Sets `key` to `value` if it has the value `old`, in one step. Where nothing was expected it is set whatever is there: so do the stores
    /// of Spin. False where nothing was changed.
    pub(super) fn swap(&self, key: &str, old: Option<&[u8]>, value: Vec<u8>) -> bool {
        let mut contents = self.lock();
        if old.is_some() && contents.get(key).map(Vec::as_slice) != old {
            return false;
        }
        contents.insert(key.to_owned(), value);
        true
    }

    /// Everything in the store: what the next host starts with when a test restarts one.
    pub fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        self.lock().clone()
    }

    /// How often the component used the store so far.
    pub fn used(&self) -> KvUse {
        KvUse {
            reads: self.0.reads.load(Relaxed),
            writes: self.0.writes.load(Relaxed),
            lists: self.0.lists.load(Relaxed),
        }
    }

    pub(super) fn count_read(&self) {
        self.0.reads.fetch_add(1, Relaxed);
    }

    pub(super) fn count_write(&self) {
        self.0.writes.fetch_add(1, Relaxed);
    }

    pub(super) fn count_list(&self) {
        self.0.lists.fetch_add(1, Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.0.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
