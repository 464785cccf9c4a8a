//! An answer of the service on its way to the client.

use bytes::Bytes;
use fastly::handle::{BodyHandle, ResponseHandle};
use http::header::CONTENT_LENGTH;
use http::{Response, StatusCode};

/// Sends the answer. Through the handles: the SDK's own conversion also sets what is so anyhow.
pub(crate) fn send(answer: &Response<Bytes>) {
    let mut response = ResponseHandle::new();
    // It begins with 200.
    if answer.status() != StatusCode::OK {
        response.set_status(answer.status());
    }
    for (name, value) in answer.headers() {
        // Fastly says how long the body is and ignores who says so, too.
        if name != CONTENT_LENGTH {
            response.append_header(name, value);
        }
    }
    response.send_to_client(BodyHandle::from(&**answer.body()));
}
