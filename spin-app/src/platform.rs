//! Spin's stores, variables, clock and log.

use std::io::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use jackstaff_core::Timestamp;
use jackstaff_core::source::MAX_SOURCE_BYTES;
use jackstaff_service::platform::{FetchError, Found, Platform, PlatformError, ReadError, Written};
use spin_sdk::http::FullBody;
use spin_sdk::key_value::{Error as StoreError, Store};
use spin_sdk::time::sleep;
use spin_sdk::variables::{self, Error as VariableError};

use crate::create;
use crate::swap::{Swap, SwapError};
use crate::within::within;

/// The key-value store with the label `default`, and the component's variables.
#[derive(Debug)]
pub(crate) struct SpinPlatform;

impl Platform for SpinPlatform {
    /// The value: `wasi:keyvalue` compares values. Whoever finds the same value again may as well build on it.
    type Generation = Vec<u8>;

    const STORE_FORGETS: bool = false;

    async fn kv_get(&self, key: &str) -> Result<Option<Vec<u8>>, PlatformError> {
        let store = Store::open_default().await.map_err(store_error)?;
        store.get(key).await.map_err(store_error)
    }

    async fn kv_read(&self, key: &str, limit_ms: Option<u32>) -> Result<Found<Vec<u8>>, ReadError> {
        let read = self.kv_get(key);
        let value = match limit_ms {
            Some(ms) => within(read, sleep(Duration::from_millis(ms.into()))).await.ok_or(ReadError::Late)??,
            None => read.await?,
        };
        Ok(value.map(|value| (value.clone(), value)))
    }

    /// Spin's stores keep values until they are deleted.
    async fn kv_write(
        &self,
        key: &str,
        value: &[u8],
        expected: Option<&Vec<u8>>,
        _lifetime_s: Option<u64>,
    ) -> Result<Written, PlatformError> {
        let Some(expected) = expected else { return create::create(self, key, value).await };
        let swap = Swap::begin(key)?;
        if swap.current()?.as_ref() != Some(expected) {
            return Ok(Written::Conflict);
        }
        Ok(swap.finish(value)?)
    }

    async fn kv_cache(&self, key: &str, value: &[u8], _lifetime_s: u64, limit_ms: u32) {
        // What was not cached in time is asked for again.
        let _ = within(put(key, value), sleep(Duration::from_millis(limit_ms.into()))).await;
    }

    async fn kv_delete(&self, key: &str) -> Result<(), PlatformError> {
        let store = Store::open_default().await.map_err(store_error)?;
        store.delete(key).await.map_err(store_error)
    }

    async fn fetch(&self, origin: &str, request: Request<Bytes>, limit_ms: u32) -> Result<Response<Bytes>, FetchError> {
        within(fetch(origin, request), sleep(Duration::from_millis(limit_ms.into()))).await.ok_or(FetchError::Late)?
    }

    async fn pause(&self, ms: u32) {
        sleep(Duration::from_millis(ms.into())).await;
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

/// Spin names the host by the URL, and lets the component ask it where spin.toml does.
async fn fetch(origin: &str, request: Request<Bytes>) -> Result<Response<Bytes>, FetchError> {
    let failed = |said: String| FetchError::Failed(PlatformError(format!("Spin says of `{origin}`: {said}")));
    let (mut head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    head.uri = format!("{origin}{path}")
        .parse()
        .map_err(|_| failed("is no beginning of a URL, such as https://flags.example.com".to_owned()))?;
    head.headers.remove(http::header::HOST);
    let answer = spin_sdk::http::send(Request::from_parts(head, FullBody::new(body))).await;
    let answer =
        answer.map_err(|error| failed(format!("{error}; does allowed_outbound_hosts in spin.toml name it?")))?;
    let (head, mut body) = answer.into_parts();
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| failed(format!("the answer broke off: {error}")))?;
        bytes.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
        if bytes.len() > MAX_SOURCE_BYTES {
            return Err(failed(format!("the answer has more than {MAX_SOURCE_BYTES} bytes")));
        }
    }
    Ok(Response::from_parts(head, bytes.freeze()))
}

/// Puts `value` under `key`, whatever lies there.
pub(crate) async fn put(key: &str, value: &[u8]) -> Result<(), PlatformError> {
    let store = Store::open_default().await.map_err(store_error)?;
    store.set(key, value).await.map_err(store_error)
}

impl From<SwapError> for PlatformError {
    fn from(error: SwapError) -> Self {
        match error {
            SwapError::NotGranted(said) => not_granted(&said),
            SwapError::Other(said) => Self(format!("Spin says: {said}")),
        }
    }
}

fn store_error(error: StoreError) -> PlatformError {
    match error {
        StoreError::AccessDenied | StoreError::NoSuchStore => not_granted(&error.to_string()),
        other => PlatformError(format!("Spin says: {other}")),
    }
}

fn not_granted(said: &str) -> PlatformError {
    PlatformError(format!(
        "Spin does not grant the store `default` ({said}): add key_value_stores = [\"default\"] to the component in spin.toml"
    ))
}
