//! The settings of a deployment.

use std::fmt;

use http::HeaderName;
use serde::Deserialize;

use crate::auth::{Key, KeyKind};
use crate::platform::Platform;

/// The setting that lists the keys, as JSON.
pub const KEYS: &str = "keys";
/// The setting for how long a ruleset is used before the store is asked again, in milliseconds.
pub const RULESET_CACHE_MS: &str = "ruleset_cache_ms";
/// The setting for the test facility, as JSON; absent or empty in production.
pub const TEST: &str = "test";

/// Short enough that a kill switch works, long enough that Akamai's 1,000 reads a second suffice for 10,000 instances.
const DEFAULT_RULESET_CACHE_MS: u64 = 10_000;

/// A day. Longer is a mistake of units.
const MAX_RULESET_CACHE_MS: u64 = 86_400_000;

/// An environment's name is part of a key in the store; Fastly's and Azure's rules for those leave these characters, and this is
/// far below their limits on length.
const MAX_ENVIRONMENT_LENGTH: usize = 100;

/// Environments of tests have names that start so, and only they may use the test facility.
const TEST_ENVIRONMENT: &str = "test";

/// A deployment's settings, read and checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who may ask.
    pub keys: Vec<Key>,
    /// How long a ruleset is used before the store is asked again, in milliseconds; 0 asks for each request.
    pub ruleset_cache_ms: i64,
    /// The header of the test facility, where that is switched on.
    pub test_header: Option<HeaderName>,
}

/// Which setting is wrong, how, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The setting's name.
    pub setting: &'static str,
    /// What is wrong with it and what to do about it. Never holds the setting's text: that may be secret.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the setting `{}` {}", self.setting, self.message)
    }
}

impl std::error::Error for ConfigError {}

#[derive(Deserialize)]
struct KeyEntry {
    sha256: String,
    kind: KeyKind,
    environment: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TestFacility {
    header: String,
}

impl Config {
    /// Reads the settings from the platform.
    ///
    /// # Errors
    /// Where a setting is unusable, or the platform cannot say.
    pub async fn load(platform: &impl Platform) -> Result<Self, ConfigError> {
        let read = async |setting| {
            let text = platform.setting(setting).await;
            text.map_err(|error| ConfigError { setting, message: format!("cannot be read: {error}") })
        };
        Self::parse(
            read(KEYS).await?.as_deref(),
            read(RULESET_CACHE_MS).await?.as_deref(),
            read(TEST).await?.as_deref(),
        )
    }

