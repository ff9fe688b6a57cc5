//! The store: history in Postgres, written from the tape by a [`Recorder`], read by a [`Reader`].
//!
//! # What is stored
//! Each event is a row of `events`: some columns for people, who may use the views `trades` and
//! `quotes`, and `frame`, the whole event as the journal encodes it. What is read back is made of
//! the frame, `seq` and `recv`, so it is the event that the journal had, whatever becomes of the
//! journal. Boards are stored too, every so often, as the journal's segments begin with one: so a
//! replay can begin at any place. Other tables say where to look: see `migrations/`.
//!
//! # Exactly once
//! A batch of events and the cursor behind it are one transaction, which is begun only where the
//! cursor stood. Whoever dies at whatever moment, the next one goes on behind what was committed.
//!
//! # Bounds
//! The recorder holds one batch of events; a reader one window of rows. What is not stored yet is
//! in the journal. Each step of the database is waited for only so long.

mod books;
mod closed_bars;
mod connection;
mod days;
mod error;
mod filter;
mod ledger;
mod listings;
mod numeric;
mod opening;
mod pool;
mod reader;
mod recorder;
mod retention;
mod row;
pub mod schema;
mod slices;
mod status;
mod tally;
mod writer;

use connection::Patience;

pub use crate::config::store::Url;
pub use connection::time;
pub use error::Error;
pub use filter::Filter;
pub use listings::Listing;
pub use listings::Session;
pub use listings::StoredGap;
pub use reader::Epoch;
pub use reader::Events;
pub use reader::Reader;
pub use recorder::Recorder;
pub use recorder::Watch;
pub use status::State;
pub use status::Status;
pub use tally::Figures;
pub use tally::Tally;

/// Where history is kept, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The database.
    pub url: Url,
    /// Days go when they are older than this, in milliseconds.
    pub retention_age_ms: i64,
    /// Longest time that an event waits to be written with others, in milliseconds.
    pub batch_ms: u32,
    /// Longest time that the database may take for one step, in milliseconds.
    pub timeout_ms: u32,
    /// Most connections of a [`Reader`].
    pub readers: u32,
}

impl Settings {
    /// Settings for a database: a hundred years kept, batches of a quarter of a second, ten
    /// seconds of patience, four readers.
    #[must_use]
    pub const fn new(url: Url) -> Self {
        Self {
            url,
            retention_age_ms: 36_500 * 86_400_000,
            batch_ms: 250,
            timeout_ms: 10_000,
            readers: 4,
        }
    }

    /// As configured; `None` if there is to be no store.
    #[must_use]
    pub fn of(config: &crate::config::store::Store) -> Option<Self> {
        Some(Self {
            url: config.url.clone()?,
            retention_age_ms: i64::try_from(config.retention_age.millis()).unwrap_or(i64::MAX),
            batch_ms: config.batch_ms,
            timeout_ms: config.timeout_ms,
            readers: config.readers,
        })
    }

    const fn patience(&self) -> Patience {
        Patience { timeout_ms: self.timeout_ms }
    }
}

#[cfg(test)]
pub(crate) mod tests;
