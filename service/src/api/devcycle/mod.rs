//! DevCycle's Bucketing API: what server SDKs use to decide (facts 5.1 to 5.3), and EdgeDB (5.5).

pub mod answer;
pub(super) mod edgedb;
mod faults;
mod user_patch;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use jackstaff_core::source::devcycle::fault_message;
use jackstaff_core::source::repair_surrogates;
use jackstaff_core::{Context, Ruleset, Timestamp};

use super::Head;
use super::admission::admit;
use super::reply::{Refusal, STATUS, json};
use super::stored_user::{self, Used};
use crate::auth::KeyKind;
use crate::flag_header;
use crate::identity;
use crate::platform::Platform;
use crate::ruleset_supply::Supplied;
use crate::service::Service;
use crate::user_data::{Recalled, Subject, recall, remember};
use user_patch::Reading;

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
    head: &Head,
    body: &Bytes,
) -> Result<Response<Bytes>, Refusal> {
    let admitted = admit(service, head, body, &[KeyKind::Server], false).await?;
    let json = repair_surrogates(body);
    let mut user = identity::user(&json).map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, error.to_string()))?;
    let supplied = admitted.ruleset(service).await?;
    let (now, overrides) = (admitted.now(), admitted.test.overrides());
    let id = user.targeting_key().unwrap_or_default().to_owned();
    if !stored_user::asked(head) || !admitted.user_data().enabled {
        return Ok(decide(endpoint, &supplied, &user, now, &overrides, None));
    }
    let subject = admitted.subject(&id);
    let recalled = recall(service.platform(), &subject).await;
    // A call that asks for stored attributes stores its own as well (facts 8).
    let unsaved = !keep(service, &subject, &json, &recalled).await;
    recalled.merge_under(&mut user, supplied.ruleset.get().dialect());
    let used = Used { outcome: recalled.outcome, unsaved };
    Ok(decide(endpoint, &supplied, &user, now, &overrides, Some(used)))
}

/// Stores what a decision's request says about the user. False where it is not known to be stored.
async fn keep<P: Platform>(
    service: &Service<P>,
    subject: &Subject<'_>,
    user: &[u8],
    recalled: &Recalled<P::Generation>,
) -> bool {
    let Ok(patch) = user_patch::parse(user, subject.id, Reading::Beside) else { return false };
    match remember(service.platform(), subject, &patch, recalled).await {
        Ok(_) => true,
        Err(error) => {
            service.platform().log(&format!("user data beside a decision: {error}"));
            false
        }
    }
}

fn decide(
    endpoint: &Endpoint,
    supplied: &Supplied,
    user: &Context<'_>,
    now: Timestamp,
    overrides: &[(&str, &str)],
    stored: Option<Used>,
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
    let mut status = flag_header::status(supplied.freshness, ruleset, supplied.age);
    if let Some(used) = stored {
        used.write_status(&mut status);
    }
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
