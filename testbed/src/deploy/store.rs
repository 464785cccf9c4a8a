//! How the store behaves, on every host that a test can make it misbehave on.

use std::time::Duration;

use jackstaff_service::memory;
use serde::Deserialize;

use crate::hosts::spin::{Faults, StoreFault};

/// The label of the store on Spin.
pub(super) const SPIN_STORE: &str = "default";

/// A slow store takes this much longer for everything: far more than a decision waits, far less than a test does.
const SLOW: Duration = Duration::from_millis(150);

/// What takes the place of a damaged document's first character.
pub(super) const DAMAGE: u8 = b'?';

/// A document that nobody can read any more.
pub(super) fn damaged(document: &[u8]) -> Vec<u8> {
    [&[DAMAGE], document.get(1..).unwrap_or_default()].concat()
}

/// How the key-value store behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StoreState {
    /// As it should.
    Works,
    /// Every call fails.
    Fails,
    /// Every write and delete fails; reads work.
    FailsWrites,
    /// No answer comes within the time that a decision waits; everything works in the end.
    Slow,
}

impl StoreState {
    pub(super) const fn in_memory(self) -> memory::StoreFault {
        match self {
            Self::Works => memory::StoreFault::None,
            Self::Fails => memory::StoreFault::Failing,
            Self::FailsWrites => memory::StoreFault::FailingWrites,
            Self::Slow => memory::StoreFault::Slow,
        }
    }

    pub(super) fn on_spin(self, faults: &Faults) {
        let said = "the store was told to fail".to_owned();
        match self {
            Self::Works => faults.clear(SPIN_STORE),
            Self::Fails => faults.set(SPIN_STORE, StoreFault::Fails(said)),
            Self::FailsWrites => faults.set(SPIN_STORE, StoreFault::FailsWrites(said)),
            Self::Slow => faults.set(SPIN_STORE, StoreFault::Slow(SLOW)),
        }
    }
}
