//! The HTTP API inside of the filter, as a plugin configuration asks for it.

use jackstaff_core::Value;
use jackstaff_core::source::{FromJson, Reading};

use super::{ConfigErrors, FilterConfig, JsonText};
use crate::config;
use crate::rate_limit::RateLimit;

/// The HTTP API, served by the filter itself to the application beside it.
#[derive(Debug, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize), serde(deny_unknown_fields))]
pub struct ApiConfig {
    /// The path below which it is served, such as `/flags`: `/flags/v1/variables` is then `/v1/variables` of the API. No such request
    /// reaches the application.
    pub prefix: String,
    /// Who may ask: a list of the entries that `jackstaff key` prints. They name `environment`, which must be given too.
    #[cfg_attr(feature = "schema", serde(default))]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Vec<super::schema::Texts>>"))]
    pub keys: Option<JsonText>,
    /// Whether OFREP answers whoever shows no key too. Such a caller can read every flag's value for every user.
    #[cfg_attr(feature = "schema", serde(default))]
    pub open: bool,
    /// How many requests a key may make of one worker; no limit when absent.
    #[cfg_attr(feature = "schema", serde(default))]
    pub rate_limit: Option<RateLimit>,
}

impl<'v> FromJson<'v> for ApiConfig {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        reading.object(value, &mut |of| {
            of.required("prefix", &mut self.prefix);
            of.optional("keys", &mut self.keys);
            of.optional("open", &mut self.open);
            of.optional("rate_limit", &mut self.rate_limit);
        });
    }
}

impl FilterConfig<'_> {
    /// The settings of the service, by the names by which it asks for them.
    #[must_use]
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let mut settings = vec![(config::USER_DATA, self.user_data_setting())];
        let Some(api) = &self.api else { return settings };
        let keys = api.keys.as_ref().map_or("[]", |keys| &keys.0).to_owned();
        settings.push((config::KEYS, keys));
        if api.open {
            settings.push((config::OPEN_ENVIRONMENT, self.environment.clone().unwrap_or_default()));
        }
        if let Some(limit) = api.rate_limit {
            let text = format!(r#"{{"requests":{},"seconds":{}}}"#, limit.requests, limit.seconds);
            settings.push((config::RATE_LIMIT, text));
        }
        if let Some(test) = &self.test {
            let mut json = r#"{"header":"#.to_owned();
            jackstaff_core::write_json_string(&test.header, &mut json);
            json.push('}');
            settings.push((config::TEST, json));
        }
        settings
    }

    pub(super) fn check_api(&self, errors: &mut ConfigErrors) {
        let Some(api) = &self.api else { return };
        // What a path may hold as it is (RFC 3986, section 3.3). Nothing is decoded to compare it.
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@%".contains(&byte);
        let segments = api.prefix.strip_prefix('/').unwrap_or_default();
        if segments.is_empty() || segments.split('/').any(|part| part.is_empty() || !part.bytes().all(legal)) {
            errors.add(
                &"$.api.prefix",
                &format_args!("`{}` is no path below which something can be served", api.prefix),
                &"begin with `/` and end without, as in `/flags`",
            );
        }
        if self.environment.is_none() {
            errors.add(
                &"$.environment",
                &"is absent, though `api` is set",
                &"name the environment of the ruleset, as the keys name theirs",
            );
        }
    }
}
