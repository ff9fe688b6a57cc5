//! What can go wrong with the tape.

use std::io;
use std::path::Path;
use std::path::PathBuf;

use crate::event::Seq;

/// What can go wrong with the tape.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("could not {context}: {source}")]
    Io {
        /// What it said.
        source: io::Error,
        /// What was being done, and to which file.
        context: String,
    },
    /// The disk is full, or a quota is. What failed may be tried again as it was.
    #[error("no space left for {}", path.display())]
    NoSpace {
        /// The file that could not grow.
        path: PathBuf,
    },
    /// Another writer has the tape.
    #[error("the tape in {} is in use by another process", dir.display())]
    Locked {
        /// Its directory.
        dir: PathBuf,
    },
    /// Bytes on the disk are not those that were written.
    #[error("{} is damaged at byte {offset}: {what}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where in it, in bytes.
        offset: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// Bytes that are as they were written, but that this version can not read.
    #[error("{} holds what this version can not read at byte {offset}: {what}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Where in it, in bytes.
        offset: u64,
        /// What could not be read.
        what: &'static str,
    },
    /// Written by a later version.
    #[error("{} has format version {version}, this program reads up to {known}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
        /// The greatest version that can be read.
        known: u32,
    },
    /// The place asked for is no longer on the tape.
    #[error("seq {cursor} is no longer on the tape, which reaches back to {oldest}")]
    Expired {
        /// The place asked for.
        cursor: Seq,
        /// How far the tape reaches back.
        oldest: Seq,
    },
    /// An event or a board that does not stand where the tape goes on. The caller's mistake.
    #[error("seq {given} where the tape goes on with {next}")]
    OutOfOrder {
        /// The place given.
        given: Seq,
        /// The least place that would have been right.
        next: Seq,
    },
    /// The thread that reserves places and syncs files has ended.
    #[error("the housekeeping thread of the tape has ended")]
    Abandoned,
}

impl Error {
    /// Wraps what the operating system said, a full disk apart.
    pub(super) fn io(source: io::Error, doing: &str, path: &Path) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Self::NoSpace { path: path.into() },
            _ => Self::Io { source, context: format!("{doing} {}", path.display()) },
        }
    }

    /// For `map_err`.
    pub(super) fn doing<'a>(
        doing: &'static str,
        path: &'a Path,
    ) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| Self::io(source, doing, path)
    }
}
