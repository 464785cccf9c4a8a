//! `jackstaff users import`: many users from a file.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use sha2::{Digest as _, Sha256};

use super::Target;
use super::client::Client;
use super::line::{Line, Lines};
use super::pace::Pace;
use super::progress::Progress;
use super::state::{self, State};
use crate::input::name;
use crate::report::plural;

/// Of a file with many mistakes the first are shown.
const SHOWN_MISTAKES: u64 = 10;

/// How often the state is written.
const OFTEN: Duration = Duration::from_secs(1);

/// Import users from a file with a JSON object on each line (NDJSON)
///
/// A line is a user as `set` takes one, with the id: {"user_id":"ada","customData":{"stars":120}}. It is merged into what is stored. The
/// whole file is looked through before anything is sent. Users are sent one after another, in order, so that the last line about a user wins.
#[derive(Args)]
#[command(after_help = "\
An import that is interrupted, by Ctrl-C or by a host that fails, leaves
FILE.jackstaff-import behind, and the same command with --resume goes on from there. At
most the last second's lines are sent again, with the same values.

A host that answers 429 or 5xx is waited for: as long as its Retry-After says, else some
15 seconds in all. Akamai takes 50 writes a second for an application, and a new user
takes two of them: --rate 25 is safe there.

Examples:
  jackstaff users import users.ndjson --host https://flags.example.com
  jackstaff users import users.ndjson --host https://flags.example.com --resume
  jackstaff users import users.ndjson --host https://flags.example.com --check
  zcat users.ndjson.gz | jackstaff users import - --host https://flags.example.com --rate 20")]
pub struct Import {
    /// The file; `-` is the standard input, which can be neither looked through before nor resumed
    file: PathBuf,
    #[command(flatten)]
    target: Target,
    /// Users a second, at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: u32,
    /// Go on where an interrupted import of the file stopped
    #[arg(long)]
    resume: bool,
    /// Pass over lines with mistakes and users that the host refuses, and say which in the end
    #[arg(long)]
    keep_going: bool,
    /// Only look through the file
    #[arg(long)]
    check: bool,
}

/// What was done so far.
#[derive(Default)]
struct Count {
    sent: u64,
    /// Lines with mistakes, and users that the host refused.
    refused: u64,
}

