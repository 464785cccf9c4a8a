//! The HTTP API inside of the filter.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::filter::KEEPER;
use super::{ApiDeployment, FilterDeployment, FilterHost, Host, StoreState};
use crate::http_client::{Request, Response};

/// Where the API is served.
const PREFIX: &str = "/sidecar";

/// A filter with one plugin for each environment, as a sidecar has only its application's.
pub struct Sidecar {
    filter: FilterHost,
    /// Keys with their environments.
    keys: Vec<(String, String)>,
    /// Where requests go that show no key.
    usual: String,
}

impl Sidecar {
    pub(super) fn start(host: Host, deployment: &ApiDeployment) -> Result<Self> {
        let named = deployment.keys.iter().map(|key| &key.environment);
        let environments: BTreeSet<&String> = deployment.rulesets.keys().chain(named).collect();
        let mut filter = FilterDeployment {
            clock: deployment.clock.clone(),
            keeper: deployment.keeper.clone(),
            port: deployment.listen.map_or(0, |listen| listen.port()),
            ..FilterDeployment::default()
        };
        for environment in &environments {
            filter.plugins.insert((*environment).clone(), plugin(deployment, environment)?);
        }
        // The first with a ruleset, where none is open: without a key it opens nothing anyway.
        let open = Some(&deployment.open_environment).filter(|open| !open.is_empty());
        let usual = open.or(deployment.rulesets.keys().next()).or(environments.first().copied());
        Ok(Self {
            filter: FilterHost::start(host, &filter)?,
            keys: deployment.keys.iter().map(|key| (key.key.clone(), key.environment.clone())).collect(),
            usual: usual.context("there is neither a ruleset nor a key, so no environment to serve")?.clone(),
        })
    }

    pub(super) fn send(&mut self, request: &Request) -> Result<Response> {
        let request = Request { target: [PREFIX.as_bytes(), &request.target].concat(), ..request.clone() };
        let shown = |key: &str| {
            let within = |text: &[u8]| text.windows(key.len()).any(|part| part == key.as_bytes());
            within(&request.target) || request.headers.iter().any(|(_, value)| within(value))
        };
        // A key may begin with another.
        let key = self.keys.iter().filter(|(key, _)| shown(key)).max_by_key(|(key, _)| key.len());
        let environment = key.map_or(&self.usual, |(_, environment)| environment);
        let passed = self.filter.send(environment, &request)?;
        anyhow::ensure!(passed.upstream.is_none(), "a request to the API went on to the application");
        Ok(passed.response)
    }

    /// Where requests go that show no key, if the host listens.
    pub(super) fn base_url(&self) -> Result<Option<String>> {
        let address = self.filter.address(&self.usual)?;
        Ok(address.map(|address| format!("http://{address}{PREFIX}")))
    }

    pub(super) fn set_store(&self, state: StoreState) -> Result<()> {
        self.filter.set_store(state)
    }

    pub(super) fn damage(&self, key: &str) -> Result<()> {
        self.filter.damage(key)
    }

    pub(super) fn log(&mut self) -> String {
        self.filter.log()
    }
}

fn plugin(deployment: &ApiDeployment, environment: &str) -> Result<String> {
    let mut plugin = json!({
        "environment": environment,
        "identity": [{ "header": "x-user-id" }, { "anonymous": {} }],
        "api": { "prefix": PREFIX, "keys": deployment.key_entries() },
    });
    if !deployment.test.is_empty() {
        plugin["test"] = serde_json::from_str(&deployment.test)?;
    }
    if !deployment.rate_limit.is_empty() {
        plugin["api"]["rate_limit"] = serde_json::from_str(&deployment.rate_limit)?;
    }
    if !deployment.no_store {
        plugin["user_data"] = json!({});
        let settings = deployment.user_data_setting(KEEPER);
        if !settings.is_empty() {
            plugin["user_data"]["settings"] = serde_json::from_str(&settings)?;
        }
    }
    plugin["api"]["open"] = (deployment.open_environment == environment).into();
    let Some(ruleset) = deployment.rulesets.get(environment).filter(|_| !deployment.no_store) else {
        return Ok(plugin.to_string());
    };
    // A source goes in as it is written, a snapshot in base64.
    let ruleset = match std::str::from_utf8(ruleset) {
        Ok(source) if source.trim_start().starts_with('{') => source.to_owned(),
        _ => Value::from(STANDARD.encode(ruleset)).to_string(),
    };
    Ok(format!(r#"{{"ruleset":{ruleset},{}"#, plugin.to_string().trim_start_matches('{')))
}
