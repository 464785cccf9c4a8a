//! What Viceroy prints, gathered while it runs.

use std::{
    io::{BufRead, BufReader, Read},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// Lines kept. A service that logs every request in a benchmark must not fill the memory.
const MAX_LINES: usize = 20_000;

/// The lines of one or several streams in the order they came. Clones share their state.
#[derive(Clone, Default)]
pub(super) struct Output(Arc<Shared>);

#[derive(Default)]
struct Shared {
    lines: Mutex<Vec<String>>,
    arrived: Condvar,
}

impl Output {
    /// Gathers a stream on a thread of its own until it ends.
    pub(super) fn gather(&self, stream: impl Read + Send + 'static) {
        let output = self.clone();
        thread::spawn(move || {
            let mut reader = BufReader::new(stream);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                output.push(String::from_utf8_lossy(&line).trim_end().to_owned());
                line.clear();
            }
        });
    }

    /// The lines so far.
    pub(super) fn lines(&self) -> Vec<String> {
        self.lock().clone()
    }

    /// Waits until `find` returns something for the lines so far, at most until `deadline`.
    pub(super) fn wait<T>(&self, deadline: Instant, find: impl Fn(&[String]) -> Option<T>) -> Option<T> {
        let mut lines = self.lock();
        loop {
            if let Some(found) = find(&lines) {
                return Some(found);
            }
            let left = deadline.checked_duration_since(Instant::now()).filter(|left| *left > Duration::ZERO)?;
            lines = self.0.arrived.wait_timeout(lines, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn push(&self, line: String) {
        let mut lines = self.lock();
        if lines.len() >= MAX_LINES {
            lines.drain(..MAX_LINES / 2);
        }
        lines.push(line);
        self.0.arrived.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
