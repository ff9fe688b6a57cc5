//! Finding: which tape an operation means, which places on it, and what was known there.

use std::collections::BTreeSet;

use tickwire_feeds::Nanos;

use super::Range;
use super::Spot;
use crate::board::Board;
use crate::event::Body;
use crate::event::Registry;
use crate::event::Seq;
use crate::history;
use crate::history::Filter;
use crate::history::History;
use crate::history::Volume;
use crate::subscriber::Coming;
use crate::subscriber::Horizon;
use crate::tape::Kind;
use crate::wire::Code;
use crate::wire::Reject;
use crate::wire::op;
use crate::wire::op::Open;
use crate::wire::op::Point;
use crate::wire::op::Then;
use crate::wire::pattern::Name;

/// What an `open` means.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) volume: Volume,
    pub(super) range: Range,
    pub(super) spot: Spot,
    pub(super) coming: Coming,
}

/// Finds the tape and the range of an `open`. `live` is the name of the tape that grows.
pub(super) async fn open(history: &History, live: &str, open: &Open) -> Result<Found, Reject> {
    let epoch = epoch_of(open)?;
    if open.then == Then::Live && epoch.is_some_and(|epoch| epoch != live) {
        let message = format!("then live is for the tape that grows, which is {live}");
        return Err(Reject::bad(message));
    }
    check_order(&open.from, open.to.as_ref())?;
    let volume = history.volume(epoch).await.map_err(|error| reject(&error))?;
    let found = |error: history::Error| reject(&error);
    let head = volume.head().await.map_err(found)?;
    let from = place(&volume, &open.from, head).await?;
    if from > head {
        let message = format!("from is seq {from}: this tape ends at {head}");
        return Err(Reject::new(Code::RangeEmpty, message));
    }
    let to = match &open.to {
        Some(to) => place(&volume, to, head).await?.min(head),
        None => head,
    };
    if to <= from && open.then == Then::End {
        let message = format!("there is nothing in that range: it is after seq {from} up to {to}");
        return Err(Reject::new(Code::RangeEmpty, message));
    }
    let board = volume.board_at(from).await.map_err(found)?;
    let coming = coming(&volume, &open.streams, (&board, from, to), open.then).await?;
    let times = (time_of(&open.from), open.to.as_ref().and_then(time_of));
    let range = Range { epoch: volume.epoch().into(), from, to: to.max(from), times };
    let spot = Spot { seq: from, at: time_of(&open.from), board };
    Ok(Found { volume, range, spot, coming })
}

/// Finds a place within the range that is open.
pub(super) async fn seek(
    volume: &Volume,
    (range, then): (&Range, Then),
    point: &Point,
) -> Result<Spot, Reject> {
    let head = volume.head().await.map_err(|error| reject(&error))?;
    let end = if then == Then::Live { head } else { range.to };
    let seq = place(volume, point, head).await?;
    if seq < range.from || seq > end || !is_within(range, then, point) {
        let what = match point {
            Point::Time(at) => at.to_string(),
            Point::Cursor(_) => format!("seq {seq}"),
        };
        let from = range.from;
        let message = format!("{what} is not within what is open: after seq {from} up to {end}");
        return Err(Reject::new(Code::RangeEmpty, message));
    }
    let board = volume.board_at(seq).await.map_err(|error| reject(&error))?;
    // Nothing comes after the end, so the tape does not reach any time there.
    let at = time_of(point).filter(|_| seq < end);
    Ok(Spot { seq, at, board })
}

/// Whether a time is within the times of a range: in a silence there are other times at its ends.
fn is_within(range: &Range, then: Then, point: &Point) -> bool {
    let (Point::Time(at), (from, to)) = (point, range.times) else { return true };
    let to = to.filter(|_| then == Then::End);
    from.is_none_or(|from| *at >= from) && to.is_none_or(|to| *at <= to)
}

/// Which of the symbols that are named, and not listed on the board, are listed up to a place.
pub(super) async fn coming(
    volume: &Volume,
    op: &op::Subscribe,
    (board, from, to): (&Board, Seq, Seq),
    then: Then,
) -> Result<Coming, Reject> {
    let is_listed = |name: &str| {
        let symbol = board.id(name).and_then(|id| board.symbol(id));
        symbol.is_some_and(|symbol| symbol.listed)
    };
    let exact = op.names.iter().flatten().filter_map(|name| match name {
        Name::Exact(symbol) if !is_listed(symbol.as_str()) => Some(symbol.clone()),
        Name::Exact(_) | Name::Pattern(_) => None,
    });
    let mut open: BTreeSet<_> = exact.collect();
    let mut found = BTreeSet::new();
    let mut listings = volume.read(from, to, Filter::default().kind(Kind::Symbol));
    let mut batch = Vec::new();
    while !open.is_empty() {
        let more = listings.next_batch(&mut batch).await.map_err(|error| reject(&error))?;
        for event in batch.drain(..) {
            if let Body::Registry(Registry::Listed { symbol, .. }) = &event.body
                && open.remove(symbol)
            {
                found.insert(symbol.clone());
            }
        }
        if !more {
            break;
        }
        tokio::task::yield_now().await;
    }
    let horizon = if then == Then::Live { Horizon::Open } else { Horizon::Closed };
    Ok(Coming { symbols: found, horizon })
}

/// What history says, as clients are told.
pub(super) fn reject(error: &history::Error) -> Reject {
    let code = match error {
        history::Error::NoTape(_) => Code::EpochMismatch,
        history::Error::Expired { .. } | history::Error::Lost { .. } => Code::CursorExpired,
        history::Error::Ahead { .. } => Code::RangeEmpty,
        history::Error::Store(_) => Code::Unavailable,
        history::Error::Tape(_) => Code::Internal,
    };
    Reject::new(code, error.to_string())
}

