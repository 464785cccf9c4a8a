//! Faults that a test injects into the key-value stores while the host runs.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// What is wrong with one key-value store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreFault {
    /// Opening it answers `access-denied`, as for a store that the manifest does not grant.
    AccessDenied,
    /// Opening it answers `no-such-store`, as for a label that the runtime does not know.
    NoSuchStore,
    /// It opens, and every operation answers `other` with this text.
    Fails(String),
    /// It opens and reads; every write and delete answers `other` with this text.
    FailsWrites(String),
    /// Every operation, and opening it, takes this much longer.
    Slow(Duration),
}

/// The faults in force, by store label. Clones share their state, so a test keeps one and the host another.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<BTreeMap<String, StoreFault>>>);

impl Faults {
    /// Puts `fault` in force for the store `label`, in place of the one before. Operations under way are not touched.
    pub fn set(&self, label: &str, fault: StoreFault) {
        self.lock().insert(label.to_owned(), fault);
    }

    /// Lets the store `label` work again.
    pub fn clear(&self, label: &str) {
        self.lock().remove(label);
    }

    pub(super) fn of(&self, label: &str) -> Option<StoreFault> {
        self.lock().get(label).cloned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, StoreFault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
