//! For platforms whose calls block: their futures are ready at the first poll.

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// A future that was to be ready at once was not. On a platform whose calls block nothing would ever wake it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending;

impl fmt::Display for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a call of the platform that should block did not finish")
    }
}

impl std::error::Error for Pending {}

/// Polls `future` once.
///
/// # Errors
/// [`Pending`] where it was not ready.
pub fn poll_once<F: Future>(future: F) -> Result<F::Output, Pending> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Ok(output),
        Poll::Pending => Err(Pending),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ready_comes_back_and_what_is_not_is_an_error() {
        assert_eq!(poll_once(async { 7 }), Ok(7));
        assert_eq!(poll_once(std::future::pending::<u8>()), Err(Pending));
    }
}
