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
    let range = Range { epoch: volume.epoch().into(), from, to: to.max(from) };
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
    // The end of a range is open: a time there, or in a silence before it, is within it.
    let seq = if matches!(point, Point::Time(_)) { seq.min(end) } else { seq };
    if seq < range.from || seq > end {
        let from = range.from;
        let message = format!("seq {seq} is not within what is open: {from} up to {end}");
        return Err(Reject::new(Code::RangeEmpty, message));
    }
    let board = volume.board_at(seq).await.map_err(|error| reject(&error))?;
    Ok(Spot { seq, at: time_of(point), board })
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
