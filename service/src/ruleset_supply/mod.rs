//! Which ruleset to use now: the one from the store or from another server, looked at again from time to time.
//!
//! The last good ruleset is kept when its sources fail, when what they have is broken, and when it is older than what is in use. One request
//! asks while the others go on with what there is.

mod hedge;
mod kept;
mod load;
mod refresh;
mod source;
mod turn;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use jackstaff_core::{SharedRuleset, Timestamp};

use crate::flag_header::Freshness;
use crate::platform::Platform;
use load::{Candidate, load};
use source::Validators;
use turn::Turn;

pub(crate) use self::load::Origins;
pub use self::refresh::{Fresh, Mirror, Refresh};
pub use self::source::{MAX_SOURCES, Source};

/// After the first failure the sources are asked again this soon, in milliseconds, or as soon as the cache time has it; the time doubles
/// from failure to failure. One instance does not burden a store in trouble, and recovers soon.
const RETRY_MS: i64 = 1_000;

/// For so long, in milliseconds, a source is waited for before the next one is asked as well.
const HEDGE_MS: u32 = 1_000;

/// When the sources are asked again after `failures` in a row, in milliseconds, where they are asked every `cache_ms` else. `random` takes
/// up to an eighth off, so that instances which began together do not ask together.
fn pause_ms(cache_ms: i64, failures: u32, random: u64) -> i64 {
    let doubled = RETRY_MS.saturating_mul(1_i64.checked_shl(failures.saturating_sub(1).min(16)).unwrap_or(i64::MAX));
    let pause = if failures == 0 { cache_ms } else { cache_ms.min(doubled) };
    let eighth = u64::try_from(pause / 8).unwrap_or(0).saturating_add(1);
    pause.saturating_sub(i64::try_from(random.checked_rem(eighth).unwrap_or(0)).unwrap_or(0))
}

/// A ruleset to decide on.
#[derive(Clone, Debug)]
pub struct Supplied {
    /// The ruleset.
    pub ruleset: Arc<SharedRuleset>,
    /// [`Freshness::Stale`] where the store, when last asked, had nothing that could replace or confirm it.
    pub freshness: Freshness,
    /// Seconds since the store last had exactly this ruleset.
    pub age: u64,
}

/// There is no ruleset for an environment and there never was one, here: why, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsupplied(pub String);

impl fmt::Display for Unsupplied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unsupplied {}

/// The ruleset of one environment.
#[derive(Debug, Default)]
pub struct Supply {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    current: Option<Current>,
    /// When the sources were last asked.
    asked: Option<Timestamp>,
    /// Why they were asked in vain, the last time.
    failure: Option<String>,
    /// How often they were, in a row.
    failures: u32,
    /// Drawn anew each time that they are asked.
    random: u64,
    /// A request is asking the sources.
    busy: bool,
    /// Requests that wait for the first ruleset.
    waiting: Vec<Waker>,
}

#[derive(Clone, Debug)]
struct Current {
    ruleset: Arc<SharedRuleset>,
    /// Of the bytes in the store, or from the server. Zero where it is a snapshot of the store: that can be compared itself.
    fingerprint: u64,
    /// What the server said of them.
    validators: Option<Validators>,
    /// When its source last had it; for ever where it came with the settings.
    confirmed: Option<Timestamp>,
}

impl Supply {
    /// Holds a ruleset that came with the settings: there is nothing that it could lag behind.
    #[must_use]
    pub fn given(ruleset: Arc<SharedRuleset>) -> Self {
        let current = Some(Current { ruleset, fingerprint: 0, validators: None, confirmed: None });
        Self { state: Mutex::new(State { current, ..State::default() }) }
    }

    /// The ruleset at hand, without asking anybody.
    ///
    /// # Errors
    /// Where there is none.
    pub fn current(&self, now: Timestamp) -> Result<Supplied, Unsupplied> {
        let state = self.lock();
        state.supplied(now).ok_or_else(|| {
            Unsupplied(state.failure.clone().unwrap_or_else(|| "none is configured, and none has arrived".to_owned()))
        })
    }

