//! User data that another Jackstaff keeps: the platform's own store is then a cache in front of it.
//!
//! A decision reads the cache, and asks the other where that has nothing; that the other has nothing is cached too, for a shorter time.
//! A change goes to the other at once, and what was cached is forgotten. An answer to a question that was asked before a change may still
//! be cached after it: it lasts no longer than every cached answer. Copies say themselves how long they count, as not every store forgets.

use std::fmt;

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use jackstaff_core::source::{FromJson, Reading, document};
use jackstaff_core::{Timestamp, Value};

use super::copy::{self, Copied};
use super::{ChangeError, Changed, Document, Outcome, Patch, Recalled, Subject};
use crate::percent;
use crate::platform::{FetchError, Platform, PlatformError, ReadError, request};
use crate::store_key;

/// A minute: what was changed elsewhere shows that soon.
const DEFAULT_CACHE_S: u64 = 60;

/// Nothing about a user turns into something when they sign up, which should show at once or nearly so.
const DEFAULT_MISSING_CACHE_S: u64 = 5;

/// A day. What is cached for longer is a copy.
const MAX_CACHE_S: u64 = 86_400;

/// A change is waited for as long as SDKs wait for it.
pub(super) const CHANGE_LIMIT_MS: u32 = 10_000;

/// A decision that stores as well waits for less: SDKs wait five seconds for one.
pub(super) const CHANGE_BESIDE_LIMIT_MS: u32 = 1_000;

/// Characters of a refusal that are handed on.
const MAX_SAID: usize = 500;

/// Who keeps the user data.
#[derive(Clone, PartialEq, Eq)]
pub struct Remote {
    /// As the platform calls it: see [`Platform::fetch`].
    origin: String,
    /// The `host` header.
    authority: String,
    /// What comes before `/v1/edgedb` in the path.
    path: String,
    /// A server key of the other's. Secret.
    key: String,
    cache_s: u64,
    missing_cache_s: u64,
}

impl Default for Remote {
    fn default() -> Self {
        Self {
            origin: String::new(),
            authority: String::new(),
            path: String::new(),
            key: String::new(),
            cache_s: DEFAULT_CACHE_S,
            missing_cache_s: DEFAULT_MISSING_CACHE_S,
        }
    }
}

impl<'v> FromJson<'v> for Remote {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        reading.object(value, &mut |of| {
            of.required("origin", &mut self.origin);
            of.required("authority", &mut self.authority);
            of.optional("path", &mut self.path);
            of.required("key", &mut self.key);
            of.optional("cache_s", &mut self.cache_s);
            of.optional("missing_cache_s", &mut self.missing_cache_s);
        });
    }
}

/// What the other has about a user, and how many seconds that may be cached.
pub(super) struct Answer {
    /// A document; an empty one for a user about whom nothing is known.
    pub(super) text: String,
    seconds: u64,
}

/// Why the other did not say what it has about a user.
pub(super) enum Unsaid {
    /// Its answer says nothing about this one, as where it cannot read what it has. It was quick with it, and may know of others.
    OfOne(String),
    /// It would not say of any: nobody answers, or not in time, or it has too much to do, or does not know the key.
    OfAll(FetchError),
}

impl Unsaid {
    fn by(status: StatusCode) -> Self {
        let said = format!("it answered {status}");
        match status {
            StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Self::OfAll(PlatformError(said).into()),
            _ => Self::OfOne(said),
        }
    }
}

impl fmt::Display for Unsaid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OfOne(said) => f.write_str(said),
            Self::OfAll(error) => error.fmt(f),
        }
    }
}

/// Whether a body may be a Jackstaff's: a page of something else at that address promises nothing and knows nobody.
fn is_answer(body: &[u8]) -> bool {
    matches!(document(body), Ok(Value::Map(_)))
}

