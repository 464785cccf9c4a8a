//! `cargo testbed` and `cargo up`: plays vectors on every host, and runs everything locally.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use jackstaff_core::source::flagd::Fractional;
use jackstaff_testbed::clients::Language;
use jackstaff_testbed::deploy::Host;
use jackstaff_testbed::hosts::{envoy, fastly};
use jackstaff_testbed::{modules, plugin_reference, stack, vectors};

/// Runs Jackstaff's modules from outside.
#[derive(Parser)]
#[command(name = "cargo testbed", bin_name = "cargo testbed", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Plays test vectors and compares the answers; ends with `N passed, M failed` and exits with 1 if any failed
    #[command(
        after_help = "Examples:\n  cargo testbed vectors --dialect devcycle \\\n    --configs testbed/vectors/devcycle/edges.configs.json \\\n    --cases testbed/vectors/devcycle/edges.jsonl --host all\n  cargo testbed vectors --dialect flagd --fractional v3 \\\n    --configs testbed/vectors/flagd/open.sets.json \\\n    --cases testbed/vectors/flagd/open.jsonl\n\nA file that holds both, as flagd's own testbed.json does, is given as both."
    )]
    Vectors {
        /// The language of the configurations: devcycle or flagd
        #[arg(long, default_value = "devcycle")]
        dialect: String,
        /// The generation of flagd's `fractional`: v2 or v3
        #[arg(long, default_value = "v2", value_parser = fractional)]
        fractional: Fractional,
        /// A JSON object of configurations by id
        #[arg(long, value_name = "FILE")]
        configs: PathBuf,
        /// Rows, one JSON object a line
        #[arg(long, value_name = "FILE")]
        cases: PathBuf,
        /// Where to play them: native, filter, envoy, spin, fastly or all
        #[arg(long, value_name = "HOST", default_value = "native")]
        host: Vec<String>,
        /// A sample of at most N rows, taken evenly from the file
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
    },
    /// Builds the three modules and prints where they are and their sizes against the budgets
    Build,
    /// Writes the reference of the filter's configuration: its JSON Schema and the table in docs/filter-configuration.md
    Reference,
    /// Installs Envoy, Viceroy and the client libraries into the cache directory, where tests and `up` find them
    Install {
        /// Only this one: envoy, fastly, node or python (client libraries)
        what: Option<String>,
    },
    /// Starts everything on this machine: Envoy, the Spin host and Viceroy with the demo ruleset, until Ctrl-C
    Up(stack::Options),
}

fn main() -> Result<ExitCode> {
    match Arguments::parse().command {
        Command::Vectors { dialect, fractional, configs, cases, host, limit } => {
            let mut hosts = Vec::new();
            for name in host {
                hosts.extend(Host::parse(&name)?);
            }
            let score = vectors::run(&vectors::Options { dialect, fractional, configs, cases, hosts, limit })?;
            Ok(if score.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::Build => {
            let mut fits = true;
            for size in modules::sizes()? {
                println!("{size}");
                fits &= size.within_budget();
            }
            Ok(if fits { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::Reference => plugin_reference::write().map(|()| ExitCode::SUCCESS),
        Command::Install { what } => install(what.as_deref()).map(|()| ExitCode::SUCCESS),
        Command::Up(options) => stack::up(&options).map(|()| ExitCode::SUCCESS),
    }
}

fn fractional(name: &str) -> Result<Fractional, String> {
    Fractional::from_name(name).ok_or_else(|| format!("there is no generation `{name}` of fractional: use v2 or v3"))
}

fn install(only: Option<&str>) -> Result<()> {
    let languages = Language::ALL.into_iter().filter(|language| only.is_none_or(|only| only == language.name()));
    let languages: Vec<Language> = languages.collect();
    for language in &languages {
        println!("{}", language.libraries()?.display());
    }
    if only.is_some() && !languages.is_empty() {
        return Ok(());
    }
    let hosts = Host::parse(only.unwrap_or("all"))?;
    if hosts.contains(&Host::Envoy) {
        println!("{}", envoy::program()?.display());
    }
    if hosts.contains(&Host::Fastly) {
        println!("{}", fastly::viceroy_program()?.display());
    }
    Ok(())
}
