//! The ruleset from other servers, shared by all workers.

use std::hash::{DefaultHasher, Hasher as _};

use jackstaff_core::SNAPSHOT_FORMAT;
use jackstaff_service::ruleset_supply::{Mirror, Source};

use crate::host::shared;

/// As for the store: the version that nobody's value has.
const CREATE: u32 = u32::MAX;

/// Where the workers of one configuration meet: configurations with the same sources share what they found, also across updates.
#[derive(Debug)]
pub(crate) struct SharedMirror {
    state: String,
    ruleset: String,
}

impl SharedMirror {
    pub(crate) fn new(sources: &[Source]) -> Self {
        let mut hasher = DefaultHasher::new();
        for source in sources {
            let parts = [&source.origin, &source.authority, &source.path];
            for part in parts.into_iter().chain(&source.authorization) {
                hasher.write(part.as_bytes());
                hasher.write_u8(0);
            }
        }
        // A snapshot of another format would not open, and its state would say that all is well.
        let name = format!("jackstaff:ruleset:{SNAPSHOT_FORMAT}:{:016x}", hasher.finish());
        Self { state: format!("{name}:state"), ruleset: name }
    }
}

impl Mirror for SharedMirror {
    fn state(&self) -> Option<(Vec<u8>, u32)> {
        shared::get(&self.state).ok().flatten()
    }

    fn set_state(&self, state: &[u8], version: Option<u32>) -> bool {
        shared::set(&self.state, state, version.unwrap_or(CREATE)).unwrap_or(false)
    }

    fn ruleset(&self) -> Option<Vec<u8>> {
        shared::get(&self.ruleset).ok().flatten().map(|(bytes, _)| bytes)
    }

    fn set_ruleset(&self, snapshot: &[u8]) -> bool {
        shared::set(&self.ruleset, snapshot, 0).unwrap_or(false)
    }
}