/// The tape that an `open` names, if it names one.
fn epoch_of(open: &Open) -> Result<Option<&str>, Reject> {
    let (from, to) = (epoch_in(&open.from), open.to.as_ref().and_then(epoch_in));
    let mut names = [open.epoch.as_deref(), from, to].into_iter().flatten();
    let Some(first) = names.next() else { return Ok(None) };
    if let Some(other) = names.find(|name| *name != first) {
        let message = format!("one replay is of one tape, not of {first} and {other}");
        return Err(Reject::new(Code::EpochMismatch, message));
    }
    Ok(Some(first))
}

fn epoch_in(point: &Point) -> Option<&str> {
    match point {
        Point::Cursor(cursor) => Some(&cursor.epoch),
        Point::Time(_) => None,
    }
}

fn check_order(from: &Point, to: Option<&Point>) -> Result<(), Reject> {
    let is_inverted = match (from, to) {
        (Point::Cursor(from), Some(Point::Cursor(to))) => to.seq < from.seq,
        (Point::Time(from), Some(Point::Time(to))) => to < from,
        _ => false,
    };
    let inverted = || Reject::new(Code::RangeEmpty, "to is before from");
    if is_inverted { Err(inverted()) } else { Ok(()) }
}

async fn place(volume: &Volume, point: &Point, head: Seq) -> Result<Seq, Reject> {
    match point {
        Point::Cursor(cursor) if *cursor.epoch != *volume.epoch() => {
            let message = format!("this replay is of {}, not of {}", volume.epoch(), cursor.epoch);
            Err(Reject::new(Code::EpochMismatch, message))
        }
        Point::Cursor(cursor) => Ok(cursor.seq),
        Point::Time(at) => {
            volume.before(*at).await.map(|seq| seq.min(head)).map_err(|error| reject(&error))
        }
    }
}

const fn time_of(point: &Point) -> Option<Nanos> {
    match point {
        Point::Time(at) => Some(*at),
        Point::Cursor(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::Life;
    use crate::wire::op::ReplayOp;
    use crate::wire::op::parse_replay;

    const SECOND: i64 = 1_000_000_000;

    fn point(text: &str) -> Point {
        let text = format!(r#"{{"op":"seek","to":"{text}"}}"#);
        match parse_replay(text.as_bytes()).1 {
            Ok(ReplayOp::Seek(point)) => point,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_seek_that_leaves_the_range_is_refused_in_the_words_of_who_asked() {
        let dir = tempfile::tempdir().unwrap();
        let mut life = Life::begin(dir.path());
        let began = life.now;
        // Ticks, and silences of a minute between them.
        for _ in 0..10 {
            life.ticks(50);
            life.now = Nanos(life.now.0 + 60 * SECOND);
        }
        let (history, events) =
            (History::new(Some(life.tape.clone()), dir.path(), None), life.events());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let volume = runtime.block_on(history.volume(None)).unwrap();
        let (from, to) = (Nanos(began.0 + 90 * SECOND), Nanos(began.0 + 330 * SECOND));
        let place = |at: Nanos| {
            let first = events.iter().find(|event| event.recv >= at);
            first.map_or(life.tape.head(), |event| Seq(event.seq.0 - 1))
        };
        let by = |times| Range { epoch: "".into(), from: place(from), to: place(to), times };
        let (by_time, by_place) = (by((Some(from), Some(to))), by((None, None)));
        let seek = |range: &Range, then, text: &str| {
            let found = runtime.block_on(seek(&volume, (range, then), &point(text)));
            found.map(|spot| (spot.seq, spot.at)).map_err(|reject| reject.message)
        };
        let middle = Nanos(began.0 + 200 * SECOND);
        for range in [&by_time, &by_place] {
            let found = seek(range, Then::End, &middle.to_string());
            assert_eq!(found, Ok((place(middle), Some(middle))));
            for before in [Nanos(began.0 + 30 * SECOND), Nanos(0)] {
                let refused = seek(range, Then::End, &before.to_string()).unwrap_err();
                assert!(refused.starts_with(&before.to_string()), "{refused}");
            }
            for (after, then) in [(400, Then::End), (100_000, Then::End)] {
                let after = Nanos(began.0 + after * SECOND);
                let refused = seek(range, then, &after.to_string()).unwrap_err();
                assert!(refused.starts_with(&after.to_string()), "{refused}");
            }
            let found = seek(range, Then::Live, &Nanos(began.0 + 400 * SECOND).to_string());
            assert!(found.is_ok(), "{found:?}");
            // The end is within it, in whatever way it is named.
            assert_eq!(seek(range, Then::End, &to.to_string()), Ok((range.to, None)));
            let found = seek(range, Then::End, &format!("{}:{}", volume.epoch(), range.to));
            assert_eq!(found, Ok((range.to, None)));
            let beyond = format!("{}:{}", volume.epoch(), range.to.0 + 1);
            let refused = seek(range, Then::End, &beyond).unwrap_err();
            assert!(refused.starts_with(&format!("seq {}", range.to.0 + 1)), "{refused}");
        }
        // In the silences around it.
        for at in [Nanos(from.0 - SECOND), Nanos(to.0 + SECOND)] {
            assert!(seek(&by_time, Then::End, &at.to_string()).is_err());
            assert!(seek(&by_place, Then::End, &at.to_string()).is_ok());
        }
        // The end of the tape is the end of time on it.
        let open = Range { to: life.tape.head(), ..by_place };
        let found = seek(&open, Then::Live, "2100-01-01T00:00:00Z");
        assert_eq!(found, Ok((life.tape.head(), None)));
    }
}
