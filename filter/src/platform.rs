//! Envoy, as the service sees it.

use std::collections::BTreeMap;

use jackstaff_core::Timestamp;
use jackstaff_service::platform::{Found, Platform, PlatformError, ReadError, Written};
use proxy_wasm::types::LogLevel;

use crate::host;

/// One plugin configuration's settings, and Envoy's clock and log.
#[derive(Debug)]
pub(crate) struct EnvoyPlatform {
    settings: BTreeMap<&'static str, String>,
}

impl EnvoyPlatform {
    pub(crate) const fn new(settings: BTreeMap<&'static str, String>) -> Self {
        Self { settings }
    }
}

impl Platform for EnvoyPlatform {
    type Generation = ();

    async fn kv_get(&self, _key: &str) -> Result<Option<Vec<u8>>, PlatformError> {
        Err(no_store())
    }

    async fn kv_read(&self, _key: &str, _limit_ms: Option<u32>) -> Result<Found<()>, ReadError> {
        Err(no_store().into())
    }

    async fn kv_write(
        &self,
        _key: &str,
        _value: &[u8],
        _expected: Option<&()>,
        _lifetime_s: Option<u64>,
    ) -> Result<Written, PlatformError> {
        Err(no_store())
    }

    async fn kv_delete(&self, _key: &str) -> Result<(), PlatformError> {
        Err(no_store())
    }

    /// A stream is never held for time to pass.
    async fn pause(&self, _ms: u32) {}

    async fn setting(&self, name: &str) -> Result<Option<String>, PlatformError> {
        Ok(self.settings.get(name).cloned())
    }

    fn now(&self) -> Timestamp {
        Timestamp(host::now_millis())
    }

    fn log(&self, line: &str) {
        host::log(LogLevel::Warn, &format!("jackstaff: {line}"));
    }
}

fn no_store() -> PlatformError {
    PlatformError("the Envoy filter has no key-value store".to_owned())
}
