//! Where tapes are: the flags that say so, and what can be opened there.

use std::path::PathBuf;

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::serve::Flags;
use crate::config::Config;
use crate::history;
use crate::tape;

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
    /// The settings that hold.
    ///
    /// # Errors
    /// [`Failure::General`] for the first thing that is wrong with them.
    pub(super) fn load(&self) -> Result<Config, Failure> {
        let (config, tape_dir) = (self.config.clone(), self.tape_dir.clone());
        let flags = Flags { config, tape_dir, ..Flags::default() };
        let loaded = flags.load().map_err(|error| Failure::General(error.to_string()))?;
        Ok(loaded.config)
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

/// What a trouble of the tape is for a user.
pub(super) fn failure(error: &tape::Error) -> Failure {
    match error {
        tape::Error::Corrupt { .. } | tape::Error::Unreadable { .. } => {
            Failure::Missing(error.to_string())
        }
        _ => Failure::General(error.to_string()),
    }
}
