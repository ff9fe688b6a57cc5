//! The reader: history out of Postgres, as the events that they were.

use std::sync::Arc;

use futures_util::TryStreamExt as _;
use sqlx::AssertSqlSafe;
use sqlx::Executor as _;
use sqlx::PgConnection;
use sqlx::Postgres;
use sqlx::Row as _;
use sqlx::postgres::PgArguments;
use sqlx::postgres::PgRow;
use sqlx::query::Query;
use tickwire_feeds::Nanos;

use super::Settings;
use super::books;
use super::books::signed;
use super::connection;
use super::error::Error;
use super::filter::Filter;
use super::pool::Pool;
use super::recorder::Watch;
use super::row;
use super::slices::ROWS_MAX;
use super::slices::Slices;
use super::slices::Wanted;
use super::slices::Window;
use crate::board::Board;
use crate::event::Event;
use crate::event::Seq;
use crate::tape::packed;

/// Reads history. Cheap to clone; all clones share their connections.
#[derive(Debug, Clone)]
pub struct Reader {
    pool: Pool,
}

/// A stored tape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Epoch {
    /// Its name.
    pub name: Arc<str>,
    /// The least cursor after which every event is stored, and at which there is a board.
    pub oldest: Seq,
    /// The last stored event.
    pub stored: Seq,
    /// The greatest `recv` of its events; meaningful if there are any.
    pub recv_high: Nanos,
    pub(super) id: i32,
}

impl Reader {
    /// Connects when it is asked for something.
    ///
    /// # Errors
    /// [`Error::Url`].
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        connection::options(settings)?;
        Ok(Self { pool: Pool::new(settings.clone()) })
    }

    /// Lets it know of a database that does not answer from its recorder as well, so that nobody
    /// has to find out by waiting.
    pub fn heed(&self, recorder: Watch) {
        self.pool.heed(recorder);
    }

    /// All stored tapes, the one begun last at the end.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Timeout`].
    pub async fn epochs(&self) -> Result<Vec<Epoch>, Error> {
        let rows = sqlx::query(
            "SELECT name, oldest, stored, recv_high, epoch_id FROM epochs ORDER BY epoch_id",
        );
        self.all("list the tapes", rows, epoch_of).await
    }

    /// A stored tape as it stands now.
    ///
    /// # Errors
    /// [`Error::NoEpoch`]; as [`Reader::epochs`].
    pub async fn epoch(&self, name: &str) -> Result<Epoch, Error> {
        let rows = sqlx::query(
            "SELECT name, oldest, stored, recv_high, epoch_id FROM epochs WHERE name = $1",
        );
        let found = self.all("find a tape", rows.bind(name), epoch_of).await?;
        found.into_iter().next().ok_or_else(|| Error::NoEpoch(name.into()))
    }

    /// The cursor that stands before the first event, in the order of the tape, whose `recv` is at
    /// or after a time; the end of what is stored if there is none.
    ///
    /// # Errors
    /// As [`Reader::epochs`].
    pub async fn before(&self, epoch: &Epoch, at: Nanos) -> Result<Seq, Error> {
        const DOING: &str = "find a time";
        let slice = sqlx::query(
            "SELECT first, last, recv_max FROM slices WHERE epoch_id = $1 AND recv_high >= $2 \
             ORDER BY recv_high, first LIMIT 1",
        );
        let slice = slice.bind(epoch.id).bind(at.0);
        let of_row = |row: &PgRow| Ok((place(row, 0)?, place(row, 1)?, time(row, 2)?));
        let slices = self.all(DOING, slice, of_row).await?;
        let Some((first, last, recv_max)) = slices.into_iter().next() else {
            return Ok(epoch.stored);
        };
        let event = sqlx::query(
            "SELECT min(seq + 0) FROM events WHERE epoch_id + 0 = $1 AND seq + 0 BETWEEN $2 AND $3 \
             AND recv BETWEEN $4 AND $5",
        );
        let event = event.bind(epoch.id).bind(signed(first)).bind(signed(last));
        let event = event.bind(at.0).bind(recv_max.0);
        let found = self.all(DOING, event, |row| row.try_get::<Option<i64>, _>(0)).await?;
        let found = found.into_iter().flatten().next().map(|seq| Seq(seq.cast_unsigned()));
        let before = found.map_or(first.0, |seq| seq.0).saturating_sub(1);
        Ok(Seq(before).max(epoch.oldest))
    }

    /// The board as it stood after the last event up to a place.
    ///
    /// # Errors
    /// [`Error::Expired`] for a place that the store does not reach back to, [`Error::NotYet`] for
    /// one behind its end, [`Error::Lost`] for one that was lost, [`Error::Unreadable`] for what a
    /// later version wrote; as [`Reader::epochs`].
    pub async fn board_at(&self, epoch: &Epoch, seq: Seq) -> Result<Board, Error> {
        let row = sqlx::query(
            "SELECT seq, board FROM checkpoints WHERE epoch_id = $1 AND seq <= $2 AND format <= $3 \
             ORDER BY seq DESC LIMIT 1",
        );
        let row = row.bind(epoch.id).bind(signed(seq)).bind(books::FORMAT);
        let of_row = |row: &PgRow| Ok((place(row, 0)?, row.try_get::<Vec<u8>, _>(1)?));
        let found = self.all("read a checkpoint", row, of_row).await?.into_iter().next();
        let expired = || Error::Expired { cursor: seq, oldest: epoch.oldest };
        let (at, bytes) = found.ok_or_else(expired)?;
        let mut board = packed::take_board(&bytes).ok_or(Error::Unreadable { seq: at })?;
        let mut events = self.read(epoch, at, seq, Filter::default());
        let mut batch = Vec::new();
        while events.next_batch(&mut batch).await? > 0 {
            batch.drain(..).for_each(|event| board.apply(&event));
        }
        let stored = if seq > epoch.stored { self.epoch(&epoch.name).await?.stored } else { seq };
        if seq > stored {
            return Err(Error::NotYet { cursor: seq, stored });
        }
        Ok(board)
    }

    /// Reads the events after a place, up to another one, in the order of the tape.
    #[must_use]
    pub fn read(&self, epoch: &Epoch, after: Seq, upto: Seq, filter: Filter) -> Events {
        let wanted = if filter.is_all() { Wanted::All } else { Wanted::Some };
        Events {
            reader: self.clone(),
            epoch: epoch.clone(),
            slices: Slices::new(epoch.id, wanted),
            after,
            upto,
            filter,
        }
    }

    pub(super) async fn all<T>(
        &self,
        doing: &'static str,
        query: Query<'_, Postgres, PgArguments>,
        of: impl Fn(&PgRow) -> Result<T, sqlx::Error>,
    ) -> Result<Vec<T>, Error> {
        let mut lease = self.pool.lease().await?;
        let rows = query.fetch_all(lease.connection());
        let rows = self.pool.wait(doing, rows).await?;
        lease.give_back();
        rows.iter().map(of).collect::<Result<_, _>>().map_err(Error::doing(doing))
    }
}

