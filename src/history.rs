//! History: one answer over the journal, which is recent, and Postgres, which goes further back.
//!
//! A [`Volume`] is one tape with all that is left of it, wherever it stands. What the journal has
//! is read there, the rest in the store; who reads across the seam does not notice it.
//!
//! The journal is a file, so these calls may wait for the disk: they are not for the workers that
//! serve what is live.

mod bars;
mod counts;
mod desk;
mod error;
mod events;
mod roster;
mod sessions;
mod volume;

use std::collections::VecDeque;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use crate::event::Seq;
use crate::store;
use crate::tape;
use crate::tape::Tape;

pub use crate::store::Filter;
pub use bars::PastBars;
pub use desk::Desk;
pub use desk::Errand;
pub use desk::Seat;
pub use error::Error;
pub use events::Events;
pub use roster::FeedName;
pub use roster::Member;
pub use roster::Roster;
pub use sessions::Sessions;
pub use volume::Volume;

/// All tapes that can be read: the live one, those that were imported, those in the store.
#[derive(Debug, Clone)]
pub struct History {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    live: Option<Tape>,
    imports: PathBuf,
    archive: Option<store::Reader>,
    /// Of the tapes that were asked for last, as they were at a place.
    rosters: Mutex<VecDeque<Known>>,
    counts: sessions::AllCounts,
}

/// A roster, and of which tape at which place it is.
#[derive(Debug)]
struct Known {
    epoch: Box<str>,
    at: Seq,
    roster: Arc<Roster>,
}

/// How many rosters are remembered: each takes about 100 bytes a symbol.
const ROSTERS_MAX: usize = 8;

impl History {
    /// The history of a server with this live tape, whose directory is `dir`.
    #[must_use]
    pub fn new(live: Option<Tape>, dir: &Path, archive: Option<store::Reader>) -> Self {
        let (rosters, counts) = (Mutex::default(), Default::default());
        let imports = imports(dir);
        Self { shared: Arc::new(Shared { live, imports, archive, rosters, counts }) }
    }

    /// One tape: by its name, or the live one.
    ///
    /// # Errors
    /// [`Error::NoTape`]; [`Error::Store`] if only the store could know it, and cannot be asked.
    pub async fn volume(&self, epoch: Option<&str>) -> Result<Volume, Error> {
        let Shared { live, imports, archive, .. } = &*self.shared;
        let name = match (epoch, live) {
            (Some(name), _) => name,
            (None, Some(live)) => live.epoch(),
            (None, None) => return Err(Error::NoTape("".into())),
        };
        let journal = match live.as_ref().filter(|live| live.epoch() == name) {
            Some(live) => Some(live.clone()),
            None => imported(imports, name)?,
        };
        if journal.is_none() {
            let archive = archive.as_ref().ok_or_else(|| Error::NoTape(name.into()))?;
            archive.epoch(name).await?;
        }
        Ok(Volume::new(name, journal, archive.clone()))
    }

    /// The names of all tapes: the live one, imported ones, those in the store.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Tape`].
    pub async fn names(&self) -> Result<Vec<String>, Error> {
        let Shared { live, imports, archive, .. } = &*self.shared;
        let mut names: Vec<String> = live.iter().map(|live| live.epoch().to_owned()).collect();
        names.extend(imported_names(imports)?);
        if let Some(archive) = archive {
            let stored = archive.epochs().await?;
            names.extend(stored.iter().map(|epoch| epoch.name.to_string()));
        }
        let mut seen = std::collections::BTreeSet::new();
        names.retain(|name| seen.insert(name.clone()));
        Ok(names)
    }

    /// The names on a tape, as they are at its end. Of a tape that grows this is slow.
    ///
    /// # Errors
    /// If the journal or the store cannot be read.
    pub async fn roster(&self, volume: &Volume) -> Result<Arc<Roster>, Error> {
        let (epoch, head) = (volume.epoch(), volume.head().await?);
        let known = {
            let rosters = self.shared.rosters.lock().unwrap_or_else(PoisonError::into_inner);
            let known = rosters.iter().find(|of| *of.epoch == *epoch && of.at == head);
            known.map(|known| Arc::clone(&known.roster))
        };
        if let Some(known) = known {
            return Ok(known);
        }
        let roster = Arc::new(Roster::of(&volume.board_at(head).await?));
        let mut rosters = self.shared.rosters.lock().unwrap_or_else(PoisonError::into_inner);
        rosters.retain(|of| *of.epoch != *epoch);
        rosters.truncate(ROSTERS_MAX - 1);
        rosters.push_front(Known { epoch: epoch.into(), at: head, roster: Arc::clone(&roster) });
        Ok(roster)
    }

    /// The store, if there is one.
    #[must_use]
    pub fn archive(&self) -> Option<&store::Reader> {
        self.shared.archive.as_ref()
    }
}

/// Where imported tapes stand, each in a directory of its name, beside the segments of a tape.
#[must_use]
pub fn imports(dir: &Path) -> PathBuf {
    dir.join("imports")
}

fn imported(imports: &Path, name: &str) -> Result<Option<Tape>, Error> {
    let is_name = name.len() == 8 && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let dir = imports.join(name);
    if !is_name || !dir.is_dir() {
        return Ok(None);
    }
    Ok(tape::look(&dir)?.filter(|tape| tape.epoch() == name))
}

/// The names of all imported tapes.
///
/// # Errors
/// [`Error::Tape`] if the directory cannot be listed.
pub fn imported_names(imports: &Path) -> Result<Vec<String>, Error> {
    let entries = match std::fs::read_dir(imports) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => {
            let context = format!("list {}", imports.display());
            return Err(tape::Error::Io { source, context }.into());
        }
    };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> =
        names.filter(|name| matches!(imported(imports, name), Ok(Some(_)))).collect();
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests;
