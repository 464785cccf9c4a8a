//! Spin's stores, variables, clock and log.

use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use jackstaff_core::Timestamp;
use jackstaff_service::platform::{Platform, PlatformError};
use spin_sdk::key_value::{Error as StoreError, Store};
use spin_sdk::variables::{self, Error as VariableError};

/// The key-value store with the label `default`, and the component's variables.
#[derive(Debug)]
pub(crate) struct SpinPlatform;

impl Platform for SpinPlatform {
    async fn kv_get(&self, key: &str) -> Result<Option<Vec<u8>>, PlatformError> {
        let store = Store::open_default().await.map_err(store_error)?;
        store.get(key).await.map_err(store_error)
    }

    async fn setting(&self, name: &str) -> Result<Option<String>, PlatformError> {
        match variables::get(name).await {
            Ok(text) => Ok(Some(text)),
            Err(VariableError::Undefined(_)) => Ok(None),
            Err(error) => Err(PlatformError(format!("Spin says of the variable `{name}`: {error}"))),
        }
    }

    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn log(&self, line: &str) {
        // Formatted first: each write could otherwise be a line of its own. Nobody can be told that it failed.
        let _ = std::io::stderr().write_all(format!("jackstaff: {line}\n").as_bytes());
    }
}

fn store_error(error: StoreError) -> PlatformError {
    PlatformError(match error {
        StoreError::AccessDenied | StoreError::NoSuchStore => format!(
            "Spin does not grant the store `default` ({error}): add key_value_stores = [\"default\"] to the component in spin.toml"
        ),
        other => format!("Spin says: {other}"),
    })
}
