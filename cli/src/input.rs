//! Reading rulesets, be they sources (in JSON or YAML) or snapshots.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use jackstaff_core::source::MAX_SOURCE_BYTES;
use jackstaff_core::{CompileOptions, Diagnostic, Ruleset, Severity, SharedRuleset, compile, is_snapshot};

use crate::yaml::{self, Lines};

/// Beyond this nothing is read: a snapshot is smaller than the source that it was compiled from, give or take.
const MAX_BYTES: usize = MAX_SOURCE_BYTES * 2;

/// What a file holds.
pub enum Kind {
    /// A ruleset as people write and publish it.
    Source,
    /// A compiled ruleset.
    Snapshot,
}

impl Kind {
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Snapshot => "snapshot",
        }
    }
}

/// A ruleset that was read.
pub struct Loaded {
    pub kind: Kind,
    pub ruleset: SharedRuleset,
    /// What is wrong with a source.
    pub diagnostics: Vec<Diagnostic>,
    /// Where that stands in the file, as far as it is known.
    pub lines: Lines,
}

/// Why a ruleset could not be read.
pub enum LoadError {
    /// A source with nothing to compile.
    Source(Vec<Diagnostic>, Lines),
    /// A snapshot that cannot be used.
    Snapshot(anyhow::Error),
}

/// The bytes of `path`; `-` is the standard input.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = MAX_BYTES as u64 + 1;
    if path == Path::new("-") {
        io::stdin().lock().take(limit).read_to_end(&mut bytes).context("cannot read the standard input")?;
    } else {
        let shown = path.display();
        let file = File::open(path).with_context(|| format!("cannot open {shown}"))?;
        file.take(limit).read_to_end(&mut bytes).with_context(|| format!("cannot read {shown}"))?;
    }
    if bytes.len() > MAX_BYTES {
        bail!("{} has more than {MAX_BYTES} bytes: that is no ruleset", name(path));
    }
    Ok(bytes)
}

/// How messages call `path`.
pub fn name(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}

/// Compiles a source, or verifies a snapshot, checksum included. `path` is where the bytes came from.
pub fn load(bytes: Vec<u8>, path: &Path, options: &CompileOptions) -> Result<Loaded, LoadError> {
    if is_snapshot(&bytes) {
        let ruleset = SharedRuleset::verify(bytes).map_err(|error| LoadError::Snapshot(error.into()))?;
        let diagnostics = broken(ruleset.get());
        return Ok(Loaded { kind: Kind::Snapshot, ruleset, diagnostics, lines: Lines::default() });
    }
    let (json, lines) = to_json(bytes, path)?;
    match compile(&json, options) {
        Ok(compiled) => {
            let ruleset = SharedRuleset::open(compiled.snapshot).map_err(|error| LoadError::Snapshot(error.into()))?;
            Ok(Loaded { kind: Kind::Source, ruleset, diagnostics: compiled.diagnostics, lines })
        }
        Err(diagnostics) => Err(LoadError::Source(diagnostics, lines)),
    }
}

/// A source in JSON. What is JSON already stays as it is.
fn to_json(bytes: Vec<u8>, path: &Path) -> Result<(Vec<u8>, Lines), LoadError> {
    if !yaml::is_yaml(path, &bytes) {
        return Ok((bytes, Lines::default()));
    }
    let refusal = |message: String, remedy: &str, line: usize| {
        let remedy = remedy.to_owned();
        let diagnostic = Diagnostic { severity: Severity::Error, path: "$".to_owned(), message, remedy };
        LoadError::Source(vec![diagnostic], Lines::of_whole(line))
    };
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let line = 1 + line_breaks(bytes.get(..error.valid_up_to()).unwrap_or_default());
        refusal("the document is no UTF-8 text".to_owned(), "save it as UTF-8", line)
    })?;
    match yaml::to_json(text, MAX_SOURCE_BYTES) {
        Ok(document) => Ok((document.json.into_bytes(), document.lines)),
        Err(error) => Err(refusal(error.to_string(), "correct the YAML there, or pass the source as JSON", error.line)),
    }
}

fn line_breaks(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

/// The ruleset in `path`, or an error that lists what is wrong with it.
pub fn open(path: &Path, options: &CompileOptions) -> Result<Loaded> {
    load(read(path)?, path, options).map_err(|error| match error {
        LoadError::Source(diagnostics, _) => {
            let all: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
            anyhow::anyhow!("{} is no ruleset: {}", name(path), all.join("; "))
        }
        LoadError::Snapshot(error) => error.context(format!("cannot use {}", name(path))),
    })
}

/// Decisions which the compiler had to store as broken: all that a snapshot knows of its source's defects.
fn broken(ruleset: &Ruleset<'_>) -> Vec<Diagnostic> {
    (0..ruleset.decision_count())
        .filter_map(|index| ruleset.decision(index))
        .filter(|decision| !decision.broken.is_empty())
        .map(|decision| Diagnostic {
            severity: Severity::Error,
            path: "$".to_owned(),
            message: format!("the flags of decision `{}` answer ERROR: {}", decision.key, decision.broken),
            remedy: "correct the source and compile it again".to_owned(),
        })
        .collect()
}
