//! Lists of what is stored: sessions, symbols, gaps, losses.

use sqlx::Row as _;
use sqlx::postgres::PgRow;
use tickwire_feeds::Nanos;
use tickwire_feeds::time::Day;

use super::books::signed;
use super::error::Error;
use super::reader::Epoch;
use super::reader::Reader;
use super::reader::place;
use super::reader::time;
use super::tally::Figures;
use crate::event::FeedId;
use crate::event::Seq;
use crate::event::SymbolId;

/// What one feed recorded in one UTC day (by `recv`) of one tape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The name of the tape.
    pub epoch: String,
    /// The feed's name in the configuration.
    pub feed: String,
    /// The part before the colon of its symbols.
    pub venue: String,
    /// The day.
    pub day: Day,
    /// What there is of it.
    pub figures: Figures,
    /// All of the tape up to here is counted.
    pub upto: Seq,
}

/// A symbol of a stored tape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Its id on that tape.
    pub id: SymbolId,
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub feed: FeedId,
}

/// A gap of a stored tape, or what became of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredGap {
    /// Its place.
    pub seq: Seq,
    /// When it was noticed.
    pub recv: Nanos,
    /// The gap that it tells of: its own place when it is new.
    pub of: Seq,
    /// The feed's name in the configuration.
    pub feed: String,
    /// The symbol's name; `None` for all of the feed.
    pub symbol: Option<String>,
    /// How many messages are missing, if that can be told.
    pub missing: Option<u64>,
    /// Which data, in the word that clients see, as the next two.
    pub covers: String,
    /// How it was noticed.
    pub cause: String,
    /// What is known of it.
    pub state: String,
}

impl Reader {
    /// What was recorded: by day, then tape and feed.
    ///
    /// # Errors
    /// As [`Reader::epochs`].
    pub async fn sessions(&self) -> Result<Vec<Session>, Error> {
        let rows = sqlx::query(
            "SELECT e.name, f.name, f.venue, s.day - date '1970-01-01', s.first, s.last, \
             s.recv_first, s.recv_last, s.events, s.trades, s.quotes, s.gaps, e.stored \
             FROM sessions s JOIN epochs e USING (epoch_id) JOIN feeds f USING (epoch_id, feed_id) \
             ORDER BY s.day, s.epoch_id, s.feed_id",
        );
        self.all("list the sessions", rows, session_of).await
    }

    /// The symbols of a tape, by their ids.
    ///
    /// # Errors
    /// As [`Reader::epochs`].
    pub async fn symbols(&self, epoch: &Epoch) -> Result<Vec<Listing>, Error> {
        let rows = sqlx::query(
            "SELECT symbol_id, name, feed_id FROM symbols WHERE epoch_id = $1 ORDER BY symbol_id",
        );
        let listing = |row: &PgRow| {
            Ok(Listing {
                id: SymbolId(row.try_get::<i32, _>(0)?.cast_unsigned()),
                name: row.try_get(1)?,
                feed: FeedId(row.try_get::<i32, _>(2)?.cast_unsigned()),
            })
        };
        self.all("list the symbols", rows.bind(epoch.id), listing).await
    }

    /// What was lost before it could be stored: after the first place, up to the second.
    ///
    /// # Errors
    /// As [`Reader::epochs`].
    pub async fn losses(&self, epoch: &Epoch) -> Result<Vec<(Seq, Seq)>, Error> {
        let rows = sqlx::query("SELECT after, upto FROM losses WHERE epoch_id = $1 ORDER BY upto");
        let places = |row: &PgRow| Ok((place(row, 0)?, place(row, 1)?));
        self.all("list what was lost", rows.bind(epoch.id), places).await
    }

    /// Gaps of a tape after a place and up to another, in the order of the tape, at most `limit`.
    ///
    /// # Errors
    /// As [`Reader::epochs`].
    pub async fn gaps(
        &self,
        epoch: &Epoch,
        (after, upto): (Seq, Seq),
        limit: u32,
    ) -> Result<Vec<StoredGap>, Error> {
        let rows = sqlx::query(
            "SELECT g.seq, g.recv, g.of_seq, f.name, s.name, g.missing::text, g.covers, g.cause, \
             g.state FROM gaps g JOIN feeds f USING (epoch_id, feed_id) \
             LEFT JOIN symbols s USING (epoch_id, symbol_id) \
             WHERE g.epoch_id = $1 AND g.seq > $2 AND g.seq <= $3 ORDER BY g.seq LIMIT $4",
        );
        let rows = rows.bind(epoch.id).bind(signed(after)).bind(signed(upto));
        self.all("list the gaps", rows.bind(i64::from(limit)), gap_of).await
    }
}

fn session_of(row: &PgRow) -> Result<Session, sqlx::Error> {
    let count = |at| row.try_get::<i64, _>(at).map(i64::cast_unsigned);
    Ok(Session {
        epoch: row.try_get(0)?,
        feed: row.try_get(1)?,
        venue: row.try_get(2)?,
        day: Day(row.try_get(3)?),
        figures: Figures {
            first: place(row, 4)?,
            last: place(row, 5)?,
            recv_first: time(row, 6)?,
            recv_last: time(row, 7)?,
            events: count(8)?,
            trades: count(9)?,
            quotes: count(10)?,
            gaps: count(11)?,
        },
        upto: place(row, 12)?,
    })
}

fn gap_of(row: &PgRow) -> Result<StoredGap, sqlx::Error> {
    let missing: Option<&str> = row.try_get(5)?;
    Ok(StoredGap {
        seq: place(row, 0)?,
        recv: time(row, 1)?,
        of: place(row, 2)?,
        feed: row.try_get(3)?,
        symbol: row.try_get(4)?,
        missing: missing.and_then(|count| count.parse().ok()),
        covers: row.try_get(6)?,
        cause: row.try_get(7)?,
        state: row.try_get(8)?,
    })
}
