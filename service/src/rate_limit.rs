//! How many requests a key may make in one instance: off unless the operator sets it.
//!
//! Each instance counts for itself, so the limit protects an instance from one caller. It is no quota for a whole deployment, and
//! counts nothing where every request gets a fresh instance.

use std::sync::{Mutex, PoisonError};

use jackstaff_core::source::{FromJson, Reading, read};
use jackstaff_core::{Timestamp, Value};

/// A day: a longer window outlives every instance.
const MAX_SECONDS: u32 = 86_400;

/// So many requests in so many seconds, all at once or spread over them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize), serde(deny_unknown_fields))]
pub struct RateLimit {
    /// How many; 0 refuses all.
    pub requests: u32,
    /// In how many seconds.
    pub seconds: u32,
}

impl<'v> FromJson<'v> for RateLimit {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        reading.object(value, &mut |of| {
            of.required("requests", &mut self.requests);
            of.required("seconds", &mut self.seconds);
        });
    }
}

impl RateLimit {
    /// Reads `{"requests": 100, "seconds": 1}`; nothing where there is no text.
    ///
    /// # Errors
    /// What the setting takes, where it is something else.
    pub(crate) fn parse(text: &str) -> Result<Option<Self>, String> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        match read::<Self>(text.as_bytes()) {
            Ok(limit) if (1..=MAX_SECONDS).contains(&limit.seconds) => Ok(Some(limit)),
            Ok(_) => Err(format!("takes `seconds` from 1 to {MAX_SECONDS}")),
            Err(error) => Err(format!("takes {{\"requests\":100,\"seconds\":1}} or nothing: {error}")),
        }
    }

    /// Time that one request takes from a bucket, in units of which every request allowed adds one a millisecond.
    fn cost(self) -> u64 {
        u64::from(self.seconds).saturating_mul(1_000)
    }

    fn capacity(self) -> u64 {
        self.cost().saturating_mul(u64::from(self.requests))
    }
}

/// Token buckets, one for each key that asked.
#[derive(Debug)]
pub(crate) struct Limiter {
    /// In the order of the keys' digests: as many as the settings have named while this instance lived.
    buckets: Mutex<Vec<Bucket>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    key: [u8; 32],
    credit: u64,
    at: Timestamp,
}

impl Limiter {
    pub(crate) const fn new() -> Self {
        Self { buckets: Mutex::new(Vec::new()) }
    }

    /// Counts a request of `key`.
    ///
    /// # Errors
    /// The seconds after which it is worth asking again, at least one, where the limit is reached.
    pub(crate) fn take(&self, key: [u8; 32], limit: RateLimit, now: Timestamp) -> Result<(), u64> {
        // Every change is one assignment: the list stays whole whatever happens.
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let place = buckets.binary_search_by(|bucket| bucket.key.cmp(&key)).unwrap_or_else(|place| {
            buckets.insert(place, Bucket { key, credit: limit.capacity(), at: now });
            place
        });
        let Some(bucket) = buckets.get_mut(place) else { return Ok(()) };
        let passed = u64::try_from(now.0.saturating_sub(bucket.at.0)).unwrap_or(0);
        let credit =
            bucket.credit.saturating_add(passed.saturating_mul(u64::from(limit.requests))).min(limit.capacity());
        let left = credit.checked_sub(limit.cost());
        *bucket = Bucket { key, credit: left.unwrap_or(credit), at: now };
        match left {
            Some(_) => Ok(()),
            None => {
                let lacking = limit.cost().saturating_sub(credit);
                let wait_ms = lacking.checked_div(u64::from(limit.requests)).unwrap_or_else(|| limit.cost());
                Err(wait_ms.div_ceil(1_000).max(1))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let limiter = Limiter::new();
        let limit = RateLimit { requests: 2, seconds: 10 };
        let take = |key: u8, ms| limiter.take([key; 32], limit, Timestamp(ms));
        assert_eq!([take(1, 0), take(1, 0), take(1, 0)], [Ok(()), Ok(()), Err(5)]);
        // Another key has a bucket of its own.
        assert_eq!(take(2, 0), Ok(()));
        assert_eq!([take(1, 4_000), take(1, 5_000), take(1, 5_001)], [Err(1), Ok(()), Err(5)]);
        // A clock that goes back gives nothing and takes nothing.
        assert_eq!(take(1, 0), Err(5));
        // No more than the limit is saved up.
        assert_eq!([take(1, 900_000), take(1, 900_000), take(1, 900_000)], [Ok(()), Ok(()), Err(5)]);
    }

    #[test]
    fn none_at_all_is_a_limit_too() {
        let limiter = Limiter::new();
        assert_eq!(limiter.take([0; 32], RateLimit { requests: 0, seconds: 30 }, Timestamp(0)), Err(30));
    }

    #[test]
    fn extreme_limits_do_not_overflow() {
        let limiter = Limiter::new();
        let limit = RateLimit { requests: u32::MAX, seconds: MAX_SECONDS };
        assert_eq!(limiter.take([0; 32], limit, Timestamp(i64::MIN)), Ok(()));
        assert_eq!(limiter.take([0; 32], limit, Timestamp(i64::MAX)), Ok(()));
    }
}
