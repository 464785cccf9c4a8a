//! The plugin configuration of the Envoy filter: JSON, every part of it optional.
//!
//! What it says is checked here, once, so that a request meets no surprise. Unknown members are refused: a misspelt one would otherwise be
//! a setting that silently does nothing.

mod api;
mod check;
mod error;
mod names;
mod nearest;
mod observe;
mod overrides;
#[cfg(feature = "schema")]
pub mod schema;
mod sources;
mod user_data;

use jackstaff_core::Value;
use jackstaff_core::source::{FromJson, Misread, Reading, member_text, read_all};

pub use self::api::ApiConfig;
pub use self::error::ConfigError;
pub(crate) use self::error::ConfigErrors;
pub(crate) use self::names::is_header_name;
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
#[derive(Debug)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize), serde(default, deny_unknown_fields))]
pub struct FilterConfig<'a> {
    /// A ruleset's source as a JSON object, or a snapshot in base64 as a string. Without one, no flags are decided, and forged headers are
    /// removed all the same.
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
    #[cfg_attr(feature = "schema", schemars(with = "schema::Texts"), serde(serialize_with = "schema::texts"))]
    pub per_flag_headers: Vec<(String, String)>,
    /// Whether each member of the flag header names its variant.
    pub variants: bool,
    /// The byte budget of the flag header.
    pub max_header_bytes: usize,
    /// The name of the environment that this ruleset belongs to. Only the API, user data and the test facility need it.
    pub environment: Option<String>,
    /// The HTTP API, served by the filter itself to the application beside it. Without this, requests are not looked at for it.
    pub api: Option<ApiConfig>,
    /// What is stored about users. Without this nothing is, and `/v1/edgedb` says so.
    pub user_data: Option<UserDataConfig>,
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
            per_flag_headers: Vec::new(),
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

impl<'v> FromJson<'v> for FilterConfig<'_> {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        reading.object(value, &mut |of| {
            // Taken as it is written, by whoever knows the whole text.
            of.optional("ruleset", &mut ());
            of.optional("sources", &mut self.sources);
            of.optional("refresh", &mut self.refresh);
            of.optional("flags", &mut self.flags);
            of.optional("routes", &mut self.routes);
            of.optional("identity", &mut self.identity);
            of.optional("attributes", &mut self.attributes);
            of.optional("context", &mut self.context);
            of.optional("headers", &mut self.headers);
            of.optional("per_flag_headers", &mut self.per_flag_headers);
            of.optional("variants", &mut self.variants);
            of.optional("max_header_bytes", &mut self.max_header_bytes);
            of.optional("environment", &mut self.environment);
            of.optional("api", &mut self.api);
            of.optional("user_data", &mut self.user_data);
            of.optional("overrides", &mut self.overrides);
            of.optional("response", &mut self.response);
            of.optional("access_log", &mut self.access_log);
            of.optional("metrics", &mut self.metrics);
            of.optional("events", &mut self.events);
            of.optional("test", &mut self.test);
        });
    }
}

/// The names of the headers that every request gets.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize), serde(default, deny_unknown_fields))]
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

impl<'v> FromJson<'v> for HeaderNames {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        reading.object(value, &mut |of| {
            of.optional("flags", &mut self.flags);
            of.optional("key", &mut self.key);
            of.optional("status", &mut self.status);
        });
    }
}

/// The test facility.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize), serde(deny_unknown_fields))]
pub struct TestHeader {
    /// The header that carries `{"now": "<RFC 3339>", "overrides": {"<decision id>": "<variant id>"}}`.
    pub header: String,
}

impl<'v> FromJson<'v> for TestHeader {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        reading.object(value, &mut |of| {
            of.required("header", &mut self.header);
        });
    }
}

/// Any JSON, as compact text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(serde::Serialize))]
pub struct JsonText(pub String);

impl<'v> FromJson<'v> for JsonText {
    fn read(&mut self, value: &'v Value<'v>, _: &mut Reading<'v>) {
        self.0 = value.to_json();
    }
}

impl<'a> FilterConfig<'a> {
    /// Reads a configuration. No bytes at all are an empty configuration. Header names are put in lower case.
    ///
    /// # Errors
    /// What is wrong with its shape; where that is right, everything that is wrong with what it says.
    pub fn parse(json: &'a [u8]) -> Result<Self, Vec<ConfigError>> {
        if json.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        if !json.trim_ascii_start().starts_with(b"{") {
            return Err(vec![ConfigError::new(
                &"$",
                &"is no JSON object",
                &"give the configuration as a google.protobuf.StringValue that holds a JSON object",
            )]);
        }
        let read = read_all::<Self>(json);
        let mut config = read.map_err(|found| found.into_iter().map(unreadable).collect::<Vec<_>>())?;
        config.ruleset = member_text(json, "ruleset");
        let mut errors = ConfigErrors::default();
        config.check_names(&mut errors);
        config.check(&mut errors);
        if errors.0.is_empty() { Ok(config) } else { Err(errors.0) }
    }
}

fn unreadable(Misread { path, message }: Misread) -> ConfigError {
    let remedy = match nearest::suggestion(&message) {
        Some(name) => format!("write `{name}`, if that is what is meant, or remove it"),
        None if message.starts_with("unknown") => "remove it or correct its spelling".to_owned(),
        None if message.starts_with("trailing") => "remove what stands behind the JSON object".to_owned(),
        None => "correct this value".to_owned(),
    };
    ConfigError { path, message, remedy }
}

#[cfg(test)]
mod tests;
