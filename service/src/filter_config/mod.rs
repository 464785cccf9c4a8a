//! The plugin configuration of the Envoy filter: JSON, every part of it optional.
//!
//! What it says is checked here, once, so that a request meets no surprise. Unknown members are refused: a misspelt one would otherwise be
//! a setting that silently does nothing.

mod api;
mod check;
mod nearest;
mod observe;
mod overrides;
#[cfg(feature = "schema")]
pub mod schema;
mod sources;
mod user_data;

use std::collections::BTreeMap;
use std::fmt;

use jackstaff_core::source::{Misread, member_text, read};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

pub use self::api::ApiConfig;
pub(crate) use self::check::is_header_name;
pub use self::observe::{EventsConfig, ResponseConfig, RouteConfig};
pub use self::overrides::OverridesConfig;
pub use self::sources::{RefreshConfig, Without};
pub use self::user_data::UserDataConfig;
use crate::identity::{Attribute, ContextHeader, Source};
use crate::ruleset_supply::Source as RulesetSource;

/// The byte budget of the flag header unless the configuration says otherwise: half of the 8 KB that common servers allow all headers
/// of a request together.
pub const DEFAULT_HEADER_BYTES: usize = 4_096;
/// What the budget may be at most: Envoy itself takes no more than 60 KiB of headers in a request.
pub const MAX_HEADER_BYTES: usize = 60 * 1_024;
/// Flags that may have a header of their own: Envoy takes 100 headers in a request, and other filters add some too.
pub const MAX_OWN_HEADERS: usize = 50;

/// A plugin configuration, checked.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub struct FilterConfig<'a> {
    /// A ruleset's source as a JSON object, or a snapshot in base64 as a string. Without one, no flags are decided, and forged headers are
    /// removed all the same.
    #[serde(deserialize_with = "as_text")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<schema::Ruleset>"))]
    pub ruleset: Option<&'a str>,
    /// Servers that have the ruleset, in order of preference. They are asked again and again, and the one in `ruleset` serves until one answers.
    pub sources: Vec<RulesetSource>,
    /// How the sources are asked.
    pub refresh: RefreshConfig,
    /// The keys of the flags to send; all of the ruleset's when absent.
    pub flags: Option<Vec<String>>,
    /// Other selections for some requests, so that each carries only the flags that its service uses. The one that the metadata of Envoy's
    /// route names is taken, else the first whose `path_prefix` fits, else `flags`.
    pub routes: Vec<RouteConfig>,
    /// Where the user's id is looked for: the first source that has one is taken.
    pub identity: Vec<Source>,
    /// Headers and properties that are attributes of the user.
    pub attributes: Vec<Attribute>,
    /// A header with a whole user, set by something in front that is trusted.
    pub context: Option<ContextHeader>,
    /// The names of the headers that are sent.
    pub headers: HeaderNames,
    /// Headers with the plain value of one flag each, by flag key.
    pub per_flag_headers: BTreeMap<String, String>,
    /// Whether each member of the flag header names its variant.
    pub variants: bool,
    /// The byte budget of the flag header.
    pub max_header_bytes: usize,
    /// The name of the environment that this ruleset belongs to. Only the API, user data and the test facility need it.
    pub environment: Option<String>,
    /// The HTTP API, served by the filter itself to the application beside it. Without this, requests are not looked at for it.
    #[serde(borrow)]
    pub api: Option<ApiConfig<'a>>,
    /// What is stored about users. Without this nothing is, and `/v1/edgedb` says so.
    #[serde(borrow)]
    pub user_data: Option<UserDataConfig<'a>>,
    /// Who may choose variants for themselves. Nobody when absent.
    pub overrides: Option<OverridesConfig>,
    /// What responses tell browsers. Nothing unless asked for.
    pub response: ResponseConfig,
    /// Whether access logs can show the flags: `%FILTER_STATE(wasm.jackstaff_flags:PLAIN)%`.
    pub access_log: bool,
    /// Whether what is decided is counted in Envoy's metrics.
    pub metrics: bool,
    /// Where exposure events go; nowhere when absent.
    pub events: Option<EventsConfig>,
    /// A header that sets the clock and picks variants, for tests. Only allowed in an environment whose name starts with `test`.
    pub test: Option<TestHeader>,
}

impl Default for FilterConfig<'_> {
    fn default() -> Self {
        Self {
            ruleset: None,
            sources: Vec::new(),
            refresh: RefreshConfig::default(),
            flags: None,
            routes: Vec::new(),
            identity: Vec::new(),
            attributes: Vec::new(),
            context: None,
            headers: HeaderNames::default(),
            per_flag_headers: BTreeMap::new(),
            variants: false,
            max_header_bytes: DEFAULT_HEADER_BYTES,
            environment: None,
            api: None,
            user_data: None,
            overrides: None,
            response: ResponseConfig::default(),
            access_log: false,
            metrics: true,
            events: None,
            test: None,
        }
    }
}

/// The names of the headers that every request gets.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub struct HeaderNames {
    /// The flags.
    pub flags: String,
    /// The digest of the flags.
    pub key: String,
    /// How good they are.
    pub status: String,
}

impl Default for HeaderNames {
    fn default() -> Self {
        Self { flags: "x-flags".to_owned(), key: "x-flags-key".to_owned(), status: "x-flags-status".to_owned() }
    }
}

/// The test facility.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct TestHeader {
    /// The header that carries `{"now": "<RFC 3339>", "overrides": {"<decision id>": "<variant id>"}}`.
    pub header: String,
}

/// Something in a configuration that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Where: a JSON path such as `$.identity[0].anonymous.max_age`.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

impl ConfigError {
    /// An error at `path`.
    pub(crate) fn new(path: impl Into<String>, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error at {}: {} ({})", self.path, self.message, self.remedy)
    }
}

impl std::error::Error for ConfigError {}

impl<'a> FilterConfig<'a> {
    /// Reads a configuration. No bytes at all are an empty configuration. Header names are put in lower case.
    ///
    /// # Errors
    /// Everything that is wrong with it, where it is JSON of the right shape; else the first thing.
    pub fn parse(json: &'a [u8]) -> Result<Self, Vec<ConfigError>> {
        if json.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        if !json.trim_ascii_start().starts_with(b"{") {
            // serde would take a list for a struct.
            return Err(vec![ConfigError::new(
                "$",
                "is no JSON object",
                "give the configuration as a google.protobuf.StringValue that holds a JSON object",
            )]);
        }
        let mut config: Self = read(json).map_err(|misread| vec![unreadable(misread)])?;
        config.ruleset = member_text(json, "ruleset");
        config.normalise();
        let errors = config.check();
        if errors.is_empty() { Ok(config) } else { Err(errors) }
    }
}

/// A member that is taken as it is written, by whoever knows the whole text.
fn as_text<'a, 'd, D: Deserializer<'d>>(deserializer: D) -> Result<Option<&'a str>, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| None)
}

fn unreadable(Misread { path, message }: Misread) -> ConfigError {
    let remedy = match nearest::suggestion(&message) {
        Some(name) => format!("write `{name}`, if that is what is meant, or remove it"),
        None if message.starts_with("unknown") => "remove it or correct its spelling".to_owned(),
        None if message.starts_with("trailing") => "remove what stands behind the JSON object".to_owned(),
        None => "correct this value".to_owned(),
    };
    ConfigError::new(path, message, remedy)
}

#[cfg(test)]
mod tests;
