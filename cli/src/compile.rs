//! `jackstaff compile`: from a source to a snapshot.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use jackstaff_core::is_snapshot;

use crate::input::{self, Kind, LoadError};
use crate::report;
use crate::source::SourceOptions;

/// Turn a source into a snapshot, which is used in place without parsing
///
/// The output is replaced in one step once all went well: a failing compile leaves the old file as it was. A snapshot as input is
/// verified and copied.
#[derive(Args)]
#[command(after_help = "\
Examples:
  jackstaff compile flags.json -o flags.jks
  jackstaff compile flags.json -o flags.jks --revision \"$(git log -1 --format=%ct)000\"   # the same bytes on every machine
  jackstaff compile flags.flagd.yaml -o flags.jks --fractional v3
  jackstaff compile flags.json -o - | ssh edge 'cat > /etc/envoy/flags.jks.new && mv /etc/envoy/flags.jks.new /etc/envoy/flags.jks'

Revisions order snapshots: whoever serves one never goes back to a smaller revision. Without --revision it is the time of compiling,
so publishing an older source again (a rollback) is news, as it should be.")]
pub struct Compile {
    /// A source, or a snapshot; `-` is the standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    source: SourceOptions,
    /// Where the snapshot goes; `-` is the standard output
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// Orders this ruleset among its predecessors: larger is newer [default: now, in milliseconds since 1970]
    #[arg(long, value_name = "N")]
    revision: Option<u64>,
    /// Write the snapshot even where the source has errors: the flags they break answer ERROR, all others work
    #[arg(long)]
    allow_errors: bool,
}

impl Compile {
    pub fn run(&self) -> Result<ExitCode> {
        let file = input::name(&self.file);
        let bytes = input::read(&self.file)?;
        let size = bytes.len();
        if self.revision.is_some() && is_snapshot(&bytes) {
            bail!("{file} is a snapshot already, and its revision is part of it: compile its source with --revision");
        }
        let options = self.source.options(self.revision.map_or_else(now, Ok)?);
        let loaded = match input::load(bytes, &self.file, &options) {
            Ok(loaded) => loaded,
            Err(LoadError::Source(diagnostics, lines)) => {
                report::write_text(&mut io::stderr().lock(), &file, &diagnostics, &lines)?;
                bail!("{file} is no ruleset: nothing was written");
            }
            Err(LoadError::Snapshot(error)) => return Err(error.context(format!("{file}: nothing was written"))),
        };
        report::write_text(&mut io::stderr().lock(), &file, &loaded.diagnostics, &loaded.lines)?;
        let (errors, warnings) = report::count(&loaded.diagnostics);
        if errors > 0 && !self.allow_errors && matches!(loaded.kind, Kind::Source) {
            bail!(
                "{file} has {}: nothing was written (--allow-errors writes it; broken flags answer ERROR, all others work)",
                report::plural(errors, "error")
            );
        }
        let ruleset = loaded.ruleset.get();
        let snapshot = loaded.ruleset.bytes();
        let to_stdout = self.output == Path::new("-");
        if to_stdout {
            let mut out = io::stdout().lock();
            out.write_all(snapshot)?;
            out.flush()?;
        } else {
            replace(&self.output, snapshot)?;
        }
        let target = if to_stdout { "standard output".to_owned() } else { self.output.display().to_string() };
        let mut summary = match loaded.kind {
            Kind::Source => format!("compiled {file} ({size} bytes) into {target} ({} bytes)\n", snapshot.len()),
            Kind::Snapshot => {
                format!("{file} is a snapshot already: verified and copied to {target} ({} bytes)\n", snapshot.len())
            }
        };
        summary.push_str(&format!(
            "  {}, {}; {}, {}\n  revision {}, digest {:016x}\n",
            report::plural(ruleset.len(), "flag"),
            report::plural(ruleset.decision_count() as usize, "decision"),
            report::plural(errors, "error"),
            report::plural(warnings, "warning"),
            ruleset.revision(),
            ruleset.digest(),
        ));
        if to_stdout {
            io::stderr().lock().write_all(summary.as_bytes())?;
        } else {
            io::stdout().lock().write_all(summary.as_bytes())?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Milliseconds since the epoch.
fn now() -> Result<u64> {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .context("the clock stands before 1970: set it, or pass --revision")?;
    u64::try_from(elapsed.as_millis()).context("the clock stands too far ahead: set it, or pass --revision")
}

/// Replaces `path` in one step. Readers see the old file or the new one, never a part; on failure the old one stays.
fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let shown = path.display();
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".jackstaff-")
        .tempfile_in(directory)
        .with_context(|| format!("cannot write to {}: does the directory exist?", directory.display()))?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).with_context(|| format!("cannot write {shown}"))?;
    // A temporary file is private; a snapshot holds nothing secret and is read by other users (Envoy's).
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(path).map_or(0o644, |old| old.permissions().mode());
        file.as_file()
            .set_permissions(fs::Permissions::from_mode(mode))
            .with_context(|| format!("cannot write {shown}"))?;
    }
    file.persist(path).with_context(|| format!("cannot replace {shown}"))?;
    Ok(())
}
