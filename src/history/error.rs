//! Why history could not be read.

use crate::event::Seq;
use crate::store;
use crate::tape;

/// Why history could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No such tape.
    #[error("there is no tape {0}")]
    NoTape(Box<str>),
    /// The place asked for is gone, or was never there.
    #[error("seq {cursor} is no longer there: this tape reaches back to {oldest}")]
    Expired {
        /// The place asked for.
        cursor: Seq,
        /// How far back there is everything.
        oldest: Seq,
    },
    /// The place asked for is above the tape's end.
    #[error("seq {cursor} is not there yet: this tape ends at {head}")]
    Ahead {
        /// The place asked for.
        cursor: Seq,
        /// The tape's last event.
        head: Seq,
    },
    /// A part of the tape was lost: to damage, or before it could be stored.
    #[error("what came after seq {after}, up to {upto}, is lost")]
    Lost {
        /// The last event before it.
        after: Seq,
        /// From after here on all is there again.
        upto: Seq,
    },
    /// The journal could not be read.
    #[error(transparent)]
    Tape(tape::Error),
    /// The store could not be read.
    #[error(transparent)]
    Store(store::Error),
}

impl From<tape::Error> for Error {
    fn from(error: tape::Error) -> Self {
        match error {
            tape::Error::Expired { cursor, oldest } => Self::Expired { cursor, oldest },
            error => Self::Tape(error),
        }
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::NoEpoch(name) => Self::NoTape(name),
            store::Error::Expired { cursor, oldest } => Self::Expired { cursor, oldest },
            store::Error::Lost { after, upto } => Self::Lost { after, upto },
            store::Error::NotYet { cursor, stored } => Self::Ahead { cursor, head: stored },
            error => Self::Store(error),
        }
    }
}
