//! Any bytes as the settings of a deployment, one a line: refused, with the setting's name, or usable.

#![no_main]

use jackstaff_service::config::{Config, Settings};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let settings = Settings {
        keys: line(),
        user_data: line(),
        sources: line(),
        rate_limit: line(),
        ruleset_cache_ms: line(),
        open_environment: line(),
        test: line(),
    };
    match Config::parse(&settings) {
        Ok(config) => {
            assert!(!settings.keys.trim().is_empty() || config.open_environment.is_some());
            // The test facility is for test environments.
            let mut environments = config.keys.iter().map(|key| &key.environment).chain(&config.open_environment);
            assert!(config.test_header.is_none() || environments.all(|name| name.starts_with("test")));
        }
        Err(error) => assert!(!error.setting.is_empty() && !error.message.is_empty()),
    }
});
