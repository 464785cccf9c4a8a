//! From the store to a ruleset that may be used.

use std::hash::{DefaultHasher, Hasher as _};
use std::sync::Arc;

use jackstaff_core::{CompileOptions, SharedRuleset, compile, is_snapshot};

use super::Current;
use crate::platform::Platform;

/// What the store has.
#[derive(Debug)]
pub(super) enum Candidate {
    /// What is in use already.
    Same,
    /// Something else, which may be used.
    New { ruleset: Arc<SharedRuleset>, fingerprint: u64 },
}

/// Asks the store.
///
/// # Errors
/// Where there is nothing that may replace or confirm `current`: why, and what to do.
pub(super) async fn load(platform: &impl Platform, key: &str, current: Option<&Current>) -> Result<Candidate, String> {
    let bytes = match platform.kv_get(key).await {
        Ok(Some(bytes)) => bytes,
        Ok(None) => {
            return Err(format!("nothing lies under the key `{key}` in the key-value store: publish a ruleset there"));
        }
        Err(error) => return Err(format!("the key-value store cannot be read: {error}")),
    };
    let fingerprint = fingerprint(&bytes);
    if current.is_some_and(|current| current.fingerprint == fingerprint) {
        return Ok(Candidate::Same);
    }
    let ruleset = open(bytes, current.is_some())
        .map_err(|error| format!("what lies under the key `{key}` cannot be used: {error}"))?;
    let (new, old) = (ruleset.get().revision(), current.map_or(0, |current| current.ruleset.get().revision()));
    // Revision 0 is a source that says nothing about its order: whoever put it there wants it.
    if new != 0 && new < old {
        return Err(format!(
            "revision {new} lies under the key `{key}`, older than {old}, which is in use and stays: to go back, compile the older ruleset \
             again with a revision above {old}"
        ));
    }
    Ok(Candidate::New { ruleset: Arc::new(ruleset), fingerprint })
}

/// A snapshot that is to replace a good ruleset is checked to the last bit. The first one of an instance is only opened: requests wait
/// for it, the store keeps its bytes safe, and a snapshot whose lengths are right is safe to read, whatever its contents.
fn open(bytes: Vec<u8>, replaces: bool) -> Result<SharedRuleset, String> {
    if is_snapshot(&bytes) {
        let opened = if replaces { SharedRuleset::verify(bytes) } else { SharedRuleset::open(bytes) };
        return opened.map_err(|error| error.to_string());
    }
    let compiled = compile(&bytes, &CompileOptions::default()).map_err(|diagnostics| {
        diagnostics.first().map_or_else(|| "it does not compile".to_owned(), ToString::to_string)
    })?;
    SharedRuleset::open(compiled.snapshot).map_err(|error| error.to_string())
}

/// Tells what the store has from what it had. Used within an instance only.
fn fingerprint(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}
