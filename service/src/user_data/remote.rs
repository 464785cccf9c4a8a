//! User data that another Jackstaff keeps: the platform's own store is then a cache in front of it.
//!
//! A decision reads the cache, and asks the other where that has nothing; that the other has nothing is cached too, for a shorter time.
//! A change goes to the other at once, and what was cached is forgotten. An answer to a question that was asked before a change may still
//! be cached after it: it lasts no longer than every cached answer.

use std::fmt;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use serde::Deserialize;

use super::{ChangeError, Changed, Document, Outcome, Patch, Recalled, Subject};
use crate::percent;
use crate::platform::{FetchError, Platform, PlatformError};
use crate::store_key;

/// A minute: what was changed elsewhere shows that soon.
const DEFAULT_CACHE_S: u64 = 60;

/// Nothing about a user turns into something when they sign up, which should show at once or nearly so.
const DEFAULT_MISSING_CACHE_S: u64 = 5;

/// A day. What is cached for longer is a copy.
const MAX_CACHE_S: u64 = 86_400;

/// A change is waited for as long as SDKs wait for it.
const CHANGE_LIMIT_MS: u32 = 10_000;

/// After a failure the other is left alone for so many seconds: requests then need not wait for it one by one.
const REST_S: u64 = 1;

/// Who keeps the user data.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remote {
    /// As the platform calls it: see [`Platform::fetch`].
    origin: String,
    /// The `host` header.
    authority: String,
    /// What comes before `/v1/edgedb` in the path.
    #[serde(default)]
    path: String,
    /// A server key of the other's. Secret.
    key: String,
    #[serde(default = "default_cache_s")]
    cache_s: u64,
    #[serde(default = "default_missing_cache_s")]
    missing_cache_s: u64,
}

const fn default_cache_s() -> u64 {
    DEFAULT_CACHE_S
}

const fn default_missing_cache_s() -> u64 {
    DEFAULT_MISSING_CACHE_S
}

/// Without the key.
impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl Remote {
    /// What is wrong with it, and what to do.
    pub(super) fn check(&self) -> Result<(), String> {
        let legal = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !legal(&self.origin) || !legal(&self.authority) || !legal(&self.key) {
            return Err("has a bad `remote`: `origin`, `authority` and `key` are text without spaces".to_owned());
        }
        let rooted = self.path.starts_with('/') && !self.path.ends_with('/') && legal(&self.path);
        if !(self.path.is_empty() || rooted) {
            return Err(
                "has a bad `remote.path`: it begins with `/` and does not end with it, or is left out".to_owned()
            );
        }
        if self.cache_s > MAX_CACHE_S || self.missing_cache_s > MAX_CACHE_S {
            return Err(format!("has a bad `remote`: `cache_s` and `missing_cache_s` take 0 to {MAX_CACHE_S} seconds"));
        }
        Ok(())
    }

    /// What a decision learns of the user.
    pub(super) async fn recall<P: Platform>(&self, platform: &P, subject: &Subject<'_>) -> Recalled<P::Generation> {
        let limit = subject.settings.read_limit_ms;
        if let Ok(Some((bytes, _))) = platform.kv_read(&subject.key(), Some(limit)).await {
            return Recalled::of(bytes, None, platform);
        }
        if let Ok(Some(_)) = platform.kv_read(store_key::REMOTE_RESTS, Some(limit)).await {
            return Recalled::without(Outcome::Failed);
        }
        match self.read(platform, subject, limit).await {
            Ok(found) => {
                let (bytes, seconds) = match found {
                    Some(text) => (text.into_bytes(), self.cache_s),
                    None => (Vec::new(), self.missing_cache_s),
                };
                if seconds > 0 {
                    // What is not cached is asked for again.
                    let _ = platform.kv_write(&subject.key(), &bytes, None, Some(seconds)).await;
                }
                Recalled::of(bytes, None, platform)
            }
            Err(error) => {
                let _ = platform.kv_write(store_key::REMOTE_RESTS, b"1", None, Some(REST_S)).await;
                platform.log(&format!("user data: `{}` does not say: {error}", self.origin));
                Recalled::without(if error == FetchError::Late { Outcome::Late } else { Outcome::Failed })
            }
        }
    }

    /// The user's document as the other has it now.
    pub(super) async fn read(
        &self,
        platform: &impl Platform,
        subject: &Subject<'_>,
        limit_ms: u32,
    ) -> Result<Option<String>, FetchError> {
        let (status, body) = self.ask(platform, subject, Method::GET, Bytes::new(), limit_ms).await?;
        match status {
            StatusCode::OK => Document::from_user(&body)
                .ok()
                .and_then(|document| document.to_json().ok())
                .map(Some)
                .ok_or_else(|| PlatformError("its answer is no user".to_owned()).into()),
            StatusCode::NOT_FOUND => Ok(None),
            other => Err(PlatformError(format!("it answered {other}")).into()),
        }
    }

    /// Sends a change to the other.
    pub(super) async fn change<P: Platform>(
        &self,
        platform: &P,
        subject: &Subject<'_>,
        patch: &Patch<'_>,
    ) -> Result<Changed, ChangeError> {
        self.send(platform, subject, Method::PATCH, Bytes::from(patch.to_json())).await?;
        Ok(Changed::Stored)
    }

    /// Has the other erase the user.
    pub(super) async fn erase<P: Platform>(&self, platform: &P, subject: &Subject<'_>) -> Result<(), ChangeError> {
        self.send(platform, subject, Method::DELETE, Bytes::new()).await
    }

    async fn send<P: Platform>(
        &self,
        platform: &P,
        subject: &Subject<'_>,
        method: Method,
        body: Bytes,
    ) -> Result<(), ChangeError> {
        let answer = self.ask(platform, subject, method, body, CHANGE_LIMIT_MS).await;
        // Also where the answer is lost: the change may have been made.
        let forgotten = platform.kv_delete(&subject.key()).await;
        match answer {
            Ok((status, _)) if status.is_success() => forgotten.map_err(ChangeError::from),
            Ok((status @ (StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY), body)) => {
                Err(ChangeError::Refused(status, String::from_utf8_lossy(&body).into_owned()))
            }
            Ok((status, _)) => Err(ChangeError::Store(format!("`{}` answered {status}", self.origin))),
            Err(error) => Err(ChangeError::Store(format!("`{}`: {error}", self.origin))),
        }
    }

    async fn ask(
        &self,
        platform: &impl Platform,
        subject: &Subject<'_>,
        method: Method,
        body: Bytes,
        limit_ms: u32,
    ) -> Result<(StatusCode, Bytes), FetchError> {
        let path = format!("{}/v1/edgedb/{}", self.path, percent::encode(subject.id));
        let unusable =
            |_| FetchError::Failed(PlatformError("the setting `user_data.remote` makes no request".to_owned()));
        let mut key = HeaderValue::from_str(&self.key).map_err(|_| unusable(()))?;
        key.set_sensitive(true);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.authority)
            .header(header::AUTHORIZATION, key)
            .header(header::CONTENT_TYPE, "application/json")
            .body(body)
            .map_err(|_| unusable(()))?;
        let (head, body) = platform.fetch(&self.origin, request, limit_ms).await?.into_parts();
        Ok((head.status, body))
    }
}