/// Events of a stored tape, in its order. It holds a connection only while a batch is read, and at
/// most one batch at a time.
#[derive(Debug)]
pub struct Events {
    reader: Reader,
    epoch: Epoch,
    slices: Slices,
    after: Seq,
    upto: Seq,
    filter: Filter,
}

impl Events {
    /// Everything up to here has been looked at.
    #[must_use]
    pub const fn seq(&self) -> Seq {
        self.after
    }

    /// Appends the next events and returns how many: at most some ten thousand, and none only at
    /// the end of the range or of what is stored. Then it may be asked again later.
    ///
    /// # Errors
    /// [`Error::Lost`] where a part was lost before it was stored: what is after it can be read by
    /// another [`Reader::read`]. [`Error::Expired`] once retention has overtaken it.
    /// [`Error::Unreadable`]; [`Error::Database`] and [`Error::Timeout`], after which it can be
    /// asked again: of a batch that failed nothing was appended.
    ///
    /// # Cancel safety
    /// What was not returned was not taken, save that `out` may have been appended to.
    pub async fn next_batch(&mut self, out: &mut Vec<Event>) -> Result<usize, Error> {
        let begun_at = out.len();
        while out.len() == begun_at {
            if !self.next_window(out).await? {
                break;
            }
        }
        Ok(out.len() - begun_at)
    }

    /// As [`Events::next_batch`], but looks no further than its next window, in which there may be
    /// nothing that is wanted. `false` at the end of the range or of what is stored.
    ///
    /// # Errors
    /// As [`Events::next_batch`].
    ///
    /// # Cancel safety
    /// As [`Events::next_batch`].
    pub async fn next_window(&mut self, out: &mut Vec<Event>) -> Result<bool, Error> {
        if self.after >= self.upto {
            return Ok(false);
        }
        let window = match self.slices.window(self.after, self.upto)? {
            // What is known lies behind the range.
            None if !self.slices.is_empty() => None,
            None => self.load().await?,
            window => window,
        };
        let Some(window) = window else { return Ok(false) };
        let begun_at = out.len();
        let taken = self.take(window, out).await;
        if taken.is_err() {
            out.truncate(begun_at);
        }
        taken.map(|()| true)
    }

