//! Jackstaff on Spin: the service, with Spin behind its platform trait.
//!
//! An instance serves many requests, so the service lives in a static and rulesets stay in memory between requests.

#![forbid(unsafe_code)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod backpressure;
mod create;
mod platform;
mod swap;
mod within;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use jackstaff_service::{MAX_BODY_BYTES, Service, handle};
use spin_sdk::http::{FullBody, Request, Response};
use spin_sdk::http_service;

use backpressure::Backpressure;
use platform::SpinPlatform;

static SERVICE: Service<SpinPlatform> = Service::new(SpinPlatform);

#[http_service]
async fn serve(request: Request) -> Response<FullBody<Bytes>> {
    let _guard = Backpressure::on();
    let (head, mut body) = request.into_parts();
    let mut bytes = BytesMut::new();
    // A body that breaks off is too short to be JSON, and one that is too long is refused: the service says so in either case.
    while let Some(Ok(frame)) = body.frame().await {
        if let Some(data) = frame.data_ref() {
            let room = MAX_BODY_BYTES.saturating_add(1).saturating_sub(bytes.len());
            bytes.extend_from_slice(data.get(..room).unwrap_or(data));
        }
        if bytes.len() > MAX_BODY_BYTES {
            break;
        }
    }
    handle(&SERVICE, http::Request::from_parts(head, bytes.freeze())).await.map(FullBody::new)
}
