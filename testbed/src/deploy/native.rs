//! The service, compiled for this machine.

use anyhow::{Context as _, Result};
use bytes::Bytes;
use jackstaff_core::Timestamp;
use jackstaff_service::executor::poll_once;
use jackstaff_service::memory::{MemoryPlatform, StoreFault};
use jackstaff_service::platform::{FetchError, PlatformError};
use jackstaff_service::{Service, handle};

use super::keeper::{Asked, Keeper};
use super::store::damaged;
use super::{ApiDeployment, StoreState};
use crate::clock::Clock;
use crate::http_client::{Request, Response};

/// What it calls the Jackstaff that keeps the user data.
const KEEPER: &str = "keeper";

/// The service over stores in memory.
pub struct Native {
    service: Service<MemoryPlatform>,
    clock: Clock,
}

impl Native {
    pub(super) fn new(deployment: &ApiDeployment) -> Self {
        let platform = MemoryPlatform::default();
        platform.set("keys", deployment.keys_setting());
        for (name, value) in deployment.settings(KEEPER) {
            platform.set(&name, value);
        }
        if let Some(keeper) = deployment.keeper.clone() {
            platform.set_servers(Box::new(move |_, request, limit_ms| asked(&keeper, request, limit_ms)));
        }
        for (key, value) in deployment.store() {
            platform.put(&key, value);
        }
        if deployment.no_store {
            platform.set_fault(StoreFault::Failing);
        }
        Self { service: Service::new(platform), clock: deployment.clock.clone() }
    }

    pub(super) fn set_store(&self, state: StoreState) {
        self.service.platform().set_fault(state.in_memory());
    }

    pub(super) fn stored(&self, key: &str) -> Option<Vec<u8>> {
        self.service.platform().peek(key)
    }

    pub(super) fn log(&self) -> String {
        self.service.platform().lines().join("\n")
    }

    pub(super) fn damage(&self, key: &str) -> Result<()> {
        let value = self.stored(key).context("nothing lies there")?;
        self.service.platform().put(key, damaged(&value));
        Ok(())
    }

    pub(super) fn send(&self, request: &Request) -> Result<Response> {
        let now = i64::try_from(self.clock.since_epoch().as_millis())?;
        self.service.platform().set_now(Timestamp(now));
        let or = |given: &str, default: &str| if given.is_empty() { default.to_owned() } else { given.to_owned() };
        let mut built = http::Request::builder()
            .method(or(&request.method, "GET").as_str())
            .uri(or(std::str::from_utf8(&request.target)?, "/"));
        for (name, value) in &request.headers {
            built = built.header(name.as_slice(), value.as_slice());
        }
        let response = poll_once(handle(&self.service, built.body(Bytes::from(request.body.clone()))?))
            .context("the service waits for something, natively")?;
        let (head, body) = response.into_parts();
        let headers =
            head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect();
        Ok(Response { status: head.status.as_u16(), headers, body: body.to_vec() })
    }
}

/// What a keeper says to a request that may take `limit_ms`.
fn asked(keeper: &Keeper, request: &http::Request<Bytes>, limit_ms: u32) -> Result<http::Response<Bytes>, FetchError> {
    let failed = |said: String| FetchError::Failed(PlatformError(said));
    let to_send = Request {
        method: request.method().to_string(),
        target: request.uri().to_string().into_bytes(),
        headers: request
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().into(), value.as_bytes().into()))
            .collect(),
        body: request.body().to_vec(),
    };
    match keeper.ask(&to_send).map_err(|error| failed(format!("{error:#}")))? {
        Asked::Answered(_, delay) if delay.as_millis() >= limit_ms.into() => Err(FetchError::Late),
        Asked::Answered(response, _) => http::Response::builder()
            .status(response.status)
            .body(Bytes::from(response.body))
            .map_err(|error| failed(error.to_string())),
        Asked::Unreachable => Err(failed("nobody listens".to_owned())),
    }
}
