//! What a service is given, whatever the host.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;

use jackstaff_service::store_key;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::keeper::Keeper;
use crate::clock::Clock;
use crate::hosts::spin::Faults;

/// A key that clients call with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The key itself.
    pub key: String,
    /// `server`, `client`, `mobile` or `admin`.
    pub kind: String,
    /// The environment it opens.
    pub environment: String,
}

/// What the service is given.
#[derive(Clone, Debug, Default)]
pub struct ApiDeployment {
    /// Source or snapshot, by environment.
    pub rulesets: BTreeMap<String, Vec<u8>>,
    /// The keys.
    pub keys: Vec<Key>,
    /// The `test` setting, as JSON; empty for none.
    pub test: String,
    /// The `open_environment` setting; empty for none.
    pub open_environment: String,
    /// The `rate_limit` setting, as JSON; empty for none.
    pub rate_limit: String,
    /// The `user_data` setting, as JSON; empty for none.
    pub user_data: String,
    /// The Jackstaff that keeps the user data, where it is not the host's own store.
    pub keeper: Option<Keeper>,
    /// Further members of `user_data.remote`, which names the keeper.
    pub remote: Value,
    /// Servers that have rulesets which the store has not: their addresses and paths, in order of preference.
    pub sources: Vec<(SocketAddr, String)>,
    /// Further servers that it may call.
    pub servers: Vec<SocketAddr>,
    /// What else lies in the store at the start.
    pub stored: BTreeMap<String, Vec<u8>>,
    /// How long a ruleset is used before the store is asked again, in milliseconds; the service's default where there is none.
    pub cache_ms: Option<u64>,
    /// The clock, where the host has one to set.
    pub clock: Clock,
    /// Faults of the store, where the host has them.
    pub faults: Faults,
    /// There is no store at all.
    pub no_store: bool,
    /// Each request gets an instance of its own, on Spin.
    pub fresh_instances: bool,
    /// Where to listen, for hosts that do.
    pub listen: Option<SocketAddr>,
}

impl ApiDeployment {
    /// The `keys` setting: hashes, not keys.
    #[must_use]
    pub fn keys_setting(&self) -> String {
        Value::from(self.key_entries()).to_string()
    }

    /// The entries of that setting.
    pub(crate) fn key_entries(&self) -> Vec<Value> {
        self.keys
            .iter()
            .map(|key| {
                let mut sha256 = String::new();
                for byte in Sha256::digest(key.key.as_bytes()) {
                    // Writing to a String cannot fail.
                    let _ = write!(sha256, "{byte:02x}");
                }
                json!({"sha256": sha256, "kind": key.kind, "environment": key.environment})
            })
            .collect()
    }

    /// The key-value store's content.
    #[must_use]
    pub fn store(&self) -> BTreeMap<String, Vec<u8>> {
        let rulesets =
            self.rulesets.iter().map(|(environment, bytes)| (store_key::ruleset(environment), bytes.clone()));
        rulesets.chain(self.stored.clone()).collect()
    }

    /// All servers that it may call.
    pub(super) fn called(&self) -> impl Iterator<Item = SocketAddr> {
        self.sources.iter().map(|(address, _)| *address).chain(self.servers.iter().copied())
    }

    /// The `sources` setting, for a platform that calls the server with this address so.
    pub(super) fn sources_setting(&self, origin: impl Fn(SocketAddr) -> String) -> Option<(String, String)> {
        let sources: Vec<_> = self
            .sources
            .iter()
            .map(|(address, path)| {
                json!({"origin": origin(*address), "authority": address.to_string(), "path": path, "limit_ms": 1_000})
            })
            .collect();
        (!sources.is_empty()).then(|| ("sources".to_owned(), Value::from(sources).to_string()))
    }

    /// The `user_data` setting, for a platform that calls the keeper `origin`; empty for none.
    pub(super) fn user_data_setting(&self, origin: &str) -> String {
        if self.keeper.is_none() {
            return self.user_data.clone();
        }
        let mut setting: Value = serde_json::from_str(&self.user_data).unwrap_or_else(|_| json!({}));
        setting["remote"] = Keeper::setting(origin, &self.remote);
        setting.to_string()
    }

    /// Settings other than the keys, by name, for a platform that calls the keeper of the user data `keeper`.
    #[must_use]
    pub fn settings(&self, keeper: &str) -> BTreeMap<String, String> {
        let mut settings = BTreeMap::new();
        let user_data = self.user_data_setting(keeper);
        let texts = [
            ("test", &self.test),
            ("open_environment", &self.open_environment),
            ("rate_limit", &self.rate_limit),
            ("user_data", &user_data),
        ];
        for (name, text) in texts {
            if !text.is_empty() {
                settings.insert(name.to_owned(), text.clone());
            }
        }
        if let Some(ms) = self.cache_ms {
            settings.insert("ruleset_cache_ms".to_owned(), ms.to_string());
        }
        settings
    }
}