    /// Reads the settings from their texts.
    ///
    /// # Errors
    /// Where one of them is unusable.
    pub fn parse(keys: Option<&str>, ruleset_cache_ms: Option<&str>, test: Option<&str>) -> Result<Self, ConfigError> {
        let keys = parse_keys(keys.unwrap_or_default()).map_err(|message| ConfigError { setting: KEYS, message })?;
        let ruleset_cache_ms = parse_cache_ms(ruleset_cache_ms.unwrap_or_default())
            .map_err(|message| ConfigError { setting: RULESET_CACHE_MS, message })?;
        let test_header =
            parse_test(test.unwrap_or_default(), &keys).map_err(|message| ConfigError { setting: TEST, message })?;
        Ok(Self { keys, ruleset_cache_ms, test_header })
    }
}

fn parse_keys(text: &str) -> Result<Vec<Key>, String> {
    if text.trim().is_empty() {
        return Err("is missing: set it to a JSON list of the entries that `jackstaff key` prints".to_owned());
    }
    // Only the place of a defect is told: the text of the error could quote from the setting.
    let entries: Vec<KeyEntry> = serde_json::from_str(text).map_err(|error| {
        format!(
            "is no JSON list of keys (line {}, column {}): each is {{\"sha256\", \"kind\": \"server\", \"client\", \"mobile\" or \
             \"admin\", \"environment\"}}, as `jackstaff key` prints it",
            error.line(),
            error.column()
        )
    })?;
    entries.into_iter().enumerate().map(|(i, entry)| parse_key(i, entry)).collect()
}

fn parse_key(i: usize, entry: KeyEntry) -> Result<Key, String> {
    let KeyEntry { sha256, kind, environment } = entry;
    let Some(digest) = parse_digest(&sha256) else {
        return Err(format!("has a bad $[{i}].sha256: it takes 64 hexadecimal digits, as `jackstaff key` prints them"));
    };
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if environment.is_empty() || environment.len() > MAX_ENVIRONMENT_LENGTH || !environment.bytes().all(legal) {
        return Err(format!(
            "has a bad $[{i}].environment: it takes 1 to {MAX_ENVIRONMENT_LENGTH} letters, digits, `-`, `_` and `.`, as it is part \
             of a key in the store"
        ));
    }
    Ok(Key { digest, kind, environment })
}

fn parse_digest(text: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (byte, pair) in digest.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        if !pair.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(digest)
}

fn parse_cache_ms(text: &str) -> Result<i64, String> {
    let ms = match text.trim() {
        "" => DEFAULT_RULESET_CACHE_MS,
        text => text.parse().unwrap_or(u64::MAX),
    };
    if ms > MAX_RULESET_CACHE_MS {
        return Err(format!("takes a whole number of milliseconds from 0 to {MAX_RULESET_CACHE_MS}"));
    }
    i64::try_from(ms).map_err(|error| error.to_string())
}

fn parse_test(text: &str, keys: &[Key]) -> Result<Option<HeaderName>, String> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let facility: TestFacility =
        serde_json::from_str(text).map_err(|error| format!("takes {{\"header\":\"<name>\"}} or nothing: {error}"))?;
    let header = HeaderName::from_bytes(facility.header.as_bytes())
        .map_err(|_| format!("names the header `{}`, which is no header name", facility.header))?;
    match keys.iter().find(|key| !key.environment.starts_with(TEST_ENVIRONMENT)) {
        Some(key) => Err(format!(
            "is refused: with it anybody can choose what time it is and which variant they get, and there is a key for the environment \
             `{}`. Remove the setting, or remove the keys of environments whose names do not start with `{TEST_ENVIRONMENT}`",
            key.environment
        )),
        None => Ok(Some(header)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00fF";

    fn keys(environment: &str) -> String {
        format!(r#"[{{"sha256":"{DIGEST}","kind":"server","environment":"{environment}","note":"x"}}]"#)
    }

    #[test]
    fn reads_keys_and_defaults() {
        let config = Config::parse(Some(&keys("prod")), Some(""), None).unwrap();
        assert_eq!(config.keys.len(), 1);
        assert_eq!(config.keys[0].digest, [[0, 255]; 16].concat()[..]);
        assert_eq!(config.keys[0].environment, "prod");
        assert_eq!(config.ruleset_cache_ms, 10_000);
        assert_eq!(config.test_header, None);
        assert_eq!(Config::parse(Some("[]"), Some("0"), Some("")).unwrap().ruleset_cache_ms, 0);
    }

    #[test]
    fn names_the_setting_that_is_wrong() {
        let error = |keys: Option<&str>, cache, test| Config::parse(keys, cache, test).unwrap_err();
        let good = keys("prod");
        for (keys, part) in [
            (None, "missing"),
            (Some(" "), "missing"),
            (Some("{}"), "no JSON list"),
            (Some(r#"[{"sha256":"secret","kind":"boss","environment":"e"}]"#), "no JSON list"),
            (Some(r#"[{"sha256":"00","kind":"server","environment":"e"}]"#), "$[0].sha256"),
            (Some(&*self::keys("a/b")), "$[0].environment"),
            (Some(&*self::keys("")), "$[0].environment"),
        ] {
            let error = error(keys, None, None);
            assert_eq!(error.setting, KEYS);
            assert!(error.message.contains(part), "{error}");
            assert!(!error.message.contains("secret") && !error.message.contains("boss"), "{error}");
        }
        for cache in ["-1", "ten", "86400001", "1.5"] {
            assert_eq!(error(Some(&good), Some(cache), None).setting, RULESET_CACHE_MS);
        }
        for test in ["x-test", "{}", r#"{"header":"a b"}"#] {
            assert_eq!(error(Some(&keys("test")), None, Some(test)).setting, TEST);
        }
    }

    #[test]
    fn the_test_facility_is_refused_beside_other_keys() {
        let test = Some(r#"{"header":"X-Jackstaff-Test"}"#);
        let config = Config::parse(Some(&keys("test-1")), None, test).unwrap();
        assert_eq!(config.test_header.unwrap(), "x-jackstaff-test");
        let error = Config::parse(Some(&keys("production")), None, test).unwrap_err();
        assert!(error.to_string().contains("the setting `test` is refused"), "{error}");
        assert!(error.message.contains("`production`"), "{error}");
    }
}
