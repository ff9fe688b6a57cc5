//! The slices of a stored tape, in order: which rows to ask for next.

use std::collections::VecDeque;

use sqlx::PgConnection;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use tickwire_feeds::Nanos;

use super::books;
use super::books::signed;
use super::error::Error;
use super::ledger::SLICE_EVENTS;
use super::ledger::Slice;
use crate::event::Seq;

/// Read at once: some 4 million events' worth.
const SLICES: i64 = 256;
/// Most slices of one window, where few of their events are wanted.
const WINDOW_MAX: usize = 1 << 10;
/// Most events that such slices may have together: should they all be wanted after all, it costs a
/// second.
const EVENTS_MAX: u64 = 128 * SLICE_EVENTS as u64;
/// A window is widened when less rows than this came of it.
const ROWS_FEW: usize = 4_096;
/// Most rows of a window.
pub(super) const ROWS_MAX: usize = 32_768;

/// Which rows to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// Events after this one,
    pub(super) after: Seq,
    /// up to this one.
    pub(super) upto: Seq,
    /// Where to look for them.
    pub(super) recv_min: Nanos,
    pub(super) recv_max: Nanos,
    /// How many there are, if that is known.
    pub(super) events: Option<u64>,
}

/// The slices of a stored tape from a cursor on.
#[derive(Debug)]
pub(super) struct Slices {
    epoch_id: i32,
    known: VecDeque<Slice>,
    /// What is lost next, if anything is.
    loss: Option<(Seq, Seq)>,
    /// How many slices the next window has at most,
    width: usize,
    /// and how many events, save that one slice is always taken.
    events_max: u64,
}

/// How many of a tape's events are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    All,
    Some,
}

impl Slices {
    pub(super) const fn new(epoch_id: i32, wanted: Wanted) -> Self {
        let events_max = match wanted {
            Wanted::All => ROWS_MAX as u64 - 1,
            Wanted::Some => EVENTS_MAX,
        };
        Self { epoch_id, known: VecDeque::new(), loss: None, width: 1, events_max }
    }

    /// Whether to [`Slices::load`] before the next window.
    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Reads on in the list of slices, from those that reach beyond a cursor.
    pub(super) async fn load(
        &mut self,
        connection: &mut PgConnection,
        after: Seq,
    ) -> Result<(), sqlx::Error> {
        let loss = sqlx::query(
            "SELECT after, upto FROM losses WHERE epoch_id = $1 AND upto > $2 \
             ORDER BY upto LIMIT 1",
        );
        let loss = loss.bind(self.epoch_id).bind(signed(after));
        let loss = loss.fetch_optional(&mut *connection).await?;
        let place = |row: &PgRow, at| row.try_get::<i64, _>(at).map(i64::cast_unsigned).map(Seq);
        self.loss =
            loss.map(|row| Ok::<_, sqlx::Error>((place(&row, 0)?, place(&row, 1)?))).transpose()?;
        let rows = sqlx::query(
            "SELECT first, last, recv_min, recv_max, recv_high, events FROM slices \
             WHERE epoch_id = $1 AND last > $2 AND format <= $3 AND first >= coalesce((\
             SELECT max(first) FROM slices WHERE epoch_id = $1 AND first <= $2), $2) \
             ORDER BY first LIMIT $4",
        );
        let rows = rows.bind(self.epoch_id).bind(signed(after)).bind(books::FORMAT).bind(SLICES);
        let rows = rows.fetch_all(connection).await?;
        self.known = rows.iter().map(of_row).collect::<Result<_, _>>()?;
        Ok(())
    }

    /// The next window of events after a cursor, up to a place. `None`: there is nothing more.
    ///
    /// # Errors
    /// [`Error::Lost`] if a loss stands next.
    pub(super) fn window(&self, after: Seq, upto: Seq) -> Result<Option<Window>, Error> {
        let end = match self.loss {
            Some((lost_after, lost_upto)) if lost_after <= after => {
                return Err(Error::Lost { after: lost_after, upto: lost_upto });
            }
            Some((lost_after, _)) => upto.min(lost_after),
            None => upto,
        };
        let mut events = 0;
        let slices = self.known.iter().take_while(|slice| slice.first <= end).take(self.width);
        let slices = slices.take_while(|slice| {
            let is_first = events == 0;
            events += u64::from(slice.events);
            is_first || events <= self.events_max
        });
        let window = slices.fold(None, |window: Option<Window>, slice| {
            let window = window.unwrap_or(Window {
                after,
                upto: after,
                recv_min: slice.recv_min,
                recv_max: slice.recv_max,
                events: Some(0),
            });
            let is_whole = slice.first > after && slice.last <= end;
            Some(Window {
                after,
                upto: slice.last.min(end),
                recv_min: window.recv_min.min(slice.recv_min),
                recv_max: window.recv_max.max(slice.recv_max),
                events: window.events.filter(|_| is_whole).map(|sum| sum + u64::from(slice.events)),
            })
        });
        match (window, self.loss) {
            (None, Some((after, lost_upto))) if after < upto => {
                Err(Error::Lost { after, upto: lost_upto })
            }
            (window, _) => Ok(window),
        }
    }

