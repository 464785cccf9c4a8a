//! `jackstaff token`: lets a tester choose variants.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use jackstaff_core::Ruleset;
use jackstaff_service::overrides::{Chosen, MAX_TOKEN_BYTES, MIN_SECRET_BYTES, sign};

use crate::input;
use crate::source::SourceOptions;

/// Longer than any test takes; who needs more makes another token.
const MAX_DAYS: u64 = 366;

/// Make a token by which a tester gets variants of their choice, whatever the rules say
///
/// The Envoy filter takes it from the header or the cookie that its configuration names under `overrides`, with the same secret, until the
/// token's time is over.
#[derive(Args)]
#[command(after_help = "\
Examples:
  openssl rand -hex 32 > secret.txt                                   # once; it goes into the filter's configuration, too
  jackstaff token flags.json checkout=one-page --secret-file secret.txt
  jackstaff token flags.json checkout=one-page platinum=on --secret-file secret.txt --expires 7d
  curl -H \"x-flag-overrides: $(jackstaff token flags.json checkout=one-page --secret-file secret.txt)\" localhost:10000/")]
pub struct Token {
    /// The ruleset that has the variants: a source or a snapshot
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    source: SourceOptions,
    /// Which variant of which feature (DevCycle) or flag (flagd): keys or ids
    #[arg(value_name = "FEATURE=VARIANT", required = true)]
    chosen: Vec<String>,
    /// A file with the secret; spaces around it do not count
    #[arg(long, value_name = "FILE")]
    secret_file: PathBuf,
    /// How long it is good: a number and s, m, h or d
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = seconds)]
    expires: u64,
}

impl Token {
    pub fn run(&self) -> Result<ExitCode> {
        let shown = self.secret_file.display();
        let secret =
            fs::read_to_string(&self.secret_file).with_context(|| format!("cannot read the secret in {shown}"))?;
        let secret = secret.trim();
        ensure!(
            secret.len() >= MIN_SECRET_BYTES,
            "the secret in {shown} has {} bytes and needs {MIN_SECRET_BYTES}: make one with `openssl rand -hex 32`",
            secret.len()
        );
        let loaded = input::open(&self.file, &self.source.options(0))?;
        let ruleset = loaded.ruleset.get();
        let chosen = self.chosen.iter().map(|text| choice(ruleset, text)).collect::<Result<Chosen>>()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?.as_secs();
        let token = sign(secret.as_bytes(), now + self.expires, &chosen);
        ensure!(
            token.len() <= MAX_TOKEN_BYTES,
            "the token would have {} bytes and may have {MAX_TOKEN_BYTES}: choose fewer variants",
            token.len()
        );
        writeln!(io::stdout(), "{token}")?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The ids of a decision and one of its variants.
fn choice(ruleset: &Ruleset<'_>, text: &str) -> Result<(String, String)> {
    let (decision, variant) =
        text.split_once('=').with_context(|| format!("`{text}` is no FEATURE=VARIANT, such as checkout=one-page"))?;
    let mut features = Vec::new();
    let found = (0..).map_while(|at| Some((at, ruleset.decision(at)?))).find(|(_, found)| {
        features.push(found.key);
        found.key == decision || found.id == decision
    });
    let Some((at, found)) = found else {
        bail!("there is no feature `{decision}`: there are {}", features.join(", "));
    };
    let mut variants = Vec::new();
    for index in ruleset.variants(at) {
        let Some(candidate) = ruleset.variant(index) else { continue };
        if candidate.key == variant || candidate.id == variant {
            return Ok((found.id.to_owned(), candidate.id.to_owned()));
        }
        variants.push(if candidate.key.is_empty() { candidate.id } else { candidate.key });
    }
    bail!("`{decision}` has no variant `{variant}`: it has {}", variants.join(", "));
}

fn seconds(text: &str) -> Result<u64> {
    let at = text.char_indices().last().map_or(0, |(at, _)| at);
    let (number, unit) = text.split_at(at);
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => bail!("write a number and s, m, h or d, such as 90m"),
    };
    let number: u64 = number.parse().context("write a number and s, m, h or d, such as 90m")?;
    let seconds = number.saturating_mul(unit);
    ensure!((1..=MAX_DAYS * 86_400).contains(&seconds), "choose 1s to {MAX_DAYS}d");
    Ok(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        for (text, expected) in [("90s", 90), ("15m", 900), ("1h", 3_600), ("7d", 604_800)] {
            assert_eq!(seconds(text).unwrap(), expected);
        }
        for bad in ["", "h", "5", "0s", "400d", "1w", "-1h", "é"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
