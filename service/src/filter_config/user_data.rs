//! User data inside of the filter, as a plugin configuration asks for it.

use std::collections::BTreeMap;

use jackstaff_core::Value;
use serde::Deserialize;

use super::{ConfigError, FilterConfig};
use crate::config;

/// Users that the workers of an Envoy remember together, unless the configuration says otherwise.
const DEFAULT_USERS: u32 = 10_000;

/// At 16 KB each, the most that a user may take, more than a proxy should spend on them; at the 200 bytes that are usual, 200 MB.
const MAX_USERS: u32 = 1_000_000;

/// What is stored about users, in the memory that all workers share. It lasts until Envoy restarts.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub struct UserDataConfig<'a> {
    /// About how many users there is room for. Whoever was changed longest ago makes room for others.
    pub users: u32,
    /// Whether the flags that are sent to the application are decided with it.
    pub inject: bool,
    /// What the setting `user_data` of the other platforms is: `client_writes`, `expire_days`, `read_limit_ms`, `remote`…
    #[serde(borrow)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<BTreeMap<String, serde_json::Value>>"))]
    pub settings: Option<Value<'a>>,
}

impl Default for UserDataConfig<'_> {
    fn default() -> Self {
        Self { users: DEFAULT_USERS, inject: true, settings: None }
    }
}

impl FilterConfig<'_> {
    /// The settings of user data, by the names by which the service asks for them.
    pub(crate) fn user_data_settings(&self) -> BTreeMap<&'static str, String> {
        let text = match &self.user_data {
            Some(data) => data.settings.as_ref().map_or_else(String::new, Value::to_json),
            None => r#"{"enabled":false}"#.to_owned(),
        };
        BTreeMap::from([(config::USER_DATA, text)])
    }

    pub(super) fn check_user_data(&self, errors: &mut Vec<ConfigError>) {
        let Some(data) = &self.user_data else { return };
        if !(1..=MAX_USERS).contains(&data.users) {
            errors.push(ConfigError::new(
                "$.user_data.users",
                format!("is {}", data.users),
                format!("choose 1 to {MAX_USERS}; {DEFAULT_USERS} is the default"),
            ));
        }
        if self.environment.is_none() {
            errors.push(ConfigError::new(
                "$.environment",
                "is absent, though `user_data` is set",
                "name the environment of the ruleset: each has its own users",
            ));
        }
    }
}