    /// Notes that all up to a place was read, and how many rows the last window brought.
    pub(super) fn advance(&mut self, upto: Seq, rows: usize) {
        if rows >= ROWS_MAX {
            self.width = (self.width / 2).max(1);
        } else if rows < ROWS_FEW {
            self.width = (self.width * 2).min(WINDOW_MAX);
        }
        while self.known.front().is_some_and(|slice| slice.last <= upto) {
            self.known.pop_front();
        }
    }
}

/// A slice from its columns.
pub(super) fn of_row(row: &PgRow) -> Result<Slice, sqlx::Error> {
    let place = |at| row.try_get::<i64, _>(at).map(i64::cast_unsigned).map(Seq);
    let time = |at| row.try_get::<i64, _>(at).map(Nanos);
    Ok(Slice {
        first: place(0)?,
        last: place(1)?,
        recv_min: time(2)?,
        recv_max: time(3)?,
        recv_high: time(4)?,
        events: row.try_get::<i32, _>(5)?.cast_unsigned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(first: u64, last: u64) -> Slice {
        let at = |seq: u64| Nanos(seq.cast_signed());
        let events = u32::try_from(last - first + 1).unwrap();
        let (first, last, recv_max) = (Seq(first), Seq(last), at(last));
        Slice { first, last, recv_min: at(first.0), recv_max, recv_high: recv_max, events }
    }

    fn slices() -> Slices {
        Slices {
            known: [slice(1, 10), slice(11, 20), slice(31, 40)].into(),
            ..Slices::new(1, Wanted::Some)
        }
    }

    fn range(slices: &Slices, after: u64, upto: u64) -> Option<(u64, u64, Option<u64>)> {
        let window = slices.window(Seq(after), Seq(upto)).unwrap()?;
        Some((window.after.0, window.upto.0, window.events))
    }

    #[test]
    fn windows_follow_each_other_and_end_where_they_are_told() {
        let mut slices = slices();
        assert_eq!(range(&slices, 0, 99), Some((0, 10, Some(10))));
        assert_eq!(range(&slices, 0, 7), Some((0, 7, None)));
        assert_eq!(range(&slices, 4, 99), Some((4, 10, None)));
        assert_eq!(range(&slices, 0, 0), None);
        slices.advance(Seq(10), 10);
        assert_eq!(range(&slices, 10, 99), Some((10, 40, Some(20))));
        assert_eq!(range(&slices, 10, 25), Some((10, 20, Some(10))));
        slices.advance(Seq(40), 10);
        assert_eq!(range(&slices, 40, 99), None);
    }

    #[test]
    fn a_loss_ends_what_is_before_it_and_is_told_where_it_stands() {
        let mut slices = Slices { loss: Some((Seq(20), Seq(30))), width: 9, ..slices() };
        assert_eq!(range(&slices, 0, 99), Some((0, 20, Some(20))));
        assert_eq!(range(&slices, 0, 20), Some((0, 20, Some(20))));
        slices.advance(Seq(20), 9);
        let told = slices.window(Seq(20), Seq(99)).unwrap_err().to_string();
        assert!(told.contains("after seq 20, up to 30"), "{told}");
        slices.known.clear();
        assert!(slices.window(Seq(18), Seq(99)).is_err());
        assert_eq!(slices.window(Seq(18), Seq(20)).unwrap(), None);
    }

    #[test]
    fn a_window_has_not_too_many_events() {
        let slices = Slices { width: 9, events_max: 25, ..slices() };
        assert_eq!(range(&slices, 0, 99), Some((0, 20, Some(20))));
        let slices = Slices { events_max: 5, ..slices };
        assert_eq!(range(&slices, 0, 99), Some((0, 10, Some(10))));
    }

    #[test]
    fn windows_widen_while_they_bring_little() {
        let mut slices = slices();
        (0..30).for_each(|_| slices.advance(Seq(0), 3));
        assert_eq!(slices.width, WINDOW_MAX);
        slices.advance(Seq(0), ROWS_FEW);
        assert_eq!(slices.width, WINDOW_MAX);
        (0..30).for_each(|_| slices.advance(Seq(0), ROWS_MAX));
        assert_eq!(slices.width, 1);
    }
}
