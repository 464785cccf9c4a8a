//! From a store or a server to a ruleset that may be used.

use std::hash::{DefaultHasher, Hasher as _};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use jackstaff_core::{CompileOptions, SharedRuleset, Timestamp, compile, is_snapshot};

use super::hedge::{Attempt, first_good};
use super::source::{Fetched, Source, Validators};
use super::{Current, HEDGE_MS, kept};
use crate::platform::Platform;
use crate::store_key;

/// What there is.
#[derive(Debug)]
pub(super) enum Candidate {
    /// What is in use already.
    Same,
    /// Something else, which may be used.
    New { ruleset: Arc<SharedRuleset>, fingerprint: u64, validators: Option<Validators> },
    /// What the store had when it was `confirmed`: not long ago, and so it was asked then.
    Copy(Current),
    /// The last one that a server gave, from the store; and why no server can be asked now, where that was tried.
    Kept(Current, Option<String>),
}

impl Candidate {
    /// The same, as of that time.
    fn confirmed(self, at: Timestamp, current: Option<&Current>) -> Self {
        let current = match self {
            Self::Same => current.cloned(),
            Self::New { ruleset, fingerprint, validators } => {
                Some(Current { ruleset, fingerprint, validators, confirmed: None })
            }
            other => return other,
        };
        current.map_or(Self::Same, |current| Self::Copy(Current { confirmed: Some(at), ..current }))
    }
}

/// Where the ruleset of one environment is to be had, in order of preference.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origins<'o> {
    /// Of which environment; whether the platform's key-value store comes first.
    pub(crate) environment: &'o str,
    pub(crate) store: bool,
    pub(crate) sources: &'o [Source],
    /// What was confirmed within so many milliseconds need not be asked for.
    pub(crate) cache_ms: i64,
}

/// Asks for the ruleset.
///
/// # Errors
/// Where there is nothing that may replace or confirm `current`: why, and what to do.
pub(super) async fn load<P: Platform>(
    platform: &P,
    origins: &Origins<'_>,
    current: Option<&Current>,
) -> Result<Candidate, String> {
    if !P::STORES_RULESETS || !origins.store {
        return from_servers(platform, origins, current).await;
    }
    let key = store_key::ruleset(origins.environment);
    if origins.sources.is_empty() {
        return from_store(platform, key, origins.cache_ms, current).await;
    }
    let attempts: Vec<Attempt<'_, Candidate>> = vec![
        Box::pin(from_store(platform, key, origins.cache_ms, current)),
        Box::pin(from_servers_or_kept(platform, origins, current)),
    ];
    first_good(attempts, || platform.pause(HEDGE_MS)).await
}

/// Asks the servers. An instance that begins looks first at what is kept from the last time that anybody did.
async fn from_servers_or_kept<P: Platform>(
    platform: &P,
    origins: &Origins<'_>,
    current: Option<&Current>,
) -> Result<Candidate, String> {
    let kept = if current.is_none() { kept::read(platform, origins.environment).await } else { None };
    let now = platform.now();
    let confirmed = |kept: &Current| now.0.saturating_sub(kept.confirmed.map_or(0, |confirmed| confirmed.0));
    if let Some(kept) = kept.clone().filter(|kept| (0..origins.cache_ms).contains(&confirmed(kept))) {
        return Ok(Candidate::Kept(kept, None));
    }
    let known = current.cloned().or_else(|| kept.clone());
    match (from_servers(platform, origins, known.as_ref()).await, kept) {
        (Ok(Candidate::Same), kept) => {
            if let Some(current) = known {
                kept::write(platform, origins.environment, &Current { confirmed: Some(now), ..current }).await;
            }
            let confirmed = |kept| Candidate::Kept(Current { confirmed: Some(now), ..kept }, None);
            Ok(kept.map_or(Candidate::Same, confirmed))
        }
        (Ok(Candidate::New { ruleset, fingerprint, validators }), _) => {
            let new = Current { ruleset, fingerprint, validators, confirmed: Some(now) };
            kept::write(platform, origins.environment, &new).await;
            let Current { ruleset, fingerprint, validators, .. } = new;
            Ok(Candidate::New { ruleset, fingerprint, validators })
        }
        (Err(error), Some(kept)) => Ok(Candidate::Kept(kept, Some(error))),
        (other, _) => other,
    }
}

