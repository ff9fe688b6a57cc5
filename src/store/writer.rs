//! A writer: one connection that carries one tape on in the store.
//!
//! Each batch is one transaction that moves the cursor along, from where it was read. So nothing
//! is stored twice and nothing is left out, whoever dies at whatever moment: who comes next begins
//! at the cursor that was committed.

use std::collections::BTreeSet;

use sqlx::Connection as _;
use sqlx::Executor as _;
use sqlx::PgConnection;
use tickwire_feeds::Nanos;
use tickwire_feeds::time::Day;

use super::Settings;
use super::books;
use super::connection::Patience;
use super::connection::connect;
use super::days;
use super::error::Error;
use super::ledger::Ledger;
use super::ledger::Slice;
use super::opening;
use super::opening::From;
use super::opening::Position;
use super::retention;
use super::row;
use super::schema;
use crate::board::Board;
use crate::event::Body;
use crate::event::Event;
use crate::event::Scope;
use crate::event::Seq;
use crate::tape::Cursor;
use crate::tape::Peek;
use crate::tape::Tape;

/// Most events of one batch: the memory that it takes, some 12 MB, and what is done again after a
/// failure. More would save little.
const BATCH_EVENTS: usize = 65_536;
/// A batch is full with this many of what makes single events large.
const BATCH_EXTRAS: usize = 65_536;
/// Read at once from the tape.
const READ_EVENTS: usize = 4_096;
/// Encoded at once: while the database takes one part, the next is encoded.
const PART_EVENTS: usize = 1_024;
/// A checkpoint is due after this many events: what a replay must read to begin anywhere.
const CHECKPOINT_EVENTS: u64 = 50_000;
/// And after as many for each symbol, so that checkpoints stay a small part of the whole.
const CHECKPOINT_EVENTS_A_SYMBOL: u64 = 10;
/// The index by times learns of new rows after so many. Until then who reads any of them has to
/// look at all of them.
const INDEX_EVENTS: u64 = 65_536;
/// Longest time for dropping old days, in ms: many rows may stand beside them.
const RETIRE_MS: u32 = 60_000;
/// Partitions are made for today, and so many days ahead.
const DAYS_AHEAD: i32 = 2;

/// One connection that carries one tape on in the store.
pub(super) struct Writer {
    connection: PgConnection,
    patience: Patience,
    epoch_id: i32,
    stored: Seq,
    lost: Option<(Seq, Seq)>,
    tape: Tape,
    cursor: Cursor,
    /// As it was after `stored`.
    board: Board,
    open: Option<Slice>,
    recv_high: Nanos,
    days: BTreeSet<Day>,
    since_checkpoint: u64,
    since_index: u64,
    events: Vec<Event>,
    bytes: Vec<u8>,
}

/// What one transaction wrote.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Written {
    pub(super) events: u64,
    pub(super) bytes: u64,
    pub(super) checkpoints: u64,
}

impl Writer {
    /// Connects, makes what tables are missing, and finds where to go on.
    pub(super) async fn open(
        settings: &Settings,
        tape: &Tape,
        from: From,
        now: Nanos,
    ) -> Result<Self, Error> {
        let patience = settings.patience();
        let mut connection = connect(settings).await?;
        schema::bring_up(&mut connection, patience).await?;
        let opened = opening::open(&mut connection, patience, tape, from).await?;
        let Position { epoch_id, stored, recv_high, open, lost, board } = opened;
        let days = patience.wait("list the partitions", days::known(&mut connection)).await?;
        let mut writer = Self {
            connection,
            patience,
            epoch_id,
            stored,
            lost,
            cursor: tape.read_after(stored)?,
            tape: tape.clone(),
            board,
            open,
            recv_high,
            days,
            // Else a connection that never lives long would see none.
            since_checkpoint: u64::from(u32::MAX),
            since_index: INDEX_EVENTS,
            events: Vec::new(),
            bytes: Vec::new(),
        };
        writer.make_days_ahead(now).await?;
        Ok(writer)
    }

    /// Everything up to here is in the store.
    pub(super) const fn stored(&self) -> Seq {
        self.stored
    }

    /// What was found to be lost when it was opened: after the first place, up to the second.
    pub(super) const fn lost(&self) -> Option<(Seq, Seq)> {
        self.lost
    }

