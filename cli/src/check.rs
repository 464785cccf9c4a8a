//! `jackstaff check`: what is wrong with rulesets, and what to do about it.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use jackstaff_core::{CompileOptions, Diagnostic, Dialect, Ruleset, Severity};
use jackstaff_service::flag_header;
use serde::Serialize;

use crate::input::{self, LoadError};
use crate::report::{self, Finding, Format};
use crate::source::SourceOptions;
use crate::yaml::Lines;

/// Say what is wrong with rulesets, where, and what to do about it
///
/// Of a source (JSON or YAML), every defect is named with its JSON path, and in YAML with its line. A flag with an error answers ERROR; all other flags of the ruleset work.
/// Of a snapshot, the checksum is compared and its broken flags are named.
#[derive(Args)]
#[command(after_help = "\
Examples:
  jackstaff check flags.json
  jackstaff check flags.flagd.yaml --fractional v3
  jackstaff check --format json flags/*.json snapshots/*.jks
  curl -s https://config.example.com/config/v2/server/$KEY.json | jackstaff check -

Exit codes: 0 no errors (warnings do not count); 1 errors; 2 wrong usage.")]
pub struct Check {
    /// Sources or snapshots; `-` is the standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    source: SourceOptions,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What was found in one file.
struct Checked {
    file: String,
    /// Kind, flags and decisions, where it is a ruleset at all.
    ruleset: Option<(&'static str, usize, u32)>,
    diagnostics: Vec<Diagnostic>,
    lines: Lines,
}

impl Check {
    pub fn run(&self) -> Result<ExitCode> {
        let checked: Vec<Checked> = self.files.iter().map(|file| check(file, &self.source.options(0))).collect();
        match self.format {
            Format::Text => print_text(&checked)?,
            Format::Json => print_json(&checked)?,
        }
        let sound = checked.iter().all(|file| report::count(&file.diagnostics).0 == 0);
        Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn check(path: &Path, options: &CompileOptions) -> Checked {
    let file = input::name(path);
    let whole = |message: String, remedy: &str| {
        vec![Diagnostic { severity: Severity::Error, path: "$".to_owned(), message, remedy: remedy.to_owned() }]
    };
    let bytes = match input::read(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            let diagnostics = whole(format!("{error:#}"), "name a file that exists and may be read");
            return Checked { file, ruleset: None, diagnostics, lines: Lines::default() };
        }
    };
    match input::load(bytes, path, options) {
        Ok(loaded) => {
            let ruleset = loaded.ruleset.get();
            let summary = (loaded.kind.as_str(), ruleset.len(), ruleset.decision_count());
            let mut diagnostics = loaded.diagnostics;
            diagnostics.extend(collisions(ruleset));
            Checked { file, ruleset: Some(summary), diagnostics, lines: loaded.lines }
        }
        Err(LoadError::Source(diagnostics, lines)) => Checked { file, ruleset: None, diagnostics, lines },
        Err(LoadError::Snapshot(error)) => {
            let diagnostics = whole(format!("{error:#}"), "compile the source again with `jackstaff compile`");
            Checked { file, ruleset: None, diagnostics, lines: Lines::default() }
        }
    }
}

/// Flags that would share one member of the flag header.
fn collisions(ruleset: &Ruleset<'_>) -> Vec<Diagnostic> {
    let path = match ruleset.dialect() {
        Dialect::DevCycle => "$.variables",
        Dialect::Flagd => "$.flags",
    };
    let keys = ruleset.flags().filter_map(|flag| ruleset.flag(flag)).map(|flag| flag.key);
    flag_header::collisions(keys)
        .into_iter()
        .map(|collision| {
            let flags: Vec<String> = collision.flags.iter().map(|flag| format!("`{flag}`")).collect();
            let first = flags.first().cloned().unwrap_or_default();
            let flags = flags.join(", ");
            Diagnostic {
                severity: Severity::Error,
                path: path.to_owned(),
                message: format!(
                    "the keys {flags} are all written `{}` in the flag header, which then carries {first} only",
                    collision.member
                ),
                remedy: "rename all but one of them, so that they differ in lower-case letters, digits, `_`, `-`, `.` or `*`"
                    .to_owned(),
            }
        })
        .collect()
}

fn print_text(checked: &[Checked]) -> io::Result<()> {
    let out = &mut io::stdout().lock();
    for file in checked {
        report::write_text(out, &file.file, &file.diagnostics, &file.lines)?;
        let (errors, warnings) = report::count(&file.diagnostics);
        let found = format!("{}, {}", report::plural(errors, "error"), report::plural(warnings, "warning"));
        match file.ruleset {
            Some((kind, flags, decisions)) => writeln!(
                out,
                "{}: {kind}, {}, {}: {found}",
                file.file,
                report::plural(flags, "flag"),
                report::plural(decisions as usize, "decision")
            )?,
            None => writeln!(out, "{}: no ruleset: {found}", file.file)?,
        }
    }
    Ok(())
}

fn print_json(checked: &[Checked]) -> Result<()> {
    #[derive(Serialize)]
    struct File<'c> {
        file: &'c str,
        kind: Option<&'static str>,
        flags: Option<usize>,
        decisions: Option<u32>,
        errors: usize,
        warnings: usize,
        diagnostics: Vec<Finding<'c>>,
    }
    let files: Vec<File<'_>> = checked
        .iter()
        .map(|file| {
            let (errors, warnings) = report::count(&file.diagnostics);
            File {
                file: &file.file,
                kind: file.ruleset.map(|r| r.0),
                flags: file.ruleset.map(|r| r.1),
                decisions: file.ruleset.map(|r| r.2),
                errors,
                warnings,
                diagnostics: file.diagnostics.iter().map(|diagnostic| Finding::new(diagnostic, &file.lines)).collect(),
            }
        })
        .collect();
    writeln!(io::stdout().lock(), "{}", serde_json::to_string_pretty(&files)?)?;
    Ok(())
}
