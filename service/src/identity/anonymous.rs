//! Users that nobody knows: a random id in a cookie.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use jackstaff_core::Value;
use jackstaff_core::source::{FromJson, Reading};

use super::{Headers, Identity, cookie};
use crate::filter_config::ConfigErrors;

/// A year, in seconds. Browsers keep no cookie much longer (Chrome: 400 days).
const DEFAULT_MAX_AGE: u64 = 365 * 24 * 60 * 60;
/// 400 days, in seconds: the longest that the successor of RFC 6265 lets a browser keep a cookie.
const MAX_MAX_AGE: u64 = 400 * 24 * 60 * 60;
/// A longer inbound value is none that was made here, nor by another product whose cookie this may take over.
const MAX_VALUE_BYTES: usize = 200;

/// The cookie of an anonymous id, and how it is set.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize), serde(default, deny_unknown_fields))]
pub struct Anonymous {
    /// Its name.
    pub cookie: String,
    /// How long it is kept, in seconds.
    pub max_age: u64,
    /// Whether it is sent over TLS only.
    pub secure: bool,
    /// Whether it is kept from scripts.
    pub http_only: bool,
    /// Whether requests from other sites carry it.
    pub same_site: SameSite,
    /// Below which path it is sent.
    pub path: String,
    /// To which domain and those below it; without one, only to the host that set it.
    pub domain: Option<String>,
    /// The cookie by which the visitor agrees to this one. Where it is missing or says otherwise, this one is neither read nor set.
    pub consent: Option<Consent>,
}

/// A cookie that says yes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize), serde(deny_unknown_fields))]
pub struct Consent {
    /// Its name.
    pub cookie: String,
    /// The value that says yes, as it stands in the cookie.
    pub value: String,
}

impl<'v> FromJson<'v> for Consent {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        reading.object(value, &mut |of| {
            of.required("cookie", &mut self.cookie);
            of.required("value", &mut self.value);
        });
    }
}

/// The `SameSite` attribute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize), serde(rename_all = "snake_case"))]
pub enum SameSite {
    /// Never from other sites.
    Strict,
    /// When a link leads here.
    #[default]
    Lax,
    /// Always. Needs `secure`.
    None,
}

impl<'v> FromJson<'v> for SameSite {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        reading.word(value, self, &[("strict", Self::Strict), ("lax", Self::Lax), ("none", Self::None)]);
    }
}

impl Default for Anonymous {
    fn default() -> Self {
        Self {
            cookie: "jackstaff_id".to_owned(),
            max_age: DEFAULT_MAX_AGE,
            secure: true,
            http_only: true,
            same_site: SameSite::default(),
            path: "/".to_owned(),
            domain: None,
            consent: None,
        }
    }
}

impl<'v> FromJson<'v> for Anonymous {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        reading.object(value, &mut |of| {
            of.optional("cookie", &mut self.cookie);
            of.optional("max_age", &mut self.max_age);
            of.optional("secure", &mut self.secure);
            of.optional("http_only", &mut self.http_only);
            of.optional("same_site", &mut self.same_site);
            of.optional("path", &mut self.path);
            of.optional("domain", &mut self.domain);
            of.optional("consent", &mut self.consent);
        });
    }
}

impl Anonymous {
    /// Whether the visitor of this request agrees, where that is asked.
    #[inline(never)] // as injector/seldom.rs
    pub(super) fn may_be_used(&self, headers: &Headers<'_>) -> bool {
        let agreed = |consent: &Consent| cookie(headers, &consent.cookie) == Some(consent.value.as_bytes());
        self.consent.as_ref().is_none_or(agreed)
    }

    /// The value of an inbound cookie, if it may be an id. One that may not is replaced.
    pub(super) fn accept(value: &[u8]) -> Option<&str> {
        let legal = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if value.is_empty() || value.len() > MAX_VALUE_BYTES || !value.iter().all(legal) {
            return None;
        }
        std::str::from_utf8(value).ok()
    }