    /// Writes what is next on the tape, one batch at most. No events: the store has all of it.
    ///
    /// After an error the writer is of no use; what it did not commit did not happen, or did, if
    /// the answer to the commit was lost. The next writer will see.
    pub(super) async fn write(&mut self) -> Result<Written, Error> {
        self.fill()?;
        let Some(last) = self.events.last().map(|event| event.seq) else {
            return Ok(Written::default());
        };
        let wanted: BTreeSet<Day> = self.events.iter().map(|event| event.recv.day()).collect();
        self.make_days(wanted.iter().copied()).await?;
        self.begin(last).await?;
        let mut ledger = Ledger::new(self.open, self.recv_high);
        let bytes = self.copy(&mut ledger).await?;
        let written = Written { events: self.events.len() as u64, bytes, checkpoints: 0 };
        let checkpoints = self.keep_books(&ledger, written.events).await?;
        self.patience.wait("commit a batch", self.connection.execute("COMMIT")).await?;
        self.stored = last;
        self.recv_high = ledger.recv_high();
        self.open = ledger.slices.pop();
        self.since_index += written.events;
        if self.since_index >= INDEX_EVENTS {
            self.since_index = 0;
            self.index(wanted).await?;
        }
        Ok(Written { checkpoints, ..written })
    }

    /// Says hello, to see whether the database is still there.
    pub(super) async fn ping(&mut self) -> Result<(), Error> {
        self.patience.wait("ping", self.connection.ping()).await
    }

    /// Makes the partitions of the coming days, so that none is missing at midnight.
    pub(super) async fn make_days_ahead(&mut self, now: Nanos) -> Result<(), Error> {
        let today = now.day().0;
        self.make_days((today..=today + DAYS_AHEAD).map(Day)).await
    }

    /// Drops the days before `first`. Returns how many.
    pub(super) async fn retire(&mut self, first: Day) -> Result<u64, Error> {
        let old: Vec<Day> = self.days.range(..first).copied().collect();
        if old.is_empty() {
            return Ok(0);
        }
        let current =
            retention::Current { epoch_id: self.epoch_id, stored: self.stored, board: &self.board };
        let retire = retention::retire(&mut self.connection, &old, first, current);
        let patience = Patience { timeout_ms: self.patience.timeout_ms.max(RETIRE_MS) };
        match patience.wait("drop old days", retire).await {
            Ok(()) => {}
            Err(Error::Database { source, .. }) if is_lock_timeout(&source) => {
                // Somebody reads for long. They can wait: old days harm nobody.
                let rollback = self.connection.execute("ROLLBACK");
                self.patience.wait("put off the old days", rollback).await?;
                return Ok(0);
            }
            Err(error) => return Err(error),
        }
        self.days.retain(|day| *day >= first);
        if self.open.is_some_and(|open| open.recv_min < first.start()) {
            self.open = None;
        }
        Ok(old.len() as u64)
    }

