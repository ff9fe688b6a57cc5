//! `tickwire tape`: the tape on the disk, looked at, checked and backed up.

mod leaf;

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use clap::Subcommand;

use crate::cli::failure::Failure;
use crate::cli::interrupt::Interrupt;
use crate::cli::place;
use crate::cli::place::Place;
use crate::cli::progress::Progress;
use crate::cli::talk::Talk;
use crate::history;
use crate::import::Origin;
use crate::tape;
use crate::tape::Checkup;
use crate::tape::Copied;
use crate::tape::Gravity;
use leaf::Leaf;

/// The tape on the disk, looked at, checked and backed up.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "\
A server may be running meanwhile: nothing of its tape is changed.

Examples:
  tickwire tape info
  tickwire tape copy backup/tape")]
pub struct Tape {
    /// What to do with it.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do with the tape.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Verb {
    /// Tell what there is: name, places, times, sizes, symbols
    #[command(after_help = "\
Examples:
  tickwire tape info
  tickwire tape info --json --tape-dir data/tape")]
    Info {
        /// Which.
        #[command(flatten)]
        which: Which,
        /// As one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Read all of it and compare what it says twice: checksums, order, links, checkpoints
    #[command(after_help = "\
Ends with 6 if anything is damaged. What a crash leaves behind is no damage, and told.

Examples:
  tickwire tape check
  tickwire tape check --tape-dir backup/tape")]
    Check {
        /// Which.
        #[command(flatten)]
        which: Which,
    },
    /// Copy it, with all imported ones, into a new directory: a backup
    #[command(after_help = "\
To restore is to put the copy in the place of the tape while no server runs; see docs/backup.md.

Examples:
  tickwire tape copy backup/tape
  tickwire tape copy --tape-dir data/tape backup/tape")]
    Copy {
        /// Where to; must not be there, or be empty
        #[arg(value_name = "DIR")]
        to: PathBuf,
        /// Where from.
        #[command(flatten)]
        place: Place,
    },
}

/// Which tape.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct Which {
    /// Name of the tape; without it the one that `serve` writes
    #[arg(long, value_name = "EPOCH")]
    pub epoch: Option<String>,
    /// Where it is.
    #[command(flatten)]
    pub place: Place,
}

impl Tape {
    /// Does it.
    ///
    /// # Errors
    /// [`Failure::NotFound`] if there is no tape, [`Failure::Missing`] if it is damaged.
    pub fn run(&self, talk: Talk) -> Result<(), Failure> {
        match &self.verb {
            Verb::Info { which, json } => {
                let leaf = Leaf::of(&which.dir()?)?;
                let text = if *json { leaf.json() } else { leaf.text() };
                Ok(io::stdout().lock().write_all(text.as_bytes())?)
            }
            Verb::Check { which } => check(&which.dir()?, talk),
            Verb::Copy { to, place } => copy(&place.dir_of(None)?, to, talk),
        }
    }
}

impl Which {
    fn dir(&self) -> Result<PathBuf, Failure> {
        self.place.dir_of(self.epoch.as_deref())
    }
}

fn check(dir: &Path, talk: Talk) -> Result<(), Failure> {
    there(dir)?;
    let interrupt = Interrupt::watch()?;
    let progress = Progress::of_bytes(talk, "checking", 0);
    let found = tape::check(dir, |done, total| {
        progress.set_total(total);
        progress.show(done);
        interrupt.is_quiet()
    });
    drop(progress);
    interrupt.check()?;
    let checkup = found.map_err(|error| place::failure(&error))?.ok_or_else(|| none(dir))?;
    io::stdout().lock().write_all(told(&checkup).as_bytes())?;
    match checkup.damages {
        0 => Ok(()),
        1 => Err(Failure::Missing("the tape is damaged in one place".to_owned())),
        many => Err(Failure::Missing(format!("the tape is damaged in {many} places"))),
    }
}

/// A line for all, then one for each finding.
fn told(checkup: &Checkup) -> String {
    let Checkup { epoch, segments, bytes, events, range, findings, damages } = checkup;
    let mut text = format!("tape {epoch}: {events} events in {segments} segments, {bytes} bytes");
    if let Some((first, last)) = range {
        write!(text, ", seq {first} to {last}").ok();
    }
    text.push_str(if *damages == 0 { ", all as it should be\n" } else { "\n" });
    for finding in findings {
        let word = if finding.gravity == Gravity::Note { "note" } else { "damage" };
        writeln!(text, "{word}: {finding}").ok();
    }
    text
}

fn copy(from: &Path, to: &Path, talk: Talk) -> Result<(), Failure> {
    there(from)?;
    if fs::read_dir(to).is_ok_and(|mut entries| entries.next().is_some()) || to.is_file() {
        return Err(Failure::Usage(format!("{} is there already", to.display())));
    }
    let interrupt = Interrupt::watch()?;
    let mut partial = to.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let made = partial.parent().map_or(Ok(()), fs::create_dir_all);
    made.and_then(|()| fs::create_dir(&partial)).map_err(|error| at("make", &partial, &error))?;
    let copied = copy_all(from, &partial, (talk, &interrupt)).and_then(|copied| {
        fs::rename(&partial, to).map_err(|error| at("make", to, &error))?;
        let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = fs::File::open(parent.unwrap_or(Path::new(".")));
        parent.and_then(|dir| dir.sync_all()).map_err(|error| at("sync", to, &error))?;
        Ok(copied)
    });
    if copied.is_err()
        && let Err(error) = fs::remove_dir_all(&partial)
    {
        talk.say(&format!("could not remove {}: {error}", partial.display()));
    }
    for Copied { epoch, oldest, head, segments, bytes } in copied? {
        talk.say(&format!(
            "copied tape {epoch}: seq {oldest} to {head}, {segments} segments, {bytes} bytes"
        ));
    }
    Ok(())
}

/// Copies the tape and what was imported beside it.
fn copy_all(
    from: &Path,
    to: &Path,
    (talk, interrupt): (Talk, &Interrupt),
) -> Result<Vec<Copied>, Failure> {
    let progress = Progress::of_bytes(talk, "copying", 0);
    let one = |from: &Path, to: &Path| {
        let copied = tape::copy(from, to, |done, total| {
            progress.set_total(total);
            progress.show(done);
            interrupt.is_quiet()
        });
        interrupt.check()?;
        copied.map_err(|error| place::failure(&error))
    };
    let mut copied = vec![one(from, to)?.ok_or_else(|| none(from))?];
    let imports = history::imports(from);
    for name in history::imported_names(&imports).map_err(|e| Failure::General(e.to_string()))? {
        let to = history::imports(to).join(&name);
        fs::create_dir_all(&to).map_err(|error| at("make", &to, &error))?;
        copied.extend(one(&imports.join(&name), &to)?);
        if let Some(origin) = Origin::of(&imports.join(&name)) {
            origin.write(&to).map_err(|error| at("write the origin of", &to, &error))?;
        }
    }
    Ok(copied)
}

fn there(dir: &Path) -> Result<(), Failure> {
    if dir.is_dir() { Ok(()) } else { Err(none(dir)) }
}

fn none(dir: &Path) -> Failure {
    Failure::NotFound(format!("there is no tape in {}", dir.display()))
}

fn at(doing: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::General(format!("cannot {doing} {}: {error}", path.display()))
}
