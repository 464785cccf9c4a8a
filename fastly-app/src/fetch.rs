//! Asking another server, which Fastly knows as a backend of the service.

use std::time::{Duration, Instant};

use bytes::Bytes;
use fastly::http::request::PollResult;
use http::{Request, Response};
use jackstaff_core::source::MAX_SOURCE_BYTES;
use jackstaff_service::platform::{FetchError, PlatformError};

use crate::read;

/// Between two looks at whether the answer has come: short beside any server's time, and it costs no CPU time.
const LOOK: Duration = Duration::from_millis(1);

/// Asks the backend `name`. Waiting blocks: an instance has one request at a time.
pub(crate) fn fetch(name: &str, request: Request<Bytes>, limit: Duration) -> Result<Response<Bytes>, FetchError> {
    let failed =
        |said: String| FetchError::Failed(PlatformError(format!("Fastly says of the backend `{name}`: {said}")));
    let (head, body) = request.into_parts();
    let host = head.headers.get(http::header::HOST).and_then(|host| host.to_str().ok()).unwrap_or(name);
    // The scheme says nothing: whether TLS is used is the backend's.
    let mut asked = fastly::Request::new(head.method, format!("http://{host}{}", head.uri)).with_pass(true);
    for (name, value) in &head.headers {
        asked.append_header(name, value);
    }
    if !body.is_empty() {
        asked.set_body(body.to_vec());
    }
    let begun = Instant::now();
    let mut pending = asked.send_async(name).map_err(|error| failed(error.to_string()))?;
    let mut answer = loop {
        match pending.poll() {
            PollResult::Done(answer) => break answer.map_err(|error| failed(error.to_string()))?,
            PollResult::Pending(_) if begun.elapsed() >= limit => return Err(FetchError::Late),
            PollResult::Pending(still) => pending = still,
        }
        std::thread::sleep(LOOK);
    };
    let bytes = read::up_to(answer.take_body(), MAX_SOURCE_BYTES.saturating_add(1))
        .map_err(|error| failed(format!("the answer broke off: {error}")))?;
    if bytes.len() > MAX_SOURCE_BYTES {
        return Err(failed(format!("the answer has more than {MAX_SOURCE_BYTES} bytes")));
    }
    let mut response = Response::new(Bytes::from(bytes));
    *response.status_mut() = answer.get_status();
    for (name, value) in answer.get_headers() {
        // Beyond what a map of headers holds the rest is left out.
        let _ = response.headers_mut().try_append(name.clone(), value.clone());
    }
    Ok(response)
}
