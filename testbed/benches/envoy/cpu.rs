//! CPU time of a process or a thread, to the nanosecond (Linux).

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Threads whose time is counted.
pub struct Clock {
    /// Where the kernel lists them.
    tasks: PathBuf,
    /// Only this one of them.
    only: Option<PathBuf>,
}

impl Clock {
    /// All threads of a process.
    pub fn process(id: u32) -> Self {
        Self { tasks: PathBuf::from(format!("/proc/{id}/task")), only: None }
    }

    /// The thread that asks.
    pub fn this_thread() -> Result<Self> {
        let tasks = PathBuf::from("/proc/self/task");
        let task = fs::read_link("/proc/thread-self").context("no /proc: this benchmark needs Linux")?;
        let only = task.file_name().map(|name| tasks.join(name));
        Ok(Self { tasks, only })
    }

    /// Nanoseconds that the threads have run so far.
    pub fn read(&self) -> Result<u64> {
        if let Some(task) = &self.only {
            return run_time(task);
        }
        let tasks = fs::read_dir(&self.tasks).with_context(|| format!("cannot read {}", self.tasks.display()))?;
        tasks.map(|task| run_time(&task?.path())).sum()
    }
}

/// The first number of `schedstat` (Documentation/scheduler/sched-stats.rst in Linux).
fn run_time(task: &Path) -> Result<u64> {
    let text = fs::read_to_string(task.join("schedstat"))?;
    text.split(' ').next().unwrap_or_default().parse().with_context(|| format!("{} has no run time", task.display()))
}
