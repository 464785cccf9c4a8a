//! Asking several one after another, without waiting long for the one that is slow.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

/// Work that may fail, with the reason.
pub(super) type Attempt<'a, T> = Pin<Box<dyn Future<Output = Result<T, String>> + 'a>>;

/// What the first of the attempts that succeeds comes to. Each begins when all before it have failed, or when the latest has run for as long
/// as `patience` waits; none is given up before one succeeds.
///
/// # Errors
/// All reasons, where none succeeds.
pub(super) async fn first_good<T, W: Future<Output = ()>>(
    attempts: Vec<Attempt<'_, T>>,
    patience: impl Fn() -> W,
) -> Result<T, String> {
    let mut waiting = attempts.into_iter();
    let mut running: Vec<Attempt<'_, T>> = waiting.next().into_iter().collect();
    let mut reasons: Vec<String> = Vec::new();
    loop {
        let mut limit = pin!(patience());
        let step = poll_fn(|context| {
            let mut at = 0;
            while let Some(attempt) = running.get_mut(at) {
                match attempt.as_mut().poll(context) {
                    Poll::Ready(Ok(output)) => return Poll::Ready(Some(output)),
                    Poll::Ready(Err(reason)) => {
                        reasons.push(reason);
                        drop(running.remove(at));
                    }
                    Poll::Pending => at = at.saturating_add(1),
                }
            }
            if running.is_empty() || (waiting.len() > 0 && limit.as_mut().poll(context).is_ready()) {
                return Poll::Ready(None);
            }
            Poll::Pending
        })
        .await;
        if let Some(output) = step {
            return Ok(output);
        }
        match waiting.next() {
            Some(attempt) => running.push(attempt),
            None if running.is_empty() => return Err(reasons.join("; ")),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::future::{pending, ready};

    use super::*;
    use crate::executor::poll_once;

    fn attempt<'a>(
        log: &'a RefCell<Vec<&'static str>>,
        name: &'static str,
        result: Option<Result<u8, &'static str>>,
    ) -> Attempt<'a, u8> {
        Box::pin(async move {
            log.borrow_mut().push(name);
            match result {
                Some(result) => result.map_err(str::to_owned),
                None => pending().await,
            }
        })
    }

    #[test]
    fn the_next_is_asked_when_one_fails_and_nobody_after_a_success() {
        let log = RefCell::default();
        let attempts =
            vec![attempt(&log, "a", Some(Err("no"))), attempt(&log, "b", Some(Ok(7))), attempt(&log, "c", Some(Ok(8)))];
        assert_eq!(poll_once(first_good(attempts, pending::<()>)).unwrap(), Ok(7));
        assert_eq!(*log.borrow(), ["a", "b"]);
    }

    #[test]
    fn the_next_is_asked_when_one_is_slow() {
        let log = RefCell::default();
        let attempts = || vec![attempt(&log, "a", None), attempt(&log, "b", Some(Ok(7)))];
        assert!(poll_once(first_good(attempts(), pending::<()>)).is_err());
        assert_eq!(*log.borrow(), ["a"]);
        assert_eq!(poll_once(first_good(attempts(), || ready(()))).unwrap(), Ok(7));
    }

    #[test]
    fn all_reasons_are_told() {
        let log = RefCell::default();
        let attempts = vec![attempt(&log, "a", Some(Err("x"))), attempt(&log, "b", Some(Err("y")))];
        assert_eq!(poll_once(first_good(attempts, || ready(()))).unwrap(), Err("x; y".to_owned()));
        assert_eq!(poll_once(first_good(Vec::<Attempt<'_, u8>>::new(), || ready(()))).unwrap(), Err(String::new()));
    }
}
