//! What a server gave, kept in the platform's store: an instance that begins has it at once, also while the server is down.
//!
//! Instances live from one request (Fastly) to many. Without this each would ask the servers, and have nothing where they do not answer.

use std::sync::Arc;

use jackstaff_core::{SharedRuleset, Timestamp};

use super::Current;
use super::refresh::Shared;
use crate::platform::Platform;
use crate::store_key;

/// What is kept about `environment`, where it can be read.
pub(super) async fn read(platform: &impl Platform, environment: &str) -> Option<Current> {
    let mut bytes = platform.kv_get(&store_key::kept_ruleset(environment)).await.ok()??;
    let end = Shared::end(&bytes)?;
    let shared = Shared::parse(bytes.get(..end)?)?;
    // Within the memory that it has, which a fresh instance would have to ask for again.
    bytes.drain(..end.saturating_add(1).min(bytes.len()));
    let ruleset = SharedRuleset::open(bytes).ok()?;
    Some(Current {
        ruleset: Arc::new(ruleset),
        fingerprint: shared.fingerprint,
        validators: Some(shared.validators),
        confirmed: Some(Timestamp(shared.confirmed)),
    })
}

/// Keeps what a server has just given or confirmed. Where that fails the next instance asks for itself, so nobody is told.
pub(super) async fn write(platform: &impl Platform, environment: &str, current: &Current) {
    let shared = Shared {
        fingerprint: current.fingerprint,
        confirmed: current.confirmed.map_or(0, |confirmed| confirmed.0),
        validators: current.validators.clone().unwrap_or_default(),
        ..Shared::default()
    };
    let mut bytes = shared.to_text();
    bytes.push(b'\n');
    bytes.extend_from_slice(current.ruleset.bytes());
    let key = store_key::kept_ruleset(environment);
    if let Ok(found) = platform.kv_read(&key, None).await {
        let generation = found.map(|(_, generation)| generation);
        let _ = platform.kv_write(&key, &bytes, generation.as_ref(), None).await;
    }
}