    /// A new id of these bits, in hexadecimal.
    #[inline(never)] // as injector/seldom.rs
    pub(super) fn create<'h>(&self, bits: [u8; 16]) -> Identity<'h> {
        let id = format!("{:032x}", u128::from_be_bytes(bits));
        Identity { set_cookie: Some(self.set_cookie(&id)), id: Cow::Owned(id) }
    }

    fn set_cookie(&self, id: &str) -> String {
        let mut out = format!("{}={id}; Max-Age={}; Path={}", self.cookie, self.max_age, self.path);
        if let Some(domain) = &self.domain {
            // Writing to a String cannot fail.
            let _ = write!(out, "; Domain={domain}");
        }
        if self.secure {
            out.push_str("; Secure");
        }
        if self.http_only {
            out.push_str("; HttpOnly");
        }
        out.push_str(match self.same_site {
            SameSite::Strict => "; SameSite=Strict",
            SameSite::Lax => "; SameSite=Lax",
            SameSite::None => "; SameSite=None",
        });
        out
    }

    pub(super) fn check(&self, path: &dyn fmt::Display, errors: &mut ConfigErrors) {
        cookie::check_name(&self.cookie, &format_args!("{path}.cookie"), errors);
        if let Some(consent) = &self.consent {
            cookie::check_name(&consent.cookie, &format_args!("{path}.consent.cookie"), errors);
        }
        if !(1..=MAX_MAX_AGE).contains(&self.max_age) {
            errors.add(
                &format_args!("{path}.max_age"),
                &format_args!("is {} seconds", self.max_age),
                &format_args!("choose 1 to {MAX_MAX_AGE}, the 400 days that browsers keep a cookie at most"),
            );
        }
        // What could end the attribute or the header (RFC 6265, section 4.1.1).
        let legal = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b';' && byte != b',');
        if !self.path.starts_with('/') || !legal(&self.path) {
            errors.add(
                &format_args!("{path}.path"),
                &format_args!("`{}` is no path", self.path),
                &"start with `/`, and percent-encode `;`, `,` and what is not visible ASCII",
            );
        }
        if let Some(domain) = self.domain.as_ref().filter(|domain| domain.is_empty() || !legal(domain)) {
            errors.add(
                &format_args!("{path}.domain"),
                &format_args!("`{domain}` is no domain"),
                &"write it as in `example.com`, or leave it out",
            );
        }
        if self.same_site == SameSite::None && !self.secure {
            errors.add(
                &format_args!("{path}.secure"),
                &"browsers refuse a cookie with SameSite=None that is not secure",
                &"set `secure` to true, or `same_site` to `lax`",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_id_is_set_as_configured() {
        let identity = Anonymous::default().create([0xab; 16]);
        assert_eq!(identity.id, "ab".repeat(16));
        let expected =
            format!("jackstaff_id={}; Max-Age=31536000; Path=/; Secure; HttpOnly; SameSite=Lax", "ab".repeat(16));
        assert_eq!(identity.set_cookie.unwrap(), expected);
        let other = Anonymous {
            domain: Some("example.com".into()),
            secure: false,
            http_only: false,
            same_site: SameSite::Strict,
            ..Anonymous::default()
        };
        assert!(other.set_cookie("i").ends_with("Path=/; Domain=example.com; SameSite=Strict"));
    }

    #[test]
    fn an_id_begins_with_its_zeros() {
        let mut bits = [0; 16];
        bits[15] = 7;
        assert_eq!(Anonymous::default().create(bits).id.len(), 32);
    }

    #[test]
    fn only_plausible_ids_are_taken() {
        assert_eq!(Anonymous::accept(b"0123-abc_DEF"), Some("0123-abc_DEF"));
        assert_eq!(Anonymous::accept(&[b'a'; MAX_VALUE_BYTES]).map(str::len), Some(MAX_VALUE_BYTES));
        assert_eq!(Anonymous::accept(&[b'a'; MAX_VALUE_BYTES + 1]), None);
        for bad in [&b""[..], b"a b", b"a.b", b"\xff", b"a\"b"] {
            assert_eq!(Anonymous::accept(bad), None);
        }
    }
}
