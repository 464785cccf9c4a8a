//! Calls to other servers. Envoy delivers the answer to the context that asked, which then goes on with what waited for it.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use jackstaff_core::source::MAX_SOURCE_BYTES;
use jackstaff_service::platform::{FetchError, PlatformError, READ};
use proxy_wasm::hostcalls;
use proxy_wasm::types::{BufferType, MapType, Status};

use crate::host::{self, HeaderMap};

/// The calls of one plugin configuration that have not been answered, and the answers that nobody has taken: by Envoy's number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Calls(Rc<RefCell<Vec<Place>>>);

type Answer = Result<Response<Bytes>, FetchError>;

/// A call's number and its answer.
type Place = (u32, Option<Answer>);

/// A call. Whoever gives it up forgets it.
struct Call(Calls, u32);

impl Drop for Call {
    fn drop(&mut self) {
        self.0.0.borrow_mut().retain(|(token, _)| *token != self.1);
    }
}

impl Calls {
    /// Asks a cluster, in the name of the context that is at work, and waits for the answer.
    pub(crate) async fn fetch(&self, cluster: &str, request: Request<Bytes>, limit_ms: u32) -> Answer {
        let call = self.begin(cluster, &request, limit_ms)?;
        poll_fn(|_| match place(&mut call.0.0.borrow_mut(), call.1) {
            Some(answer) => answer.take().map_or(Poll::Pending, Poll::Ready),
            None => Poll::Ready(Err(PlatformError("the call was forgotten".to_owned()).into())),
        })
        .await
    }

    fn begin(&self, cluster: &str, request: &Request<Bytes>, limit_ms: u32) -> Result<Call, FetchError> {
        let mut headers = vec![(":method", request.method().as_str())];
        headers.push((":path", request.uri().path_and_query().map_or("/", |path| path.as_str())));
        for (name, value) in request.headers() {
            let name = if name == http::header::HOST { ":authority" } else { name.as_str() };
            // What is no text is left out: Envoy's SDK takes text.
            headers.extend(value.to_str().ok().map(|value| (name, value)));
        }
        let body = Some(request.body().as_ref()).filter(|body| !body.is_empty());
        // None at all would be no limit, and the request would wait for ever.
        let limit = Duration::from_millis(limit_ms.max(1).into());
        match hostcalls::dispatch_http_call(cluster, headers, body, Vec::new(), limit) {
            Ok(token) => {
                self.0.borrow_mut().push((token, None));
                Ok(Call(self.clone(), token))
            }
            Err(Status::BadArgument) => Err(PlatformError(format!(
                "Envoy does not call `{cluster}`: add a cluster of this name, and name an authority"
            ))
            .into()),
            Err(status) => {
                Err(PlatformError(format!("Envoy does not call `{cluster}`: status {}", status as u32)).into())
            }
        }
    }

    /// Takes the answer that Envoy has at hand. To be called while it delivers it.
    pub(crate) fn answered(&self, token: u32, body_size: usize) {
        if let Some(place) = place(&mut self.0.borrow_mut(), token) {
            *place = Some(take(body_size));
        }
    }
}

fn place(calls: &mut [Place], token: u32) -> Option<&mut Option<Answer>> {
    calls.iter_mut().find(|(known, _)| *known == token).map(|(_, answer)| answer)
}

fn take(body_size: usize) -> Answer {
    let map = HeaderMap::get(MapType::HttpCallResponseHeaders);
    let mut response = Response::new(Bytes::new());
    let mut status = None;
    for (name, value) in map.pairs() {
        if name == b":status" {
            status = StatusCode::from_bytes(value).ok();
        } else if let Some(name) = READ.iter().find(|read| name.eq_ignore_ascii_case(read.as_str().as_bytes()))
            && let Ok(value) = HeaderValue::from_bytes(value)
        {
            // Beyond what a map of headers holds the rest is left out.
            let _ = response.headers_mut().try_append(name, value);
        }
    }
    match status {
        // Envoy says so when the time is over.
        Some(StatusCode::GATEWAY_TIMEOUT) => return Err(FetchError::Late),
        Some(status) => *response.status_mut() = status,
        None => return Err(PlatformError("the connection broke".to_owned()).into()),
    }
    if body_size > MAX_SOURCE_BYTES {
        return Err(PlatformError(format!("the answer has more than {MAX_SOURCE_BYTES} bytes")).into());
    }
    *response.body_mut() = Bytes::from(host::body(BufferType::HttpCallResponseBody, body_size));
    Ok(response)
}
