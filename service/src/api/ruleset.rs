//! The ruleset itself, compiled: for other Jackstaffs, whose source this one then is.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use super::admission::admit;
use super::{Head, Refusal, empty, etag};
use crate::auth::KeyKind;
use crate::platform::Platform;
use crate::service::Service;

/// Whoever has the ruleset sees every rule, and so the attributes of users that rules name: no public key may.
const READERS: &[KeyKind] = &[KeyKind::Server, KeyKind::Admin];

/// Answers with the snapshot of the key's environment, or 304 where the caller has it.
pub(super) async fn answer<P: Platform>(
    service: &Service<P>,
    head: &Head,
    body: &Bytes,
) -> Result<Response<Bytes>, Refusal> {
    let admitted = admit(service, head, body, READERS, false).await?;
    let supplied = admitted.ruleset(service).await?;
    let snapshot = supplied.ruleset.bytes();
    let tag = etag::of(snapshot);
    let known = head.headers.get_all(header::IF_NONE_MATCH).iter().any(|known| etag::matches(known.as_bytes(), &tag));
    let mut response = if known {
        empty(StatusCode::NOT_MODIFIED)
    } else {
        let mut response = Response::new(Bytes::copy_from_slice(snapshot));
        let kind = HeaderValue::from_static("application/octet-stream");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}
