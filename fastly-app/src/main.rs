//! Jackstaff on Fastly Compute: the service, with Fastly behind its platform trait.
//!
//! A sandbox may serve one request or several, one after another: the service lives in a static, so rulesets stay in memory for as long
//! as the sandbox lives.

#![deny(
    unsafe_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod fetch;
mod platform;
mod read;
mod ready;

use bytes::Bytes;
use fastly::http::serve::Serve;
use fastly::{Body, Request, Response};
use jackstaff_service::executor::poll_once;
use jackstaff_service::platform::Platform as _;
use jackstaff_service::{MAX_BODY_BYTES, Service, handle};

use platform::FastlyPlatform;

/// Requests that a sandbox serves before it makes room for a fresh one: what may have leaked or broken goes away with it. The platform
/// has limits of its own, which it does not publish.
const MAX_REQUESTS: usize = 1_000;

static SERVICE: Service<FastlyPlatform> = Service::new(FastlyPlatform);

fn main() {
    Serve::new().with_max_requests(MAX_REQUESTS).run(serve);
}

fn serve(request: Request) -> Response {
    let (head, mut body) = http::Request::<Body>::from(request).into_parts();
    // A body that breaks off is too short to be JSON, and one that is too long is refused: the service says so in either case.
    let bytes = read::up_to(&mut body, MAX_BODY_BYTES.saturating_add(1)).unwrap_or_default();
    match poll_once(handle(&SERVICE, http::Request::from_parts(head, Bytes::from(bytes)))) {
        Ok(response) => response.map(|body| Body::from(&*body)).into(),
        Err(pending) => {
            SERVICE.platform().log(&pending.to_string());
            Response::from_status(500)
        }
    }
}
