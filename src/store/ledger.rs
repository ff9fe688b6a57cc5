//! What a batch adds up to, besides its rows: slices, sessions, gaps, names.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use tickwire_feeds::Nanos;
use tickwire_feeds::time::Day;

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

/// What one feed recorded in one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Figures {
    pub(super) first: Seq,
    pub(super) last: Seq,
    pub(super) recv_first: Nanos,
    pub(super) recv_last: Nanos,
    pub(super) events: u64,
    pub(super) trades: u64,
    pub(super) quotes: u64,
    pub(super) gaps: u64,
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
    pub(super) figures: BTreeMap<(FeedId, Day), Figures>,
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
            figures: BTreeMap::new(),
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
        let of_symbol = |id| board.symbol(id).map(|symbol| symbol.feed);
        let of_scope = |scope: &Scope| match scope {
            Scope::Feed(feed, _) => Some(*feed),
            Scope::Symbol(symbol, _) => of_symbol(*symbol),
        };
        let feed = match &event.body {
            Body::Trade(trade) => of_symbol(trade.symbol),
            Body::Quote(quote) => of_symbol(quote.symbol),
            Body::Status(status) => of_scope(&status.scope),
            Body::Gap(gap) => of_scope(&gap.scope),
            Body::Registry(Registry::Listed { id, feed, .. }) => {
                self.symbols.push(*id);
                Some(*feed)
            }
            Body::Registry(Registry::Feed { id, .. }) => {
                self.feeds.push(*id);
                None
            }
            Body::Clock | Body::Registry(_) => None,
        };
        if let Some(feed) = feed {
            self.add_to_figures(event, feed);
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

    fn add_to_figures(&mut self, event: &Event, feed: FeedId) {
        let Event { seq, recv, .. } = *event;
        let figures = match self.figures.entry((feed, recv.day())) {
            Entry::Occupied(figures) => figures.into_mut(),
            Entry::Vacant(place) => place.insert(Figures {
                first: seq,
                last: seq,
                recv_first: recv,
                recv_last: recv,
                events: 0,
                trades: 0,
                quotes: 0,
                gaps: 0,
            }),
        };
        figures.last = seq;
        figures.recv_first = figures.recv_first.min(recv);
        figures.recv_last = figures.recv_last.max(recv);
        figures.events += 1;
        match &event.body {
            Body::Trade(_) => figures.trades += 1,
            Body::Quote(_) => figures.quotes += 1,
            Body::Gap(gap) => {
                figures.gaps += 1;
                let symbol = match gap.scope {
                    Scope::Symbol(symbol, _) => Some(symbol),
                    Scope::Feed(..) => None,
                };
                self.gaps.push(GapRow { seq, recv, feed, symbol, gap: gap.clone() });
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
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