    /// The ruleset from `origins`: the one at hand where, `now`, they were asked within `cache_ms`, else the one that they have, else the last
    /// good one.
    ///
    /// # Errors
    /// Where none was ever loaded, with the reason of the last attempt.
    pub(crate) async fn get(
        &self,
        platform: &impl Platform,
        origins: &Origins<'_>,
        cache_ms: i64,
        mut now: Timestamp,
    ) -> Result<Supplied, Unsupplied> {
        loop {
            match self.turn(now, cache_ms) {
                Turn::Use(supplied) => return Ok(supplied),
                Turn::Ask { lease, current } => {
                    let outcome = load(platform, origins, current.as_ref()).await;
                    if let Err(failure) = &outcome {
                        platform.log(&format!("ruleset of `{}`: {failure}", origins.environment));
                    }
                    return lease.finish(outcome, platform.now(), platform.random());
                }
                Turn::Wait(other) => {
                    other.await;
                    match self.after_waiting(now) {
                        Some(result) => return result,
                        // The request that asked was itself abandoned: somebody else must ask.
                        None => now = platform.now(),
                    }
                }
            }
        }
    }

    fn turn(&self, now: Timestamp, cache_ms: i64) -> Turn<'_> {
        let mut state = self.lock();
        if state.busy {
            return match state.supplied(now) {
                Some(supplied) => Turn::Use(supplied),
                None => Turn::wait(self),
            };
        }
        if let (Some(asked), Some(supplied)) = (state.asked, state.supplied(now)) {
            let wait = pause_ms(cache_ms, state.failures, state.random);
            let passed = now.0.saturating_sub(asked.0);
            // A clock that went back says nothing about how much time passed.
            if (0..wait).contains(&passed) {
                return Turn::Use(supplied);
            }
        }
        state.busy = true;
        let current = state.current.clone();
        Turn::ask(self, current)
    }

    fn after_waiting(&self, now: Timestamp) -> Option<Result<Supplied, Unsupplied>> {
        let state = self.lock();
        match (state.supplied(now), &state.failure) {
            (Some(supplied), _) => Some(Ok(supplied)),
            (None, Some(failure)) => Some(Err(Unsupplied(failure.clone()))),
            (None, None) => None,
        }
    }

    fn finish(&self, outcome: Result<Candidate, String>, now: Timestamp, random: u64) -> Result<Supplied, Unsupplied> {
        let mut state = self.lock();
        state.asked = Some(now);
        state.random = random;
        match outcome {
            Ok(candidate) => {
                state.failure = None;
                state.failures = 0;
                match candidate {
                    Candidate::Same => {
                        if let Some(current) = &mut state.current {
                            current.confirmed = Some(now);
                        }
                    }
                    Candidate::Copy(copy) => {
                        state.asked = copy.confirmed;
                        state.current = Some(copy);
                    }
                    Candidate::Kept(kept, failure) => {
                        state.failures = u32::from(failure.is_some());
                        state.failure = failure;
                        state.current = Some(kept);
                    }
                    Candidate::New { ruleset, fingerprint, validators } => {
                        state.current = Some(Current { ruleset, fingerprint, validators, confirmed: Some(now) });
                    }
                }
            }
            Err(failure) => {
                state.failure = Some(failure);
                state.failures = state.failures.saturating_add(1);
            }
        }
        state.supplied(now).ok_or_else(|| Unsupplied(state.failure.clone().unwrap_or_default()))
    }

    /// No code that can panic runs while the state is locked, and the lock is never held across an await.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn supplied(&self, now: Timestamp) -> Option<Supplied> {
        let current = self.current.as_ref()?;
        let age = current.confirmed.map_or(0, |confirmed| now.0.saturating_sub(confirmed.0).max(0) / 1_000);
        Some(Supplied {
            ruleset: current.ruleset.clone(),
            freshness: if self.failure.is_none() { Freshness::Fresh } else { Freshness::Stale },
            age: u64::try_from(age).unwrap_or(0),
        })
    }
}

#[cfg(test)]
mod tests;
