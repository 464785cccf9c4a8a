//! A request as the service takes it, read with as few calls of the host as there can be.

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderName, Method, Request, Uri};
use jackstaff_service::MAX_BODY_BYTES;
use jackstaff_service::api::{Others, READ};

use crate::read;

/// Reads a request and its body, of a body that is too long its beginning. The values of other headers than the service's are asked for when
/// they are wanted: each takes a call.
pub(crate) fn read(mut request: fastly::Request) -> (Request<Bytes>, Others) {
    let (mut head, ()) = Request::new(()).into_parts();
    head.method = Method::clone(request.get_method());
    let url = request.get_url();
    let path = match url.query() {
        Some(query) => PathAndQuery::try_from(format!("{}?{query}", url.path())),
        None => PathAndQuery::try_from(url.path()),
    };
    // Fastly lets no path through that is longer than the limit of this type; there is no endpoint at `/`.
    head.uri = path.map(Uri::from).unwrap_or_default();
    for name in request.get_header_names().filter(|name| READ.contains(name)) {
        for value in request.get_header_all(name) {
            // Beyond what a map of headers holds the rest is left out.
            let _ = head.headers.try_append(name.clone(), value.clone());
        }
    }
    // A body that breaks off is too short to be JSON, and one that is too long is refused: the service says so in either case.
    let body = request.try_take_body().map(|body| read::up_to(body, MAX_BODY_BYTES.saturating_add(1)));
    let body = body.and_then(Result::ok).unwrap_or_default();
    let find = move |name: &str| {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        request.get_header(name).map(|value| value.as_bytes().to_vec())
    };
    (Request::from_parts(head, body.into()), Box::new(find))
}
