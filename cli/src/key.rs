//! `jackstaff key`: entries for the `keys` setting.

use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// A new key has this many random bytes: more than anybody can guess.
const RANDOM_BYTES: usize = 24;

/// Keys are short; what is longer is some other file.
const MAX_KEY_BYTES: u64 = 1024;

/// Print a key's entry for the `keys` setting, which holds keys only as SHA-256
///
/// The `keys` setting of the Spin app and the Fastly service is a JSON list of such entries.
#[derive(Args)]
#[command(after_help = "\
Examples:
  jackstaff key --new --environment production            # a new server key and its entry
  jackstaff key --environment production < key.txt        # an entry for a key you have; the kind shows in its prefix
  jackstaff key --key dvc_server_demo --environment demo  # ends up in the shell's history: for demo keys

SDKs check the prefix of their key before they send anything: dvc_server…, dvc_client… or dvc_mobile….")]
pub struct Key {
    /// What the key may do [default: as its prefix says; server for a new one]
    #[arg(long, value_enum)]
    kind: Option<KeyKind>,
    /// The environment whose ruleset the key opens
    #[arg(long, value_name = "NAME")]
    environment: String,
    /// The key; without this it is read from the standard input
    #[arg(long, value_name = "KEY", conflicts_with = "new")]
    key: Option<String>,
    /// Make a new random key: its first line is the key itself, which is stored nowhere
    #[arg(long)]
    new: bool,
}

#[derive(Clone, Copy, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
enum KeyKind {
    /// For applications on servers: decides everything, tracks, config CDN
    Server,
    /// For browsers: sdkConfig, events, its own user's stored attributes
    Client,
    /// For mobile apps: as client
    Mobile,
    /// For operators: publishes rulesets, reads and erases stored attributes
    Admin,
}

impl KeyKind {
    /// The prefixes by which SDKs recognise their keys; the first one is given to new keys.
    const fn prefixes(self) -> [&'static str; 2] {
        match self {
            Self::Server => ["dvc_server_", "server"],
            Self::Client => ["dvc_client_", "client"],
            Self::Mobile => ["dvc_mobile_", "mobile"],
            Self::Admin => ["jackstaff_admin_", "admin"],
        }
    }

    fn of(key: &str) -> Option<Self> {
        Self::value_variants().iter().copied().find(|kind| kind.prefixes().iter().any(|prefix| key.starts_with(prefix)))
    }
}

#[derive(Serialize)]
struct Entry<'e> {
    sha256: String,
    kind: KeyKind,
    environment: &'e str,
}

impl Key {
    pub fn run(&self) -> Result<ExitCode> {
        if self.environment.is_empty() {
            bail!("the environment needs a name, such as --environment production");
        }
        let key = if self.new { generate(self.kind.unwrap_or(KeyKind::Server))? } else { self.given()? };
        let Some(kind) = self.kind.or_else(|| KeyKind::of(&key)) else {
            bail!("the key's prefix does not say what it may do: add --kind server, client, mobile or admin");
        };
        let entry = Entry { sha256: hex(&Sha256::digest(key.as_bytes())), kind, environment: &self.environment };
        let mut out = io::stdout().lock();
        if self.new {
            writeln!(out, "{key}")?;
        }
        writeln!(out, "{}", serde_json::to_string(&entry)?)?;
        Ok(ExitCode::SUCCESS)
    }

    /// The key from the argument or the standard input, without the line's end.
    fn given(&self) -> Result<String> {
        let text = match &self.key {
            Some(key) => key.clone(),
            None => {
                let mut text = String::new();
                io::stdin().lock().take(MAX_KEY_BYTES).read_to_string(&mut text).context("cannot read the key")?;
                text
            }
        };
        let key = text.trim();
        if key.is_empty() {
            bail!("there is no key: pass it on the standard input or with --key, or make one with --new");
        }
        if !key.bytes().all(|b| b.is_ascii_graphic()) {
            bail!("a key travels in a header: it is one word of visible ASCII characters");
        }
        Ok(key.to_owned())
    }
}

fn generate(kind: KeyKind) -> Result<String> {
    let mut random = [0; RANDOM_BYTES];
    getrandom::fill(&mut random)
        .map_err(|error| anyhow::anyhow!("the operating system gives no random bytes: {error}"))?;
    let [prefix, _] = kind.prefixes();
    Ok(format!("{prefix}{}", hex(&random)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
