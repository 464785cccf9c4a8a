//! A bounded key-value store in the data that all workers share.
//!
//! Shared data neither lists its keys nor forgets them, and nothing bounds it. So there is a fixed number of places, each a value that holds
//! the entries of the keys which fall to it. A place that is full forgets the entry that was written longest ago. A change replaces a
//! place if nobody else did meanwhile: the host's comparison is exact across workers.

use std::cell::Cell;
use std::hash::{DefaultHasher, Hasher as _};

use jackstaff_core::Timestamp;
use jackstaff_service::platform::{Found, PlatformError, Written};

use crate::host::shared;

/// Entries of a place. With fewer, unlucky keys would push one another out while the store is half empty; with more, a read copies more.
const WAYS: usize = 8;

/// How often a change is tried before it counts as a conflict. Each failure is another worker's success, also with another key of the place.
const MAX_TRIES: u32 = 32;

/// The store of one plugin configuration. Those with the same prefix and size share it.
#[derive(Debug)]
pub(crate) struct SharedStore {
    prefix: String,
    places: u32,
    /// Entries that made room for others, since somebody asked.
    evicted: Cell<u64>,
}

/// A key with its value.
struct Entry<'b> {
    key: &'b [u8],
    /// Milliseconds since 1970 from which on it counts as absent.
    expires: i64,
    value: &'b [u8],
}

impl SharedStore {
    /// A store for about `entries` keys.
    pub(crate) fn new(entries: u32) -> Self {
        let places = entries.div_ceil(u32::try_from(WAYS).unwrap_or(1)).max(1);
        // In the name, as the same key falls to another place where there are fewer or more.
        Self { prefix: format!("jackstaff:kv:{places}:"), places, evicted: Cell::new(0) }
    }

    /// The value under `key`.
    pub(crate) fn read(&self, key: &str, now: Timestamp) -> Result<Found<Vec<u8>>, PlatformError> {
        let Some((bytes, _)) = shared::get(&self.place(key)).map_err(refused)? else { return Ok(None) };
        let found = entries(&bytes).find(|entry| entry.key == key.as_bytes() && entry.expires > now.0);
        Ok(found.map(|entry| (entry.value.to_vec(), entry.value.to_vec())))
    }

    /// Puts `value` under `key` where `expected` lies there; nothing takes it away.
    pub(crate) fn write(
        &self,
        key: &str,
        value: Option<&[u8]>,
        expected: Expected<'_>,
        expires: i64,
        now: Timestamp,
    ) -> Result<Written, PlatformError> {
        let place = self.place(key);
        for _ in 0..MAX_TRIES {
            let found = shared::get(&place).map_err(refused)?;
            let (bytes, version) = found.unwrap_or((Vec::new(), shared::CREATE));
            let current = entries(&bytes).find(|entry| entry.key == key.as_bytes() && entry.expires > now.0);
            match (expected, current.as_ref().map(|entry| entry.value)) {
                (Expected::Anything, None) if value.is_none() => return Ok(Written::Stored),
                (Expected::Value(expected), current) if expected != current => return Ok(Written::Conflict),
                _ => {}
            }
            let mut after = Vec::with_capacity(bytes.len().saturating_add(value.map_or(0, <[u8]>::len)));
            if let Some(value) = value {
                push(&mut after, &Entry { key: key.as_bytes(), expires, value });
            }
            let others = entries(&bytes).filter(|entry| entry.key != key.as_bytes() && entry.expires > now.0);
            let room = if value.is_some() { WAYS.saturating_sub(1) } else { WAYS };
            let mut evicted = 0_u64;
            for (nth, entry) in others.enumerate() {
                if nth < room {
                    push(&mut after, &entry);
                } else {
                    evicted = evicted.saturating_add(1);
                }
            }
            if shared::set(&place, &after, version).map_err(refused)? {
                self.evicted.set(self.evicted.get().saturating_add(evicted));
                return Ok(Written::Stored);
            }
        }
        Ok(Written::Conflict)
    }

    /// How many entries made room for others since this was last asked.
    pub(crate) fn evicted(&self) -> u64 {
        self.evicted.take()
    }

    fn place(&self, key: &str) -> String {
        let mut hasher = DefaultHasher::new();
        hasher.write(key.as_bytes());
        format!("{}{}", self.prefix, hasher.finish().checked_rem(u64::from(self.places)).unwrap_or(0))
    }
}

/// What must lie under a key for it to be written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expected<'v> {
    Anything,
    Value(Option<&'v [u8]>),
}

fn refused(status: u32) -> PlatformError {
    PlatformError(format!("Envoy refuses its shared data (status {status})"))
}

/// The entries of a place, the one written last first, as far as the bytes make sense.
fn entries(mut bytes: &[u8]) -> impl Iterator<Item = Entry<'_>> {
    std::iter::from_fn(move || {
        let (key, rest) = part(bytes)?;
        let (expires, rest) = rest.split_first_chunk()?;
        let (value, rest) = part(rest)?;
        bytes = rest;
        Some(Entry { key, expires: i64::from_le_bytes(*expires), value })
    })
}

fn part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)
}

fn push(out: &mut Vec<u8>, entry: &Entry<'_>) {
    let length = |part: &[u8]| u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes();
    out.extend_from_slice(&length(entry.key));
    out.extend_from_slice(entry.key);
    out.extend_from_slice(&entry.expires.to_le_bytes());
    out.extend_from_slice(&length(entry.value));
    out.extend_from_slice(entry.value);
}
