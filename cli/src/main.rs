//! `jackstaff`: checks, compiles and evaluates rulesets, makes keys and tokens, and looks after what is stored about users.
//!
//! One file per command; `input` reads what all of them read.

mod check;
mod compile;
mod eval;
mod explain;
mod input;
mod key;
mod report;
mod source;
mod token;
mod users;
mod yaml;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Feature flags, decided at the edge: the tool for rulesets, keys, tokens and users.
///
/// A ruleset is one environment's flags, as DevCycle's config CDN serves them (config/v2/server/KEY.json), or flagd's flag definitions in JSON
/// or YAML. Its compiled form is a snapshot, which the Envoy filter, the Spin app and the Fastly service read in place. Wherever a command takes a ruleset, both will do.
#[derive(Parser)]
#[command(
    name = "jackstaff",
    version,
    disable_help_subcommand = true,
    after_help = "\
A first round with the demo ruleset:
  jackstaff check configs/flags/coffee-shop.json
  jackstaff eval configs/flags/coffee-shop.json --context '{\"user_id\":\"ada\",\"customData\":{\"stars\":120}}' --explain
  jackstaff compile configs/flags/coffee-shop.json -o coffee-shop.jks
  jackstaff eval coffee-shop.jks --context '{\"user_id\":\"ada\"}' --flag checkout --format json

Exit codes: 0 all is well; 1 the input has errors; 2 the command line has."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Check(check::Check),
    Compile(compile::Compile),
    Eval(eval::Eval),
    Key(key::Key),
    Token(token::Token),
    Users(users::Users),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Check(check) => check.run(),
        Command::Compile(compile) => compile.run(),
        Command::Eval(eval) => eval.run(),
        Command::Key(key) => key.run(),
        Command::Token(token) => token.run(),
        Command::Users(users) => users.run(),
    };
    match outcome {
        Ok(code) => code,
        // Whoever reads our output may stop reading: `jackstaff check … | head` is no error.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
}
