//! Not more than so many a second.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// Spaces things out.
pub struct Pace {
    interval: Duration,
    next: Instant,
}

impl Pace {
    /// So many a second, evenly.
    pub fn new(rate: u32) -> Self {
        Self { interval: Duration::from_secs(1) / rate.max(1), next: Instant::now() }
    }

    /// Waits until the next may go. Time that was lost is not made up for: that would be a burst.
    pub fn wait(&mut self) {
        let now = Instant::now();
        sleep(self.next.saturating_duration_since(now));
        self.next = self.next.max(now) + self.interval;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_rate_and_makes_up_for_nothing() {
        let mut pace = Pace::new(100);
        let began = Instant::now();
        (0..11).for_each(|_| pace.wait());
        assert!(began.elapsed() >= Duration::from_millis(100));
        sleep(Duration::from_millis(100));
        let began = Instant::now();
        (0..4).for_each(|_| pace.wait());
        assert!(began.elapsed() >= Duration::from_millis(30));
    }
}
