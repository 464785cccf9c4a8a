//! Changing what is stored: read, patch, write back if nobody else wrote meanwhile, and again if somebody did.

use std::fmt;

use http::StatusCode;
use jackstaff_core::Timestamp;

use super::document::{Corrupt, Document, Patch, TooLarge};
use super::remote::{CHANGE_BESIDE_LIMIT_MS, CHANGE_LIMIT_MS};
use super::{Outcome, Recalled, Subject};
use crate::platform::{Found, Platform, PlatformError, ReadError, Written};

/// How often a change is tried. A hundred that change one user at once all get through (`tests.rs`).
const MAX_TRIES: u32 = 60;

/// A decision that also stores waits for fewer: the user waits with it.
const MAX_TRIES_OF_A_DECISION: u32 = 4;

/// The longest of the first waits before another try, in milliseconds; each is random, and the longest doubles from try to try.
const FIRST_PAUSE_MS: u32 = 4;

/// As long as a wait gets. Sixty of them end within the ten seconds that SDKs wait.
const MAX_PAUSE_MS: u32 = 128;

/// As long as operators' tools wait.
const REMOTE_LIMIT_MS: u32 = 10_000;

/// What a change came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// It is stored.
    Stored,
    /// It says what was stored already; nothing was written.
    Already,
}

/// Why a change was not stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeError {
    /// The document would be beyond a limit.
    TooLarge(TooLarge),
    /// Others changed the same user each time; how often it was tried.
    Contended(u32),
    /// The store failed.
    Store(String),
    /// The Jackstaff that keeps the data refuses the change: its status and what it says.
    Refused(StatusCode, String),
    /// What is stored cannot be read, and something else that cannot lies aside already.
    CorruptTwice,
}

impl fmt::Display for ChangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(error) => error.fmt(f),
            Self::Contended(tries) => {
                write!(f, "the user is being changed by many at once: nothing was stored in {tries} tries; send it again")
            }
            Self::Store(error) => write!(f, "nothing is known to be stored: {error}; send it again"),
            Self::Refused(_, said) => f.write_str(said),
            Self::CorruptTwice => f.write_str(
                "what is stored about the user cannot be read, and neither can what was moved aside before: nothing was stored; have an \
                 operator look at both, or erase the user with DELETE",
            ),
        }
    }
}

impl std::error::Error for ChangeError {}

impl From<PlatformError> for ChangeError {
    fn from(error: PlatformError) -> Self {
        Self::Store(error.to_string())
    }
}

impl From<ReadError> for ChangeError {
    fn from(error: ReadError) -> Self {
        Self::Store(error.to_string())
    }
}

/// Applies `patch` to what is stored about the user.
///
/// # Errors
/// Where it is not known to be stored.
pub async fn change<P: Platform>(
    platform: &P,
    subject: &Subject<'_>,
    patch: &Patch<'_>,
) -> Result<Changed, ChangeError> {
    patch.check().map_err(ChangeError::TooLarge)?;
    if let Some(remote) = &subject.settings.remote {
        return remote.change(platform, subject, patch, CHANGE_LIMIT_MS).await;
    }
    let found = platform.kv_read(&subject.key(), None).await?;
    attempts(platform, subject, patch, found, MAX_TRIES).await
}

/// Stores what a decision's request said about the user, on top of what it read. Where nothing could be read nothing is written.
///
/// # Errors
/// Where it is not known to be stored.
pub async fn remember<P: Platform>(
    platform: &P,
    subject: &Subject<'_>,
    patch: &Patch<'_>,
    recalled: &Recalled<P::Generation>,
) -> Result<Changed, ChangeError> {
    // So a call that says nothing does not move a document aside either.
    if patch.says_nothing() {
        return Ok(Changed::Already);
    }
    if matches!(recalled.outcome, Outcome::Late | Outcome::Failed) {
        return Err(ChangeError::Store("what is stored could not be read".to_owned()));
    }
    patch.check().map_err(ChangeError::TooLarge)?;
    if let Some(remote) = &subject.settings.remote {
        let known = Document::parse(&recalled.bytes).is_ok_and(|mut document| !document.apply(patch.clone()));
        if known {
            return Ok(Changed::Already);
        }
        return remote.change(platform, subject, patch, CHANGE_BESIDE_LIMIT_MS).await;
    }
    let found = recalled.generation.clone().map(|generation| (recalled.bytes.clone(), generation));
    attempts(platform, subject, patch, found, MAX_TRIES_OF_A_DECISION).await
}

