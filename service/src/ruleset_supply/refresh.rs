//! One ruleset for many workers that share data: whoever holds the lease asks the sources, and all take what was found.
//!
//! What is shared are a state, in which the lease is taken by comparison, and the ruleset. The ruleset is written before the state that
//! announces it, so whoever reads the state finds it or a later one.

use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use http::HeaderValue;
use jackstaff_core::{SharedRuleset, Timestamp};

use super::load::{Candidate, Origins, load};
use super::source::{Source, Validators};
use super::{Current, Supplied, Supply, pause_ms};
use crate::executor::Task;
use crate::flag_header::Freshness;
use crate::platform::Platform;

/// What the workers share.
pub trait Mirror {
    /// The state and its version; `None` where there is none.
    fn state(&self) -> Option<(Vec<u8>, u32)>;
    /// Sets the state where its version is still this one, or where there is none. Says whether it did.
    fn set_state(&self, state: &[u8], version: Option<u32>) -> bool;
    /// The ruleset, compiled.
    fn ruleset(&self) -> Option<Vec<u8>>;
    /// Puts another ruleset in its place. Says whether it did.
    fn set_ruleset(&self, snapshot: &[u8]) -> bool;
}

/// How a worker comes to its ruleset.
#[derive(Debug)]
pub struct Refresh<P> {
    platform: Rc<P>,
    environment: String,
    sources: Arc<Vec<Source>>,
    poll_ms: i64,
    max_age_ms: Option<i64>,
    /// Tells this worker from the others.
    owner: u64,
    supply: Arc<Supply>,
    current: Option<Current>,
    task: Option<Task<Result<Candidate, String>>>,
    failures: u64,
}

/// What a worker should decide on from now on.
#[derive(Debug)]
pub enum Fresh {
    /// Another ruleset.
    New(Supplied),
    /// The same, or none still.
    Same(Freshness, u64),
    /// None any more: the last good one is older than the configuration allows.
    Expired,
}

/// A lease ends by itself this long after the last source has had its time, in milliseconds: its holder may be gone.
const LEASE_MARGIN_MS: i64 = 2_000;

/// What is known of a ruleset that servers have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shared {
    /// Of what the source gave; 0 where nothing was found yet.
    pub(super) fingerprint: u64,
    /// When a source last had it.
    pub(super) confirmed: i64,
    /// Attempts in vain since.
    pub(super) failures: u32,
    /// When the sources are to be asked again.
    pub(super) next: i64,
    /// Until when somebody is asking them, and who.
    pub(super) lease: i64,
    pub(super) owner: u64,
    pub(super) validators: Validators,
}

