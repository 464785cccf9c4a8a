//! Who may choose variants for themselves.

use std::fmt;

use jackstaff_core::Value;
use jackstaff_core::source::{FromJson, Reading};

use super::{ConfigErrors, FilterConfig};
use crate::overrides::MIN_SECRET_BYTES;

/// Tokens that `jackstaff token` makes force variants for whoever shows one. Without a secret there are none.
#[derive(Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize), serde(deny_unknown_fields))]
pub struct OverridesConfig {
    /// The secret that tokens are signed with: at least 32 bytes.
    pub secret: String,
    /// The header that carries a token. It is removed from the request.
    #[cfg_attr(feature = "schema", serde(default))]
    pub header: Option<String>,
    /// The cookie that carries a token, where no header does.
    #[cfg_attr(feature = "schema", serde(default))]
    pub cookie: Option<String>,
}

impl<'v> FromJson<'v> for OverridesConfig {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        reading.object(value, &mut |of| {
            of.required("secret", &mut self.secret);
            of.optional("header", &mut self.header);
            of.optional("cookie", &mut self.cookie);
        });
    }
}

/// Without the secret.
impl fmt::Debug for OverridesConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OverridesConfig").field("header", &self.header).finish_non_exhaustive()
    }
}

impl FilterConfig<'_> {
    pub(super) fn check_overrides(&self, errors: &mut ConfigErrors) {
        let Some(overrides) = &self.overrides else { return };
        if overrides.secret.len() < MIN_SECRET_BYTES {
            errors.add(
                &"$.overrides.secret",
                &format_args!("has {} bytes", overrides.secret.len()),
                &format_args!("have at least {MIN_SECRET_BYTES}, from a generator: `openssl rand -hex 32`"),
            );
        }
        if overrides.header.is_none() && overrides.cookie.is_none() {
            errors.add(&"$.overrides", &"names neither a header nor a cookie", &"say where tokens come from");
        }
        if let Some(cookie) = &overrides.cookie {
            crate::identity::check_cookie_name(cookie, &"$.overrides.cookie", errors);
        }
    }
}
