//! Snapshots as the clients of a shard share them: each state of a stream is encoded once, and
//! packed once if clients of MessagePack want it.
//!
//! A stream's snapshot changes only with a message of the stream, or when its symbol is listed
//! anew, which may give it to a feed of another health. So the places of these two name its state.

use std::cell::RefCell;

use crate::board::Board;
use crate::event::Channel;
use crate::event::Seq;
use crate::event::SymbolId;
use crate::wire::Form;
use crate::wire::Message;
use crate::wire::json;
use crate::wire::msgpack;

/// Encoded snapshots of the streams of one board.
#[derive(Debug)]
pub struct Snapshots {
    kept: RefCell<Kept>,
    packed: RefCell<Kept>,
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct Kept {
    /// Side by side; what is outdated stays until all of it goes.
    bytes: Vec<u8>,
    /// By channel and symbol.
    places: [Vec<Place>; Channel::ALL.len()],
    /// Counts how often everything went.
    round: u32,
    uses: Uses,
}

/// Where a stream's snapshot lies, and of which state it is.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    last: Seq,
    listed_at: Seq,
    round: u32,
    start: u32,
    length: u32,
}

/// How often a snapshot was there already, and how often it was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Uses {
    /// It was there.
    pub hits: u64,
    /// It had to be encoded.
    pub misses: u64,
}

impl Snapshots {
    /// None yet; at most about so many bytes of them are kept, then all of them go at once.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        let none = || RefCell::new(Kept { round: 1, ..Kept::default() });
        let bytes_max = bytes_max.min(u32::MAX as usize / 2);
        Self { kept: none(), packed: none(), bytes_max }
    }

    /// Forgets all of them: the board is another one.
    pub fn clear(&self) {
        self.kept.borrow_mut().clear();
        self.packed.borrow_mut().clear();
    }

    /// How often they were of use so far.
    #[must_use]
    pub fn uses(&self) -> Uses {
        self.kept.borrow().uses
    }

    /// Does something with the snapshot of a stream as the board has it now, for a client of this
    /// form.
    pub fn with<T>(
        &self,
        (channel, id): (Channel, SymbolId),
        (form, board): (Form, &Board),
        act: impl FnOnce(Message<'_>) -> T,
    ) -> T {
        let (kept, packed) = (&mut *self.kept.borrow_mut(), &mut *self.packed.borrow_mut());
        let json = kept.find((channel, id), (board, self.bytes_max), |out| {
            json::write_snapshot(out, channel, id, board);
        });
        if form != Form::Packed {
            return act(json.into());
        }
        let packed = packed.find((channel, id), (board, self.bytes_max), |out| {
            msgpack::pack(out, json);
        });
        act(Message { json, packed: Some(packed) })
    }
}

