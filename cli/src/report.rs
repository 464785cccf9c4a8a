//! Diagnostics, for people and for programs.

use std::io::{self, Write};

use clap::ValueEnum;
use jackstaff_core::{Diagnostic, Severity};
use serde::Serialize;

use crate::yaml::Lines;

/// How diagnostics are printed.
#[derive(Clone, Copy, Default, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// A diagnostic, as JSON has it.
#[derive(Serialize)]
pub struct Finding<'d> {
    severity: &'static str,
    path: &'d str,
    /// Of a source in YAML.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    message: &'d str,
    remedy: &'d str,
}

impl<'d> Finding<'d> {
    pub fn new(diagnostic: &'d Diagnostic, lines: &Lines) -> Self {
        Self {
            severity: diagnostic.severity.as_str(),
            path: &diagnostic.path,
            line: lines.find(&diagnostic.path),
            message: &diagnostic.message,
            remedy: &diagnostic.remedy,
        }
    }
}

/// How many of `diagnostics` are errors, and how many warnings.
pub fn count(diagnostics: &[Diagnostic]) -> (usize, usize) {
    let errors = diagnostics.iter().filter(|d| d.severity == Severity::Error).count();
    (errors, diagnostics.len() - errors)
}

/// `1 error`, `2 errors`.
pub fn plural(n: usize, word: &str) -> String {
    if n == 1 { format!("1 {word}") } else { format!("{n} {word}s") }
}

/// Writes each diagnostic: where, what it means, what to do.
pub fn write_text(out: &mut dyn Write, file: &str, diagnostics: &[Diagnostic], lines: &Lines) -> io::Result<()> {
    for diagnostic in diagnostics {
        let line = lines.find(&diagnostic.path).map(|line| format!(":{line}")).unwrap_or_default();
        writeln!(out, "{}: {file}{line}: {}", diagnostic.severity.as_str(), diagnostic.path)?;
        writeln!(out, "  {}", diagnostic.message)?;
        writeln!(out, "  help: {}", diagnostic.remedy)?;
    }
    Ok(())
}
