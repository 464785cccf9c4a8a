//! `jackstaff eval`: what a user gets, and why.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use jackstaff_core::source::devcycle::parse_user;
use jackstaff_core::source::flagd::parse_context;
use jackstaff_core::source::repair_surrogates;
use jackstaff_core::{Context, Dialect, FlagIndex, NoVisitor, Reason, Ruleset, Timestamp, Value};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::explain::{self, DecisionTrace, Tracer};
use crate::source::SourceOptions;
use crate::{input, report};

/// Keys further apart than this are no typing errors of each other (1 is equal).
const SIMILAR: f64 = 0.7;

/// Decide flags for a user, and say why
///
/// The context is an OpenFeature evaluation context: {"targetingKey": …} and attributes as the rules name them. For a DevCycle ruleset it
/// may be a user as DevCycle's SDKs send it, too: {"user_id": …} with email, country, appVersion, customData and so on.
#[derive(Args)]
#[command(after_help = "\
Examples:
  jackstaff eval flags.json --context '{\"user_id\":\"ada\"}'
  jackstaff eval flags.flagd.yaml --context '{\"targetingKey\":\"ada\",\"tier\":\"gold\"}' --explain
  jackstaff eval flags.jks --context @user.json --flag checkout --explain
  jackstaff eval flags.json --context '{\"user_id\":\"ada\",\"country\":\"DE\"}' --now 2026-12-24T18:00:00Z --format json

A flag without a value keeps the application's own default. A flag that answers ERROR is a result like any other: the exit code is 0.")]
pub struct Eval {
    /// A source or a snapshot; `-` is the standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    source: SourceOptions,
    /// Who asks: a JSON object, or @FILE to read it from
    #[arg(long, value_name = "JSON|@FILE")]
    context: String,
    /// Only this flag; may be repeated
    #[arg(long = "flag", value_name = "KEY")]
    flags: Vec<String>,
    /// Decide as at this time [default: now]
    #[arg(long, value_name = "RFC3339", value_parser = moment)]
    now: Option<Timestamp>,
    /// Show every rule and condition that was tried
    #[arg(long)]
    explain: bool,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
}

#[derive(Serialize)]
struct Evaluated<'e> {
    file: String,
    revision: u64,
    digest: String,
    /// Milliseconds since the epoch.
    now: i64,
    flags: Vec<FlagResult<'e>>,
}

#[derive(Serialize)]
struct FlagResult<'e> {
    flag: &'e str,
    /// Absent where the application's own default applies: `null` is a value.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Box<RawValue>>,
    variant: Option<&'e str>,
    reason: &'static str,
    decision: Option<&'e str>,
    rule: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'static str>,
    /// What the source says about the flag, where it says anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'e RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<Vec<DecisionTrace>>,
}

