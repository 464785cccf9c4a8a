//! The form of a case.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

use super::not_played::NotPlayed;
use crate::deploy::{Host, KeeperState, StoreState};

/// One case: a deployment and a sequence of requests.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The folder's name.
    #[serde(skip)]
    pub name: String,
    #[serde(skip)]
    pub(super) folder: PathBuf,
    /// What it shows, in a sentence.
    pub about: String,
    /// Why hosts do not play it: from `not-played.json`.
    #[serde(skip)]
    not_played: BTreeMap<Host, String>,
    /// RFC 3339; hosts whose clock is set start with it.
    #[serde(default)]
    pub(super) now: Option<String>,
    /// Played through the filter with this plugin configuration, in which `"ruleset": "@file"` stands for a file of the folder.
    #[serde(default)]
    pub(super) filter: Option<FilterCase>,
    /// Played over the HTTP API.
    #[serde(default)]
    pub(super) api: Option<ApiCase>,
    pub(super) requests: Vec<Exchange>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FilterCase {
    pub plugin: Value,
    /// The host must refuse the configuration, and these words must be in its log.
    #[serde(default)]
    pub refused: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ApiCase {
    /// `"@file"` by environment.
    #[serde(default)]
    pub rulesets: BTreeMap<String, String>,
    #[serde(default)]
    pub keys: Vec<KeyEntry>,
    #[serde(default)]
    pub test: Option<Value>,
    /// The environment that is served to whoever shows no key.
    #[serde(default)]
    pub open_environment: String,
    /// How many requests a key may make.
    #[serde(default)]
    pub rate_limit: Option<Value>,
    /// The `user_data` setting.
    #[serde(default)]
    pub user_data: Option<Value>,
    /// Members of `user_data.remote`: another Jackstaff keeps the user data. The host knows which.
    #[serde(default)]
    pub remote: Option<Value>,
    /// What else lies in the store at the start: texts by key.
    #[serde(default)]
    pub stored: BTreeMap<String, String>,
    /// There is no store.
    #[serde(default)]
    pub no_store: bool,
    /// The filter looks at its settings when it gets them, and must refuse these, with these words in its log. The others answer as
    /// the requests expect.
    #[serde(default)]
    pub refused: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyEntry {
    pub key: String,
    pub kind: String,
    pub environment: String,
}

/// A request and what must come of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Exchange {
    /// Why this request.
    #[serde(default)]
    pub about: String,
    #[serde(default)]
    pub method: String,
    #[serde(default)]
    pub target: String,
    /// Names and values. A character stands for the byte of its number (ISO 8859-1), so that any bytes can be written; `${name}` is what
    /// an earlier exchange saved, and
    /// `${TEXT*N}`, in the target and the body too, N times TEXT.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// How the store behaves from this request on. Hosts that cannot do so are to be in `not-played.json`.
    #[serde(default)]
    pub store: Option<StoreState>,
    /// Seconds by which the clock is set forward before this request, on hosts whose clock is set.
    #[serde(default)]
    pub advance_s: u64,
    /// The key of a document that is damaged before this request: its first character is lost.
    #[serde(default)]
    pub damage: Option<String>,
    /// How the Jackstaff that keeps the user data behaves from this request on.
    #[serde(default)]
    pub keeper: Option<KeeperState>,
    /// The key of a document that is damaged in the keeper's store before this request.
    #[serde(default)]
    pub damage_keeper: Option<String>,
    /// Milliseconds to wait before this request.
    #[serde(default)]
    pub wait_ms: u64,
    /// Sent as UTF-8; anything but a string as JSON.
    #[serde(default)]
    pub body: Option<Value>,
    /// Sent instead: so many bytes of `x`.
    #[serde(default)]
    pub body_bytes: Option<usize>,
    pub expect: Expectation,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expectation {
    #[serde(default)]
    pub status: Option<u16>,
    /// Headers that the application sees (filter).
    #[serde(default)]
    pub upstream: BTreeMap<String, Match>,
    /// Headers that the client sees.
    #[serde(default)]
    pub headers: BTreeMap<String, Match>,
    /// JSON, compared by value.
    #[serde(default)]
    pub json: Option<Value>,
    /// The text itself.
    #[serde(default)]
    pub body: Option<Match>,
    /// What lies in the store afterwards, by key: a text, or JSON compared by value; `null` for nothing. Not looked at on hosts whose store is
    /// closed to tests.
    #[serde(default)]
    pub stored: BTreeMap<String, Value>,
    /// How often the Jackstaff that keeps the user data is asked meanwhile.
    #[serde(default)]
    pub asked: Option<u64>,
    /// Saved from the client's headers for later exchanges: name → header and a pattern with one group.
    #[serde(default)]
    pub save: BTreeMap<String, Save>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Save {
    pub header: String,
    pub pattern: String,
}

/// What a value must be.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Match {
    /// Exactly this, once.
    Exactly(String),
    /// Exactly these, in any order.
    Each(Vec<String>),
    /// Something that the regular expression describes, as a whole.
    Pattern { pattern: String },
    /// Nothing: `null`.
    Absent,
}

impl Case {
    /// Why `host` does not play it; nothing where it does.
    #[must_use]
    pub fn not_played_on(&self, host: Host) -> Option<&str> {
        self.not_played.get(&host).map(String::as_str)
    }

    /// Whether it is about the HTTP API, which all hosts serve.
    #[must_use]
    pub const fn has_api(&self) -> bool {
        self.api.is_some()
    }

    fn load(folder: &Path, reasons: &mut NotPlayed) -> Result<Self> {
        let path = folder.join("case.json");
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut case: Self = serde_json::from_str(&text).with_context(|| format!("{}", path.display()))?;
        ensure!(
            case.filter.is_some() || case.api.is_some(),
            "{} deploys nothing: give it `filter` or `api`",
            path.display()
        );
        case.name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        case.folder = folder.to_owned();
        case.not_played = reasons.of(&case.name, case.api.is_none());
        Ok(case)
    }

    /// The bytes of the file that `"@file"` names, from the folder or the one above it.
    pub(super) fn file(&self, reference: &str) -> Result<Vec<u8>> {
        let name =
            reference.strip_prefix('@').with_context(|| format!("`{reference}` names no file: write \"@file\""))?;
        let path = self.folder.join(name);
        std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
    }
}

/// All cases, in the order of their names.
///
/// # Errors
/// When a folder holds no readable case, or `not-played.json` names one that is not there.
pub fn load_all() -> Result<Vec<Case>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(&folder)
        .with_context(|| format!("cannot read {}", folder.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    let mut reasons = NotPlayed::read(&folder.join("not-played.json"))?;
    let cases = folders.iter().map(|folder| Case::load(folder, &mut reasons)).collect::<Result<_>>()?;
    reasons.end()?;
    Ok(cases)
}
