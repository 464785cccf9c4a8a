//! What is wrong with a source, where, and what to do about it.

use std::fmt;

use crate::json_text::write_json_string;

/// How bad a defect is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The ruleset works; something in it will surprise.
    Warning,
    /// A flag is broken, or the whole document is.
    Error,
}

impl Severity {
    /// `warning` or `error`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One defect of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Where: a JSON path such as `$.features[3].variations[0]`.
    pub path: String,
    /// What is wrong and what follows from it, in one sentence.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}: {} ({})", self.severity.as_str(), self.path, self.message, self.remedy)
    }
}

/// The path of the member `name` of what is at `path`.
pub(crate) fn member_path(path: &str, name: &str) -> String {
    let mut path = format!("{path}[");
    write_json_string(name, &mut path);
    path.push(']');
    path
}

/// Diagnostics as they are found.
#[derive(Debug, Default)]
pub(crate) struct Diagnostics(pub(crate) Vec<Diagnostic>);

impl Diagnostics {
    pub(crate) fn error(&mut self, path: &str, message: impl Into<String>, remedy: impl Into<String>) {
        self.push(Severity::Error, path, message.into(), remedy.into());
    }

    pub(crate) fn warning(&mut self, path: &str, message: impl Into<String>, remedy: impl Into<String>) {
        self.push(Severity::Warning, path, message.into(), remedy.into());
    }

    fn push(&mut self, severity: Severity, path: &str, message: String, remedy: String) {
        self.0.push(Diagnostic { severity, path: path.to_owned(), message, remedy });
    }
}
