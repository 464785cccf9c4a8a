//! OFREP, OpenFeature's remote evaluation protocol (OpenAPI 0.3.0): one flag, or all of them at once.
//!
//! Works over every dialect: a DevCycle variable is a flag, and where the user has none the application's default applies.

mod answer;
mod context;
mod selector;

use bytes::Bytes;
use http::header::{ETAG, IF_NONE_MATCH};
use http::{HeaderValue, Response, StatusCode};
use jackstaff_core::{ErrorCode, Ruleset, write_json_string};

use super::Head;
use super::admission::admit;
use super::reply::{Refusal, STATUS, empty, json};
use super::stored_user::{self, Used};
use crate::api::etag;
use crate::auth::KeyKind;
use crate::flag_header;
use crate::identity::long_id;
use crate::percent::{self, Plus};
use crate::platform::Platform;
use crate::service::Service;
use crate::user_data::recall;
pub(super) use selector::HEADER as SELECTOR;
use selector::Selector;

/// Whoever holds a key may evaluate: answers hold values, never rules.
const KEYS: &[KeyKind] = &[KeyKind::Server, KeyKind::Client, KeyKind::Mobile];

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// One flag, by its key.
    Flag(String),
    /// All flags.
    Flags,
}

/// The endpoint of `path`, if that is OFREP's. Clients join their base address and the path as text, and some do not encode the key: slashes
/// may be doubled in front, and all that follows `flags/` is the key.
pub(super) fn endpoint(path: &str) -> Option<Endpoint> {
    let mut rest = path;
    for part in ["ofrep", "v1", "evaluate", "flags"] {
        rest = rest.strip_prefix('/')?.trim_start_matches('/').strip_prefix(part)?;
    }
    if rest.trim_start_matches('/').is_empty() {
        return Some(Endpoint::Flags);
    }
    let key = percent::decode(rest.strip_prefix('/')?, Plus::Itself);
    Some(Endpoint::Flag(String::from_utf8_lossy(&key).into_owned()))
}

/// Why there is no evaluation, in OFREP's terms.
struct Failure {
    status: StatusCode,
    code: ErrorCode,
    details: String,
}

pub(super) async fn answer<P: Platform>(
    service: &Service<P>,
    endpoint: &Endpoint,
    head: &Head,
    body: &Bytes,
) -> Response<Bytes> {
    let key = match endpoint {
        Endpoint::Flag(key) => Some(key.as_str()),
        Endpoint::Flags => None,
    };
    decide(service, key, head, body).await.unwrap_or_else(|refusal| {
        refusal.into_response_with(|status, message| {
            // The schema of 500 and its like has the details only.
            let code = status.is_client_error().then_some(ErrorCode::General);
            answer::failure(key, code, message, None)
        })
    })
}

async fn decide<P: Platform>(
    service: &Service<P>,
    key: Option<&str>,
    head: &Head,
    body: &Bytes,
) -> Result<Response<Bytes>, Refusal> {
    let admitted = admit(service, head, body, KEYS, true).await?;
    let mut body = match context::read(body) {
        Ok(body) => body,
        Err(details) => return Ok(refused(key, &Failure::invalid_context(details))),
    };
    let asked = context::take_user_data(&mut body) || stored_user::asked(head);
    let selector = match Selector::of(head) {
        Ok(selector) => selector,
        Err(details) => return Ok(refused(key, &Failure::general(details))),
    };
    let supplied = admitted.ruleset(service).await?;
    let ruleset = supplied.ruleset.get();
    let mut context = match context::build(&body, ruleset.dialect()) {
        Ok(context) => context,
        Err(error) => return Ok(refused(key, &Failure::invalid_context(error.to_string()))),
    };
    if let Some(error) = long_id(&context) {
        return Ok(refused(key, &Failure::invalid_context(error)));
    }
    // A call of OFREP only asks: it stores nothing.
    let id = context.targeting_key().filter(|id| asked && !id.trim().is_empty()).map(str::to_owned);
    let recalled = match &id {
        Some(id) if admitted.user_data().enabled => Some(recall(service.platform(), &admitted.subject(id)).await),
        _ => None,
    };
    if let Some(recalled) = &recalled {
        recalled.merge_under(&mut context, ruleset.dialect());
    }
    let used = recalled.as_ref().map(|recalled| Used { outcome: recalled.outcome, unsaved: false });
    let overrides = admitted.test.overrides();
    let mut session = ruleset.session(&context, admitted.now()).with_overrides(&overrides);
    let mut response = match key {
        Some(key) => match ruleset.find(key).filter(|flag| selector.admits(ruleset, *flag)) {
            Some(flag) => answer::one(ruleset, flag, used, &mut session),
            None => not_found(ruleset, key),
        },
        None => conditional(head, answer::all(ruleset, &selector, used, &mut session)?),
    };
    let mut status = flag_header::status(supplied.freshness, ruleset, supplied.age);
    if let Some(used) = used {
        used.write_status(&mut status);
    }
    response.headers_mut().extend(HeaderValue::try_from(status).map(|status| (STATUS, status)));
    Ok(response)
}

impl Failure {
    fn invalid_context(details: String) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: ErrorCode::InvalidContext, details }
    }

    fn general(details: String) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: ErrorCode::General, details }
    }
}

fn refused(key: Option<&str>, failure: &Failure) -> Response<Bytes> {
    json(failure.status, answer::failure(key, Some(failure.code), &failure.details, None))
}

fn not_found(ruleset: &Ruleset<'_>, key: &str) -> Response<Bytes> {
    let mut details = "there is no flag ".to_owned();
    write_json_string(key, &mut details);
    details.push_str(" in this ruleset: check the key, or add the flag");
    let body = answer::failure(Some(key), Some(ErrorCode::FlagNotFound), &details, Some(ruleset.metadata_json()));
    json(StatusCode::NOT_FOUND, body)
}

/// The answer with its tag, or nothing but the tag where the client has the answer already. The tag covers the answer, and so the context:
/// clients send the old tag with changed attributes.
fn conditional(head: &Head, body: String) -> Response<Bytes> {
    let tag = etag::of(body.as_bytes());
    let known = head.headers.get_all(IF_NONE_MATCH).iter().any(|known| etag::matches(known.as_bytes(), &tag));
    let mut response = if known { empty(StatusCode::NOT_MODIFIED) } else { json(StatusCode::OK, body) };
    response.headers_mut().extend(HeaderValue::try_from(tag).map(|tag| (ETAG, tag)));
    response
}

#[cfg(test)]
mod tests;
