//! The settings of a deployment.

use std::fmt;

use jackstaff_core::Value;
use jackstaff_core::source::{FromJson, Misread, Reading, read};

use crate::auth::{Key, KeyKind};
use crate::filter_config::{TestHeader, is_header_name};
use crate::platform::Platform;
use crate::rate_limit::RateLimit;
use crate::ruleset_supply::{MAX_SOURCES, Source};
use crate::user_data::UserDataSettings;

/// The setting that lists the keys, as JSON.
pub const KEYS: &str = "keys";
/// The setting for how long a ruleset is used before the store is asked again, in milliseconds.
pub const RULESET_CACHE_MS: &str = "ruleset_cache_ms";
/// The setting for the test facility, as JSON; absent or empty in production.
pub const TEST: &str = "test";
/// The setting for the environment that OFREP serves to whoever shows no key.
pub const OPEN_ENVIRONMENT: &str = "open_environment";
/// The setting for how many requests a key may make, as JSON.
pub const RATE_LIMIT: &str = "rate_limit";
/// The setting for what is stored about users, as JSON.
pub const USER_DATA: &str = "user_data";

/// The setting for the servers that have rulesets which the store has not, as JSON.
pub const SOURCES: &str = "sources";

/// All settings there are.
pub const SETTINGS: [&str; 7] = [KEYS, RULESET_CACHE_MS, TEST, OPEN_ENVIRONMENT, RATE_LIMIT, USER_DATA, SOURCES];

/// Short enough that a kill switch works, long enough that Akamai's 1,000 reads a second suffice for 10,000 instances.
const DEFAULT_RULESET_CACHE_MS: u64 = 10_000;

/// A day. Longer is a mistake of units.
const MAX_RULESET_CACHE_MS: u64 = 86_400_000;

/// An environment's name is part of a key in the store; Fastly's and Azure's rules for those leave these characters, and this is
/// far below their limits on length.
const MAX_ENVIRONMENT_LENGTH: usize = 100;
const ENVIRONMENT_RULE: &str = "1 to 100 letters, digits, `-`, `_` and `.`, as it is part of a key in the store";

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
    pub test_header: Option<String>,
    /// The environment that OFREP serves to whoever shows no key; none where everybody needs one.
    pub open_environment: Option<String>,
    /// How many requests a key may make; none where there is no limit.
    pub rate_limit: Option<RateLimit>,
    /// What is stored about users.
    pub user_data: UserDataSettings,
    /// Where rulesets are to be had besides the store.
    pub sources: Vec<Source>,
}

/// The texts of the settings. Empty means that nobody set it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings<'s> {
    /// [`KEYS`].
    pub keys: &'s str,
    /// [`RULESET_CACHE_MS`].
    pub ruleset_cache_ms: &'s str,
    /// [`TEST`].
    pub test: &'s str,
    /// [`OPEN_ENVIRONMENT`].
    pub open_environment: &'s str,
    /// [`RATE_LIMIT`].
    pub rate_limit: &'s str,
    /// [`USER_DATA`].
    pub user_data: &'s str,
    /// [`SOURCES`].
    pub sources: &'s str,
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

struct KeyEntry {
    sha256: String,
    kind: KeyKind,
    environment: String,
}

impl Default for KeyEntry {
    fn default() -> Self {
        // A client's key may least.
        Self { sha256: String::new(), kind: KeyKind::Client, environment: String::new() }
    }
}

impl<'v> FromJson<'v> for KeyEntry {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        reading.open_object(value, &mut |of| {
            of.required("sha256", &mut self.sha256);
            of.required("kind", &mut self.kind);
            of.required("environment", &mut self.environment);
        });
    }
}

impl Config {
    /// Reads the settings from the platform.
    ///
    /// # Errors
    /// Where a setting is unusable, or the platform cannot say.
    pub async fn load<P: Platform>(platform: &P) -> Result<Self, ConfigError> {
        let mut texts = SETTINGS.map(|_| String::new());
        // One loop: every place that awaits is code of its own.
        for (setting, text) in SETTINGS.into_iter().zip(&mut texts) {
            if setting == SOURCES && !P::STORES_RULESETS {
                continue;
            }
            match platform.setting(setting).await {
                Ok(found) => *text = found.unwrap_or_default(),
                Err(error) => return Err(ConfigError { setting, message: format!("cannot be read: {error}") }),
            }
        }
        let [keys, ruleset_cache_ms, test, open_environment, rate_limit, user_data, sources] = &texts;
        Self::parse(&Settings { keys, ruleset_cache_ms, test, open_environment, rate_limit, user_data, sources })
    }

