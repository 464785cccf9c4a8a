//! `/v1/edgedb/{user_id}`: what is stored about a user (facts 8).

use bytes::Bytes;
use http::{Method, Response, StatusCode, header};
use jackstaff_core::source::repair_surrogates;

use super::user_patch::{Reading, forbidden, parse};
use crate::api::Head;
use crate::api::admission::{Admitted, admit};
use crate::api::reply::{Refusal, json};
use crate::auth::KeyKind;
use crate::identity::MAX_ID_BYTES;
use crate::platform::Platform;
use crate::service::Service;
use crate::user_data::{ChangeError, Changed, Patch, change, erase, fetch};

/// What clients may write the settings say.
const WRITERS: &[KeyKind] = &[KeyKind::Server, KeyKind::Admin, KeyKind::Client, KeyKind::Mobile];
/// Clients' keys are public.
const READERS: &[KeyKind] = &[KeyKind::Server, KeyKind::Admin];

/// Names of attributes that a refusal repeats.
const MAX_NAMED: usize = 10;

/// Answers PATCH, GET and DELETE for the user `id`; `None` where the path named nobody.
pub(in crate::api) async fn answer<P: Platform>(
    service: &Service<P>,
    id: Option<&str>,
    head: &Head,
    body: &Bytes,
) -> Result<Response<Bytes>, Refusal> {
    let wanted = if head.method == Method::PATCH { WRITERS } else { READERS };
    let admitted = admit(service, head, body, wanted, false).await?;
    let Some(id) = id.filter(|id| !id.trim().is_empty()) else {
        return Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "the path names no user: it takes /v1/edgedb/ and the user's id, percent-encoded UTF-8",
        ));
    };
    // No decision is made for such a user, so nothing that is stored about them would ever be used.
    if id.len() > MAX_ID_BYTES {
        return Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            format!("the user's id has {} bytes and may have {MAX_ID_BYTES}: decisions refuse it, too", id.len()),
        ));
    }
    if !admitted.user_data().enabled {
        return Err(Refusal::new(
            StatusCode::FORBIDDEN,
            "user data is switched off: remove `\"enabled\":false` from the setting `user_data`; a filter needs `user_data` in its configuration",
        ));
    }
    let (platform, subject) = (service.platform(), admitted.subject(id));
    match head.method {
        Method::PATCH => {
            let body = repair_surrogates(body);
            let patch =
                parse(&body, id, Reading::Patch).map_err(|message| Refusal::new(StatusCode::BAD_REQUEST, message))?;
            allow(&admitted, &patch)?;
            let message = match change(platform, &subject, &patch).await.map_err(refusal)? {
                Changed::Stored => r#"{"message":"Successfully stored the user data"}"#,
                Changed::Already => r#"{"message":"The user data was stored already"}"#,
            };
            Ok(json(StatusCode::OK, message.to_owned()))
        }
        Method::DELETE => {
            erase(platform, &subject).await.map_err(refusal)?;
            Ok(json(StatusCode::OK, r#"{"message":"Nothing is stored about the user"}"#.to_owned()))
        }
        _ => match fetch(platform, &subject).await {
            Ok(Some(user)) => Ok(json(StatusCode::OK, user)),
            Ok(None) => Err(Refusal::new(StatusCode::NOT_FOUND, "nothing is stored about the user")),
            Err(error) => Err(store_failed(&error)),
        },
    }
}

/// Whether the key may write all that the patch touches.
fn allow(admitted: &Admitted, patch: &Patch<'_>) -> Result<(), Refusal> {
    let Some(kind) = admitted.kind else { return Ok(()) };
    let forbidden = forbidden(patch, |name| admitted.user_data().may_write(kind, name));
    if forbidden.is_empty() {
        return Ok(());
    }
    let named: Vec<&str> = forbidden.iter().take(MAX_NAMED).map(String::as_str).collect();
    let more = if forbidden.len() > MAX_NAMED { " and others" } else { "" };
    Err(Refusal::new(
        StatusCode::FORBIDDEN,
        format!(
            "a {kind} key may not write {}{more}; nothing was stored: send it with a server key, or list it in `client_writes` of the setting \
             `user_data`",
            named.join(", ")
        ),
    ))
}

fn store_failed(error: &str) -> Refusal {
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_owned())
}

fn refusal(error: ChangeError) -> Refusal {
    use crate::user_data::TooLarge;
    let message = error.to_string();
    match error {
        ChangeError::TooLarge(TooLarge::Bytes(_) | TooLarge::Names(_)) => {
            Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, message)
        }
        ChangeError::TooLarge(TooLarge::Attributes(_)) => Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, message),
        ChangeError::Refused(status, _) => Refusal::new(status, message),
        ChangeError::Contended(_) => {
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, message).with_header(header::RETRY_AFTER, "1")
        }
        ChangeError::Store(_) | ChangeError::CorruptTwice => store_failed(&message),
    }
}
