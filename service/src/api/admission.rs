//! What every deciding endpoint asks first: who is it, may they, and what do they decide on.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use http::{StatusCode, header};
use jackstaff_core::Timestamp;

use super::reply::Refusal;
use super::{Head, MAX_BODY_BYTES};
use crate::auth::{Denied, KeyKind, authorize};
use crate::config::{Config, RATE_LIMIT};
use crate::injector::TestControl;
use crate::platform::Platform;
use crate::ruleset_supply::Supplied;
use crate::service::Service;
use crate::user_data::{Subject, UserDataSettings};

/// Against this the limit of requests counts those who need no key.
const NOBODY: [u8; 32] = [0; 32];

/// A request that may be answered.
pub(super) struct Admitted {
    config: Arc<Config>,
    environment: String,
    /// When the request came: the clock is asked once, which is a call of the platform.
    came: Timestamp,
    /// The kind of the key; none where the request shows none.
    pub(super) kind: Option<KeyKind>,
    /// What the test facility says about this request.
    pub(super) test: TestControl,
}

impl Admitted {
    /// The ruleset to decide on.
    pub(super) async fn ruleset<P: Platform>(&self, service: &Service<P>) -> Result<Supplied, Refusal> {
        service.ruleset(&self.environment, &self.config, self.came).await.map_err(|error| {
            let message = format!("there is no ruleset for the environment `{}`: {error}", self.environment);
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, message)
        })
    }

    /// The settings for user data.
    pub(super) fn user_data(&self) -> &UserDataSettings {
        &self.config.user_data
    }

    /// The user `id`, as far as something is stored about them.
    pub(super) fn subject<'s>(&'s self, id: &'s str) -> Subject<'s> {
        Subject { settings: &self.config.user_data, environment: &self.environment, id }
    }

    /// The time to decide at.
    pub(super) fn now(&self) -> Timestamp {
        self.test.now.unwrap_or(self.came)
    }
}

/// Admits a request that shows a key of one of the kinds `wanted`; one that shows none where the endpoint may be `open` and the settings
/// name an environment for those.
pub(super) async fn admit<P: Platform>(
    service: &Service<P>,
    head: &Head,
    body: &Bytes,
    wanted: &'static [KeyKind],
    open: bool,
) -> Result<Admitted, Refusal> {
    let came = service.platform().now();
    let config = service
        .config(came)
        .await
        .map_err(|error| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    let (environment, digest, kind) = match (authorize(&config.keys, head, wanted), &config.open_environment) {
        (Ok(key), _) => (key.environment.clone(), key.digest, Some(key.kind)),
        (Err(Denied::Absent), Some(environment)) if open => (environment.clone(), NOBODY, None),
        (Err(denied), _) => return Err(Refusal::new(StatusCode::UNAUTHORIZED, denied.to_string())),
    };
    service.count(&config, digest, came).map_err(|seconds| {
        let message = format!("this key has reached the limit of the setting `{RATE_LIMIT}`: ask again in {seconds} s");
        Refusal::new(StatusCode::TOO_MANY_REQUESTS, message).with_header(header::RETRY_AFTER, &seconds.to_string())
    })?;
    if body.len() > MAX_BODY_BYTES {
        let message = format!("the body is larger than {MAX_BODY_BYTES} bytes: send fewer or shorter attributes");
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, message));
    }
    let test = test_control(&config, head)?;
    Ok(Admitted { config, environment, came, kind, test })
}

fn test_control(config: &Config, head: &Head) -> Result<TestControl, Refusal> {
    let Some(name) = &config.test_header else { return Ok(TestControl::default()) };
    // Looking for a name that is not known beforehand takes 12 KB in a module.
    let among_others =
        || head.headers.iter().find(|(known, _)| known.as_str() == name).map(|(_, value)| value.as_bytes());
    let value = match among_others() {
        Some(value) => Some(Cow::Borrowed(value)),
        None => (head.others)(name).map(Cow::Owned),
    };
    let Some(value) = value else { return Ok(TestControl::default()) };
    TestControl::parse(&value).map_err(|error| {
        Refusal::new(StatusCode::BAD_REQUEST, format!("the test header `{name}` cannot be used: {error}"))
    })
}
