//! Rulesets from other servers, over HTTP: a config CDN, an object store, another Jackstaff, any server of files.

use std::fmt;

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, header};
use jackstaff_core::Value;
use jackstaff_core::source::{FromJson, Reading};

use crate::platform::{Platform, request};

/// Sources of one ruleset: each further one is a fallback for those before, and nobody has many.
pub const MAX_SOURCES: usize = 8;

/// A server in the same region answers in a few milliseconds and one at the other end of the world in half a second; what takes longer
/// hangs.
const DEFAULT_LIMIT_MS: u32 = 5_000;

/// As long as a proxy may keep a call open that nobody waits for.
const MAX_LIMIT_MS: u32 = 60_000;

/// One place where the ruleset is to be had.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize), serde(deny_unknown_fields))]
pub struct Source {
    /// The server, as the platform calls it: a cluster of Envoy's, a backend of Fastly's, the beginning of a URL on Spin.
    pub origin: String,
    /// The `host` header.
    pub authority: String,
    /// The path with its query.
    pub path: String,
    /// The `authorization` header, where the server wants one. Secret.
    #[cfg_attr(feature = "schema", serde(default))]
    pub authorization: Option<String>,
    /// Milliseconds after which the server counts as down.
    #[cfg_attr(feature = "schema", serde(default = "default_limit_ms"))]
    pub limit_ms: u32,
    /// The environment whose ruleset this is; every one when absent. The filter has one only.
    #[cfg_attr(feature = "schema", serde(default))]
    pub environment: Option<String>,
}

const fn default_limit_ms() -> u32 {
    DEFAULT_LIMIT_MS
}

impl Default for Source {
    fn default() -> Self {
        Self {
            origin: String::new(),
            authority: String::new(),
            path: String::new(),
            authorization: None,
            limit_ms: default_limit_ms(),
            environment: None,
        }
    }
}

impl<'v> FromJson<'v> for Source {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        reading.object(value, &mut |of| {
            of.required("origin", &mut self.origin);
            of.required("authority", &mut self.authority);
            of.required("path", &mut self.path);
            of.optional("authorization", &mut self.authorization);
            of.optional("limit_ms", &mut self.limit_ms);
            of.optional("environment", &mut self.environment);
        });
    }
}

/// Without what may be secret.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("origin", &self.origin).finish_non_exhaustive()
    }
}

/// What a server said of the version that it gave, to be asked whether it has another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Validators {
    /// The source: another one's mean nothing to it.
    pub(super) source: usize,
    pub(super) etag: Option<HeaderValue>,
    pub(super) last_modified: Option<HeaderValue>,
}

/// What a server has.
#[derive(Debug)]
pub(super) enum Fetched {
    /// What it gave the last time.
    Same,
    Bytes(Bytes, Validators),
}

impl Source {
    /// What is wrong with it and what to do: the member's name first.
    ///
    /// # Errors
    /// That.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        let visible = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !visible(&self.origin) {
            return Err(("origin", "is no name of a server: it has neither spaces nor other than ASCII".to_owned()));
        }
        if !visible(&self.authority) {
            return Err(("authority", "is no `host` header, such as `flags.example.com`".to_owned()));
        }
        if !visible(&self.path) || !self.path.starts_with('/') {
            return Err(("path", "is no path: it begins with `/` and is percent-encoded".to_owned()));
        }
        if self.authorization.as_ref().is_some_and(|text| HeaderValue::from_str(text).is_err()) {
            return Err(("authorization", "is no value of a header".to_owned()));
        }
        if !(1..=MAX_LIMIT_MS).contains(&self.limit_ms) {
            return Err(("limit_ms", format!("takes 1 to {MAX_LIMIT_MS} milliseconds")));
        }
        Ok(())
    }

    /// A request to the server, a GET until it is made something else. Nothing where the path is none.
    #[must_use]
    pub fn request(&self, body: Bytes) -> Option<Request<Bytes>> {
        request(&self.path, &self.authority, self.authorization.as_deref(), body)
    }

    /// Asks the server, which is the one with the number `nth`, for what it has.
    ///
    /// # Errors
    /// Where it gives nothing that could be a ruleset, in a sentence for operators. Never holds the path, which may be secret.
    pub(super) async fn fetch(
        &self,
        platform: &impl Platform,
        nth: usize,
        known: Option<&Validators>,
    ) -> Result<Fetched, String> {
        let mut request = self.request(Bytes::new()).ok_or_else(|| "its path is no path".to_owned())?;
        let headers = request.headers_mut();
        let mut add = |name, value: Option<HeaderValue>| value.map(|value| headers.insert(name, value));
        // What is compressed would have to be unpacked here.
        add(header::ACCEPT_ENCODING, Some(HeaderValue::from_static("identity")));
        if let Some(known) = known.filter(|known| known.source == nth) {
            add(header::IF_NONE_MATCH, known.etag.clone());
            add(header::IF_MODIFIED_SINCE, known.last_modified.clone());
        }
        let response = platform.fetch(&self.origin, request, self.limit_ms).await.map_err(|error| error.to_string())?;
        let (head, body) = response.into_parts();
        match head.status {
            StatusCode::NOT_MODIFIED => return Ok(Fetched::Same),
            StatusCode::OK => {}
            other => return Err(format!("it answered {other}")),
        }
        if let Some(encoding) = head.headers.get(header::CONTENT_ENCODING)
            && encoding != "identity"
        {
            return Err(format!(
                "it answered in the encoding \"{}\" and was asked for none: have it honour `accept-encoding: identity`",
                String::from_utf8_lossy(encoding.as_bytes())
            ));
        }
        let get = |name| head.headers.get(name).cloned();
        let validators = Validators { source: nth, etag: get(header::ETAG), last_modified: get(header::LAST_MODIFIED) };
        Ok(Fetched::Bytes(body, validators))
    }
}
