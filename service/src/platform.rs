//! What the service needs from the platform it runs on.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Request, Response, header};
use jackstaff_core::Timestamp;

/// A platform. The service awaits it; a platform whose calls block returns futures that are ready at the first poll, and
/// [`poll_once`](crate::executor::poll_once) drives them.
///
/// Futures need not be `Send`: a WebAssembly instance has one thread, and a native host polls a request where it began it.
#[expect(async_fn_in_trait, reason = "no caller wants a `Send` bound: see above")]
pub trait Platform {
    /// What tells one state of a key from every other: a counter, or the value itself.
    type Generation: Clone;

    /// Whether the service looks for rulesets in the store. Where somebody else hands it one, the code for that is left out of the module.
    const STORES_RULESETS: bool = true;

    /// Whether the store forgets by itself what nobody wants any more, or is bounded: whoever asks about made-up users would else fill it.
    const STORE_FORGETS: bool = true;

    /// The value under `key` in the deployment's key-value store; `None` where nothing lies there.
    ///
    /// # Errors
    /// Where the store did not say: it is not granted, unreachable, or refuses. What lies under the key is then unknown.
    async fn kv_get(&self, key: &str) -> Result<Option<Vec<u8>>, PlatformError>;

    /// As [`kv_get`](Self::kv_get), or a copy of what that gave within the last `within_ms` milliseconds, and how many ago. A platform whose
    /// instances share no cache asks the store.
    ///
    /// # Errors
    /// As for [`kv_get`](Self::kv_get).
    async fn kv_recent(&self, key: &str, _within_ms: i64) -> Result<Option<(Vec<u8>, i64)>, PlatformError> {
        Ok(self.kv_get(key).await?.map(|value| (value, 0)))
    }

    /// As [`kv_get`](Self::kv_get), with the generation that [`kv_write`](Self::kv_write) takes, and at most for about `limit_ms`
    /// milliseconds where there is a limit. A platform whose store answers from memory need not watch the time.
    ///
    /// # Errors
    /// Where the store did not say, or not in time.
    async fn kv_read(&self, key: &str, limit_ms: Option<u32>) -> Result<Found<Self::Generation>, ReadError>;

    /// Puts `value` under `key` if the key is still in the state `expected`; `None` expects nothing there. Of several that expect
    /// the same state one is [`Written::Stored`], as far as the platform can.
    ///
    /// `lifetime_s`: after so many seconds nobody will want the value, and a store that can forget by itself may.
    ///
    /// # Errors
    /// Where the store failed. Whether the value was stored is then unknown.
    async fn kv_write(
        &self,
        key: &str,
        value: &[u8],
        expected: Option<&Self::Generation>,
        lifetime_s: Option<u64>,
    ) -> Result<Written, PlatformError>;

    /// Puts `value` under `key`, whatever lies there: for what can be had again elsewhere. Takes about `limit_ms` milliseconds at most. Whether
    /// it was stored nobody is told, and a store may keep it for longer than `lifetime_s`: the value has to say how long it counts.
    async fn kv_cache(&self, key: &str, value: &[u8], lifetime_s: u64, limit_ms: u32);

    /// Takes away what lies under `key`. Nothing there is no error.
    ///
    /// # Errors
    /// Where the store failed. Whether something lies there is then unknown.
    async fn kv_delete(&self, key: &str) -> Result<(), PlatformError>;

    /// Asks another server and waits for about `limit_ms` milliseconds at most. `origin` is what the platform calls such a server: a
    /// cluster of Envoy's, a backend of Fastly's, the beginning of a URL on Spin. The request's URI is the path with its query, and its
    /// `host` header says whom it is for. An answer of any status is an answer.
    ///
    /// # Errors
    /// Where none came in time, or none can come.
    async fn fetch(&self, origin: &str, request: Request<Bytes>, limit_ms: u32) -> Result<Response<Bytes>, FetchError>;

    /// Waits for about `ms` milliseconds before something is tried again. A platform that cannot wait returns at once.
    async fn pause(&self, ms: u32);

    /// Bits that differ from call to call and from instance to instance, so that waiting ones do not wake together. They need not be secret.
    fn random(&self) -> u64 {
        RandomState::new().hash_one(())
    }

    /// The text of the setting or secret `name`; `None` where nobody set it.
    ///
    /// # Errors
    /// Where the platform did not say. The setting may or may not exist.
    async fn setting(&self, name: &str) -> Result<Option<String>, PlatformError>;

    /// The wall clock.
    fn now(&self) -> Timestamp;

    /// Logs one line, as one entry. What cannot be logged is lost: a request never fails for it.
    fn log(&self, line: &str);
}

/// The headers of other servers' answers that the service reads: a platform may leave out all others.
pub static READ: [HeaderName; 3] = [header::CONTENT_ENCODING, header::ETAG, header::LAST_MODIFIED];

/// A request to another server, a GET until it is made something else. Nothing where a part of it is none.
pub(crate) fn request(path: &str, authority: &str, authorization: Option<&str>, body: Bytes) -> Option<Request<Bytes>> {
    let mut request = Request::new(body);
    *request.uri_mut() = PathAndQuery::try_from(path).ok()?.into();
    request.headers_mut().insert(header::HOST, HeaderValue::from_str(authority).ok()?);
    if let Some(authorization) = authorization {
        let mut authorization = HeaderValue::from_str(authorization).ok()?;
        authorization.set_sensitive(true);
        request.headers_mut().insert(header::AUTHORIZATION, authorization);
    }
    Some(request)
}

/// A value with its generation; `None` where nothing lies under the key.
pub type Found<G> = Option<(Vec<u8>, G)>;

/// What became of a conditional write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is stored.
    Stored,
    /// It is not: the key was no longer in the state expected, or somebody else is just creating it. Read again.
    Conflict,
}

/// Why a read with a time limit gave nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// The time was over.
    Late,
    /// The store did not say.
    Failed(PlatformError),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Late => f.write_str("the key-value store did not answer in time"),
            Self::Failed(error) => write!(f, "the key-value store cannot be read: {error}"),
        }
    }
}

impl std::error::Error for ReadError {}

impl From<PlatformError> for ReadError {
    fn from(error: PlatformError) -> Self {
        Self::Failed(error)
    }
}

/// Why another server did not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchError {
    /// The time was over.
    Late,
    /// It cannot be asked, or the answer broke off.
    Failed(PlatformError),
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Late => f.write_str("no answer came in time"),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for FetchError {}

impl From<PlatformError> for FetchError {
    fn from(error: PlatformError) -> Self {
        Self::Failed(error)
    }
}

/// Why the platform could not do what it was asked to, in a sentence for operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformError(pub String);

impl fmt::Display for PlatformError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PlatformError {}