async fn attempts<P: Platform>(
    platform: &P,
    subject: &Subject<'_>,
    patch: &Patch<'_>,
    mut found: Found<P::Generation>,
    tries: u32,
) -> Result<Changed, ChangeError> {
    let key = subject.key();
    for attempt in 0..tries {
        if attempt > 0 {
            platform.pause(pause_ms(attempt, platform.random())).await;
            found = platform.kv_read(&key, None).await?;
        }
        let now = platform.now();
        let text = match &found {
            Some((bytes, _)) => match Document::parse(bytes) {
                Ok(document) if document.is_expired(now) => patched(Document::default(), patch, subject, now)?,
                Ok(document) => patched(document, patch, subject, now)?,
                Err(Corrupt) => {
                    if !keep_aside(platform, subject, bytes).await? {
                        continue;
                    }
                    patched(Document::default(), patch, subject, now)?.or_else(|| Document::default().to_json().ok())
                }
            },
            None => patched(Document::default(), patch, subject, now)?,
        };
        let Some(text) = text else { return Ok(Changed::Already) };
        let expected = found.as_ref().map(|(_, generation)| generation);
        let lifetime_s = subject.settings.lifetime_ms.and_then(|ms| u64::try_from(ms / 1_000).ok());
        match platform.kv_write(&key, text.as_bytes(), expected, lifetime_s).await? {
            Written::Stored => return Ok(Changed::Stored),
            Written::Conflict => {}
        }
    }
    Err(ChangeError::Contended(tries))
}

/// The text of `document` with `patch` applied; `None` where that changes nothing.
fn patched<'a>(
    mut document: Document<'a>,
    patch: &Patch<'a>,
    subject: &Subject<'_>,
    now: Timestamp,
) -> Result<Option<String>, ChangeError> {
    if !document.apply(patch.clone()) {
        return Ok(None);
    }
    document.expires = subject.settings.lifetime_ms.map(|ms| Timestamp(now.0.saturating_add(ms)));
    document.to_json().map(Some).map_err(ChangeError::TooLarge)
}

/// Keeps what cannot be read where nobody overwrites it. False where somebody else is about to, so that it is to be tried again.
async fn keep_aside<P: Platform>(platform: &P, subject: &Subject<'_>, bytes: &[u8]) -> Result<bool, ChangeError> {
    let key = subject.key_aside();
    platform.log("user data: a stored document cannot be read; it is moved to a key that begins with `user-aside:`");
    match platform.kv_write(&key, bytes, None, None).await? {
        Written::Stored => Ok(true),
        Written::Conflict => match platform.kv_read(&key, None).await? {
            None => Ok(false),
            Some((kept, _)) if kept == bytes => Ok(true),
            Some(_) => Err(ChangeError::CorruptTwice),
        },
    }
}

/// Full jitter: those that met wait for different times.
fn pause_ms(attempt: u32, random: u64) -> u32 {
    let doublings = attempt.saturating_sub(1).min(16);
    let longest = FIRST_PAUSE_MS.saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX)).min(MAX_PAUSE_MS);
    u32::try_from(random.checked_rem(u64::from(longest).saturating_add(1)).unwrap_or(0)).unwrap_or(0)
}

/// What is stored about the user, as DevCycle's API writes one; `None` where that is nothing.
///
/// # Errors
/// Where the store does not say, or has something that cannot be read.
pub async fn fetch<P: Platform>(platform: &P, subject: &Subject<'_>) -> Result<Option<String>, String> {
    let bytes = match &subject.settings.remote {
        Some(remote) => remote
            .read(platform, subject, REMOTE_LIMIT_MS, None)
            .await
            .map(|answer| Some(answer.text.into_bytes()))
            .map_err(|error| format!("what is stored about the user cannot be had: {error}"))?,
        None => {
            let found = platform.kv_read(&subject.key(), None).await.map_err(|error| error.to_string())?;
            found.map(|(bytes, _)| bytes)
        }
    };
    let Some(bytes) = bytes else { return Ok(None) };
    match Document::parse(&bytes) {
        Ok(document) if document.is_expired(platform.now()) || document.is_empty() => Ok(None),
        Ok(document) => Ok(Some(document.to_user(subject.id))),
        Err(Corrupt) => Err(
            "what is stored about the user cannot be read: the next PATCH moves it aside and begins anew, and DELETE erases it".to_owned(),
        ),
    }
}

/// Erases all that is stored about the user, also what was kept aside.
///
/// # Errors
/// Where the store failed: something may still lie there.
pub async fn erase<P: Platform>(platform: &P, subject: &Subject<'_>) -> Result<(), ChangeError> {
    if let Some(remote) = &subject.settings.remote {
        return remote.erase(platform, subject).await;
    }
    platform.kv_delete(&subject.key_aside()).await?;
    Ok(platform.kv_delete(&subject.key()).await?)
}
