//! One entry of a block: an event as bytes, and back.

use tickwire_feeds::Nanos;

use super::body;
use super::bytes::Reader;
use super::bytes::put_signed;
use super::bytes::put_varint;
use crate::event::Body;
use crate::event::Event;
use crate::event::Registry;
use crate::event::Scope;
use crate::event::Seq;
use crate::event::SymbolId;

/// The low bits of an entry's first byte are its kind.
const KIND_BITS: u8 = 0b1_1111;
/// A distance to the `seq` before it follows; else it is 1.
const JUMPS: u8 = 1 << 5;
/// The venue's time follows.
const HAS_TS: u8 = 1 << 6;
/// A symbol follows.
const HAS_SYMBOL: u8 = 1 << 7;

/// What an entry is. The numbers are those on the disk and never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Kind {
    /// A print.
    Trade = 1,
    /// A best bid and ask.
    Quote = 2,
    /// A whole order book. Reserved.
    BookSnapshot = 3,
    /// Changed levels of an order book. Reserved.
    BookDelta = 4,
    /// Health or trading state.
    Status = 5,
    /// Something was missed.
    Gap = 6,
    /// A print was cancelled or corrected. Reserved.
    Amend = 7,
    /// Time went on.
    Clock = 8,
    /// The table of feeds and symbols changed.
    Symbol = 9,
    /// A part of a board. Never an event.
    Checkpoint = 10,
}

impl Kind {
    /// What could not be decoded.
    const fn undecodable(self) -> Undecodable {
        match self {
            Self::BookSnapshot => "a book snapshot",
            Self::BookDelta => "a book delta",
            Self::Amend => "an amend",
            Self::Checkpoint => "a checkpoint among events",
            _ => "the body of an entry",
        }
    }

    const ALL: [Self; 10] = [
        Self::Trade,
        Self::Quote,
        Self::BookSnapshot,
        Self::BookDelta,
        Self::Status,
        Self::Gap,
        Self::Amend,
        Self::Clock,
        Self::Symbol,
        Self::Checkpoint,
    ];

    fn of(body: &Body) -> Self {
        match body {
            Body::Trade(_) => Self::Trade,
            Body::Quote(_) => Self::Quote,
            Body::Status(_) => Self::Status,
            Body::Gap(_) => Self::Gap,
            Body::Clock => Self::Clock,
            Body::Registry(_) => Self::Symbol,
        }
    }
}

/// What can be told of an event without decoding it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peek {
    /// What it is.
    pub kind: Kind,
    /// Whom it concerns; `None` for what concerns a whole feed, or all.
    pub symbol: Option<SymbolId>,
    /// Its place.
    pub seq: Seq,
}

impl Peek {
    /// Of a decoded event.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        let body = &event.body;
        Self { kind: Kind::of(body), symbol: symbol_of(body), seq: event.seq }
    }
}

/// Where the entries of a block are reckoned from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Base {
    /// The `seq` before the next entry.
    pub(super) before: u64,
    /// The block's own time.
    pub(super) recv: Nanos,
}

impl Base {
    /// The base of a block whose first entry is `seq`.
    pub(super) const fn new(seq: Seq, recv: Nanos) -> Self {
        Self { before: seq.0.wrapping_sub(1), recv }
    }
}

/// An entry whose body is not decoded yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) peek: Peek,
    has_ts: bool,
    base: Nanos,
    rest: Reader<'a>,
}

/// Why an entry can not be decoded though its bytes are as they were written.
pub(super) type Undecodable = &'static str;

/// Appends an event.
pub(super) fn put_event(out: &mut Vec<u8>, event: &Event, base: &mut Base) {
    let symbol = symbol_of(&event.body);
    let distance = event.seq.0.wrapping_sub(base.before);
    base.before = event.seq.0;
    let flag = |condition, flag| if condition { flag } else { 0 };
    out.push(
        Kind::of(&event.body) as u8
            | flag(distance != 1, JUMPS)
            | flag(event.ts.is_some(), HAS_TS)
            | flag(symbol.is_some(), HAS_SYMBOL),
    );
    let length_at = begin_length(out);
    if distance != 1 {
        put_varint(out, distance);
    }
    if let Some(symbol) = symbol {
        put_varint(out, symbol.0.into());
    }
    put_signed(out, event.recv.0.wrapping_sub(base.recv.0));
    if let Some(ts) = event.ts {
        put_signed(out, ts.0.wrapping_sub(event.recv.0));
    }
    body::put(out, event);
    end_length(out, length_at);
}

/// Appends a part of a checkpoint.
pub(super) fn put_checkpoint_part(out: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>)) {
    out.push(Kind::Checkpoint as u8);
    let length_at = begin_length(out);
    put(out);
    end_length(out, length_at);
}

/// Takes the next part of a checkpoint.
pub(super) fn take_checkpoint_part<'a>(reader: &mut Reader<'a>) -> Result<Reader<'a>, Undecodable> {
    if reader.byte() != Some(Kind::Checkpoint as u8) {
        return Err("an entry that is no part of a checkpoint");
    }
    take_rest(reader).ok_or("the length of an entry")
}

impl<'a> Entry<'a> {
    /// Takes the next entry, and moves the base on.
    pub(super) fn take(reader: &mut Reader<'a>, base: &mut Base) -> Result<Self, Undecodable> {
        let first = reader.byte().ok_or("an empty entry")?;
        let code = usize::from(first & KIND_BITS);
        let kind = Kind::ALL.get(code.wrapping_sub(1)).ok_or("an unknown kind of entry")?;
        let mut rest = take_rest(reader).ok_or("the length of an entry")?;
        let distance = if first & JUMPS == 0 { Some(1) } else { rest.varint() };
        let seq = base.before.wrapping_add(distance.ok_or("the seq of an entry")?);
        let symbol = if first & HAS_SYMBOL == 0 {
            None
        } else {
            Some(body::symbol(&mut rest).ok_or("the symbol of an entry")?)
        };
        base.before = seq;
        let peek = Peek { kind: *kind, symbol, seq: Seq(seq) };
        Ok(Self { peek, has_ts: first & HAS_TS != 0, base: base.recv, rest })
    }