impl Import {
    pub fn run(&self) -> Result<ExitCode> {
        let client = self.target.client()?;
        if self.file == Path::new("-") {
            if self.resume || self.check {
                bail!("the standard input can be read only once: --resume and --check take a file");
            }
            let count = self.send(&client, BufReader::new(io::stdin().lock()), None, None)?;
            return self.summary(&count);
        }
        let total = self.look_through()?;
        if self.check {
            writeln!(io::stdout().lock(), "{}: {}, nothing was sent", name(&self.file), plural_u64(total, "user"))?;
            return Ok(ExitCode::SUCCESS);
        }
        let state_file = state::path(&self.file);
        let done = self.earlier(&client, &state_file)?;
        let count = self.send(&client, self.open()?, done, Some((&state_file, total)))?;
        match fs::remove_file(&state_file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", state_file.display()))
            }
            _ => self.summary(&count),
        }
    }

    fn open(&self) -> Result<BufReader<File>> {
        File::open(&self.file).map(BufReader::new).with_context(|| format!("cannot open {}", self.file.display()))
    }

    /// Counts the users, and shows the lines with mistakes.
    fn look_through(&self) -> Result<u64> {
        let mut lines = Lines::new(self.open()?);
        let (mut users, mut mistakes) = (0, 0);
        while let Some(line) = lines.next_user(|_| ()).with_context(|| format!("cannot read {}", name(&self.file)))? {
            match line.user {
                Ok(_) => users += 1,
                Err(mistake) => {
                    mistakes += 1;
                    // Those that are passed over are told when it is their turn.
                    if mistakes <= SHOWN_MISTAKES && !self.keep_going {
                        eprintln!("error: {}:{}: {mistake}", name(&self.file), line.number);
                    }
                }
            }
        }
        if mistakes > 0 && !self.keep_going {
            bail!(
                "{} with mistakes, nothing was sent: correct them, or pass over them with --keep-going",
                plural_u64(mistakes, "line")
            );
        }
        Ok(users)
    }

    /// The state that an earlier import left, if it is to be gone on with.
    fn earlier(&self, client: &Client, state_file: &Path) -> Result<Option<State>> {
        let Some(state) = state::load(state_file)? else {
            if self.resume {
                eprintln!("note: no import of {} was interrupted: it begins at the first line", name(&self.file));
            }
            return Ok(None);
        };
        if !self.resume {
            bail!(
                "an import of {} to {} stopped after line {}: go on with --resume, or remove {} to begin anew",
                name(&self.file),
                state.host,
                state.line,
                state_file.display()
            );
        }
        if state.host != client.base() {
            bail!(
                "the import that was interrupted went to {}: resume it there, or remove {} to begin anew",
                state.host,
                state_file.display()
            );
        }
        Ok(Some(state))
    }

    fn send(
        &self,
        client: &Client,
        input: impl BufRead,
        done: Option<State>,
        file: Option<(&PathBuf, u64)>,
    ) -> Result<Count> {
        let mut lines = Lines::new(input);
        let mut digest = Sha256::new();
        let mut count = Count::default();
        let mut total = file.map(|(_, total)| total);
        let mut state = State { host: client.base().to_owned(), line: 0, sha256: String::new() };
        let mut to_skip = done;
        let mut pace = Pace::new(self.rate);
        let mut progress = Progress::new();
        let mut saved: Option<Instant> = None;
        let save = |state: &State| file.map_or(Ok(()), |(path, _)| state.save(path));
        loop {
            let before = (lines.number, digest.clone());
            let line = lines
                .next_user(|bytes| digest.update(bytes))
                .with_context(|| format!("cannot read {}", name(&self.file)))?;
            if let Some(done) = &to_skip {
                if line.as_ref().is_none_or(|line| line.number > done.line) {
                    if !same(&before, done) {
                        bail!(
                            "{} has changed since its import was interrupted: remove {} to begin anew",
                            name(&self.file),
                            state::path(&self.file).display()
                        );
                    }
                    to_skip = None;
                } else {
                    total = total.map(|total| total.saturating_sub(1));
                    continue;
                }
            }
            let Some(line) = line else { break };
            (state.line, state.sha256) = (before.0, hex(before.1));
            if let Err(error) = self.one(client, &line, &mut pace, &mut count) {
                progress.end();
                save(&state)?;
                let how = if file.is_some() { "; go on with --resume when that is mended" } else { "" };
                return Err(error.context(format!("stopped at line {}, {} sent{how}", line.number, count.sent)));
            }
            if saved.is_none_or(|saved| saved.elapsed() >= OFTEN) {
                // The line that was just done included.
                (state.line, state.sha256) = (lines.number, hex(digest.clone()));
                save(&state)?;
                saved = Some(Instant::now());
            }
            progress.show(count.sent + count.refused, total);
        }
        progress.end();
        Ok(count)
    }

    /// Sends one user. An error ends the import.
    fn one(&self, client: &Client, line: &Line, pace: &mut Pace, count: &mut Count) -> Result<()> {
        let place = format!("{}:{}", name(&self.file), line.number);
        let mistake = match &line.user {
            Err(mistake) => mistake.clone(),
            Ok(user) => {
                pace.wait();
                match client.patch(user, &line.text) {
                    Ok(_) => {
                        count.sent += 1;
                        return Ok(());
                    }
                    Err(refused) if refused.is_final() => bail!("{place}: {refused}"),
                    Err(refused) => refused.to_string(),
                }
            }
        };
        if !self.keep_going {
            bail!("{place}: {mistake}");
        }
        count.refused += 1;
        eprintln!("error: {place}: {mistake}");
        Ok(())
    }

    fn summary(&self, count: &Count) -> Result<ExitCode> {
        let refused = if count.refused > 0 {
            format!(", {} passed over", plural_u64(count.refused, "line"))
        } else {
            String::new()
        };
        writeln!(io::stdout().lock(), "{}: {} imported{refused}", name(&self.file), plural_u64(count.sent, "user"))?;
        Ok(if count.refused > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

/// Whether the lines that were passed over are those of the earlier import.
fn same((line, digest): &(u64, Sha256), done: &State) -> bool {
    *line == done.line && hex(digest.clone()) == done.sha256
}

fn hex(digest: Sha256) -> String {
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn plural_u64(n: u64, word: &str) -> String {
    plural(usize::try_from(n).unwrap_or(usize::MAX), word)
}
