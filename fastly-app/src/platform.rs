//! Fastly's stores, clock and log. All calls block.

use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use fastly::kv_store::KVStoreError;
use fastly::log::Endpoint;
use fastly::{ConfigStore, KVStore, SecretStore};
use jackstaff_core::Timestamp;
use jackstaff_core::source::MAX_SOURCE_BYTES;
use jackstaff_service::config;
use jackstaff_service::platform::{Platform, PlatformError};

use crate::read;

/// The name of the stores of every kind, and of the log endpoint.
const NAME: &str = "jackstaff";

/// The stores and the log endpoint named `jackstaff`.
#[derive(Debug)]
pub(crate) struct FastlyPlatform;

impl Platform for FastlyPlatform {
    async fn kv_get(&self, key: &str) -> Result<Option<Vec<u8>>, PlatformError> {
        let store = match KVStore::open(NAME) {
            Ok(Some(store)) => store,
            Ok(None) | Err(KVStoreError::StoreNotFound(_)) => return Err(not_linked("KV store")),
            Err(error) => return Err(PlatformError(format!("Fastly says of the KV store `{NAME}`: {error}"))),
        };
        let mut found = match store.lookup(key) {
            Ok(found) => found,
            Err(KVStoreError::ItemNotFound) => return Ok(None),
            Err(error) => return Err(PlatformError(format!("Fastly says of the key `{key}`: {error}"))),
        };
        let bytes = read::up_to(&mut found.take_body(), MAX_SOURCE_BYTES.saturating_add(1))
            .map_err(|error| PlatformError(format!("the value of the key `{key}` broke off: {error}")))?;
        if bytes.len() > MAX_SOURCE_BYTES {
            return Err(PlatformError(format!("the value of the key `{key}` has more than {MAX_SOURCE_BYTES} bytes")));
        }
        Ok(Some(bytes))
    }

    /// Secrets come from the Secret Store, everything else from the Config Store, which a deployment need not have.
    async fn setting(&self, name: &str) -> Result<Option<String>, PlatformError> {
        if name == config::KEYS || name == config::TEST { secret(name) } else { Ok(public(name)) }
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
