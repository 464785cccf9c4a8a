//! What is decided: a configuration, a user, a flag.

use std::env;
use std::path::PathBuf;

use anyhow::{Context as _, Result, anyhow};
use jackstaff_core::{CompileOptions, compile};
use serde_json::Value;

use crate::generate;

/// A user of the large configuration: it falls through to the splits for all users, as most users do.
const USER: &str = r#"{"user_id":"user-4711","email":"ada@example.com","name":"Ada","language":"en","country":"CA","appVersion":"4.2.1",
  "deviceModel":"Pixel 9","customData":{"data-key-1":"gold","data-key-2":"edge","stars":120},"privateCustomData":{"seats":7}}"#;

/// What is decided.
pub struct Subject {
    pub name: String,
    pub config: String,
    pub user: &'static str,
    pub flag: &'static str,
}

impl Subject {
    /// DevCycle's large configuration where it is at hand: it is not ours to publish. Otherwise a generated one of about the same size.
    pub fn choose() -> Result<Self> {
        let shared = env::var_os("JACKSTAFF_SHARED")
            .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")), PathBuf::from);
        let path = shared.join("vectors/devcycle/largeConfig.json");
        if path.is_file() {
            let config = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            return Ok(Self { name: "DevCycle's largeConfig.json".to_owned(), config, user: USER, flag: "v-key-25" });
        }
        eprintln!(
            "peers: DevCycle's largeConfig.json is NOT at {} (set JACKSTAFF_SHARED); a generated configuration stands in, so the figures differ from the design's",
            path.display()
        );
        let name = "generated".to_owned();
        Ok(Self { name, config: generate::config(79), user: generate::USER, flag: "flag-40" })
    }

    /// For people.
    pub fn size(&self) -> String {
        let config: Value = serde_json::from_str(&self.config).unwrap_or_default();
        let count = |name: &str| config[name].as_array().map_or(0, Vec::len);
        format!("{} features, {} variables, {} KB", count("features"), count("variables"), self.config.len() / 1_000)
    }

    /// The snapshot of the configuration.
    pub fn snapshot(&self) -> Result<Vec<u8>> {
        let compiled = compile(self.config.as_bytes(), &CompileOptions::default());
        Ok(compiled.map_err(|errors| anyhow!("the configuration does not compile: {errors:?}"))?.snapshot)
    }
}