    /// When the event was received.
    pub(super) fn recv(mut self) -> Result<Nanos, Undecodable> {
        let distance = self.rest.signed().ok_or("the time of an entry")?;
        Ok(Nanos(self.base.0.wrapping_add(distance)))
    }

    /// The event.
    // An event is 176 bytes, and each call that is not inlined copies it once more.
    #[inline(always)]
    pub(super) fn decode(mut self) -> Result<Event, Undecodable> {
        match self.event() {
            Some(event) if self.rest.is_empty() => Ok(event),
            _ => Err(self.peek.kind.undecodable()),
        }
    }

    #[inline(always)]
    fn event(&mut self) -> Option<Event> {
        let rest = &mut self.rest;
        let recv = Nanos(self.base.0.wrapping_add(rest.signed()?));
        let ts = if self.has_ts { Some(Nanos(recv.0.wrapping_add(rest.signed()?))) } else { None };
        let body = body::take(rest, &self.peek, recv)?;
        Some(Event { seq: self.peek.seq, recv, ts, body })
    }
}

fn symbol_of(body: &Body) -> Option<SymbolId> {
    let of_scope = |scope: &Scope| match scope {
        Scope::Symbol(id, _) => Some(*id),
        Scope::Feed(..) => None,
    };
    match body {
        Body::Trade(trade) => Some(trade.symbol),
        Body::Quote(quote) => Some(quote.symbol),
        Body::Status(status) => of_scope(&status.scope),
        Body::Gap(gap) => of_scope(&gap.scope),
        Body::Registry(Registry::Listed { id, .. } | Registry::Unlisted { id }) => Some(*id),
        Body::Clock | Body::Registry(_) => None,
    }
}

/// Most entries are shorter than 128 bytes, so one byte is left for the length.
fn begin_length(out: &mut Vec<u8>) -> usize {
    out.push(0);
    out.len()
}

fn end_length(out: &mut Vec<u8>, body_at: usize) {
    let length = out.len() - body_at;
    match u8::try_from(length) {
        Ok(short @ ..0x80) => {
            if let Some(byte) = out.get_mut(body_at - 1) {
                *byte = short;
            }
        }
        _ => {
            let mut long = Vec::with_capacity(10);
            put_varint(&mut long, length as u64);
            out.splice(body_at - 1..body_at, long);
        }
    }
}

fn take_rest<'a>(reader: &mut Reader<'a>) -> Option<Reader<'a>> {
    let length = usize::try_from(reader.varint()?).ok()?;
    reader.take(length).map(Reader::new)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tape::samples::an_event;

    fn encoded(events: &[Event]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut base = Base::new(Seq(5), Nanos(7));
        events.iter().for_each(|event| put_event(&mut out, event, &mut base));
        out
    }

    proptest! {
        #[test]
        fn every_event_comes_back(events in prop::collection::vec(an_event(), 1..5)) {
            let bytes = encoded(&events);
            let mut reader = Reader::new(&bytes);
            let mut base = Base::new(Seq(5), Nanos(7));
            for event in &events {
                let entry = Entry::take(&mut reader, &mut base).unwrap();
                prop_assert_eq!(entry.peek.seq, event.seq);
                prop_assert_eq!(entry.peek.symbol, symbol_of(&event.body));
                prop_assert_eq!(entry.peek.kind, Kind::of(&event.body));
                let again = entry.decode().unwrap();
                // By their digits too, which equality of decimals does not see.
                prop_assert_eq!(format!("{again:?}"), format!("{event:?}"));
                prop_assert_eq!(&again, event);
            }
            prop_assert!(reader.is_empty());
        }

        #[test]
        fn no_bytes_panic(
            event in an_event(),
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
            noise in prop::collection::vec(any::<u8>(), 0..60),
        ) {
            let mut bytes = encoded(&[event]);
            let at = at.index(bytes.len());
            bytes[at] = byte;
            for bytes in [bytes, noise] {
                let mut base = Base::new(Seq(5), Nanos(7));
                let taken = Entry::take(&mut Reader::new(&bytes), &mut base);
                drop(taken.and_then(Entry::decode));
            }
        }
    }

    #[test]
    fn a_reserved_kind_is_named() {
        let decode = |kind: u8| {
            let bytes = [kind, 3, 0, 0, 0];
            let mut base = Base::new(Seq(5), Nanos(7));
            Entry::take(&mut Reader::new(&bytes), &mut base).and_then(Entry::decode)
        };
        assert_eq!(decode(3).unwrap_err(), "a book snapshot");
        assert_eq!(decode(4).unwrap_err(), "a book delta");
        assert_eq!(decode(7).unwrap_err(), "an amend");
        assert_eq!(decode(10).unwrap_err(), "a checkpoint among events");
        assert_eq!(decode(11).unwrap_err(), "an unknown kind of entry");
        assert_eq!(decode(0).unwrap_err(), "an unknown kind of entry");
    }

    #[test]
    fn the_bytes_of_a_clock_event_are_these() {
        let event = Event { seq: Seq(9), recv: Nanos(6), ts: None, body: Body::Clock };
        assert_eq!(encoded(&[event]), [8 | JUMPS, 2, 5, 1]);
    }
}