async fn from_servers<P: Platform>(
    platform: &P,
    origins: &Origins<'_>,
    current: Option<&Current>,
) -> Result<Candidate, String> {
    let of_environment =
        |source: &Source| source.environment.as_ref().is_none_or(|environment| environment == origins.environment);
    let attempts: Vec<Attempt<'_, Candidate>> = origins
        .sources
        .iter()
        .enumerate()
        .filter(|(_, source)| of_environment(source))
        .map(|(nth, source)| Box::pin(from_server(platform, nth, source, current)) as Attempt<'_, Candidate>)
        .collect();
    if attempts.is_empty() {
        return Err("no source is for it".to_owned());
    }
    first_good(attempts, || platform.pause(HEDGE_MS)).await
}

/// A copy of what the store had within `cache_ms` will do, unless it cannot be used.
async fn from_store(
    platform: &impl Platform,
    key: String,
    cache_ms: i64,
    current: Option<&Current>,
) -> Result<Candidate, String> {
    let mut found = platform.kv_recent(&key, cache_ms).await;
    if let Ok(Some((copy, age @ 1..))) = &mut found {
        let at = Timestamp(platform.now().0.saturating_sub(*age));
        if let Ok(candidate) = candidate(std::mem::take(copy), None, current) {
            return Ok(candidate.confirmed(at, current));
        }
        found = platform.kv_recent(&key, 0).await;
    }
    let bytes = match found {
        Ok(Some((bytes, _))) => bytes,
        Ok(None) => {
            return Err(format!("nothing lies under the key `{key}` in the key-value store: publish a ruleset there"));
        }
        Err(error) => return Err(format!("the key-value store cannot be read: {error}")),
    };
    candidate(bytes, None, current).map_err(|error| format!("what lies under the key `{key}` cannot be used: {error}"))
}

async fn from_server(
    platform: &impl Platform,
    nth: usize,
    source: &Source,
    current: Option<&Current>,
) -> Result<Candidate, String> {
    let named = |error: String| format!("the source `{}` cannot be used: {error}", source.origin);
    let known = current.and_then(|current| current.validators.as_ref());
    match source.fetch(platform, nth, known).await.map_err(named)? {
        Fetched::Same => Ok(Candidate::Same),
        Fetched::Bytes(bytes, validators) => candidate(bytes.into(), Some(validators), current).map_err(named),
    }
}

/// What is in use stays where this is older.
fn candidate(bytes: Vec<u8>, validators: Option<Validators>, current: Option<&Current>) -> Result<Candidate, String> {
    // A snapshot from the store is compared as it is. Reading all of it for a fingerprint would take a fresh instance longer than to decide.
    let compared = validators.is_none() && is_snapshot(&bytes);
    let fingerprint = if compared { 0 } else { fingerprint(&bytes) };
    let same = |current: &Current| {
        if compared { current.ruleset.bytes() == bytes } else { current.fingerprint == fingerprint }
    };
    if current.is_some_and(same) {
        return Ok(Candidate::Same);
    }
    // A source has no revision of its own; when its server says it was made is one.
    let made = validators.as_ref().and_then(made).unwrap_or(0);
    let ruleset = open(bytes, current.is_some(), made)?;
    let (new, old) = (ruleset.get().revision(), current.map_or(0, |current| current.ruleset.get().revision()));
    // Revision 0 is a source that says nothing about its order: whoever put it there wants it.
    if new != 0 && new < old {
        return Err(format!(
            "it has revision {new}, older than {old}, which is in use and stays: to go back, compile the older ruleset again with a \
             revision above {old}"
        ));
    }
    Ok(Candidate::New { ruleset: Arc::new(ruleset), fingerprint, validators })
}

/// Seconds since 1970.
fn made(validators: &Validators) -> Option<u64> {
    let date = httpdate::parse_http_date(validators.last_modified.as_ref()?.to_str().ok()?).ok()?;
    Some(date.duration_since(UNIX_EPOCH).ok()?.as_secs())
}

/// A snapshot that is to replace a good ruleset is checked to the last bit. The first one of an instance is only opened: requests wait
/// for it, the store keeps its bytes safe, and a snapshot whose lengths are right is safe to read, whatever its contents.
fn open(bytes: Vec<u8>, replaces: bool, revision: u64) -> Result<SharedRuleset, String> {
    if is_snapshot(&bytes) {
        let opened = if replaces { SharedRuleset::verify(bytes) } else { SharedRuleset::open(bytes) };
        return opened.map_err(|error| error.to_string());
    }
    let options = CompileOptions { revision, ..CompileOptions::default() };
    let compiled = compile(&bytes, &options).map_err(|diagnostics| {
        diagnostics.first().map_or_else(|| "it does not compile".to_owned(), ToString::to_string)
    })?;
    SharedRuleset::open(compiled.snapshot).map_err(|error| error.to_string())
}

/// Tells what there is from what there was, across the instances of one build. Zero is nobody's but by chance: it stands for none.
pub(super) fn fingerprint(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}
