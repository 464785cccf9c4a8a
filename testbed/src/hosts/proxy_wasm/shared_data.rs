//! Data that all VMs with one id share, and that outlives them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A key-value table with a version per value. Clones are the same table; give one to several VMs to have Envoy's workers.
#[derive(Clone, Debug, Default)]
pub struct SharedData(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    entries: HashMap<Vec<u8>, (Vec<u8>, u32)>,
    last_version: u32,
    fault: SharedDataFault,
}

/// What a module is told instead. Envoy's shared data does not fail; the ABI lets a host's fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SharedDataFault {
    /// Nothing is wrong.
    #[default]
    None,
    /// Reads and writes answer with an internal failure.
    Fails,
    /// Only writes do.
    FailsWrites,
}

impl SharedData {
    /// A value and its version.
    pub fn get(&self, key: &[u8]) -> Option<(Vec<u8>, u32)> {
        self.lock().entries.get(key).cloned()
    }

    /// The keys, in order.
    pub fn keys(&self) -> Vec<Vec<u8>> {
        let mut keys: Vec<_> = self.lock().entries.keys().cloned().collect();
        keys.sort();
        keys
    }

    /// Stores a value. Version 0 stores it whatever is there; another only when it is the version there, or when there is none: the
    /// ABI has no create-if-absent. Says whether it was stored.
    pub fn set(&self, key: &[u8], value: &[u8], version: u32) -> bool {
        let mut table = self.lock();
        if version != 0 && table.entries.get(key).is_some_and(|(_, current)| *current != version) {
            return false;
        }
        // 0 is no version, also after 2³² changes.
        table.last_version = table.last_version.wrapping_add(1).max(1);
        let version = table.last_version;
        table.entries.insert(key.to_vec(), (value.to_vec(), version));
        true
    }

    /// Makes it fail for modules from now on. What the test does itself works.
    pub fn set_fault(&self, fault: SharedDataFault) {
        self.lock().fault = fault;
    }

    pub(super) fn can_be_read(&self) -> bool {
        self.lock().fault != SharedDataFault::Fails
    }

    pub(super) fn can_be_written(&self) -> bool {
        self.lock().fault == SharedDataFault::None
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_good_once() {
        let data = SharedData::default();
        assert!(data.set(b"k", b"1", 9), "there is nothing to compare with");
        let (_, version) = data.get(b"k").unwrap();
        assert!(!data.set(b"k", b"2", version + 1));
        assert!(data.set(b"k", b"2", version));
        assert!(!data.set(b"k", b"3", version));
        assert!(data.set(b"k", b"4", 0));
        assert_eq!(data.get(b"k").unwrap().0, b"4");
        assert_eq!(data.clone().keys(), [b"k"]);
    }
}
