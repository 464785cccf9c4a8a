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

mod copies;
mod fetch;
mod incoming;
mod outgoing;
mod platform;
mod read;
mod ready;

use fastly::Request;
use fastly::http::serve::{NextRequestOptions, RequestPromise};
use http::{Response, StatusCode};
use jackstaff_service::executor::poll_once;
use jackstaff_service::platform::Platform as _;
use jackstaff_service::{Service, handle_reading};

use platform::FastlyPlatform;

/// Requests that a sandbox serves before it makes room for a fresh one: what may have leaked or broken goes away with it. The platform
/// has limits of its own, which it does not publish.
const MAX_REQUESTS: usize = 1_000;

static SERVICE: Service<FastlyPlatform> = Service::new(FastlyPlatform);

/// As `fastly::http::serve::Serve`, without its looks at the clock.
fn main() {
    serve(Request::from_client());
    for _ in 1..MAX_REQUESTS {
        let next = RequestPromise::new(&NextRequestOptions::default()).and_then(RequestPromise::wait);
        let Ok(request) = next else { break };
        serve(request);
    }
}

fn serve(request: Request) {
    let (request, others) = incoming::read(request);
    let answer = poll_once(handle_reading(&SERVICE, request, others)).unwrap_or_else(|pending| {
        SERVICE.platform().log(&pending.to_string());
        let mut failed = Response::default();
        *failed.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        failed
    });
    outgoing::send(&answer);
}