    /// Reads on in the list of slices.
    async fn load(&mut self) -> Result<Option<Window>, Error> {
        const DOING: &str = "list the slices of a tape";
        let Self { reader, slices, after, upto, .. } = self;
        let mut lease = reader.pool.lease().await?;
        let load = slices.load(lease.connection(), *after);
        reader.pool.wait(DOING, load).await?;
        lease.give_back();
        slices.window(*after, *upto)
    }

    async fn take(&mut self, window: Window, out: &mut Vec<Event>) -> Result<(), Error> {
        const DOING: &str = "read events";
        let begun_at = out.len();
        let (epoch, filter) = (&self.epoch, &self.filter);
        let mut lease = self.reader.pool.lease().await?;
        let read = read_window(lease.connection(), (epoch.id, window, filter), out);
        let found = self.reader.pool.wait(DOING, read).await?;
        lease.give_back();
        let rows = out.len() - begun_at;
        match found {
            Found::Rows => {}
            Found::Expired(oldest) => return Err(Error::Expired { cursor: window.after, oldest }),
            Found::Unreadable(seq) => return Err(Error::Unreadable { seq }),
        }
        let expected = window.events.filter(|_| filter.is_all());
        if expected.is_some_and(|expected| expected != rows as u64) {
            return Err(Error::Incomplete { after: window.after, upto: window.upto });
        }
        let last = out.last().filter(|_| rows >= ROWS_MAX).map(|event| event.seq);
        self.after = last.unwrap_or(window.upto);
        self.slices.advance(self.after, rows);
        Ok(())
    }
}

/// What came of a window.
enum Found {
    Rows,
    Expired(Seq),
    Unreadable(Seq),
}

/// Reads the rows of a window. Retention can not drop them meanwhile, and waits no longer for it
/// than the rows take to come here.
async fn read_window(
    connection: &mut PgConnection,
    (epoch_id, window, filter): (i32, Window, &Filter),
    out: &mut Vec<Event>,
) -> Result<Found, sqlx::Error> {
    let Window { after, upto, recv_min, recv_max, .. } = window;
    let begin = format!(
        "BEGIN READ ONLY; LOCK TABLE ONLY events IN ACCESS SHARE MODE; \
         SELECT oldest FROM epochs WHERE epoch_id = {epoch_id}"
    );
    let oldest = connection.fetch_optional(sqlx::raw_sql(AssertSqlSafe(begin))).await?;
    let oldest = oldest.map(|row| place(&row, 0)).transpose()?;
    let mut found = match oldest {
        Some(oldest) if after >= oldest => Found::Rows,
        oldest => Found::Expired(oldest.unwrap_or(Seq::MAX)),
    };
    if matches!(found, Found::Rows) {
        // Without statistics the planner walks the index by symbols from end to end for anything
        // that stands in it. Where no symbols are named it is not to see that it could.
        let hide = if filter.has_symbols() { "" } else { " + 0" };
        let sql = format!(
            "COPY (SELECT seq, recv, frame FROM events WHERE epoch_id{hide} = {epoch_id} \
             AND seq{hide} > {} AND seq{hide} <= {} AND recv >= {} AND recv <= {}{filter} \
             ORDER BY seq LIMIT {ROWS_MAX}) TO STDOUT (FORMAT binary)",
            signed(after),
            signed(upto),
            recv_min.0,
            recv_max.0,
        );
        let mut rows = connection.copy_out_raw(&sql).await?;
        while let Some(bytes) = rows.try_next().await? {
            match row::take(&bytes) {
                row::Taken::Event(event) => out.push(event),
                row::Taken::End => {}
                // The rest is read all the same, so that the connection can be used again.
                row::Taken::Unreadable(seq) => found = Found::Unreadable(seq),
            }
        }
    }
    connection.execute("COMMIT").await?;
    Ok(found)
}

fn epoch_of(row: &PgRow) -> Result<Epoch, sqlx::Error> {
    Ok(Epoch {
        name: row.try_get::<&str, _>(0)?.into(),
        oldest: place(row, 1)?,
        stored: place(row, 2)?,
        recv_high: time(row, 3)?,
        id: row.try_get(4)?,
    })
}

pub(super) fn place(row: &PgRow, at: usize) -> Result<Seq, sqlx::Error> {
    row.try_get::<i64, _>(at).map(|seq| Seq(seq.cast_unsigned()))
}

pub(super) fn time(row: &PgRow, at: usize) -> Result<Nanos, sqlx::Error> {
    row.try_get(at).map(Nanos)
}