impl Kept {
    fn find(
        &mut self,
        (channel, id): (Channel, SymbolId),
        (board, most): (&Board, usize),
        write: impl FnOnce(&mut Vec<u8>),
    ) -> &[u8] {
        let Some(symbol) = board.symbol(id) else { return &[] };
        let (last, listed_at) = (board.last(channel, symbol), symbol.listed_at);
        let Some(places) = self.places.get_mut(channel.index()) else { return &[] };
        if places.len() <= id.index() {
            places.resize_with(id.index() + 1, Default::default);
        }
        let Some(place) = places.get_mut(id.index()) else { return &[] };
        if (place.last, place.listed_at, place.round) == (last, listed_at, self.round) {
            self.uses.hits += 1;
            let start = place.start as usize;
            return self.bytes.get(start..start + place.length as usize).unwrap_or(&[]);
        }
        self.uses.misses += 1;
        if self.bytes.len() > most {
            self.bytes.clear();
            self.round = self.round.wrapping_add(1);
        }
        let start = self.bytes.len();
        write(&mut self.bytes);
        let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let (round, length) = (self.round, number(self.bytes.len() - start));
        *place = Place { last, listed_at, round, start: number(start), length };
        self.bytes.get(start..).unwrap_or(&[])
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.round = self.round.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use tickwire_feeds::Nanos;
    use tickwire_feeds::Symbol;
    use tickwire_feeds::Tick;
    use tickwire_feeds::tick;

    use super::*;
    use crate::event::FeedId;
    use crate::event::Registry;

    const NOW: Nanos = Nanos(1_763_726_400_000_000_000);

    fn stamp(board: &mut Board, feed: u32, tick: Tick) {
        let seq = board.seq().next();
        board.stamp(FeedId(feed), tick, seq).unwrap();
    }

    fn listing() -> Tick {
        let symbol = Symbol::parse("aa:A-USD").unwrap();
        Tick::Listed(tick::Listing { symbol, raw: None, recv: NOW })
    }

    fn live() -> Tick {
        Tick::Status(tick::Status {
            scope: tick::Scope::Feed,
            recv: NOW,
            state: tick::State::Live,
            trading: None,
            reason: None,
        })
    }

    /// Asks twice; says whether it is the present one, and how often it was encoded.
    fn ask(snapshots: &Snapshots, board: &Board) -> (bool, u64) {
        let before = snapshots.uses();
        let mut fresh = Vec::new();
        json::write_snapshot(&mut fresh, Channel::Ticker, SymbolId(0), board);
        let name = (Channel::Ticker, SymbolId(0));
        let of = (Form::Text, board);
        let same = [(); 2].map(|()| snapshots.with(name, of, |kept| kept.json == fresh));
        (same == [true; 2], snapshots.uses().misses - before.misses)
    }

    #[test]
    fn a_snapshot_is_encoded_once_for_each_state() {
        let (snapshots, mut board) = (Snapshots::new(1_000), Board::default());
        for (id, name) in [(0, "aa"), (1, "bb")] {
            let change = Registry::Feed { id: FeedId(id), name: name.into(), venue: name.into() };
            let seq = board.seq().next();
            board.stamp_registry(change, NOW, seq);
        }
        stamp(&mut board, 0, listing());
        assert_eq!(ask(&snapshots, &board), (true, 1));
        assert_eq!(ask(&snapshots, &board), (true, 0));
        stamp(&mut board, 0, live());
        assert_eq!(ask(&snapshots, &board), (true, 1), "the health of its feed");
        stamp(&mut board, 1, listing());
        assert_eq!(ask(&snapshots, &board), (true, 1), "another feed, of another health");
        snapshots.clear();
        assert_eq!(ask(&snapshots, &board), (true, 1));
    }

    #[test]
    fn a_snapshot_is_packed_once_for_each_state() {
        let (snapshots, mut board) = (Snapshots::new(1_000), Board::default());
        let change = Registry::Feed { id: FeedId(0), name: "aa".into(), venue: "aa".into() };
        board.stamp_registry(change, NOW, Seq(1));
        stamp(&mut board, 0, listing());
        let misses = || snapshots.packed.borrow().uses.misses;
        for (turn, state) in [tick::State::Live, tick::State::Stale].into_iter().enumerate() {
            let Tick::Status(status) = live() else { unreachable!() };
            stamp(&mut board, 0, Tick::Status(tick::Status { state, ..status }));
            for _ in 0..2 {
                let (name, of) = ((Channel::Ticker, SymbolId(0)), (Form::Packed, &board));
                snapshots.with(name, of, |kept| {
                    let mut packed = Vec::new();
                    msgpack::pack(&mut packed, kept.json);
                    assert_eq!(kept.packed, Some(&packed[..]));
                });
            }
            assert_eq!(misses(), turn as u64 + 1);
        }
        assert_eq!(ask(&snapshots, &board), (true, 0), "the JSON is there as well");
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let (snapshots, mut board) = (Snapshots::new(1_000), Board::default());
        let change = Registry::Feed { id: FeedId(0), name: "aa".into(), venue: "aa".into() };
        board.stamp_registry(change, NOW, Seq(1));
        stamp(&mut board, 0, listing());
        for turn in 0..100 {
            let state = [tick::State::Live, tick::State::Stale][turn % 2];
            let Tick::Status(status) = live() else { unreachable!() };
            stamp(&mut board, 0, Tick::Status(tick::Status { state, ..status }));
            assert_eq!(ask(&snapshots, &board), (true, 1));
            assert!(snapshots.kept.borrow().bytes.len() < 1_300);
        }
    }
}
