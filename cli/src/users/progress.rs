//! How far an import is, for whoever waits for it.

use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

/// How often it is shown on a terminal.
const OFTEN: Duration = Duration::from_secs(1);
/// How often where lines stay.
const SELDOM: Duration = Duration::from_secs(10);

/// Says how far it is.
pub struct Progress {
    began: Instant,
    shown: Instant,
    terminal: bool,
    written: bool,
}

impl Progress {
    pub fn new() -> Self {
        let now = Instant::now();
        Self { began: now, shown: now, terminal: io::stderr().is_terminal(), written: false }
    }

    /// Says that so many are done, of so many where that is known; not each time that it is told.
    pub fn show(&mut self, done: u64, total: Option<u64>) {
        if self.shown.elapsed() < if self.terminal { OFTEN } else { SELDOM } {
            return;
        }
        self.shown = Instant::now();
        let rate = done as f64 / self.began.elapsed().as_secs_f64();
        let of = match total {
            Some(total) => {
                let left = total.saturating_sub(done) as f64 / rate.max(0.1);
                format!(" of {total}, {rate:.0} a second, about {left:.0} s left")
            }
            None => format!(", {rate:.0} a second"),
        };
        if self.terminal {
            eprint!("\r\x1b[K{done}{of}");
            self.written = true;
        } else {
            eprintln!("{done}{of}");
        }
    }

    /// Leaves the line that was written over and over.
    pub fn end(&mut self) {
        if std::mem::take(&mut self.written) {
            eprintln!();
        }
    }
}
