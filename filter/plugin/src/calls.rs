//! Calls to other servers. Envoy delivers the answer to the root, and the context that asked then goes on with what waited for it.

use std::cell::RefCell;
use std::future::poll_fn;
use std::task::Poll;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use jackstaff_core::source::MAX_SOURCE_BYTES;
use jackstaff_service::platform::{FetchError, PlatformError, READ};

use crate::at_work::{ByNumber, at_work};
use crate::host::call::{self, Refused};
use crate::host::{self, BufferType, HeaderMap, MapType};

thread_local! {
    /// The calls that nobody has given up, by Envoy's number: no two of a VM have the same.
    static CALLS: RefCell<ByNumber<Waiting>> = RefCell::default();
}

/// What a call waits for.
struct Waiting {
    /// The context that asked.
    context: u32,
    /// The answer, until somebody takes it.
    answer: Option<Answer>,
}

type Answer = Result<Response<Bytes>, FetchError>;

/// A call. Whoever gives it up forgets it.
struct Call(u32);

impl Drop for Call {
    fn drop(&mut self) {
        with(|calls| calls.remove(&self.0));
    }
}

/// Nobody holds the table while something else happens.
fn with<T>(work: impl FnOnce(&mut ByNumber<Waiting>) -> Option<T>) -> Option<T> {
    CALLS.try_with(|calls| work(&mut *calls.try_borrow_mut().ok()?)).ok()?
}

/// Asks a cluster, in the name of the context that is at work, and waits for the answer.
pub(crate) async fn fetch(cluster: &str, request: Request<Bytes>, limit_ms: u32) -> Answer {
    let call = begin(cluster, &request, limit_ms)?;
    poll_fn(|_| match with(|calls| calls.get_mut(&call.0).map(|waiting| waiting.answer.take())) {
        Some(Some(answer)) => Poll::Ready(answer),
        Some(None) => Poll::Pending,
        None => Poll::Ready(Err(PlatformError("the call was forgotten".to_owned()).into())),
    })
    .await
}

fn begin(cluster: &str, request: &Request<Bytes>, limit_ms: u32) -> Result<Call, FetchError> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let mut headers = vec![(&b":method"[..], request.method().as_str().as_bytes()), (b":path", path.as_bytes())];
    for (name, value) in request.headers() {
        let name = if name == http::header::HOST { ":authority" } else { name.as_str() };
        headers.push((name.as_bytes(), value.as_bytes()));
    }
    // None at all would be no limit, and the request would wait for ever.
    match call::begin(cluster, &headers, request.body(), limit_ms.max(1)) {
        Ok(token) => {
            with(|calls| calls.insert(token, Waiting { context: at_work(), answer: None }));
            Ok(Call(token))
        }
        Err(Refused::Unknown) => Err(PlatformError(format!(
            "Envoy does not call `{cluster}`: add a cluster of this name, and name an authority"
        ))
        .into()),
        Err(Refused::Status(status)) => {
            Err(PlatformError(format!("Envoy does not call `{cluster}`: status {status}")).into())
        }
    }
}

/// Who waits for the answer to a call, if somebody still does.
#[inline(never)]
pub fn caller(token: u32) -> Option<u32> {
    with(|calls| calls.get(&token).map(|waiting| waiting.context))
}

/// Takes the answer that Envoy has at hand. To be called while it delivers it.
#[inline(never)]
pub fn answered(token: u32, body_size: usize) {
    let answer = take(body_size);
    with(|calls| calls.get_mut(&token).map(|waiting| waiting.answer = Some(answer)));
}

fn take(body_size: usize) -> Answer {
    let map = HeaderMap::get(MapType::CallResponseHeaders);
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
    *response.body_mut() = Bytes::from(host::body(BufferType::CallResponseBody, body_size));
    Ok(response)
}
