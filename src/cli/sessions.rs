//! `tickwire sessions`: what was recorded, and what was imported and is no longer wanted.

mod list;

use std::fs;
use std::io;
use std::io::BufRead as _;
use std::io::IsTerminal as _;
use std::io::Write as _;
use std::path::Path;

use clap::Args;
use clap::Subcommand;

use crate::cli::failure::Failure;
use crate::cli::place::Archive;
use crate::cli::place::Place;
use crate::cli::place::unread;
use crate::cli::talk::Talk;
use crate::history;
use crate::history::Roster;
use crate::store::Session;

/// Counting may stop before the end, to be asked again; so often it is.
const ASKS_MAX: usize = 10_000;

/// What was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "\
A session is what one feed recorded in one UTC day of one tape.

Examples:
  tickwire sessions ls
  tickwire sessions rm k3v9abcd --dry-run")]
pub struct Sessions {
    /// What to do with them.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do with sessions.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Verb {
    /// List them: of the journal, of imported tapes, of the store
    #[command(after_help = "\
Examples:
  tickwire sessions ls
  tickwire sessions ls --json --tape-dir data/tape")]
    Ls {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
        /// Where tapes are.
        #[command(flatten)]
        place: Place,
    },
    /// Tell all of one tape: where it stands, what it was made of, its sessions
    #[command(after_help = "\
Examples:
  tickwire sessions show k3v9abcd
  tickwire sessions show k3v9abcd --json")]
    Show {
        /// Name of the tape
        #[arg(value_name = "EPOCH")]
        epoch: String,
        /// As one JSON object
        #[arg(long)]
        json: bool,
        /// Where tapes are.
        #[command(flatten)]
        place: Place,
    },
    /// Remove an imported tape
    #[command(after_help = "\
The tape of the server is not removed so, and nothing in the store is.

Examples:
  tickwire sessions rm k3v9abcd --dry-run
  tickwire sessions rm k3v9abcd --yes")]
    Rm {
        /// Name of the tape
        #[arg(value_name = "EPOCH")]
        epoch: String,
        /// Tell what would be removed, and remove nothing
        #[arg(long)]
        dry_run: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        /// Where tapes are.
        #[command(flatten)]
        place: Place,
    },
}

impl Sessions {
    /// Does it.
    ///
    /// # Errors
    /// [`Failure::NotFound`] if there is no such tape; if it cannot be read or removed.
    pub fn run(&self, talk: Talk) -> Result<(), Failure> {
        let text = match &self.verb {
            Verb::Ls { json, place } => {
                let archive = place.archive()?;
                let sessions = block_on(sessions(&archive, None, talk))?;
                if *json { list::ndjson(&sessions) } else { list::table(&sessions) }
            }
            Verb::Show { epoch, json, place } => {
                let archive = place.archive()?;
                let sessions = block_on(sessions(&archive, Some(epoch), talk))?;
                let shown = block_on(list::Shown::of(&archive, epoch))?;
                if *json { shown.json(&sessions) } else { shown.text(&sessions) }
            }
            Verb::Rm { epoch, dry_run, yes, place } => {
                let archive = place.archive()?;
                return remove(&archive, epoch, (*dry_run, *yes), talk);
            }
        };
        Ok(io::stdout().lock().write_all(text.as_bytes())?)
    }
}

/// What was recorded on one tape, or on all.
async fn sessions(
    archive: &Archive,
    epoch: Option<&str>,
    talk: Talk,
) -> Result<Vec<Session>, Failure> {
    let history = &archive.history;
    let live = match &archive.live {
        Some(live) => {
            let volume = history.volume(Some(live.epoch())).await.map_err(|e| unread(&e))?;
            history.roster(&volume).await.map_err(|error| unread(&error))?
        }
        None => Roster::default().into(),
    };
    let mut before = Vec::new();
    for _ in 0..ASKS_MAX {
        let found = history.sessions(epoch, &live).await.map_err(|error| unread(&error))?;
        if found.is_complete {
            return Ok(found.list);
        }
        if found.list == before {
            break;
        }
        before = found.list;
    }
    talk.say("not all is counted: the store is far behind the tape");
    Ok(before)
}

fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::General(format!("cannot start: {error}")))?.block_on(work)
}

fn remove(
    archive: &Archive,
    epoch: &str,
    (dry_run, yes): (bool, bool),
    talk: Talk,
) -> Result<(), Failure> {
    let imports = history::imports(&archive.dir);
    let names = history::imported_names(&imports).map_err(|error| unread(&error))?;
    if !names.iter().any(|name| name == epoch) {
        let is_live = archive.live.as_ref().is_some_and(|live| live.epoch() == epoch);
        return Err(if is_live {
            Failure::Usage(format!("{epoch} is the tape of the server, which is not removed so"))
        } else {
            Failure::NotFound(format!("there is no imported tape {epoch}"))
        });
    }
    let dir = imports.join(epoch);
    let bytes = size(&dir).map_err(|error| cannot("look at", &dir, &error))?;
    let what = format!("imported tape {epoch}, {bytes} bytes in {}", dir.display());
    if dry_run {
        talk.say(&format!("would remove {what}"));
        return Ok(());
    }
    if !yes && !is_agreed(&what)? {
        return Err(Failure::General("nothing was removed".to_owned()));
    }
    // With this name nobody reads it, and the next import removes what an end would leave of it.
    let doomed = imports.join(format!("{epoch}.partial"));
    let removed = fs::rename(&dir, &doomed).and_then(|()| fs::remove_dir_all(&doomed));
    removed.map_err(|error| cannot("remove", &dir, &error))?;
    talk.say(&format!("removed {what}"));
    Ok(())
}

/// Asks at the terminal, if there is one.
fn is_agreed(what: &str) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::Usage(format!("to remove {what} without being asked, say --yes")));
    }
    write!(io::stderr().lock(), "remove {what}? [y/N] ")?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn size(dir: &Path) -> io::Result<u64> {
    fs::read_dir(dir)?.map(|entry| Ok(entry?.metadata()?.len())).sum()
}

fn cannot(doing: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::General(format!("cannot {doing} {}: {error}", path.display()))
}