impl<P: Platform + 'static> Refresh<P> {
    /// A worker that has `supply` to fill. What it holds already came with the configuration.
    pub fn new(
        platform: Rc<P>,
        environment: String,
        sources: Vec<Source>,
        poll_ms: i64,
        max_age_ms: Option<i64>,
        supply: Arc<Supply>,
    ) -> Self {
        let now = platform.now();
        let current = supply.lock().current.clone();
        let current = current.map(|current| Current { confirmed: Some(now), ..current });
        let owner = platform.random();
        let sources = Arc::new(sources);
        Self { platform, environment, sources, poll_ms, max_age_ms, owner, supply, current, task: None, failures: 0 }
    }

    /// Takes what others found without asking anybody, as a worker does that begins.
    pub fn begin(&mut self, mirror: &impl Mirror) -> Fresh {
        let shared = mirror.state().and_then(|(text, _)| Shared::parse(&text)).unwrap_or_default();
        self.adopt(&shared, mirror)
    }

    /// Goes on: takes what others found, asks the sources where it is time and nobody else does. To be called from time to time, and
    /// when an answer has come.
    pub fn go_on(&mut self, mirror: &impl Mirror) -> Fresh {
        self.settle(mirror);
        let found = mirror.state();
        let version = found.as_ref().map(|(_, version)| *version);
        let shared = found.and_then(|(text, _)| Shared::parse(&text)).unwrap_or_default();
        let fresh = self.adopt(&shared, mirror);
        let now = self.platform.now().0;
        // A clock that went back says nothing about how much time passed.
        let due = now >= shared.next || shared.next.saturating_sub(now) > self.poll_ms;
        if self.task.is_none() && due && (now >= shared.lease || shared.lease.saturating_sub(now) > self.lease_ms()) {
            let lease = Shared { lease: now.saturating_add(self.lease_ms()), owner: self.owner, ..shared };
            if mirror.set_state(&lease.to_text(), version) {
                self.ask(lease);
                // What is there at once is taken at once.
                self.settle(mirror);
            }
        }
        fresh
    }

    /// Ends: asks nobody any more. Says whether that is all; if not, an answer is still to come, which others wait for too. To be called again then.
    pub fn end(&mut self, mirror: &impl Mirror) -> bool {
        self.settle(mirror);
        self.task.is_none()
    }

    /// How often this worker has asked the sources in vain.
    pub const fn failures(&self) -> u64 {
        self.failures
    }

    fn ask(&mut self, shared: Shared) {
        let known = self.current.clone().filter(|current| current.fingerprint == shared.fingerprint);
        let current = known.map(|current| Current { validators: Some(shared.validators), ..current });
        let current = current.or_else(|| self.current.clone());
        let (platform, sources, environment) = (self.platform.clone(), self.sources.clone(), self.environment.clone());
        self.task = Some(Task::new(async move {
            let origins = Origins { environment: &environment, store: false, sources: &sources, cache_ms: 0 };
            load(&*platform, &origins, current.as_ref()).await
        }));
    }

    /// Takes the answer, if it has come.
    fn settle(&mut self, mirror: &impl Mirror) {
        if let Some(task) = &mut self.task
            && let Poll::Ready(outcome) = task.poll()
        {
            self.task = None;
            self.publish(outcome, mirror);
        }
    }

    /// Tells the others what asking came to, unless the lease has ended and somebody else asked.
    fn publish(&mut self, outcome: Result<Candidate, String>, mirror: &impl Mirror) {
        let Some((text, version)) = mirror.state() else { return };
        let Some(mut shared) = Shared::parse(&text).filter(|shared| shared.owner == self.owner) else { return };
        let now = self.platform.now().0;
        match outcome {
            Ok(candidate) => {
                shared.failures = 0;
                shared.confirmed = now;
                if let Candidate::New { ruleset, fingerprint, validators, .. } = candidate {
                    if !mirror.set_ruleset(ruleset.bytes()) {
                        return;
                    }
                    shared.fingerprint = fingerprint;
                    shared.validators = validators.unwrap_or_default();
                }
            }
            Err(failure) => {
                shared.failures = shared.failures.saturating_add(1);
                self.failures = self.failures.saturating_add(1);
                self.platform.log(&format!("ruleset: {failure}"));
            }
        }
        shared.lease = 0;
        shared.next = now.saturating_add(pause_ms(self.poll_ms, shared.failures, self.platform.random()));
        // Where that is refused the lease ends by itself, and somebody asks again.
        mirror.set_state(&shared.to_text(), Some(version));
    }

    fn adopt(&mut self, shared: &Shared, mirror: &impl Mirror) -> Fresh {
        let mut new = false;
        let known = self.current.as_ref().map_or(0, |current| current.fingerprint);
        if shared.fingerprint != 0
            && shared.fingerprint != known
            && let Some(bytes) = mirror.ruleset()
            && let Ok(ruleset) = SharedRuleset::open(bytes)
        {
            let (fingerprint, validators) = (shared.fingerprint, None);
            self.current = Some(Current { ruleset: Arc::new(ruleset), fingerprint, validators, confirmed: None });
            new = true;
        }
        if let Some(current) = &mut self.current
            && shared.fingerprint == current.fingerprint
            && shared.confirmed != 0
        {
            current.confirmed = Some(Timestamp(shared.confirmed));
        }
        let now = self.platform.now();
        let expired = self.max_age_ms.is_some_and(|most| {
            let confirmed = self.current.as_ref().and_then(|current| current.confirmed);
            confirmed.is_some_and(|confirmed| now.0.saturating_sub(confirmed.0) > most)
        });
        let mut state = self.supply.lock();
        let was_expired = state.current.is_none() && self.current.is_some();
        state.current = self.current.clone().filter(|_| !expired);
        state.failure = match (shared.failures, expired) {
            (_, true) => Some("its sources have failed for longer than `refresh.max_age_s` allows".to_owned()),
            (0, false) if self.current.is_some() => None,
            (0, false) => Some("its sources have not answered yet".to_owned()),
            (failures, false) => Some(format!("its sources failed {failures} times in a row; the log says why")),
        };
        if expired {
            return Fresh::Expired;
        }
        match state.supplied(now) {
            Some(supplied) if new || was_expired => Fresh::New(supplied),
            Some(supplied) => Fresh::Same(supplied.freshness, supplied.age),
            None => Fresh::Same(Freshness::None, 0),
        }
    }

    fn lease_ms(&self) -> i64 {
        let limits = self.sources.iter().map(|source| i64::from(source.limit_ms));
        limits.fold(LEASE_MARGIN_MS, i64::saturating_add)
    }
}

impl Shared {
    /// Lines of the text.
    const LINES: usize = 9;

    /// Where the text ends in bytes that begin with it and go on behind a line feed.
    pub(super) fn end(bytes: &[u8]) -> Option<usize> {
        let mut feeds = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at);
        feeds.nth(Self::LINES.saturating_sub(1))
    }

    /// A line for each member.
    pub(super) fn to_text(&self) -> Vec<u8> {
        let Self { fingerprint, confirmed, failures, next, lease, owner, validators } = self;
        let text = |value: &Option<HeaderValue>| {
            value.as_ref().and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
        };
        let (etag, last_modified) = (text(&validators.etag), text(&validators.last_modified));
        format!(
            "{fingerprint}\n{confirmed}\n{failures}\n{next}\n{lease}\n{owner}\n{}\n{etag}\n{last_modified}",
            validators.source
        )
        .into_bytes()
    }

    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let mut lines = std::str::from_utf8(text).ok()?.split('\n');
        let mut line = || lines.next();
        Some(Self {
            fingerprint: line()?.parse().ok()?,
            confirmed: line()?.parse().ok()?,
            failures: line()?.parse().ok()?,
            next: line()?.parse().ok()?,
            lease: line()?.parse().ok()?,
            owner: line()?.parse().ok()?,
            validators: Validators {
                source: line()?.parse().ok()?,
                etag: line().filter(|text| !text.is_empty()).and_then(|text| HeaderValue::from_str(text).ok()),
                last_modified: line().filter(|text| !text.is_empty()).and_then(|text| HeaderValue::from_str(text).ok()),
            },
        })
    }
}

#[cfg(test)]
mod tests;
