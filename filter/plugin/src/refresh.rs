//! The ruleset from other servers, shared by all workers.

use std::hash::{DefaultHasher, Hasher as _};

use jackstaff_core::SNAPSHOT_FORMAT;
use jackstaff_service::ruleset_supply::{Mirror, Source};

use crate::host::shared;

/// Where the workers of one configuration meet: configurations with the same sources share what they found, also across updates.
#[derive(Debug)]
pub(crate) struct SharedMirror {
    state: String,
    ruleset: String,
}

impl SharedMirror {
    pub(crate) fn new(sources: &[Source]) -> Self {
        // A snapshot of another format would not open, and its state would say that all is well.
        let name = format!("jackstaff:ruleset:{SNAPSHOT_FORMAT}:{:016x}", digest(sources));
        Self { state: format!("{name}:state"), ruleset: name }
    }
}

/// Tells servers from others, in the names of shared data.
pub(crate) fn digest(sources: &[Source]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for source in sources {
        let parts = [&source.origin, &source.authority, &source.path];
        for part in parts.into_iter().chain(&source.authorization) {
            hasher.write(part.as_bytes());
            hasher.write_u8(0);
        }
    }
    hasher.finish()
}

impl Mirror for SharedMirror {
    fn state(&self) -> Option<(Vec<u8>, u32)> {
        shared::get(&self.state).ok().flatten()
    }

    fn set_state(&self, state: &[u8], version: Option<u32>) -> bool {
        shared::set(&self.state, state, version.unwrap_or(shared::CREATE)).unwrap_or(false)
    }

    fn ruleset(&self) -> Option<Vec<u8>> {
        shared::get(&self.ruleset).ok().flatten().map(|(bytes, _)| bytes)
    }

    fn set_ruleset(&self, snapshot: &[u8]) -> bool {
        shared::set(&self.ruleset, snapshot, 0).unwrap_or(false)
    }
}
