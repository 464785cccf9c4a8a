//! A request as the service takes it, read with as few calls of the host as there can be.
//!
//! The SDK's own conversion also asks for the scheme, the authority, the options and the headers a second time, and goes on reading a body
//! behind its last byte.

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, Uri};
use jackstaff_service::MAX_BODY_BYTES;
use jackstaff_service::api::{Others, READ};
use spin_sdk::wasip3::http::types::{self, ErrorCode};
use spin_sdk::wasip3::wit_future;
use spin_sdk::wit_bindgen::StreamResult;

/// The service refuses what is longer than a body may be: one byte more shows it.
const MOST: usize = MAX_BODY_BYTES.saturating_add(1);

/// A body of unknown length is read in steps of this size, as the SDK's are.
const STEP: usize = 16 * 1024;

/// Reads a request and its body, of a body that is too long its beginning, and apart from that the headers that are hardly ever read.
///
/// # Errors
/// Where its parts are none that HTTP has.
pub(crate) async fn read(request: types::Request) -> Result<(Request<Bytes>, Others), ErrorCode> {
    let (mut head, ()) = Request::new(()).into_parts();
    head.method = Method::try_from(request.get_method()).map_err(|_| ErrorCode::HttpRequestMethodInvalid)?;
    if let Some(path) = request.get_path_with_query() {
        head.uri = PathAndQuery::try_from(path).map(Uri::from).map_err(|_| ErrorCode::HttpRequestUriInvalid)?;
    }
    let (mut length, mut others) = (None, Vec::new());
    for (name, value) in request.get_headers().copy_all() {
        if let Some(known) = READ.iter().find(|known| known.as_str() == name) {
            let value = HeaderValue::try_from(value).map_err(|_| ErrorCode::HttpProtocolError)?;
            let appended = head.headers.try_append(known, value);
            appended.map_err(|_| ErrorCode::HttpRequestHeaderSectionSize(None))?;
        } else {
            if name == CONTENT_LENGTH.as_str() {
                length = std::str::from_utf8(&value).ok().and_then(|length| length.parse().ok());
            }
            others.push((name, value));
        }
    }
    let body = body(request, length).await;
    let find = move |wanted: &str| others.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
    Ok((Request::from_parts(head, body), Box::new(find)))
}

/// The body, which has `length` bytes where the request says so. One that breaks off is too short to be JSON, and one that is too long is
/// refused: the service says so in either case.
async fn body(request: types::Request, length: Option<usize>) -> Bytes {
    if length == Some(0) {
        return Bytes::new();
    }
    let (_read, result) = wit_future::new(|| Ok(()));
    let (mut stream, _trailers) = types::Request::consume_body(request, result);
    let wanted = length.map_or(MOST, |length| length.min(MOST));
    let mut bytes = Vec::with_capacity(length.map_or(STEP, |_| wanted));
    while bytes.len() < wanted {
        if bytes.len() == bytes.capacity() {
            bytes.reserve(STEP);
        }
        let (outcome, read) = stream.read(bytes).await;
        bytes = read;
        if !matches!(outcome, StreamResult::Complete(_)) {
            break;
        }
    }
    bytes.truncate(MOST);
    Bytes::from(bytes)
}
