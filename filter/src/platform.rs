//! Envoy, as the service sees it.

use std::collections::BTreeMap;

use jackstaff_core::Timestamp;
use jackstaff_service::platform::{Platform, PlatformError};
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
    async fn kv_get(&self, _key: &str) -> Result<Option<Vec<u8>>, PlatformError> {
        Err(PlatformError("the Envoy filter has no key-value store".to_owned()))
    }

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
