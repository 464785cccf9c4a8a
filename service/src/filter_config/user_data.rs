//! User data inside of the filter, as a plugin configuration asks for it.

use jackstaff_core::Value;
use jackstaff_core::source::{FromJson, Reading};

use super::{ConfigErrors, FilterConfig, JsonText};

/// Users that the workers of an Envoy remember together, unless the configuration says otherwise.
const DEFAULT_USERS: u32 = 10_000;

/// At 16 KB each, the most that a user may take, more than a proxy should spend on them; at the 200 bytes that are usual, 200 MB.
const MAX_USERS: u32 = 1_000_000;

/// What is stored about users, in the memory that all workers share. It lasts until Envoy restarts.
#[derive(Debug)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize), serde(deny_unknown_fields, default))]
pub struct UserDataConfig {
    /// About how many users there is room for. Whoever was changed longest ago makes room for others.
    pub users: u32,
    /// Whether the flags that are sent to the application are decided with it.
    pub inject: bool,
    /// What the setting `user_data` of the other platforms is: `client_writes`, `expire_days`, `read_limit_ms`, `remote`…
    #[cfg_attr(feature = "schema", schemars(with = "Option<std::collections::BTreeMap<String, serde_json::Value>>"))]
    pub settings: Option<JsonText>,
}

impl Default for UserDataConfig {
    fn default() -> Self {
        Self { users: DEFAULT_USERS, inject: true, settings: None }
    }
}

impl<'v> FromJson<'v> for UserDataConfig {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        reading.object(value, &mut |of| {
            of.optional("users", &mut self.users);
            of.optional("inject", &mut self.inject);
            of.optional("settings", &mut self.settings);
        });
    }
}

impl UserDataConfig {
    /// The text of the setting `user_data`.
    pub(crate) fn setting(&self) -> String {
        self.settings.as_ref().map_or_else(String::new, |settings| settings.0.clone())
    }
}

impl FilterConfig<'_> {
    /// The text of the setting `user_data`, also where there is none.
    pub(super) fn user_data_setting(&self) -> String {
        self.user_data.as_ref().map_or_else(|| r#"{"enabled":false}"#.to_owned(), UserDataConfig::setting)
    }

    pub(super) fn check_user_data(&self, errors: &mut ConfigErrors) {
        let Some(data) = &self.user_data else { return };
        errors.check_number("$.user_data.users", data.users, 1..=MAX_USERS, DEFAULT_USERS, "");
        if self.environment.is_none() {
            errors.add(
                &"$.environment",
                &"is absent, though `user_data` is set",
                &"name the environment of the ruleset: each has its own users",
            );
        }
    }
}
