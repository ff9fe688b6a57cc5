//! Where tapes are: the flags that say so, and what can be opened there.

use std::path::PathBuf;

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::serve::Flags;
use crate::config::Config;
use crate::history;
use crate::history::History;
use crate::history::Volume;
use crate::store;
use crate::tape;
use crate::tape::Tape;

/// Where tapes are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct Place {
    /// Directory of the tape; without it `tape.dir`
    #[arg(long, visible_alias = "tape", value_name = "DIR")]
    pub tape_dir: Option<String>,
    /// File of settings that differ from the defaults
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl Place {
    /// The flags with which another command finds the same, with a space before each.
    pub(super) fn flags(&self) -> String {
        let config = self.config.as_ref().map(|path| path.display().to_string());
        let given = [("--tape-dir", self.tape_dir.clone()), ("--config", config)];
        let flags = given.into_iter().filter_map(|(flag, value)| Some((flag, value?)));
        flags.map(|(flag, value)| format!(" {flag} {}", quoted(&value))).collect()
    }

    /// The settings that hold.
    ///
    /// # Errors
    /// [`Failure`] for the first thing that is wrong with them.
    pub(super) fn load(&self) -> Result<Config, Failure> {
        let (config, tape_dir) = (self.config.clone(), self.tape_dir.clone());
        let flags = Flags { config, tape_dir, ..Flags::default() };
        Ok(flags.load()?.config)
    }

    /// The directory of one tape: of that name, or of the one that `serve` writes.
    ///
    /// # Errors
    /// [`Failure::NotFound`] if there is none; as [`failure`].
    pub(super) fn dir_of(&self, epoch: Option<&str>) -> Result<PathBuf, Failure> {
        let dir = self.load()?.tape.dir;
        let Some(epoch) = epoch else { return Ok(dir) };
        let is_name = epoch.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let imported = history::imports(&dir).join(epoch);
        if is_name && imported.is_dir() {
            return Ok(imported);
        }
        let found = if dir.is_dir() { tape::look(&dir).map_err(|e| failure(&e))? } else { None };
        match found {
            Some(live) if live.epoch() == epoch => Ok(dir),
            _ => Err(Failure::NotFound(format!("there is no tape {epoch} in {}", dir.display()))),
        }
    }
}

/// All tapes of a place, for one command.
#[derive(Debug)]
pub(super) struct Archive {
    /// Where they are read.
    pub(super) history: History,
    /// The one that `serve` writes, as it stands now.
    pub(super) live: Option<Tape>,
    /// Its directory.
    pub(super) dir: PathBuf,
}

impl Place {
    /// All tapes: the one that `serve` writes, imported ones, those in the store.
    ///
    /// # Errors
    /// Those of the settings; as [`failure`].
    pub(super) fn archive(&self) -> Result<Archive, Failure> {
        let config = self.load()?;
        let dir = config.tape.dir;
        let live = if dir.is_dir() { tape::look(&dir).map_err(|e| failure(&e))? } else { None };
        let archive = match store::Settings::of(&config.store) {
            Some(settings) => Some(store::Reader::new(&settings).map_err(|e| stored(&e))?),
            None => None,
        };
        Ok(Archive { history: History::new(live.clone(), &dir, archive), live, dir })
    }
}

impl Archive {
    /// One tape: of that name, else the one that `serve` writes, else the newest in the store.
    ///
    /// # Errors
    /// [`Failure::NotFound`], [`Failure::Connection`] if the store cannot be asked.
    pub(super) async fn volume(&self, epoch: Option<&str>) -> Result<Volume, Failure> {
        let none = || Failure::NotFound(format!("there is no tape in {}", self.dir.display()));
        let newest = match (epoch, &self.live, self.history.archive()) {
            (None, None, Some(store)) => {
                let epochs = store.epochs().await.map_err(|error| stored(&error))?;
                Some(epochs.last().ok_or_else(none)?.name.to_string())
            }
            (None, None, None) => return Err(none()),
            _ => None,
        };
        let volume = self.history.volume(epoch.or(newest.as_deref())).await;
        volume.map_err(|error| unread(&error))
    }

    /// Whether a tape was imported.
    pub(super) fn is_imported(&self, volume: &Volume) -> bool {
        history::imports(&self.dir).join(volume.epoch()).is_dir()
    }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:@%".contains(&byte);
    match !word.is_empty() && word.bytes().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

/// What a trouble of history is for a user.
pub(super) fn unread(error: &history::Error) -> Failure {
    match error {
        history::Error::NoTape(_) => Failure::NotFound(error.to_string()),
        history::Error::Lost { .. } | history::Error::Expired { .. } => {
            Failure::Missing(error.to_string())
        }
        history::Error::Tape(error) => failure(error),
        history::Error::Store(error) => stored(error),
        error => Failure::General(error.to_string()),
    }
}

fn stored(error: &store::Error) -> Failure {
    match error {
        store::Error::Database { .. } | store::Error::Timeout { .. } => {
            Failure::Connection(error.to_string())
        }
        error => Failure::General(error.to_string()),
    }
}

/// What a trouble of the tape is for a user.
pub(super) fn failure(error: &tape::Error) -> Failure {
    match error {
        tape::Error::Corrupt { .. } | tape::Error::Unreadable { .. } => {
            Failure::Missing(error.to_string())
        }
        _ => Failure::General(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_can_be_given_to_the_next_command() {
        let place = Place { tape_dir: Some("a b/it's".to_owned()), config: Some("my.toml".into()) };
        assert_eq!(place.flags(), r" --tape-dir 'a b/it'\''s' --config my.toml");
        assert_eq!(Place::default().flags(), "");
    }
}
