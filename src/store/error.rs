//! Why history could not be written or read.

use crate::event::Seq;

/// Why history could not be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A URL that the driver can not read. It is not repeated, as it may hold a password.
    #[error("store.url is no URL of a Postgres database")]
    Url,
    /// The database refused, or is not there.
    #[error("could not {doing}: {source}")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// What the driver said.
        source: sqlx::Error,
    },
    /// The database does not answer.
    #[error("could not {doing}: no answer within {timeout_ms} ms")]
    Timeout {
        /// What was being done.
        doing: &'static str,
        /// How long it was waited for, in milliseconds.
        timeout_ms: u32,
    },
    /// A later version of the program made the tables; this one might harm them.
    #[error(
        "the tables are those of a later version of tickwire (migration {found}, this program \
         knows {known}): update this program"
    )]
    Newer {
        /// The latest migration found there.
        found: i64,
        /// The latest one known here.
        known: i64,
    },
    /// The tables are not made yet, or those of an older version.
    #[error("{missing} migrations are missing: run `tickwire db migrate`")]
    Behind {
        /// How many.
        missing: usize,
    },
    /// A migration that was applied is not the one that is known here.
    #[error("migration {version} was applied with other content than this program's")]
    Changed {
        /// Which.
        version: i64,
    },
    /// A migration failed.
    #[error("could not migrate: {0}")]
    Migrate(sqlx::migrate::MigrateError),
    /// The journal could not be read.
    #[error(transparent)]
    Tape(#[from] crate::tape::Error),
    /// The store has events of this tape that the tape does not have: the tape was put back to an
    /// older state. To go on would give places twice.
    #[error(
        "the store reaches to seq {stored} of a tape that ends at {head}: an older copy of it?"
    )]
    Ahead {
        /// Where the store is.
        stored: Seq,
        /// Where the tape is.
        head: Seq,
    },
    /// Somebody else writes the same tape.
    #[error("another program writes the same tape into this database")]
    Rival,
    /// No such tape.
    #[error("the store has no tape {0}")]
    NoEpoch(Box<str>),
    /// The place asked for is no longer in the store, or never was.
    #[error("seq {cursor} is not in the store, which reaches back to {oldest}")]
    Expired {
        /// The place asked for.
        cursor: Seq,
        /// How far the store reaches back.
        oldest: Seq,
    },
    /// The place asked for is not in the store yet.
    #[error("seq {cursor} is not in the store yet, which ends at {stored}")]
    NotYet {
        /// The place asked for.
        cursor: Seq,
        /// Where the store ends.
        stored: Seq,
    },
    /// A part of the tape was lost before it could be stored.
    #[error("what came after seq {after}, up to {upto}, was lost before it was stored")]
    Lost {
        /// The last event before it.
        after: Seq,
        /// From after here on all is there again.
        upto: Seq,
    },
    /// Rows are not there that were stored: somebody deleted them.
    #[error("rows are missing after seq {after}, up to {upto}")]
    Incomplete {
        /// The place before the part that was read.
        after: Seq,
        /// The last place of that part.
        upto: Seq,
    },
    /// What is stored can not be read by this version.
    #[error("seq {seq} is stored in a way that this version can not read")]
    Unreadable {
        /// Where.
        seq: Seq,
    },
}

impl Error {
    /// For `map_err`.
    pub(super) fn doing(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database { doing, source }
    }
}
