//! Who asks: keys are known by their SHA-256 only and compared in constant time.

use std::borrow::Cow;
use std::fmt;

use http::HeaderName;
use http::header::AUTHORIZATION;
use http::request::Parts;
use jackstaff_core::Value;
use jackstaff_core::source::{FromJson, Reading};
use sha2::{Digest as _, Sha256};
use subtle::{ConditionallySelectable as _, ConstantTimeEq as _};

use crate::percent;

/// The query parameter in which browsers send their key.
const QUERY: &str = "sdkKey";

/// OFREP's other header for a key.
pub(crate) const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// What a key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// By applications on servers.
    Server,
    /// By browsers: everybody can read it there.
    Client,
    /// By mobile apps: everybody can read it there.
    Mobile,
    /// By operators.
    Admin,
}

impl KeyKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
            Self::Mobile => "mobile",
            Self::Admin => "admin",
        }
    }
}

impl<'v> FromJson<'v> for KeyKind {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        let kinds = [Self::Server, Self::Client, Self::Mobile, Self::Admin];
        reading.word(value, self, &kinds.map(|kind| (kind.name(), kind)));
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A key, as far as the service knows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    /// SHA-256 of the key.
    pub digest: [u8; 32],
    /// What it may be used for.
    pub kind: KeyKind,
    /// The environment whose ruleset it opens.
    pub environment: String,
}

impl fmt::Debug for Key {
    /// Without the digest: it does not belong into logs either.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}, {})", self.kind, self.environment)
    }
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// It shows no key.
    Absent,
    /// It shows a key that is none of ours.
    Unknown,
    /// It shows a key of ours that may not do this.
    WrongKind {
        /// The kind it is.
        kind: KeyKind,
        /// The kinds of which it takes one.
        wanted: &'static [KeyKind],
    },
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => {
                f.write_str("missing sdkKey parameter or Authorization header: send an SDK key in one of them")
            }
            Self::Unknown => f.write_str(
                "invalid SDK key: this service knows no such key; check it, or add it to the setting `keys`",
            ),
            Self::WrongKind { kind, wanted } => {
                write!(f, "invalid SDK key: this is a {kind} key and the endpoint takes a ")?;
                for (i, wanted) in wanted.iter().enumerate() {
                    write!(f, "{}{wanted}", if i == 0 { "" } else { " or " })?;
                }
                f.write_str(" key")
            }
        }
    }
}

/// The key of a request, if it is of one of the kinds `wanted`.
///
/// # Errors
/// Where it shows none, an unknown one, or one of another kind.
pub fn authorize<'k>(keys: &'k [Key], head: &Parts, wanted: &'static [KeyKind]) -> Result<&'k Key, Denied> {
    let shown = presented(head).ok_or(Denied::Absent)?;
    let key = find(keys, &shown).ok_or(Denied::Unknown)?;
    if wanted.contains(&key.kind) { Ok(key) } else { Err(Denied::WrongKind { kind: key.kind, wanted }) }
}

/// Looks at every key, whichever matches: the time taken says nothing about any of them.
fn find<'k>(keys: &'k [Key], shown: &[u8]) -> Option<&'k Key> {
    let digest: [u8; 32] = Sha256::digest(shown).into();
    let mut found = u32::MAX;
    for (i, key) in (0..u32::MAX).zip(keys) {
        found.conditional_assign(&i, key.digest.ct_eq(&digest));
    }
    keys.get(usize::try_from(found).ok()?)
}

/// The key that a request shows: in `Authorization`, as it is or behind `Bearer`, else in `X-API-Key`, else in the query.
fn presented(head: &Parts) -> Option<Cow<'_, [u8]>> {
    if let Some(header) = head.headers.get(AUTHORIZATION) {
        let header = header.as_bytes().trim_ascii();
        let key = match header.split_at_checked(7) {
            Some((scheme, key)) if scheme.eq_ignore_ascii_case(b"bearer ") => key.trim_ascii(),
            _ => header,
        };
        if !key.is_empty() {
            return Some(Cow::Borrowed(key));
        }
    }
    let header = head.headers.get(API_KEY).map(|header| header.as_bytes().trim_ascii()).filter(|key| !key.is_empty());
    if let Some(key) = header {
        return Some(Cow::Borrowed(key));
    }
    let mut parameters = head.uri.query()?.split('&').filter_map(|parameter| parameter.split_once('='));
    let (_, key) = parameters.find(|(name, _)| *name == QUERY)?;
    Some(percent::decode(key, percent::Plus::Space)).filter(|key| !key.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str, kind: KeyKind) -> Key {
        Key { digest: Sha256::digest(text).into(), kind, environment: text.to_owned() }
    }

    fn head(target: &str, authorization: Option<&str>) -> Parts {
        let mut request = http::Request::post(target);
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_key_counts_wherever_it_is_shown() {
        let keys =
            [key("dvc_client_1", KeyKind::Client), key("dvc_server_1", KeyKind::Server), key("a b+c", KeyKind::Server)];
        let environment = |target, header| {
            authorize(&keys, &head(target, header), &[KeyKind::Server]).map(|key| key.environment.as_str())
        };
        assert_eq!(environment("/", Some("dvc_server_1")), Ok("dvc_server_1"));
        assert_eq!(environment("/", Some("Bearer dvc_server_1")), Ok("dvc_server_1"));
        assert_eq!(environment("/", Some("bearer  dvc_server_1 ")), Ok("dvc_server_1"));
        assert_eq!(environment("/?a=b&sdkKey=dvc_server_1", None), Ok("dvc_server_1"));
        assert_eq!(environment("/?sdkKey=a+b%2Bc", None), Ok("a b+c"));
        let mut with_api_key = head("/?sdkKey=other", None);
        with_api_key.headers.insert("x-api-key", "dvc_server_1".parse().unwrap());
        assert_eq!(authorize(&keys, &with_api_key, &[KeyKind::Server]).unwrap().environment, "dvc_server_1");
        with_api_key.headers.insert("authorization", "other".parse().unwrap());
        assert_eq!(authorize(&keys, &with_api_key, &[KeyKind::Server]), Err(Denied::Unknown));
        // The header wins.
        assert_eq!(environment("/?sdkKey=dvc_server_1", Some("other")), Err(Denied::Unknown));
        assert_eq!(environment("/?sdkKey=dvc_server_1", Some("")), Ok("dvc_server_1"));
    }

    #[test]
    fn refusals_say_why() {
        let keys = [key("c", KeyKind::Client), key("s", KeyKind::Server)];
        let denied = |header| authorize(&keys, &head("/", header), &[KeyKind::Server]).unwrap_err();
        assert_eq!(denied(None), Denied::Absent);
        assert_eq!(denied(Some("S")), Denied::Unknown);
        assert_eq!(denied(Some("c")), Denied::WrongKind { kind: KeyKind::Client, wanted: &[KeyKind::Server] });
        assert_eq!(authorize(&[], &head("/", Some("s")), &[KeyKind::Server]), Err(Denied::Unknown));
        let keys = [key("a", KeyKind::Admin)];
        let both = authorize(&keys, &head("/", Some("a")), &[KeyKind::Server, KeyKind::Client]);
        assert!(both.unwrap_err().to_string().ends_with("takes a server or client key"));
    }

    #[test]
    fn logs_hold_no_digest() {
        assert_eq!(format!("{:?}", key("k", KeyKind::Admin)), "Key(admin, k)");
    }
}
