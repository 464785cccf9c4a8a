//! Driving futures on platforms without an executor of their own.

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
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

/// Work that may wait for calls of its platform. The platform polls it each time that one of them is answered.
pub struct Task<T>(Pin<Box<dyn Future<Output = T>>>);

impl<T> Task<T> {
    /// Work that has not begun.
    pub fn new(work: impl Future<Output = T> + 'static) -> Self {
        Self(Box::pin(work))
    }

    /// Goes on as far as it can. Not to be polled again once it was ready.
    pub fn poll(&mut self) -> Poll<T> {
        self.0.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Task")
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

    #[test]
    fn a_task_goes_on_when_polled_again() {
        let mut waited = false;
        let mut task = Task::new(std::future::poll_fn(move |_| {
            if std::mem::replace(&mut waited, true) { Poll::Ready(7) } else { Poll::Pending }
        }));
        assert_eq!(task.poll(), Poll::Pending);
        assert_eq!(task.poll(), Poll::Ready(7));
    }
}
