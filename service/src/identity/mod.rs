//! Who the user is, from the headers of a request.
//!
//! Everything here reads bytes that clients choose. It is linear in their number, and what cannot be used is passed over: a request is never
//! refused for its identity.

mod anonymous;
mod attribute;
mod context_header;
mod cookie;

use std::borrow::Cow;

use jackstaff_core::Context;
use jackstaff_core::source::devcycle::{UserError, parse_user};
use serde::Deserialize;

pub use self::anonymous::{Anonymous, SameSite};
pub use self::attribute::{Attribute, AttributeScope, AttributeType};
pub use self::context_header::{ContextHeader, MAX_CONTEXT_BYTES, context_json};
pub use self::cookie::cookie;
use crate::filter_config::ConfigError;

/// Names and values of a request's headers, in the order and with the bytes in which they came.
pub type Headers<'h> = [(&'h [u8], &'h [u8])];

/// A longer user id is passed over, or refused where a client can be told. Ids in use have some tens of bytes (DevCycle's SDKs send 200
/// characters at most); bucketing hashes all of them for every flag.
pub const MAX_ID_BYTES: usize = 1_024;

/// Where a user's id is looked for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The value of a header. Of several with this name, the first counts.
    Header(String),
    /// The value of a cookie, as it stands.
    Cookie(String),
    /// A cookie with a random id, set where it is missing. This source always has an id, so it comes last.
    Anonymous(Anonymous),
}

/// A user's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity<'h> {
    /// The id.
    pub id: Cow<'h, str>,
    /// The value of a `Set-Cookie` for the response, where the id is new.
    pub set_cookie: Option<String>,
}

/// The id from the first of the sources that has one. `random` gives the bits of a new anonymous id, or nothing when there are none to
/// be had; it is asked once at most.
pub fn identify<'h>(
    sources: &[Source],
    headers: &Headers<'h>,
    random: impl FnOnce() -> Option<[u8; 16]>,
) -> Option<Identity<'h>> {
    let mut random = Some(random);
    sources.iter().find_map(|source| {
        let known = |value: &'h [u8]| id(value).map(|id| Identity { id: Cow::Borrowed(id), set_cookie: None });
        match source {
            Source::Header(name) => first(headers, name).and_then(known),
            Source::Cookie(name) => cookie(headers, name).and_then(known),
            Source::Anonymous(anonymous) => {
                let kept = cookie(headers, &anonymous.cookie).and_then(Anonymous::accept);
                match kept {
                    Some(id) => Some(Identity { id: Cow::Borrowed(id), set_cookie: None }),
                    None => random.take().and_then(|random| random()).map(|bits| anonymous.create(bits)),
                }
            }
        }
    })
}

/// A user object, whoever sends it.
///
/// # Errors
/// Where [`parse_user`] refuses it, or the id is longer than [`MAX_ID_BYTES`].
pub fn user(json: &[u8]) -> Result<Context<'_>, UserError> {
    let user = parse_user(json)?;
    match long_id(&user) {
        Some(message) => Err(UserError { path: "$.user_id".to_owned(), message }),
        None => Ok(user),
    }
}

/// What to tell a client whose user has an id longer than [`MAX_ID_BYTES`].
pub(crate) fn long_id(user: &Context<'_>) -> Option<String> {
    let long = user.targeting_key().is_some_and(|id| id.len() > MAX_ID_BYTES);
    long.then(|| format!("the id is longer than {MAX_ID_BYTES} bytes: send a shorter one, or its digest"))
}

/// The first value of a header, whatever the case of its name.
#[must_use]
pub fn first<'h>(headers: &Headers<'h>, name: &str) -> Option<&'h [u8]> {
    headers.iter().find(|(given, _)| given.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| *value)
}

/// Bytes as an id: text that is not empty, without the spaces around it.
fn id(value: &[u8]) -> Option<&str> {
    let value = value.trim_ascii();
    if value.is_empty() || value.len() > MAX_ID_BYTES {
        return None;
    }
    std::str::from_utf8(value).ok()
}

impl Source {
    pub(crate) fn check(&self, path: &str, errors: &mut Vec<ConfigError>) {
        match self {
            // Header names are checked all together.
            Self::Header(_) => {}
            Self::Cookie(name) => cookie::check_name(name, &format!("{path}.cookie"), errors),
            Self::Anonymous(anonymous) => anonymous.check(&format!("{path}.anonymous"), errors),
        }
    }
}

#[cfg(test)]
mod tests;
