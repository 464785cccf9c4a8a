//! Who the user is, from the headers of a request.
//!
//! Everything here reads bytes that clients choose. It is linear in their number, and what cannot be used is passed over: a request is never
//! refused for its identity.

mod anonymous;
mod attribute;
mod context_header;
mod cookie;

use std::borrow::Cow;
use std::fmt;

use jackstaff_core::source::devcycle::{UserError, parse_user};
use jackstaff_core::source::{FromJson, Reading};
use jackstaff_core::{Context, Value};

pub use self::anonymous::{Anonymous, Consent, SameSite};
pub use self::attribute::{Attribute, AttributeScope, AttributeType};
pub use self::context_header::{ContextHeader, MAX_CONTEXT_BYTES, context_json};
pub(crate) use self::cookie::check_name as check_cookie_name;
pub use self::cookie::cookie;
use crate::filter_config::ConfigErrors;
use crate::percent::{Plus, decode};

/// Names and values of a request's headers, in the order and with the bytes in which they came.
pub type Headers<'h> = [(&'h [u8], &'h [u8])];

/// A longer user id is passed over, or refused where a client can be told. Ids in use have some tens of bytes (DevCycle's SDKs send 200
/// characters at most); bucketing hashes all of them for every flag.
pub const MAX_ID_BYTES: usize = 1_024;

/// Where a user's id is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize), serde(rename_all = "snake_case"))]
pub enum Source {
    /// The value of a header. Of several with this name, the first counts.
    Header(String),
    /// The value of a cookie, as it stands.
    Cookie(String),
    /// The value of a query parameter, percent-decoded. Anybody who makes a link chooses it.
    Query(String),
    /// A property of Envoy whose value is text, by its path. A claim that jwt_authn has checked is
    /// `["metadata", "filter_metadata", "envoy.filters.http.jwt_authn", "<payload_in_metadata>", "sub"]`, and the SPIFFE id of a peer
    /// `["connection", "uri_san_peer_certificate"]`. jwt_authn must then stand before this filter.
    Property(Vec<String>),
    /// A cookie with a random id, set where it is missing. This source always has an id, so it comes last.
    Anonymous(Anonymous),
}

impl Default for Source {
    fn default() -> Self {
        Self::Header(String::new())
    }
}

impl<'v> FromJson<'v> for Source {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        reading.alternative(value, &mut |of| {
            let header = of.member("header").map(Self::Header);
            let cookie = of.member("cookie").map(Self::Cookie);
            let query = of.member("query").map(Self::Query);
            let property = of.member("property").map(Self::Property);
            let anonymous = of.member("anonymous").map(Self::Anonymous);
            if let Some(source) = header.or(cookie).or(query).or(property).or(anonymous) {
                *self = source;
            }
        });
    }
}

/// A user's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity<'h> {
    /// The id.
    pub id: Cow<'h, str>,
    /// The value of a `Set-Cookie` for the response, where the id is new.
    pub set_cookie: Option<String>,
}

/// What is known of a request besides its headers.
pub trait Surroundings {
    /// Bits that nobody can foresee, or nothing when there are none to be had.
    fn random(&mut self) -> Option<[u8; 16]>;
    /// A property, by its path.
    fn property(&mut self, path: &[String]) -> Option<Vec<u8>>;
}

/// The id from the first of the sources that has one.
pub fn identify<'h>(
    sources: &[Source],
    headers: &Headers<'h>,
    surroundings: &mut impl Surroundings,
) -> Option<Identity<'h>> {
    sources.iter().find_map(|source| {
        let known = |value: Cow<'h, [u8]>| id(value).map(|id| Identity { id, set_cookie: None });
        match source {
            Source::Header(name) => known(first(headers, name)?.into()),
            Source::Cookie(name) => known(cookie(headers, name)?.into()),
            Source::Query(name) => known(query(first(headers, ":path")?, name)?),
            Source::Property(path) => known(surroundings.property(path)?.into()),
            Source::Anonymous(anonymous) => {
                if !anonymous.may_be_used(headers) {
                    return None;
                }
                match cookie(headers, &anonymous.cookie).and_then(Anonymous::accept) {
                    Some(id) => Some(Identity { id: Cow::Borrowed(id), set_cookie: None }),
                    None => surroundings.random().map(|bits| anonymous.create(bits)),
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

/// The first query parameter of this name that has a value.
#[inline(never)] // as injector/seldom.rs
fn query<'h>(path: &'h [u8], name: &str) -> Option<Cow<'h, [u8]>> {
    let (_, query) = std::str::from_utf8(path).ok()?.split_once('?')?;
    let mut parameters = query.split('&').filter_map(|parameter| parameter.split_once('='));
    let (_, value) =
        parameters.find(|(given, value)| !value.is_empty() && *decode(given, Plus::Space) == *name.as_bytes())?;
    Some(decode(value, Plus::Space))
}

/// The first value of a header, whatever the case of its name.
#[must_use]
pub fn first<'h>(headers: &Headers<'h>, name: &str) -> Option<&'h [u8]> {
    for &(given, value) in headers {
        // Most differ in length, which is known before their bytes are looked at, and those that fit do so as they stand.
        if given.len() == name.len() && (given == name.as_bytes() || given.eq_ignore_ascii_case(name.as_bytes())) {
            return Some(value);
        }
    }
    None
}

/// Bytes as an id: text that is not empty, without the spaces around it.
fn id(value: Cow<'_, [u8]>) -> Option<Cow<'_, str>> {
    let legal = |id: &[u8]| !id.is_empty() && id.len() <= MAX_ID_BYTES;
    match value {
        Cow::Borrowed(value) => std::str::from_utf8(value.trim_ascii()).ok().map(Cow::Borrowed),
        Cow::Owned(value) => String::from_utf8(value.trim_ascii().to_vec()).ok().map(Cow::Owned),
    }
    .filter(|id| legal(id.as_bytes()))
}

fn check_property(parts: &[String], path: &dyn fmt::Display, errors: &mut ConfigErrors) {
    if parts.is_empty() || parts.iter().any(|part| part.is_empty() || part.contains('\0')) {
        errors.add(
            path,
            &"is no path of a property",
            &"list its parts, none of them empty, as in [\"connection\", \"uri_san_peer_certificate\"]",
        );
    }
}

impl Source {
    pub(crate) fn check(&self, path: &dyn fmt::Display, errors: &mut ConfigErrors) {
        match self {
            // Header names are checked all together.
            Self::Header(_) => {}
            Self::Cookie(name) => cookie::check_name(name, &format_args!("{path}.cookie"), errors),
            Self::Query(name) if name.is_empty() => errors.add(
                &format_args!("{path}.query"),
                &"is empty",
                &"name the parameter as it reads when it is decoded",
            ),
            Self::Query(_) => {}
            Self::Property(parts) => check_property(parts, &format_args!("{path}.property"), errors),
            Self::Anonymous(anonymous) => anonymous.check(&format_args!("{path}.anonymous"), errors),
        }
    }
}

#[cfg(test)]
mod tests;
