//! The HTTP API: from a request to an endpoint, and every answer that is the same for all of them.

mod admission;
pub mod devcycle;
mod etag;
mod ofrep;
mod reply;
mod ruleset;
mod stored_user;

use std::ops::Deref;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};

use crate::percent::{self, Plus};
use crate::platform::Platform;
use crate::service::Service;
pub(crate) use reply::Refusal;
use reply::{empty, json};

/// A user with the 1,000 attributes that the core takes fits in several times over; Fastly allows 50 ms of computing for a request.
/// Adapters read at most one byte more than this and pass on what they have.
pub const MAX_BODY_BYTES: usize = 262_144;

/// The methods that a browser may use from elsewhere, and the headers that DevCycle's and OFREP's clients send with them.
const CORS_METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PATCH");
const CORS_HEADERS: HeaderValue =
    HeaderValue::from_static("authorization, content-type, x-api-key, if-none-match, flagd-selector");
/// The headers of an answer that it may read.
const CORS_EXPOSED: HeaderValue = HeaderValue::from_static("ETag, Retry-After, X-Flags-Status, X-Jackstaff-Faults");
/// A day: Chromium keeps it for two hours at most, Firefox for a day.
const CORS_MAX_AGE: HeaderValue = HeaderValue::from_static("86400");

/// The headers of requests that endpoints read, besides that of the test facility: whoever reads another names it here, or adapters leave
/// it out.
pub static READ: [HeaderName; 4] =
    [header::AUTHORIZATION, crate::auth::API_KEY, header::IF_NONE_MATCH, ofrep::SELECTOR];

/// What a request says before its body.
pub(crate) struct Head {
    parts: Parts,
    others: Others,
}

/// What a header of the request says that is not in [`READ`], by its name in lower case: the test facility's can have any name.
pub type Others = Box<dyn Fn(&str) -> Option<Vec<u8>>>;

impl Deref for Head {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}

/// What a path leads to.
#[derive(Debug, PartialEq, Eq)]
enum Endpoint {
    Health,
    DevCycle(devcycle::Endpoint),
    /// What is stored about a user; none where the path holds no text.
    EdgeDb(Option<String>),
    Ofrep(ofrep::Endpoint),
    Ruleset,
}

impl Endpoint {
    fn methods(&self) -> &'static [Method] {
        match self {
            Self::Health | Self::Ruleset => &[Method::GET, Method::HEAD],
            Self::EdgeDb(_) => &[Method::GET, Method::PATCH, Method::DELETE],
            Self::DevCycle(_) | Self::Ofrep(_) => &[Method::POST],
        }
    }

    fn allow(&self) -> String {
        let mut allow = Method::OPTIONS.as_str().to_owned();
        for method in self.methods() {
            allow.push_str(", ");
            allow.push_str(method.as_str());
        }
        allow
    }
}

/// The endpoint of `path`. SDKs join their base address and the path as text, so slashes may be doubled or trail.
fn endpoint(path: &str) -> Option<Endpoint> {
    if let Some(endpoint) = ofrep::endpoint(path) {
        return Some(Endpoint::Ofrep(endpoint));
    }
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    let endpoint = match (parts.next()?, parts.next()) {
        ("healthz", None) => return Some(Endpoint::Health),
        ("v1", Some("variables")) => match parts.next() {
            None => return Some(Endpoint::DevCycle(devcycle::Endpoint::Variables)),
            Some(first) => {
                // A slash in a key arrives as one: some SDKs do not encode it.
                let encoded = parts.by_ref().fold(first.to_owned(), |key, part| key + "/" + part);
                let key = percent::decode(&encoded, Plus::Itself);
                devcycle::Endpoint::Variable(String::from_utf8_lossy(&key).into_owned())
            }
        },
        ("v1", Some("edgedb")) => {
            // An id is matched exactly: bytes that are no text name nobody.
            let id = percent::decode(parts.next()?, Plus::Itself).into_owned();
            let endpoint = Endpoint::EdgeDb(String::from_utf8(id).ok());
            return parts.next().is_none().then_some(endpoint);
        }
        ("v1", Some("ruleset")) => return parts.next().is_none().then_some(Endpoint::Ruleset),
        ("v1", Some("features")) => devcycle::Endpoint::Features,
        _ => return None,
    };
    parts.next().is_none().then_some(Endpoint::DevCycle(endpoint))
}

/// Answers a request. Never fails: what goes wrong is an answer too.
pub async fn handle<P: Platform>(service: &Service<P>, request: Request<Bytes>) -> Response<Bytes> {
    handle_reading(service, request, Box::new(|_| None)).await
}

/// As [`handle`], of a request that has no other headers than those in [`READ`]; `others` are those.
pub async fn handle_reading<P: Platform>(
    service: &Service<P>,
    request: Request<Bytes>,
    others: Others,
) -> Response<Bytes> {
    let (parts, body) = request.into_parts();
    let head = Head { parts, others };
    let mut response = route(service, &head, &body).await.unwrap_or_else(Refusal::into_response);
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, CORS_EXPOSED);
    if head.method == Method::HEAD {
        *response.body_mut() = Bytes::new();
    } else if !matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        let length = HeaderValue::from(response.body().len());
        response.headers_mut().insert(header::CONTENT_LENGTH, length);
    }
    response
}

async fn route<P: Platform>(service: &Service<P>, head: &Head, body: &Bytes) -> Result<Response<Bytes>, Refusal> {
    let endpoint = endpoint(head.uri.path()).ok_or_else(|| {
        Refusal::new(
            StatusCode::NOT_FOUND,
            "no such endpoint: there are POST /ofrep/v1/evaluate/flags, /ofrep/v1/evaluate/flags/{key}, /v1/variables, /v1/variables/{key}, \
             /v1/features, PATCH, GET and DELETE /v1/edgedb/{user_id}, GET /v1/ruleset, and GET /healthz",
        )
    })?;
    if head.method == Method::OPTIONS {
        return Ok(preflight());
    }
    if !endpoint.methods().contains(&head.method) {
        let allow = endpoint.allow();
        let message = format!("{} is not possible here; possible are: {allow}", head.method);
        return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, message).with_header(header::ALLOW, &allow));
    }
    match endpoint {
        Endpoint::Health => Ok(json(StatusCode::OK, r#"{"status":"ok"}"#.to_owned())),
        Endpoint::DevCycle(endpoint) => devcycle::answer(service, &endpoint, head, body).await,
        Endpoint::EdgeDb(id) => devcycle::edgedb::answer(service, id.as_deref(), head, body).await,
        Endpoint::Ruleset => ruleset::answer(service, head, body).await,
        Endpoint::Ofrep(endpoint) => Ok(ofrep::answer(service, &endpoint, head, body).await),
    }
}

fn preflight() -> Response<Bytes> {
    let mut response = empty(StatusCode::NO_CONTENT);
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, CORS_METHODS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, CORS_HEADERS);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, CORS_MAX_AGE);
    response
}

#[cfg(test)]
mod tests;
