//! What is stored about users: told once, used for every later decision.
//!
//! Each user has one document under one key, so a decision reads once. A change is a JSON Merge Patch, written back only if nobody else
//! wrote meanwhile, and tried again if somebody did. What cannot be read as a document is never overwritten: a change moves it aside.
//! Why it is one document: `docs/decisions/0003-one-document-per-user.md`.

mod change;
mod copy;
mod document;
mod merge;
mod remote;
mod settings;

use std::fmt;

use jackstaff_core::{Context, Dialect};

pub use self::change::{ChangeError, Changed, change, erase, fetch, remember};
pub(crate) use self::document::Custom;
pub use self::document::{Corrupt, Document, MAX_DOCUMENT_BYTES, MAX_STORED_ATTRIBUTES, Patch, TooLarge};
pub use self::remote::Remote;
pub use self::settings::UserDataSettings;
use crate::platform::{Platform, ReadError};
use crate::store_key;

/// When the user was last seen. It changes with every request, so it is stored only along with something else.
pub(crate) const LAST_SEEN: &str = "lastSeenDate";

/// Whose document, and how it may be read.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'s> {
    /// The deployment's settings.
    pub settings: &'s UserDataSettings,
    /// The environment of the key that asks.
    pub environment: &'s str,
    /// The user's id.
    pub id: &'s str,
}

impl Subject<'_> {
    fn key(&self) -> String {
        store_key::user(self.settings.namespace(self.environment), self.id)
    }

    fn key_aside(&self) -> String {
        store_key::user_aside(self.settings.namespace(self.environment), self.id)
    }

    fn key_cached<P: Platform>(&self) -> String {
        store_key::user_cached(self.settings.namespace(self.environment), self.id, P::STORE_FORGETS)
    }
}

/// What a decision learnt from the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The user's stored attributes.
    Found,
    /// Nothing is stored about the user.
    Nothing,
    /// The store did not answer in time.
    Late,
    /// The store failed.
    Failed,
    /// What is stored cannot be read.
    Corrupt,
}

impl Outcome {
    /// As the status header and a decision's metadata say it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Nothing => "none",
            Self::Late => "late",
            Self::Failed => "failed",
            Self::Corrupt => "corrupt",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A user's document as a decision read it.
#[derive(Debug)]
pub struct Recalled<G> {
    /// Whether it could be read.
    pub outcome: Outcome,
    bytes: Vec<u8>,
    generation: Option<G>,
}

/// Reads what is stored about the user: once, and no longer than the settings say. Never fails: a decision goes on without. Where
/// another Jackstaff keeps it, that one is asked if the store has no copy.
pub async fn recall<P: Platform>(platform: &P, subject: &Subject<'_>) -> Recalled<P::Generation> {
    if let Some(remote) = &subject.settings.remote {
        return remote.recall(platform, subject).await;
    }
    match platform.kv_read(&subject.key(), Some(subject.settings.read_limit_ms)).await {
        Ok(None) => Recalled::without(Outcome::Nothing),
        Ok(Some((bytes, generation))) => Recalled::of(bytes, Some(generation), platform),
        Err(ReadError::Late) => Recalled::without(Outcome::Late),
        Err(ReadError::Failed(error)) => {
            platform.log(&format!("user data: the key-value store cannot be read: {error}"));
            Recalled::without(Outcome::Failed)
        }
    }
}

impl<G> Recalled<G> {
    const fn without(outcome: Outcome) -> Self {
        Self { outcome, bytes: Vec::new(), generation: None }
    }

    /// A document as it lies in the store.
    fn of(bytes: Vec<u8>, generation: Option<G>, platform: &impl Platform) -> Self {
        let outcome = match Document::parse(&bytes) {
            Err(Corrupt) => {
                // Without the user's id, which may be an address.
                platform.log("user data: a stored document cannot be read; the decision was made without it");
                Outcome::Corrupt
            }
            Ok(document) if document.is_expired(platform.now()) || document.is_empty() => Outcome::Nothing,
            Ok(_) => Outcome::Found,
        };
        Self { outcome, bytes, generation }
    }

    /// For whoever only decides: what a change would need is left out.
    #[must_use]
    pub fn for_reading(self) -> Recalled<()> {
        Recalled { outcome: self.outcome, bytes: self.bytes, generation: None }
    }

    /// Adds what is stored to `context` for rulesets of `dialect`, under what the request says itself.
    pub fn merge_under<'r>(&'r self, context: &mut Context<'r>, dialect: Dialect) {
        if self.outcome == Outcome::Found
            && let Ok(document) = Document::parse(&self.bytes)
        {
            document.merge_under(context, dialect);
        }
    }
}

#[cfg(test)]
mod tests;
