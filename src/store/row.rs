//! Rows of `events` as COPY takes them in binary.
//!
//! <https://www.postgresql.org/docs/current/sql-copy.html>, Binary Format: a count of fields, then
//! each field's length and value, big-endian; a length of -1 is NULL.

use tickwire_feeds::Nanos;
use tickwire_feeds::tick::Level;
use tickwire_feeds::tick::Side;
use tickwire_feeds::tick::TradeId;

use super::numeric;
use crate::event::Body;
use crate::event::Event;
use crate::event::Late;
use crate::event::Seq;
use crate::event::SymbolId;
use crate::event::Trade;
use crate::tape::Peek;
use crate::tape::packed;

/// What [`put`] writes; the columns in its order.
pub(super) const COPY: &str = "COPY events (seq, recv, ts, epoch_id, symbol_id, kind, flags, \
                               price, size, bid, bid_size, ask, ask_size, trade_id, frame) \
                               FROM STDIN (FORMAT binary)";
/// Signature, flags, and the length of an extension that is not there.
pub(super) const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// A count of fields that ends it.
pub(super) const TRAILER: &[u8] = &[0xff, 0xff];

const FIELDS: [u8; 2] = 15_u16.to_be_bytes();
const NULL: [u8; 4] = (-1_i32).to_be_bytes();

/// Bits of `flags`, as the migration explains them.
const BUY: i16 = 1;
const SELL: i16 = 1 << 1;
const LATE: i16 = 1 << 2;
const NO_LAST: i16 = 1 << 3;
const NO_RANGE: i16 = 1 << 4;
const NO_VOLUME: i16 = 1 << 5;

/// Appends an event.
pub(super) fn put(out: &mut Vec<u8>, event: &Event, epoch_id: i32) {
    let Peek { kind, symbol, seq } = Peek::of(event);
    out.extend_from_slice(&FIELDS);
    put_i64(out, seq.0.cast_signed());
    put_i64(out, event.recv.0);
    match event.ts {
        Some(ts) => put_i64(out, ts.0),
        None => out.extend_from_slice(&NULL),
    }
    put_i32(out, epoch_id);
    match symbol {
        Some(symbol) => put_i32(out, id(symbol)),
        None => out.extend_from_slice(&NULL),
    }
    put_i16(out, i16::from(kind as u8));
    match &event.body {
        Body::Trade(trade) => put_trade(out, trade),
        Body::Quote(quote) => {
            put_i16(out, 0);
            put_nulls(out, 2);
            put_level(out, quote.bid);
            put_level(out, quote.ask);
            put_nulls(out, 1);
        }
        _ => {
            put_i16(out, 0);
            put_nulls(out, 7);
        }
    }
    put_sized(out, |out| packed::put_event(out, event));
}

/// What a message of rows going out held.
pub(super) enum Taken {
    /// An event.
    Event(Event),
    /// No row, but the end of them.
    End,
    /// What this version can not read.
    Unreadable(Seq),
}

/// Reads a row of `seq, recv, frame`, as COPY sends them, one a message.
pub(super) fn take(message: &[u8]) -> Taken {
    let mut rest = message.strip_prefix(HEADER).unwrap_or(message);
    if rest == TRAILER {
        return Taken::End;
    }
    let Some((seq, recv, frame)) = columns(&mut rest) else { return Taken::Unreadable(Seq(0)) };
    packed::take_event(seq, recv, frame).map_or(Taken::Unreadable(seq), Taken::Event)
}

fn columns<'a>(rest: &mut &'a [u8]) -> Option<(Seq, Nanos, &'a [u8])> {
    let count = take_array::<2>(rest).map(u16::from_be_bytes)?;
    let (_, seq) = (take_array::<4>(rest)?, take_array(rest).map(u64::from_be_bytes)?);
    let (_, recv) = (take_array::<4>(rest)?, take_array(rest).map(i64::from_be_bytes)?);
    let length = usize::try_from(take_array(rest).map(i32::from_be_bytes)?).ok()?;
    let is_whole = count == 3 && length == rest.len();
    is_whole.then_some((Seq(seq), Nanos(recv), *rest))
}

fn take_array<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(*taken)
}

/// The columns of a symbol are signed; all 32 bits are kept.
pub(super) const fn id(symbol: SymbolId) -> i32 {
    symbol.0.cast_signed()
}

fn put_trade(out: &mut Vec<u8>, trade: &Trade) {
    put_i16(out, flags(trade));
    numeric::put(out, trade.price.parts());
    numeric::put(out, trade.size.parts());
    put_nulls(out, 4);
    match &trade.trade_id {
        Some(TradeId::Number(number)) => {
            let mut digits = itoa::Buffer::new();
            let digits = digits.format(*number);
            put_sized(out, |out| out.extend_from_slice(digits.as_bytes()));
        }
        // The one byte that Postgres keeps in no text; the frame has it.
        Some(TradeId::Text(text)) => {
            let bytes = text.bytes().filter(|byte| *byte != 0);
            put_sized(out, |out| out.extend(bytes));
        }
        None => put_nulls(out, 1),
    }
}

fn flags(trade: &Trade) -> i16 {
    let mut flags = match trade.side {
        Some(Side::Buy) => BUY,
        Some(Side::Sell) => SELL,
        None => 0,
    };
    if trade.late == Late::Yes {
        flags |= LATE;
    }
    if let Some(extra) = &trade.extra {
        let said = [(extra.no_last, NO_LAST), (extra.no_range, NO_RANGE)];
        for (is_said, bit) in said.into_iter().chain([(extra.no_volume, NO_VOLUME)]) {
            flags |= if is_said { bit } else { 0 };
        }
    }
    flags
}

fn put_level(out: &mut Vec<u8>, level: Option<Level>) {
    let Some(Level { price, size }) = level else { return put_nulls(out, 2) };
    numeric::put(out, price.parts());
    match size {
        Some(size) => numeric::put(out, size.parts()),
        None => put_nulls(out, 1),
    }
}

fn put_nulls(out: &mut Vec<u8>, count: usize) {
    for _ in 0..count {
        out.extend_from_slice(&NULL);
    }
}

fn put_i64(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(&8_i32.to_be_bytes());
    out.extend_from_slice(&value.to_be_bytes());
}

fn put_i32(out: &mut Vec<u8>, value: i32) {
    out.extend_from_slice(&4_i32.to_be_bytes());
    out.extend_from_slice(&value.to_be_bytes());
}

fn put_i16(out: &mut Vec<u8>, value: i16) {
    out.extend_from_slice(&2_i32.to_be_bytes());
    out.extend_from_slice(&value.to_be_bytes());
}

/// Appends a field whose length is known once it is written.
fn put_sized(out: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>)) {
    let length_at = out.len();
    out.extend_from_slice(&NULL);
    put(out);
    let length = i32::try_from(out.len() - length_at - 4).unwrap_or(i32::MAX);
    if let Some(place) = out.get_mut(length_at..length_at + 4) {
        place.copy_from_slice(&length.to_be_bytes());
    }
}
