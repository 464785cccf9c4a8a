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
mod incoming;
mod outgoing;
mod platform;
mod swap;
mod within;

use jackstaff_service::{Service, handle_reading};
use spin_sdk::wasip3::exports::http::handler::Guest;
use spin_sdk::wasip3::http::types::{ErrorCode, Request, Response};

use backpressure::Backpressure;
use platform::SpinPlatform;

static SERVICE: Service<SpinPlatform> = Service::new(SpinPlatform);

struct Jackstaff;

spin_sdk::wasip3::http::service::export!(Jackstaff);

impl Guest for Jackstaff {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let answer = {
            let _guard = Backpressure::on();
            let (request, others) = incoming::read(request).await?;
            handle_reading(&SERVICE, request, others).await
        };
        outgoing::write(answer)
    }
}
