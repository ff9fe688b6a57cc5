//! A tally: what each feed recorded in each day, counted event by event.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use tickwire_feeds::Nanos;
use tickwire_feeds::time::Day;

use crate::event::Body;
use crate::event::Event;
use crate::event::FeedId;
use crate::event::Registry;
use crate::event::Scope;
use crate::event::Seq;
use crate::event::SymbolId;

/// What one feed recorded in one UTC day (by `recv`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// Its first event.
    pub first: Seq,
    /// Its last event.
    pub last: Seq,
    /// The least `recv`.
    pub recv_first: Nanos,
    /// The greatest `recv`.
    pub recv_last: Nanos,
    /// All events.
    pub events: u64,
    /// Prints.
    pub trades: u64,
    /// Best bids and asks.
    pub quotes: u64,
    /// Gaps told or settled.
    pub gaps: u64,
}

/// The figures of a run of a tape.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    figures: BTreeMap<(FeedId, Day), Figures>,
}

impl Figures {
    /// Adds those of a later run of the same tape.
    pub fn add(&mut self, later: &Self) {
        self.last = later.last;
        self.recv_first = self.recv_first.min(later.recv_first);
        self.recv_last = self.recv_last.max(later.recv_last);
        self.events += later.events;
        self.trades += later.trades;
        self.quotes += later.quotes;
        self.gaps += later.gaps;
    }

    fn of(event: &Event) -> Self {
        let Event { seq, recv, .. } = *event;
        let is = |is: bool| u64::from(is);
        Self {
            first: seq,
            last: seq,
            recv_first: recv,
            recv_last: recv,
            events: 1,
            trades: is(matches!(event.body, Body::Trade(_))),
            quotes: is(matches!(event.body, Body::Quote(_))),
            gaps: is(matches!(event.body, Body::Gap(_))),
        }
    }
}

impl Tally {
    /// The figures, by feed and day.
    #[must_use]
    pub const fn figures(&self) -> &BTreeMap<(FeedId, Day), Figures> {
        &self.figures
    }

    /// Counts an event, and returns whose it is; `None` for what is no feed's.
    pub fn count(
        &mut self,
        event: &Event,
        of_symbol: impl Fn(SymbolId) -> Option<FeedId>,
    ) -> Option<FeedId> {
        let feed = feed_of(event, of_symbol)?;
        self.add((feed, event.recv.day()), &Figures::of(event));
        Some(feed)
    }

    /// Adds all of a later run of the same tape.
    pub fn extend(&mut self, later: &Self) {
        later.figures.iter().for_each(|(key, figures)| self.add(*key, figures));
    }

    fn add(&mut self, key: (FeedId, Day), later: &Figures) {
        match self.figures.entry(key) {
            Entry::Occupied(figures) => figures.into_mut().add(later),
            Entry::Vacant(place) => drop(place.insert(*later)),
        }
    }
}

fn feed_of(event: &Event, of_symbol: impl Fn(SymbolId) -> Option<FeedId>) -> Option<FeedId> {
    let of_scope = |scope: &Scope| match scope {
        Scope::Feed(feed, _) => Some(*feed),
        Scope::Symbol(symbol, _) => of_symbol(*symbol),
    };
    match &event.body {
        Body::Trade(trade) => of_symbol(trade.symbol),
        Body::Quote(quote) => of_symbol(quote.symbol),
        Body::Status(status) => of_scope(&status.scope),
        Body::Gap(gap) => of_scope(&gap.scope),
        Body::Registry(Registry::Listed { feed, .. }) => Some(*feed),
        Body::Clock | Body::Registry(_) => None,
    }
}