    /// Reads the next batch.
    fn fill(&mut self) -> Result<(), Error> {
        self.events.clear();
        let mut extras = 0;
        while self.events.len() < BATCH_EVENTS && extras < BATCH_EXTRAS {
            let before = self.events.len();
            let read = self.cursor.next_batch(READ_EVENTS, &mut self.events);
            extras += self.events.iter().skip(before).map(self::extras).sum::<usize>();
            match read {
                Ok(0) => break,
                Ok(_) => {}
                // What stands before the damage is good.
                Err(_) if !self.events.is_empty() => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn make_days(&mut self, wanted: impl IntoIterator<Item = Day>) -> Result<(), Error> {
        let mut wanted: Vec<Day> = wanted.into_iter().collect();
        wanted.retain(|day| !self.days.contains(day));
        // Each has the whole patience.
        for day in wanted {
            let make = days::make(&mut self.connection, &mut self.days, [day]);
            self.patience.wait("make a partition", make).await?;
        }
        Ok(())
    }

    /// Begins the transaction, and moves the cursor: who else writes this tape has to wait now, and
    /// finds then that it is somewhere else.
    async fn begin(&mut self, last: Seq) -> Result<(), Error> {
        let (connection, epoch_id, stored) = (&mut self.connection, self.epoch_id, self.stored);
        let begin = async move {
            connection.execute("BEGIN").await?;
            // What was stored without its bars is never claimed to have them.
            sqlx::query(
                "UPDATE epochs SET stored = $3, \
                 bars_upto = CASE WHEN bars_upto = $2 THEN $3::bigint END \
                 WHERE epoch_id = $1 AND stored = $2",
            )
            .bind(epoch_id)
            .bind(stored.0.cast_signed())
            .bind(last.0.cast_signed())
            .execute(connection)
            .await
        };
        match self.patience.wait("begin a batch", begin).await?.rows_affected() {
            1 => Ok(()),
            _ => Err(Error::Rival),
        }
    }

    /// Sends the rows. Returns how many bytes.
    async fn copy(&mut self, ledger: &mut Ledger) -> Result<u64, Error> {
        const DOING: &str = "write rows";
        let (patience, epoch_id) = (self.patience, self.epoch_id);
        let mut copy = patience.wait(DOING, self.connection.copy_in_raw(row::COPY)).await?;
        let mut sent = 0;
        self.bytes.clear();
        self.bytes.extend_from_slice(row::HEADER);
        let mut rest = self.events.as_slice();
        while let Some((slice, behind)) = rest.split_at_checked(ledger.room().min(rest.len()))
            && !slice.is_empty()
        {
            rest = behind;
            for event in slice {
                self.board.apply(event);
                ledger.add(event, &self.board);
            }
            // The index by symbols grows in a thousand places: it is cheaper to stay at one for
            // several rows. Within a slice their order on the disk does not matter.
            let mut rows: Vec<&Event> = slice.iter().collect();
            rows.sort_by_key(|event| Peek::of(event).symbol);
            for part in rows.chunks(PART_EVENTS) {
                part.iter().for_each(|event| row::put(&mut self.bytes, event, epoch_id));
                patience.wait(DOING, copy.send(self.bytes.as_slice())).await?;
                sent += self.bytes.len() as u64;
                self.bytes.clear();
            }
        }
        patience.wait(DOING, copy.send(row::TRAILER)).await?;
        patience.wait(DOING, copy.finish()).await?;
        Ok(sent)
    }

    /// Lets the index by times learn of the rows of these days.
    async fn index(&mut self, wanted: BTreeSet<Day>) -> Result<(), Error> {
        for day in wanted {
            let index = days::index(&mut self.connection, day);
            match self.patience.wait("bring an index up to date", index).await {
                // Its own housekeeping is at it already.
                Err(Error::Database { source, .. }) if is_lock_timeout(&source) => {}
                done => done?,
            }
        }
        Ok(())
    }

    /// Writes what the batch adds up to, and a checkpoint if one is due. Returns how many.
    async fn keep_books(&mut self, ledger: &Ledger, events: u64) -> Result<u64, Error> {
        let symbols = self.board.symbols.len() as u64;
        let due = CHECKPOINT_EVENTS.max(symbols.saturating_mul(CHECKPOINT_EVENTS_A_SYMBOL));
        let starts_day =
            self.open.is_none_or(|open| open.recv_max.day() < ledger.recv_high().day());
        let is_due = self.since_checkpoint + events >= due || starts_day;
        let (connection, board, epoch_id) = (&mut self.connection, &self.board, self.epoch_id);
        let keep = async move {
            books::keep(connection, epoch_id, ledger, board).await?;
            if is_due {
                books::checkpoint(connection, epoch_id, board.seq(), board).await?;
            }
            Ok(())
        };
        self.patience.wait("write what a batch adds up to", keep).await?;
        self.since_checkpoint = if is_due { 0 } else { self.since_checkpoint + events };
        Ok(u64::from(is_due))
    }

    /// Where the tape ends.
    pub(super) fn head(&self) -> Seq {
        self.tape.head()
    }
}

/// SQLSTATE 55P03, `lock_not_available`.
fn is_lock_timeout(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == "55P03")
}

/// What makes an event larger than others.
fn extras(event: &Event) -> usize {
    match &event.body {
        Body::Status(status) => match &status.scope {
            Scope::Feed(_, link) => link.except.len(),
            Scope::Symbol(..) => 0,
        },
        Body::Trade(trade) => trade.extra.as_ref().map_or(0, |extra| extra.conditions.len()),
        _ => 0,
    }
}
