//! The time that a module sees.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// A wall clock that a test may set. Clones share their state.
#[derive(Clone, Debug, Default)]
pub struct Clock(Arc<Mutex<Time>>);

#[derive(Clone, Copy, Debug, Default)]
enum Time {
    #[default]
    Machine,
    /// Stands still at this time since 1970.
    Fixed(Duration),
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that stands still at this many milliseconds since 1970-01-01T00:00:00Z.
    pub fn fixed(unix_millis: u64) -> Self {
        Self(Arc::new(Mutex::new(Time::Fixed(Duration::from_millis(unix_millis)))))
    }

    /// Stops the clock at this many milliseconds since 1970.
    pub fn set(&self, unix_millis: u64) {
        *self.lock() = Time::Fixed(Duration::from_millis(unix_millis));
    }

    /// Stops the clock `by` later than it shows.
    pub fn advance(&self, by: Duration) {
        let mut time = self.lock();
        *time = Time::Fixed(time.now().saturating_add(by));
    }

    /// The time since 1970.
    pub fn since_epoch(&self) -> Duration {
        self.lock().now()
    }

    fn lock(&self) -> MutexGuard<'_, Time> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Time {
    fn now(self) -> Duration {
        match self {
            Self::Machine => SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
            Self::Fixed(time) => time,
        }
    }
}
