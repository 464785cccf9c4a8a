//! `jackstaff users`: what a running host has stored about users.

mod client;
mod import;
mod line;
mod pace;
mod progress;
mod state;

use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};

use client::{Client, Refused};

/// The variable that holds the key.
const KEY_VARIABLE: &str = "JACKSTAFF_KEY";

/// Keys are short; what is longer is some other file.
const MAX_KEY_BYTES: usize = 1024;

/// Attributes are at most this long: hosts take no longer body.
const MAX_ATTRIBUTE_BYTES: u64 = jackstaff_service::MAX_BODY_BYTES as u64;

/// Read, change, erase and import what a running host has stored about users
///
/// Works against any host that serves the API: the Spin app, the Fastly service, and Envoy's filter (with its prefix, as
/// `http://127.0.0.1:10000/flags`). The host decides on stored attributes when a request asks for them, with ?enableEdgeDB=true or with
/// {"$jackstaff":{"userData":true}} in OFREP's context.
#[derive(Args)]
#[command(after_help = "\
The key is that of a server or an admin. It is read from JACKSTAFF_KEY or --key-file, and
never from the command line, which others can see.

Examples:
  export JACKSTAFF_KEY=dvc_server_demo
  jackstaff users set ada '{\"customData\":{\"stars\":120}}' --host http://127.0.0.1:3000
  jackstaff users get ada --host http://127.0.0.1:3000
  jackstaff users set ada '{\"customData\":{\"stars\":null}}' --host http://127.0.0.1:3000
  jackstaff users import users.ndjson --host https://flags.example.com --key-file key.txt
  jackstaff users delete ada --host http://127.0.0.1:3000")]
pub struct Users {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Get(Get),
    Set(Set),
    Delete(Delete),
    Import(import::Import),
}

/// Where the host is, and who asks.
#[derive(Args)]
struct Target {
    /// The host's address, such as `https://flags.example.com`; a path in front of /v1 belongs to it
    #[arg(long, value_name = "URL")]
    host: String,
    /// A file that holds the key and nothing else [default: the variable JACKSTAFF_KEY]
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Certificates in PEM of those that vouch for the host [default: the public authorities, as Mozilla lists them]
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

/// Print what is stored about a user, as a line that `import` takes
#[derive(Args)]
struct Get {
    /// The user's id: any text of up to 1,024 bytes
    user: String,
    #[command(flatten)]
    target: Target,
}

/// Change what is stored about a user: a JSON Merge Patch
///
/// Attributes that are not named stay as they are; null removes one; customData is merged key by key, and customData: null removes all of it.
/// Stored are email, name, language, country, lastSeenDate and customData; a document may have 16,384 bytes and 250 attributes.
#[derive(Args)]
struct Set {
    /// The user's id: any text of up to 1,024 bytes
    user: String,
    /// A JSON object, such as '{"country":"DE","customData":{"stars":120}}'; `-` reads it from the standard input
    attributes: String,
    #[command(flatten)]
    target: Target,
}

/// Erase all that is stored about users
///
/// Also what was kept aside because it could not be read. Whoever is not known is erased already.
#[derive(Args)]
struct Delete {
    /// The users' ids
    #[arg(required = true, value_name = "USER")]
    users: Vec<String>,
    #[command(flatten)]
    target: Target,
}

impl Users {
    pub fn run(&self) -> Result<ExitCode> {
        match &self.command {
            Command::Get(get) => {
                let stored = get.target.client()?.get(&get.user).map_err(explained)?;
                // As it came: a line that `import` takes, with every number as it is written.
                serde_json::from_str::<serde::de::IgnoredAny>(&stored)
                    .context("the host answered something that is not JSON: is this address a Jackstaff?")?;
                writeln!(io::stdout().lock(), "{stored}")?;
            }
            Command::Set(set) => {
                let attributes = set.attributes()?;
                let said = set.target.client()?.patch(&set.user, &attributes).map_err(explained)?;
                writeln!(io::stdout().lock(), "{}: {said}", set.user)?;
            }
            Command::Delete(delete) => {
                let client = delete.target.client()?;
                for user in &delete.users {
                    let said = client.delete(user).map_err(explained).with_context(|| format!("user `{user}`"))?;
                    writeln!(io::stdout().lock(), "{user}: {said}")?;
                }
            }
            Command::Import(import) => return import.run(),
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn explained(refused: Refused) -> anyhow::Error {
    anyhow::anyhow!("{refused}")
}

impl Set {
    fn attributes(&self) -> Result<Vec<u8>> {
        let mut text = self.attributes.clone().into_bytes();
        if self.attributes == "-" {
            text.clear();
            io::stdin()
                .lock()
                .take(MAX_ATTRIBUTE_BYTES + 1)
                .read_to_end(&mut text)
                .context("cannot read the standard input")?;
        }
        match serde_json::from_slice::<serde_json::Value>(&text) {
            Ok(serde_json::Value::Object(_)) => Ok(text),
            Ok(_) => {
                bail!("the attributes are no JSON object: write for example '{{\"customData\":{{\"stars\":120}}}}'")
            }
            Err(error) => bail!("the attributes are no JSON: {error}; a shell takes them in single quotes"),
        }
    }
}

impl Target {
    fn client(&self) -> Result<Client> {
        let read = |file: &PathBuf| std::fs::read(file).with_context(|| format!("cannot read {}", file.display()));
        let authorities = self.ca_file.as_ref().map(read).transpose()?;
        Client::new(&self.host, self.key()?, authorities.as_deref())
    }

    fn key(&self) -> Result<String> {
        let text = match &self.key_file {
            Some(file) => {
                std::fs::read_to_string(file).with_context(|| format!("cannot read the key in {}", file.display()))?
            }
            None => std::env::var(KEY_VARIABLE).with_context(|| {
                format!("there is no key: put a server or admin key into the variable {KEY_VARIABLE}, or name a file with --key-file")
            })?,
        };
        let key = text.trim();
        if key.is_empty() || key.len() > MAX_KEY_BYTES || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            bail!("the key is one word of visible ASCII characters: what was given is none");
        }
        Ok(key.to_owned())
    }
}