    /// Reads the settings from their texts.
    ///
    /// # Errors
    /// Where one of them is unusable.
    pub fn parse(settings: &Settings<'_>) -> Result<Self, ConfigError> {
        let wrong = |setting| move |message| ConfigError { setting, message };
        let open_environment = parse_open(settings.open_environment).map_err(wrong(OPEN_ENVIRONMENT))?;
        let keys = parse_keys(settings.keys, open_environment.is_some()).map_err(wrong(KEYS))?;
        let ruleset_cache_ms = parse_cache_ms(settings.ruleset_cache_ms).map_err(wrong(RULESET_CACHE_MS))?;
        let environments = keys.iter().map(|key| &key.environment).chain(&open_environment);
        let test_header = parse_test(settings.test, environments).map_err(wrong(TEST))?;
        let rate_limit = RateLimit::parse(settings.rate_limit).map_err(wrong(RATE_LIMIT))?;
        let user_data = UserDataSettings::parse(settings.user_data).map_err(wrong(USER_DATA))?;
        let sources = parse_sources(settings.sources).map_err(wrong(SOURCES))?;
        Ok(Self { keys, ruleset_cache_ms, test_header, open_environment, rate_limit, user_data, sources })
    }
}

/// None are needed where everybody may ask.
fn parse_keys(text: &str, open: bool) -> Result<Vec<Key>, String> {
    if text.trim().is_empty() {
        if open {
            return Ok(Vec::new());
        }
        return Err("is missing: set it to a JSON list of the entries that `jackstaff key` prints".to_owned());
    }
    // Only the place of a defect is told: the text of the error could quote from the setting.
    let entries: Vec<KeyEntry> = read(text.as_bytes()).map_err(|misread: Misread| {
        format!(
            "is no JSON list of keys (look at {}): each is {{\"sha256\", \"kind\": \"server\", \"client\", \"mobile\" or \
             \"admin\", \"environment\"}}, as `jackstaff key` prints it",
            misread.path
        )
    })?;
    entries.into_iter().enumerate().map(|(i, entry)| parse_key(i, entry)).collect()
}

fn parse_key(i: usize, entry: KeyEntry) -> Result<Key, String> {
    let KeyEntry { sha256, kind, environment } = entry;
    let Some(digest) = parse_digest(&sha256) else {
        return Err(format!("has a bad $[{i}].sha256: it takes 64 hexadecimal digits, as `jackstaff key` prints them"));
    };
    if !is_environment(&environment) {
        return Err(format!("has a bad $[{i}].environment: {ENVIRONMENT_RULE}"));
    }
    Ok(Key { digest, kind, environment })
}

fn is_environment(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !name.is_empty() && name.len() <= MAX_ENVIRONMENT_LENGTH && name.bytes().all(legal)
}

fn parse_sources(text: &str) -> Result<Vec<Source>, String> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let sources: Vec<Source> = read(text.as_bytes()).map_err(|error| {
        format!(
            "is no such JSON list as [{{\"origin\":\"https://cdn.example.com\",\"authority\":\"cdn.example.com\",\"path\":\"/flags.json\"}}]: {error}"
        )
    })?;
    if sources.len() > MAX_SOURCES {
        return Err(format!("lists {} sources and may list {MAX_SOURCES}", sources.len()));
    }
    for (nth, source) in sources.iter().enumerate() {
        source.check().map_err(|(member, message)| format!("has a bad source: `[{nth}].{member}` {message}"))?;
    }
    Ok(sources)
}

fn parse_open(text: &str) -> Result<Option<String>, String> {
    match text.trim() {
        "" => Ok(None),
        name if is_environment(name) => Ok(Some(name.to_owned())),
        _ => Err(format!("takes the name of an environment: {ENVIRONMENT_RULE}")),
    }
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

fn parse_test<'e>(text: &str, mut environments: impl Iterator<Item = &'e String>) -> Result<Option<String>, String> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let facility: TestHeader =
        read(text.as_bytes()).map_err(|error| format!("takes {{\"header\":\"<name>\"}} or nothing: {error}"))?;
    let header = facility.header.to_ascii_lowercase();
    if !is_header_name(&header) {
        return Err(format!("names the header `{}`, which is no header name", facility.header));
    }
    match environments.find(|environment| !environment.starts_with(TEST_ENVIRONMENT)) {
        Some(environment) => Err(format!(
            "is refused: with it anybody can choose what time it is and which variant they get, and the environment `{environment}` is \
             served here. Remove the setting, or serve only environments whose names start with `{TEST_ENVIRONMENT}`"
        )),
        None => Ok(Some(header)),
    }
}

#[cfg(test)]
mod tests;
