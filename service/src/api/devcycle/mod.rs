//! DevCycle's Bucketing API, as far as server SDKs use it to decide (facts 5.1 to 5.3).

pub mod answer;
mod faults;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use jackstaff_core::source::devcycle::fault_message;
use jackstaff_core::source::repair_surrogates;
use jackstaff_core::{Context, Ruleset, Timestamp};

use super::admission::admit;
use super::reply::{Refusal, STATUS, json};
use crate::auth::KeyKind;
use crate::flag_header;
use crate::identity;
use crate::platform::Platform;
use crate::ruleset_supply::Supplied;
use crate::service::Service;

/// Names the features that could not be decided.
const FAULTS: HeaderName = HeaderName::from_static("x-jackstaff-faults");

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// One variable, by its key.
    Variable(String),
    /// All variables that the user has.
    Variables,
    /// All features that the user is in.
    Features,
}

pub(super) async fn answer<P: Platform>(
    service: &Service<P>,
    endpoint: &Endpoint,
    head: &Parts,
    body: &Bytes,
) -> Result<Response<Bytes>, Refusal> {
    let admitted = admit(service, head, body, &[KeyKind::Server], false).await?;
    let user = repair_surrogates(body);
    let user = identity::user(&user).map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, error.to_string()))?;
    let supplied = admitted.ruleset(service).await?;
    Ok(decide(endpoint, &supplied, &user, admitted.now(service), &admitted.test.overrides()))
}

fn decide(
    endpoint: &Endpoint,
    supplied: &Supplied,
    user: &Context<'_>,
    now: Timestamp,
    overrides: &[(&str, &str)],
) -> Response<Bytes> {
    let ruleset = supplied.ruleset.get();
    let ok = |body| json(StatusCode::OK, body);
    let (response, faults) = match endpoint {
        Endpoint::Variable(key) => {
            let single = answer::variable(ruleset, key, user, now, overrides);
            (single.json.map(|body| body.map_or_else(|| not_found(ruleset, key, &single.faults), ok)), single.faults)
        }
        Endpoint::Variables | Endpoint::Features => {
            let bucketed = answer::bucketed(ruleset, user, now, overrides);
            let body = match endpoint {
                Endpoint::Features => bucketed.features_json(),
                _ => bucketed.variables_json(),
            };
            (body.map(ok), bucketed.faults)
        }
    };
    let mut response = response.unwrap_or_else(|too_large| Refusal::from(too_large).into_response());
    let headers = response.headers_mut();
    let status = flag_header::status(supplied.freshness, ruleset, supplied.age);
    headers.extend(HeaderValue::try_from(status).map(|status| (STATUS, status)));
    headers.extend(faults::header(&faults).map(|faults| (FAULTS, faults)));
    response
}

/// 404 and nothing else: SDKs then take the application's default, where a 400 makes some of them throw.
fn not_found(ruleset: &Ruleset<'_>, key: &str, faults: &[answer::Faulty<'_>]) -> Response<Bytes> {
    let message = match (ruleset.find(key), faults.first()) {
        (Some(_), Some(faulty)) => {
            format!("the variable `{key}` cannot be decided: {}", fault_message(&faulty.fault))
        }
        (Some(_), None) => format!("the variable `{key}` is not set for this user: the application's default applies"),
        (None, _) => format!("there is no variable `{key}` in this environment: check the key, or create the variable"),
    };
    Refusal::new(StatusCode::NOT_FOUND, message).into_response()
}
