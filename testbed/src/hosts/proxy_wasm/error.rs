//! What a module says and how it fails.

use std::fmt::{self, Display, Formatter};

/// The level of a log line, as the ABI numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// 0
    Trace,
    /// 1
    Debug,
    /// 2
    Info,
    /// 3
    Warn,
    /// 4
    Error,
    /// 5; panics are logged with it.
    Critical,
}

impl LogLevel {
    pub(super) fn of(number: u32) -> Option<Self> {
        [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Critical].get(number as usize).copied()
    }
}

/// A line that a module logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Its level.
    pub level: LogLevel,
    /// Its text; bytes that are not UTF-8 are replaced.
    pub text: String,
}

impl Display for LogLine {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}: {}", self.level, self.text)
    }
}

/// A callback that ended in a trap: a panic, a call to the host with wrong arguments, an endless loop. The VM is dead afterwards, as in
/// Envoy.
#[derive(Clone, Debug)]
pub struct Trap {
    /// The module's function that the host had called.
    pub callback: &'static str,
    /// What wasmtime says, with the functions that were running.
    pub cause: String,
    /// Whether it ran out of fuel: an endless loop, or a limit set too low.
    pub out_of_fuel: bool,
    /// Everything the VM has logged and nobody has taken, a panic's message last.
    pub logs: Vec<LogLine>,
}

impl Display for Trap {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} trapped: {}", self.callback, self.cause)?;
        self.logs.iter().try_for_each(|line| write!(formatter, "\n  {line}"))
    }
}

/// Why a VM did not do what was asked.
#[derive(Clone, Debug)]
pub enum VmError {
    /// The module trapped.
    Trapped(Box<Trap>),
    /// The module trapped before; start a new VM, as Envoy does under FAIL_RELOAD.
    Dead,
    /// There is no such plugin, stream or callout, or the stream has ended.
    Unknown(&'static str),
    /// The filter paused the response and did not resume it.
    ResponsePaused,
}

impl Display for VmError {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trapped(trap) => trap.fmt(formatter),
            Self::Dead => formatter.write_str("the VM is dead since it trapped; start a new one"),
            Self::Unknown(what) => write!(formatter, "the VM has no such {what}, or it has ended"),
            Self::ResponsePaused => formatter.write_str("the filter paused the response and did not resume it"),
        }
    }
}

impl std::error::Error for VmError {}

/// Why a plugin configuration was not taken.
#[derive(Clone, Debug)]
pub enum ConfigureError {
    /// The module said no.
    Rejected {
        /// What it logged: why, if it is polite.
        logs: Vec<LogLine>,
    },
    /// It trapped, or had before.
    Failed(VmError),
}

impl Display for ConfigureError {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected { logs } => {
                formatter.write_str("the module rejected its configuration")?;
                logs.iter().try_for_each(|line| write!(formatter, "\n  {line}"))
            }
            Self::Failed(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for ConfigureError {}

impl From<VmError> for ConfigureError {
    fn from(error: VmError) -> Self {
        Self::Failed(error)
    }
}