impl Eval {
    pub fn run(&self) -> Result<ExitCode> {
        if self.file == Path::new("-") && self.context == "@-" {
            bail!("the ruleset and the context cannot both come from the standard input: put one of them into a file");
        }
        let json = self.context_json()?;
        let json = repair_surrogates(&json);
        let loaded = input::open(&self.file, &self.source.options(0))?;
        let context = context(&json, loaded.ruleset.get().dialect())?;
        let (errors, _) = report::count(&loaded.diagnostics);
        if errors > 0 {
            let file = input::name(&self.file);
            eprintln!("warning: {file} has {}; `jackstaff check` lists them", report::plural(errors, "error"));
        }
        let ruleset = loaded.ruleset.get();
        let now = self.now.unwrap_or_else(now);
        let selected = select(ruleset, &self.flags)?;
        let flags = selected
            .into_iter()
            .map(|flag| evaluate(ruleset, flag, &context, now, self.explain))
            .collect::<Result<Vec<_>>>()?;
        match self.format {
            Format::Table => print_table(&flags)?,
            Format::Json => {
                let evaluated = Evaluated {
                    file: input::name(&self.file),
                    revision: ruleset.revision(),
                    digest: format!("{:016x}", ruleset.digest()),
                    now: now.0,
                    flags,
                };
                writeln!(io::stdout().lock(), "{}", serde_json::to_string_pretty(&evaluated)?)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    fn context_json(&self) -> Result<Vec<u8>> {
        match self.context.strip_prefix('@') {
            Some(path) => input::read(Path::new(path)).context("cannot read the context"),
            None => Ok(self.context.clone().into_bytes()),
        }
    }
}

/// An OpenFeature evaluation context, or for DevCycle's rulesets a user as well.
fn context(json: &[u8], dialect: Dialect) -> Result<Context<'_>> {
    const OPENFEATURE: &str = "{\"targetingKey\":\"ada\"}";
    let members = match serde_json::from_slice(json) {
        Ok(Value::Map(members)) => Some(members),
        _ => None,
    };
    let named = |name: &str| members.iter().flatten().any(|(member, _)| member == name);
    if dialect == Dialect::DevCycle && (named("user_id") || !named("targetingKey")) {
        return parse_user(json).map_err(|error| {
            anyhow::anyhow!("the context is no user: {error}\n  help: pass a JSON object such as '{{\"user_id\":\"ada\"}}' or '{OPENFEATURE}', or @FILE")
        });
    }
    let Some(members) = members else {
        bail!("the context is no JSON object\n  help: pass an evaluation context such as '{OPENFEATURE}', or @FILE");
    };
    parse_context(members, dialect).context("the context cannot be used")
}

/// The flags asked for, or all of them.
fn select(ruleset: &Ruleset<'_>, keys: &[String]) -> Result<Vec<FlagIndex>> {
    if keys.is_empty() {
        return Ok(ruleset.flags().collect());
    }
    keys.iter()
        .map(|key| {
            ruleset.find(key).with_context(|| match nearest(ruleset, key) {
                Some(near) => format!("there is no flag `{key}`; did you mean `{near}`?"),
                None => format!("there is no flag `{key}`; without --flag all of them are shown"),
            })
        })
        .collect()
}

/// The key that `key` was probably meant to be.
fn nearest<'r>(ruleset: &'r Ruleset<'_>, key: &str) -> Option<&'r str> {
    ruleset
        .flags()
        .filter_map(|flag| Some(ruleset.flag(flag)?.key))
        .map(|known| (strsim::normalized_damerau_levenshtein(known, key).max(strsim::jaro_winkler(known, key)), known))
        .filter(|(similarity, _)| *similarity >= SIMILAR)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

fn evaluate<'e>(
    ruleset: &'e Ruleset<'e>,
    flag: FlagIndex,
    context: &'e Context<'e>,
    now: Timestamp,
    explain: bool,
) -> Result<FlagResult<'e>> {
    let mut session = ruleset.session(context, now);
    let (decision, trace) = if explain {
        let mut tracer = Tracer::new(ruleset, context);
        (session.evaluate(flag, &mut tracer), Some(tracer.finish()))
    } else {
        (session.evaluate(flag, &mut NoVisitor), None)
    };
    let value = decision
        .value
        .map(|value| {
            let mut json = String::new();
            value.write_json(&mut json);
            RawValue::from_string(json).context("the snapshot holds a value that is not JSON: compile its source again")
        })
        .transpose()?;
    let choice = decision.choice;
    let view = ruleset.flag(flag);
    Ok(FlagResult {
        flag: view.map(|view| view.key).unwrap_or_default(),
        value,
        variant: choice.and_then(|c| ruleset.variant(c.variant)).map(|v| v.key),
        reason: decision.reason.as_str(),
        decision: choice.and_then(|c| ruleset.decision(c.decision)).map(|d| d.key),
        rule: choice.and_then(|c| ruleset.rule(c.rule?)).map(|r| r.id),
        error: decision.fault.map(|fault| fault.to_string()),
        error_code: decision.fault.map(|fault| fault.error_code().as_str()),
        metadata: view
            .map(|view| view.metadata)
            .filter(|json| *json != "{}")
            .and_then(|json| serde_json::from_str(json).ok()),
        trace,
    })
}

/// How wide the column `title` is.
fn width(title: &str, cells: impl Iterator<Item = String>) -> usize {
    cells.map(|cell| cell.chars().count()).max().unwrap_or(0).max(title.len())
}

/// The value stands last: it has the most to say, and nothing needs to line up behind it.
fn print_table(flags: &[FlagResult<'_>]) -> io::Result<()> {
    let out = &mut io::stdout().lock();
    let variant = |flag: &FlagResult<'_>| flag.variant.unwrap_or("-").to_owned();
    let keys = width("FLAG", flags.iter().map(|flag| flag.flag.to_owned()));
    let variants = width("VARIANT", flags.iter().map(variant));
    let reasons = width("REASON", flags.iter().map(|flag| flag.reason.to_owned()));
    writeln!(out, "{:keys$}  {:variants$}  {:reasons$}  VALUE", "FLAG", "VARIANT", "REASON")?;
    for flag in flags {
        let value = match (&flag.value, &flag.error) {
            (Some(value), _) => value.get(),
            (None, Some(error)) => error,
            (None, None) => "(the application's default)",
        };
        writeln!(out, "{:keys$}  {:variants$}  {:reasons$}  {value}", flag.flag, variant(flag), flag.reason)?;
    }
    for flag in flags {
        if let Some(trace) = &flag.trace {
            writeln!(out, "\n{}: {}", flag.flag, flag.reason)?;
            explain::write_text(out, trace)?;
            match (flag.variant, &flag.error) {
                (Some(variant), _) => writeln!(out, "  → variant {variant}")?,
                (None, Some(error)) => writeln!(out, "  → error: {error}")?,
                (None, None) => {
                    let why = if flag.reason == Reason::Disabled.as_str() {
                        "switched off"
                    } else {
                        "no rule wants this user"
                    };
                    writeln!(out, "  → {why}: the application's default")?;
                }
            }
        }
    }
    Ok(())
}

fn moment(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| format!("`{text}` is no time: write it as 2026-03-08T00:00:00Z"))
}

/// The machine's time. Before 1970 and after the year 292,000,000 it is the epoch.
fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(0))
}
