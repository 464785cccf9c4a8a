//! Timing several things in turns, so that what the machine does meanwhile hits all of them alike.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Something to time: does its work that many times and says how long that took, preparations left out.
pub type Work<'w> = Box<dyn FnMut(u32) -> Duration + 'w>;

/// How long to measure.
#[derive(Clone, Copy)]
pub struct Effort {
    /// Each work is timed so many times; the median counts.
    pub rounds: usize,
    /// How long one of those takes, about.
    pub round: Duration,
}

impl Effort {
    /// For figures.
    pub const FULL: Self = Self { rounds: 31, round: Duration::from_millis(25) };
    /// To see that everything runs.
    pub const QUICK: Self = Self { rounds: 3, round: Duration::from_millis(2) };
}

/// How long this thread has computed: what others do on the machine meanwhile is no part of it.
pub fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

/// Work that is all done on this thread.
pub fn computing<'w>(mut run: impl FnMut() + 'w) -> Work<'w> {
    Box::new(move |times| {
        let start = thread_time();
        for _ in 0..times {
            run();
        }
        thread_time() - start
    })
}

/// Work that others share in, timed by the clock on the wall.
pub fn simple<'w>(mut run: impl FnMut() + 'w) -> Work<'w> {
    Box::new(move |times| {
        let start = Instant::now();
        for _ in 0..times {
            run();
        }
        start.elapsed()
    })
}

/// Median nanoseconds of doing each work once.
pub fn medians<const N: usize>(effort: Effort, mut works: [Work<'_>; N]) -> [f64; N] {
    let times = works.each_mut().map(|work| calibrate(work, effort.round));
    let mut samples = [const { Vec::new() }; N];
    for _ in 0..effort.rounds {
        for ((work, times), samples) in works.iter_mut().zip(times).zip(&mut samples) {
            samples.push(work(times).as_nanos() as f64 / f64::from(times));
        }
    }
    samples.map(|mut samples| {
        samples.sort_by(f64::total_cmp);
        samples[samples.len() / 2]
    })
}

/// How often the work fits into `round`. Warms it up on the way.
fn calibrate(work: &mut Work<'_>, round: Duration) -> u32 {
    /// What is prepared for each call beforehand must fit into memory.
    const MOST: u32 = 1 << 18;
    let mut times = 1;
    loop {
        let took = work(times);
        if took * 2 >= round || times >= MOST {
            let fits = round.as_secs_f64() / took.as_secs_f64().max(1e-9) * f64::from(times);
            return (fits as u32).clamp(1, MOST);
        }
        times *= 2;
    }
}
