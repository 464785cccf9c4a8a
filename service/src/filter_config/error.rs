//! What a configuration has wrong.

use std::fmt::{self, Display};
use std::ops::RangeInclusive;

/// Something in a configuration that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Where: a JSON path such as `$.identity[0].anonymous.max_age`.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

impl ConfigError {
    /// An error at `path`.
    #[cold]
    #[inline(never)]
    pub(crate) fn new(path: &dyn Display, message: &dyn Display, remedy: &dyn Display) -> Self {
        Self { path: path.to_string(), message: message.to_string(), remedy: remedy.to_string() }
    }
}

impl Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error at {}: {} ({})", self.path, self.message, self.remedy)
    }
}

impl std::error::Error for ConfigError {}

/// The errors of a configuration, as they are found.
#[derive(Debug, Default)]
pub(crate) struct ConfigErrors(pub(super) Vec<ConfigError>);

impl ConfigErrors {
    #[cold]
    #[inline(never)]
    pub(crate) fn add(&mut self, path: &dyn Display, message: &dyn Display, remedy: &dyn Display) {
        self.0.push(ConfigError::new(path, message, remedy));
    }

    /// Adds one where a number is out of its range.
    pub(super) fn check_number(
        &mut self,
        path: &str,
        number: u32,
        range: RangeInclusive<u32>,
        default: u32,
        unit: &str,
    ) {
        if !range.contains(&number) {
            let (least, most) = (range.start(), range.end());
            let remedy = format_args!("choose {least} to {most}{unit}; {default} is the default");
            self.add(&path, &format_args!("is {number}"), &remedy);
        }
    }
}