/// What an answer says is wrong: its `message`, or its beginning.
fn said(body: &[u8]) -> String {
    let message = match document(body) {
        Ok(Value::Map(members)) => members.into_iter().find(|(name, _)| name == "message"),
        _ => None,
    };
    let text = match &message {
        Some((_, Value::String(text))) => text.clone(),
        _ => String::from_utf8_lossy(body),
    };
    text.chars().take(MAX_SAID).collect()
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

    /// What a decision learns of the user, within the time that it waits. A copy takes as long again at most to be cached.
    pub(super) async fn recall<P: Platform>(&self, platform: &P, subject: &Subject<'_>) -> Recalled<P::Generation> {
        let limit = subject.settings.read_limit_ms;
        let begun = platform.now();
        let left = || limit.saturating_sub(copy::elapsed(begun, platform.now()));
        let key = subject.key_cached::<P>();
        match platform.kv_read(&key, Some(limit)).await {
            Ok(found) => match found.and_then(|(bytes, _)| copy::read(&bytes, subject, begun)) {
                Some(Copied::Document(bytes)) => return Recalled::of(bytes, None, platform),
                Some(Copied::Unsaid) => return Recalled::without(Outcome::Failed),
                None => {}
            },
            Err(ReadError::Late) => return Recalled::without(Outcome::Late),
            Err(ReadError::Failed(_)) => {}
        }
        let rests = store_key::rests(&self.origin);
        if let Ok(Some((until, _))) = platform.kv_read(&rests, Some(left().max(1))).await
            && copy::is_resting(&until, begun)
        {
            return Recalled::without(Outcome::Failed);
        }
        // The time is over without anybody having been asked.
        let left = match left() {
            0 => return Recalled::without(Outcome::Late),
            left => left,
        };
        match self.read(platform, subject, left, Some(platform.now())).await {
            Ok(Answer { text, seconds }) => {
                if seconds > 0 {
                    let copy = copy::of_document(subject, &text);
                    platform.kv_cache(&key, copy.as_bytes(), seconds, limit).await;
                }
                Recalled::of(text.into_bytes(), None, platform)
            }
            Err(unsaid) => {
                platform.log(&format!("user data: `{}` does not say: {unsaid}", self.origin));
                let (key, value) = match unsaid {
                    Unsaid::OfOne(_) => (key, copy::unsaid(subject, platform.now())),
                    Unsaid::OfAll(_) => (rests, copy::rest(platform.now())),
                };
                platform.kv_cache(&key, value.as_bytes(), copy::REST_S, limit).await;
                let late = matches!(unsaid, Unsaid::OfAll(FetchError::Late));
                Recalled::without(if late { Outcome::Late } else { Outcome::Failed })
            }
        }
    }

    /// The user's document as the other has it now. With the time it becomes a copy, which says until when it counts.
    pub(super) async fn read(
        &self,
        platform: &impl Platform,
        subject: &Subject<'_>,
        limit_ms: u32,
        now: Option<Timestamp>,
    ) -> Result<Answer, Unsaid> {
        let asked = self.ask(platform, subject, Method::GET, Bytes::new(), limit_ms).await;
        let (status, body) = asked.map_err(Unsaid::OfAll)?;
        let (mut document, seconds) = match status {
            StatusCode::OK => {
                let user = Document::from_user(&body).ok().filter(|document| document.to_json().is_ok());
                (user.ok_or_else(|| Unsaid::OfOne("its answer is no user".to_owned()))?, self.cache_s)
            }
            StatusCode::NOT_FOUND if is_answer(&body) => (Document::default(), self.missing_cache_s),
            other => return Err(Unsaid::by(other)),
        };
        document.expires = now.filter(|_| seconds > 0).map(|now| copy::after(now, seconds));
        Ok(Answer { text: document.text(), seconds })
    }

    /// Sends a change to the other, and waits for its answer for at most `limit_ms`.
    pub(super) async fn change<P: Platform>(
        &self,
        platform: &P,
        subject: &Subject<'_>,
        patch: &Patch<'_>,
        limit_ms: u32,
    ) -> Result<Changed, ChangeError> {
        self.send(platform, subject, Method::PATCH, Bytes::from(patch.to_json()), limit_ms).await?;
        Ok(Changed::Stored)
    }

    /// Has the other erase the user, and erases what was stored here before the other kept it.
    pub(super) async fn erase<P: Platform>(&self, platform: &P, subject: &Subject<'_>) -> Result<(), ChangeError> {
        for key in [subject.key_aside(), subject.key()] {
            platform.kv_delete(&key).await?;
        }
        self.send(platform, subject, Method::DELETE, Bytes::new(), CHANGE_LIMIT_MS).await
    }

    async fn send<P: Platform>(
        &self,
        platform: &P,
        subject: &Subject<'_>,
        method: Method,
        body: Bytes,
        limit_ms: u32,
    ) -> Result<(), ChangeError> {
        let answer = self.ask(platform, subject, method, body, limit_ms).await;
        // Also where the answer is lost: the change may have been made.
        let forgotten = platform.kv_delete(&subject.key_cached::<P>()).await;
        match answer {
            Ok((status, body)) if status.is_success() => {
                if is_answer(&body) {
                    forgotten.map_err(ChangeError::from)
                } else {
                    Err(ChangeError::Store(format!("`{}` answered something that is no JSON object", self.origin)))
                }
            }
            Ok((status @ (StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY), body)) => {
                Err(ChangeError::Refused(status, said(&body)))
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
            || FetchError::Failed(PlatformError("the setting `user_data.remote` makes no request".to_owned()));
        let mut request = request(&path, &self.authority, Some(&self.key), body).ok_or_else(unusable)?;
        *request.method_mut() = method;
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let (head, body) = platform.fetch(&self.origin, request, limit_ms).await?.into_parts();
        Ok((head.status, body))
    }
}
