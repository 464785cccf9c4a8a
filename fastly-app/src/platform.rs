//! Fastly's stores, clock and log. All calls block.

use std::io::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use fastly::kv_store::{InsertMode, KVStoreError, LookupResponse};
use fastly::log::Endpoint;
use fastly::{ConfigStore, KVStore, SecretStore};
use http::{Request, Response};
use jackstaff_core::Timestamp;
use jackstaff_core::source::MAX_SOURCE_BYTES;
use jackstaff_service::config;
use jackstaff_service::platform::{FetchError, Found, Platform, PlatformError, ReadError, Written};

use crate::copies;
use crate::fetch;
use crate::read;
use crate::ready::ready_within;

/// The name of the stores of every kind, and of the log endpoint.
const NAME: &str = "jackstaff";

/// The stores and the log endpoint named `jackstaff`.
#[derive(Debug)]
pub(crate) struct FastlyPlatform;

impl Platform for FastlyPlatform {
    /// A counter, which tells apart even equal values.
    type Generation = u64;

    async fn kv_get(&self, key: &str) -> Result<Option<Vec<u8>>, PlatformError> {
        Ok(found(open()?.lookup(key))?.map(|(value, _)| value))
    }

    /// Fresh sandboxes are many: where a copy will do they need not ask the store.
    async fn kv_recent(&self, key: &str, within_ms: i64) -> Result<Option<(Vec<u8>, i64)>, PlatformError> {
        if within_ms <= 0 {
            return Ok(self.kv_get(key).await?.map(|value| (value, 0)));
        }
        if let Some(copy) = copies::get(key, within_ms) {
            return Ok(Some(copy));
        }
        let value = self.kv_get(key).await?;
        Ok(value.map(|value| {
            copies::put(key, &value, within_ms);
            (value, 0)
        }))
    }

    async fn kv_read(&self, key: &str, limit_ms: Option<u32>) -> Result<Found<u64>, ReadError> {
        let store = open()?;
        let pending = store.build_lookup().execute_async(key).map_err(|error| refused(&error))?;
        if limit_ms.is_some_and(|ms| !ready_within(&pending, ms)) {
            return Err(ReadError::Late);
        }
        Ok(found(store.pending_lookup_wait(pending))?)
    }

    /// What has been deleted since it was read is created again: the store lets a generation match where nothing lies.
    async fn kv_write(
        &self,
        key: &str,
        value: &[u8],
        expected: Option<&u64>,
        lifetime_s: Option<u64>,
    ) -> Result<Written, PlatformError> {
        let store = open()?;
        let mut insert = match expected {
            Some(generation) => store.build_insert().if_generation_match(*generation),
            None => store.build_insert().mode(InsertMode::Add),
        };
        if let Some(seconds) = lifetime_s {
            insert = insert.time_to_live(Duration::from_secs(seconds));
        }
        match insert.execute(key, value) {
            Ok(()) => Ok(Written::Stored),
            Err(KVStoreError::ItemPreconditionFailed) => Ok(Written::Conflict),
            Err(error) => Err(refused(&error)),
        }
    }

    /// Nobody waits for the store.
    async fn kv_cache(&self, key: &str, value: &[u8], lifetime_s: u64, _limit_ms: u32) {
        let Ok(store) = open() else { return };
        let insert = store.build_insert().time_to_live(Duration::from_secs(lifetime_s));
        // What was not cached is asked for again.
        let _ = insert.execute_async(key, value);
    }

    async fn kv_delete(&self, key: &str) -> Result<(), PlatformError> {
        match open()?.delete(key) {
            Ok(()) | Err(KVStoreError::ItemNotFound) => Ok(()),
            Err(error) => Err(refused(&error)),
        }
    }

    async fn fetch(&self, origin: &str, request: Request<Bytes>, limit_ms: u32) -> Result<Response<Bytes>, FetchError> {
        fetch::fetch(origin, request, Duration::from_millis(limit_ms.into()))
    }

    async fn pause(&self, ms: u32) {
        std::thread::sleep(Duration::from_millis(ms.into()));
    }

    /// Secrets come from the Secret Store, everything else from the Config Store, which a deployment need not have. What may hold the key of
    /// another server comes from where it was put.
    async fn setting(&self, name: &str) -> Result<Option<String>, PlatformError> {
        match name {
            config::KEYS | config::TEST => secret(name),
            config::SOURCES | config::USER_DATA => Ok(secret(name)?.or_else(|| public(name))),
            _ => Ok(public(name)),
        }
    }

    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn log(&self, line: &str) {
        // One write is one entry. Without such an endpoint the line is lost: nobody can be told.
        if let Ok(mut endpoint) = Endpoint::try_from_name(NAME) {
            let _ = endpoint.write_all(line.as_bytes());
        }
    }
}

fn open() -> Result<KVStore, PlatformError> {
    match KVStore::open(NAME) {
        Ok(Some(store)) => Ok(store),
        Ok(None) | Err(KVStoreError::StoreNotFound(_)) => Err(not_linked("KV store")),
        Err(error) => Err(refused(&error)),
    }
}

/// The value and the generation of a look-up.
fn found(answer: Result<LookupResponse, KVStoreError>) -> Result<Found<u64>, PlatformError> {
    let mut answer = match answer {
        Ok(answer) => answer,
        Err(KVStoreError::ItemNotFound) => return Ok(None),
        Err(error) => return Err(refused(&error)),
    };
    let bytes = read::up_to(answer.take_body(), MAX_SOURCE_BYTES.saturating_add(1))
        .map_err(|error| PlatformError(format!("a value broke off: {error}")))?;
    if bytes.len() > MAX_SOURCE_BYTES {
        return Err(PlatformError(format!("a value has more than {MAX_SOURCE_BYTES} bytes")));
    }
    Ok(Some((bytes, answer.current_generation())))
}

/// Without the key, which may hold a user's id.
fn refused(error: &KVStoreError) -> PlatformError {
    PlatformError(format!("Fastly says of the KV store `{NAME}`: {error}"))
}

fn secret(name: &str) -> Result<Option<String>, PlatformError> {
    let store = SecretStore::open(NAME).map_err(|_| not_linked("Secret Store"))?;
    let secret =
        store.try_get(name).map_err(|error| PlatformError(format!("Fastly says of the secret `{name}`: {error}")))?;
    let Some(secret) = secret else { return Ok(None) };
    let text =
        secret.try_plaintext().map_err(|error| PlatformError(format!("Fastly cannot decrypt `{name}`: {error}")))?;
    String::from_utf8(text.to_vec())
        .map(Some)
        .map_err(|_| PlatformError(format!("the secret `{name}` is no text in UTF-8")))
}

fn public(name: &str) -> Option<String> {
    ConfigStore::try_open(NAME).ok()?.try_get(name).ok()?
}

fn not_linked(kind: &str) -> PlatformError {
    PlatformError(format!("the {kind} `{NAME}` is not linked to this service: create it and link it under that name"))
}
