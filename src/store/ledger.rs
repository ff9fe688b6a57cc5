//! What a batch adds up to, besides its rows: slices, sessions, gaps, names.

use tickwire_feeds::Nanos;

use super::closed_bars::ClosedBars;
use super::tally::Tally;
use crate::board::Board;
use crate::event::Body;
use crate::event::Event;
use crate::event::FeedId;
use crate::event::Gap;
use crate::event::Registry;
use crate::event::Scope;
use crate::event::Seq;
use crate::event::SymbolId;

/// A slice is full with this many events: what a reader takes at once.
pub(super) const SLICE_EVENTS: u32 = 16_384;

/// A run of the tape: the unit in which history is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slice {
    pub(super) first: Seq,
    pub(super) last: Seq,
    pub(super) recv_min: Nanos,
    pub(super) recv_max: Nanos,
    /// The greatest of this and all before it.
    pub(super) recv_high: Nanos,
    pub(super) events: u32,
}

/// A gap, and whose.
#[derive(Debug, Clone)]
pub(super) struct GapRow {
    pub(super) seq: Seq,
    pub(super) recv: Nanos,
    pub(super) feed: FeedId,
    pub(super) symbol: Option<SymbolId>,
    pub(super) gap: Gap,
}

/// What a batch adds up to.
#[derive(Debug)]
pub(super) struct Ledger {
    /// The first one may go on from the batch before.
    pub(super) slices: Vec<Slice>,
    pub(super) tally: Tally,
    pub(super) bars: ClosedBars,
    pub(super) gaps: Vec<GapRow>,
    /// Feeds and symbols that were named.
    pub(super) feeds: Vec<FeedId>,
    pub(super) symbols: Vec<SymbolId>,
    recv_high: Nanos,
}

impl Ledger {
    /// Goes on from the last slice, if it is not full.
    pub(super) fn new(open: Option<Slice>, recv_high: Nanos) -> Self {
        Self {
            slices: open.into_iter().collect(),
            tally: Tally::default(),
            bars: ClosedBars::default(),
            gaps: Vec::new(),
            feeds: Vec::new(),
            symbols: Vec::new(),
            recv_high,
        }
    }

    /// The greatest `recv` up to here.
    pub(super) const fn recv_high(&self) -> Nanos {
        self.recv_high
    }

    /// How many events the slice takes that the next one goes to, unless a day begins.
    pub(super) fn room(&self) -> usize {
        let taken = self.slices.last().map_or(SLICE_EVENTS, |slice| slice.events);
        let room = SLICE_EVENTS.saturating_sub(taken);
        if room == 0 { SLICE_EVENTS as usize } else { room as usize }
    }

    /// Adds an event; the board has been through it.
    pub(super) fn add(&mut self, event: &Event, board: &Board) {
        self.recv_high = self.recv_high.max(event.recv);
        self.add_to_slice(event);
        self.bars.add(event, board);
        match &event.body {
            Body::Registry(Registry::Listed { id, .. }) => self.symbols.push(*id),
            Body::Registry(Registry::Feed { id, .. }) => self.feeds.push(*id),
            _ => {}
        }
        let feed = self.tally.count(event, |id| board.symbol(id).map(|symbol| symbol.feed));
        if let (Some(feed), Body::Gap(gap)) = (feed, &event.body) {
            let symbol = match gap.scope {
                Scope::Symbol(symbol, _) => Some(symbol),
                Scope::Feed(..) => None,
            };
            let Event { seq, recv, .. } = *event;
            self.gaps.push(GapRow { seq, recv, feed, symbol, gap: gap.clone() });
        }
    }

    fn add_to_slice(&mut self, event: &Event) {
        let Event { seq, recv, .. } = *event;
        let recv_high = self.recv_high;
        match self.slices.last_mut() {
            // A day goes whole, and with it the slices that lie in it.
            Some(slice) if slice.events < SLICE_EVENTS && recv.day() <= slice.recv_max.day() => {
                slice.last = seq;
                slice.recv_min = slice.recv_min.min(recv);
                slice.recv_max = slice.recv_max.max(recv);
                slice.recv_high = recv_high;
                slice.events += 1;
            }
            _ => self.slices.push(Slice {
                first: seq,
                last: seq,
                recv_min: recv,
                recv_max: recv,
                recv_high,
                events: 1,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use tickwire_feeds::time::Day;

    use super::*;

    fn clock(seq: u64, recv: Nanos) -> Event {
        Event { seq: Seq(seq), recv, ts: None, body: Body::Clock }
    }

    #[test]
    fn a_slice_ends_when_it_is_full_and_when_a_day_begins() {
        let board = Board::default();
        let noon = Nanos(Day(20_000).start().0 + 43_200_000_000_000);
        let mut ledger = Ledger::new(None, Nanos(i64::MIN));
        let events = u64::from(SLICE_EVENTS) + 1;
        (1..=events).for_each(|seq| ledger.add(&clock(seq, noon), &board));
        assert_eq!(ledger.slices.len(), 2);
        assert_eq!(ledger.slices[0].last, Seq(events - 1));

        ledger.add(&clock(events + 5, Nanos(noon.0 - 7)), &board);
        let open = ledger.slices[1];
        assert_eq!((open.events, open.recv_min), (2, Nanos(noon.0 - 7)));
        assert_eq!((open.recv_max, open.recv_high), (noon, noon));

        let mut ledger = Ledger::new(Some(open), ledger.recv_high());
        ledger.add(&clock(events + 6, Day(20_001).start()), &board);
        // What comes late goes where the day has got to.
        ledger.add(&clock(events + 7, noon), &board);
        assert_eq!(ledger.slices.len(), 2);
        assert_eq!(ledger.slices[0], open);
        assert_eq!((ledger.slices[1].recv_min, ledger.slices[1].events), (noon, 2));
        assert_eq!(ledger.recv_high(), Day(20_001).start());
    }
}
