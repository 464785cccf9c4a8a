//! Whose turn it is to ask the store.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use jackstaff_core::Timestamp;

use super::load::Candidate;
use super::{Current, Supplied, Supply, Unsupplied};

/// What a request does about its ruleset.
pub(super) enum Turn<'s> {
    /// It goes on with the one at hand.
    Use(Supplied),
    /// It asks the store.
    Ask {
        lease: Lease<'s>,
        /// What is in use meanwhile.
        current: Option<Current>,
    },
    /// It waits for another request that asks: there is nothing to go on with.
    Wait(Waiting<'s>),
}

impl<'s> Turn<'s> {
    pub(super) fn ask(supply: &'s Supply, current: Option<Current>) -> Self {
        Self::Ask { lease: Lease(supply), current }
    }

    pub(super) fn wait(supply: &'s Supply) -> Self {
        Self::Wait(Waiting(supply))
    }
}

/// The right to ask the store, which only one request has at a time. It ends when dropped, also when the request is abandoned.
pub(super) struct Lease<'s>(&'s Supply);

impl Lease<'_> {
    pub(super) fn finish(
        self,
        outcome: Result<Candidate, String>,
        now: Timestamp,
        random: u64,
    ) -> Result<Supplied, Unsupplied> {
        self.0.finish(outcome, now, random)
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let waiting = {
            let mut state = self.0.lock();
            state.busy = false;
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(std::task::Waker::wake);
    }
}

/// Ends when nobody asks the store any more.
pub(super) struct Waiting<'s>(&'s Supply);

impl Future for Waiting<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.lock();
        if !state.busy {
            return Poll::Ready(());
        }
        state.waiting.push(context.waker().clone());
        Poll::Pending
    }
}
