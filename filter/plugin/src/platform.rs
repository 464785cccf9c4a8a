//! Envoy, as the service sees it.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use bytes::Bytes;
use http::{Request, Response};
use jackstaff_core::Timestamp;
use jackstaff_service::platform::{FetchError, Found, Platform, PlatformError, ReadError, Written};

use crate::calls;
use crate::host::{self, LogLevel};
use crate::store::{Expected, SharedStore};

/// Envoy's clusters, clock and log, with one plugin configuration's settings and store. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct EnvoyPlatform {
    settings: Rc<Vec<(&'static str, String)>>,
    store: Option<Rc<SharedStore>>,
    /// Whether somebody goes on with what waits for time to pass: the root context does, with every tick.
    timers: bool,
}

impl EnvoyPlatform {
    pub(crate) fn new(settings: Vec<(&'static str, String)>, store: Option<SharedStore>) -> Self {
        Self { settings: Rc::new(settings), store: store.map(Rc::new), timers: false }
    }

    /// The same, for the root context.
    pub(crate) fn with_timers(self) -> Self {
        Self { timers: true, ..self }
    }

    /// How many users made room for others since this was last asked.
    pub(crate) fn evicted(&self) -> u64 {
        self.store.as_ref().map_or(0, |store| store.evicted())
    }

    fn store(&self) -> Result<&SharedStore, PlatformError> {
        self.store.as_deref().ok_or_else(|| {
            PlatformError("this Envoy stores nothing: set `user_data` in the plugin configuration".to_owned())
        })
    }
}

impl Platform for EnvoyPlatform {
    /// The value itself.
    type Generation = Vec<u8>;

    const STORES_RULESETS: bool = false;

    async fn kv_get(&self, key: &str) -> Result<Option<Vec<u8>>, PlatformError> {
        Ok(self.store()?.read(key, self.now())?.map(|(value, _)| value))
    }

    /// From memory, which is faster than any limit.
    async fn kv_read(&self, key: &str, _limit_ms: Option<u32>) -> Result<Found<Vec<u8>>, ReadError> {
        Ok(self.store()?.read(key, self.now())?)
    }

    async fn kv_write(
        &self,
        key: &str,
        value: &[u8],
        expected: Option<&Vec<u8>>,
        lifetime_s: Option<u64>,
    ) -> Result<Written, PlatformError> {
        let now = self.now();
        let lifetime_ms = lifetime_s.map(|seconds| i64::try_from(seconds.saturating_mul(1_000)).unwrap_or(i64::MAX));
        let expires = lifetime_ms.map_or(i64::MAX, |ms| now.0.saturating_add(ms));
        self.store()?.write(key, Some(value), Expected::Value(expected.map(Vec::as_slice)), expires, now)
    }

    async fn kv_cache(&self, key: &str, value: &[u8], lifetime_s: u64, _limit_ms: u32) {
        let now = self.now();
        let lifetime_ms = i64::try_from(lifetime_s.saturating_mul(1_000)).unwrap_or(i64::MAX);
        if let Ok(store) = self.store() {
            // What was not cached is asked for again.
            let _ = store.write(key, Some(value), Expected::Anything, now.0.saturating_add(lifetime_ms), now);
        }
    }

    async fn kv_delete(&self, key: &str) -> Result<(), PlatformError> {
        match self.store()?.write(key, None, Expected::Anything, i64::MAX, self.now())? {
            Written::Stored => Ok(()),
            Written::Conflict => Err(PlatformError("too many change the shared data at once: try again".to_owned())),
        }
    }

    async fn fetch(&self, origin: &str, request: Request<Bytes>, limit_ms: u32) -> Result<Response<Bytes>, FetchError> {
        calls::fetch(origin, request, limit_ms).await
    }

    /// A stream is never held for time to pass.
    async fn pause(&self, ms: u32) {
        let end = self.now().0.saturating_add(ms.into());
        poll_fn(|_| if self.timers && self.now().0 < end { Poll::Pending } else { Poll::Ready(()) }).await;
    }

    async fn setting(&self, name: &str) -> Result<Option<String>, PlatformError> {
        Ok(self.settings.iter().find(|(known, _)| *known == name).map(|(_, text)| text.clone()))
    }

    fn now(&self) -> Timestamp {
        Timestamp(host::now_millis())
    }

    fn log(&self, line: &str) {
        host::log(LogLevel::Warn, &format!("jackstaff: {line}"));
    }
}
