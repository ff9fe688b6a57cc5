//! The board: the last state of every symbol, and how ticks become events.
//!
//! The sequencer stamps ticks against its board; every reader applies the stamped events to its
//! own. So a board at a place on the tape is the same wherever it stands.

mod agenda;
mod bar;
mod bars;
mod breach;
mod reach;
mod stamp;
mod symbol;
mod symbols;

use std::collections::HashMap;

use tickwire_feeds::Nanos;
use tickwire_feeds::Symbol;
use tickwire_feeds::tick::GapState;
use tickwire_feeds::tick::Trading;

use crate::event::Body;
use crate::event::Channel;
use crate::event::Event;
use crate::event::FeedId;
use crate::event::Gap;
use crate::event::Health;
use crate::event::Registry;
use crate::event::Scope;
use crate::event::Seq;
use crate::event::Status;
use crate::event::SymbolId;
use agenda::Agenda;

pub use bar::Bar;
pub use bar::Close;
pub use bar::Range;
pub use bar::Series;
pub use bar::Stage;
pub use bars::SymbolBars;
pub use breach::Breach;
pub use reach::Channels;
pub use reach::Reach;
pub use stamp::Refused;
pub use symbol::DayFigures;
pub use symbol::LastTrade;
pub use symbol::SymbolBoard;
pub use symbol::Ticker;
pub(crate) use symbols::Symbols;

/// A clock event comes each second; it is missing if it has not come after this.
const OVERDUE_MS: i64 = 1_500;

/// Last states of all symbols and feeds at one place of the tape.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Board {
    pub(crate) seq: Seq,
    pub(crate) clock: Nanos,
    pub(crate) symbols: Symbols,
    pub(crate) feeds: Vec<FeedBoard>,
    agenda: Agenda,
    by_name: HashMap<Symbol, SymbolId>,
}

/// Last state of a feed.
#[derive(Debug, Clone, PartialEq)]
pub struct FeedBoard {
    /// Its name in the configuration.
    pub name: Box<str>,
    /// The part before the colon of its symbols.
    pub venue: Box<str>,
    /// Its health; `down` until its first status.
    pub health: Health,
    /// Its last status; 0 if there was none.
    pub status_seq: Seq,
    /// The last event that was a message of all its streams.
    pub touched: Seq,
    /// Its last disconnect gap; 0 if there was none.
    pub disconnect: Seq,
    /// Whether it has named all its symbols.
    pub listed_all: bool,
}

impl Board {
    /// Puts a board together from its parts, as a checkpoint does.
    #[must_use]
    pub(crate) fn from_parts(
        seq: Seq,
        clock: Nanos,
        mut symbols: Symbols,
        feeds: Vec<FeedBoard>,
    ) -> Self {
        let by_name = symbols.iter().map(|(id, board)| (board.symbol.clone(), id));
        let by_name: HashMap<Symbol, SymbolId> = by_name.collect();
        let mut agenda = Agenda::default();
        for id in by_name.values() {
            if let Some(bars) = symbols.get_mut(*id).and_then(|of| of.bars.as_deref_mut()) {
                // They may come from another board, and be in its agenda.
                bars.schedule(None);
                agenda.follow(*id, bars);
            }
        }
        Self { seq, clock, by_name, symbols, feeds, agenda }
    }

    /// The last event that it knows of.
    #[must_use]
    pub const fn seq(&self) -> Seq {
        self.seq
    }

    /// The time of the last clock event.
    #[must_use]
    pub const fn clock(&self) -> Nanos {
        self.clock
    }

    /// The symbol's id, if the tape knows the name; it may be unlisted.
    #[must_use]
    pub fn id(&self, name: &str) -> Option<SymbolId> {
        self.by_name.get(name).copied()
    }

    /// The state of a symbol.
    #[must_use]
    pub fn symbol(&self, id: SymbolId) -> Option<&SymbolBoard> {
        self.symbols.get(id)
    }

    /// The state of a feed.
    #[must_use]
    pub fn feed(&self, id: FeedId) -> Option<&FeedBoard> {
        self.feeds.get(id.index())
    }

    /// All symbols that the tape ever knew, with their ids.
    pub fn symbols(&self) -> impl Iterator<Item = (SymbolId, &SymbolBoard)> {
        self.symbols.iter()
    }

    /// All feeds that the tape ever knew, with their ids.
    pub fn feeds(&self) -> impl Iterator<Item = (FeedId, &FeedBoard)> {
        (0..).map(FeedId).zip(&self.feeds)
    }

    /// The feed of that name.
    #[must_use]
    pub fn feed_id(&self, name: &str) -> Option<FeedId> {
        self.feeds().find(|(_, feed)| &*feed.name == name).map(|(id, _)| id)
    }

    /// The last message of a stream; 0 if there was none.
    #[must_use]
    pub fn last(&self, channel: Channel, symbol: &SymbolBoard) -> Seq {
        let feed = self.feed(symbol.feed).map_or(Seq::START, |feed| feed.touched);
        symbol.own(channel).max(feed)
    }

    /// The message before the last one that a stream of bars had of its own: what a trade or a
    /// clock event that has just been applied follows in it.
    #[must_use]
    pub fn before(&self, channel: Channel, symbol: &SymbolBoard) -> Seq {
        let series = channel.interval().and_then(|interval| symbol.series(interval));
        let own = series.map_or(Seq::START, Series::before).max(symbol.touched);
        own.max(self.feed(symbol.feed).map_or(Seq::START, |feed| feed.touched))
    }

    /// The bars that the last clock event made final, in no order.
    #[must_use]
    pub fn closed(&self) -> &[(Channel, SymbolId)] {
        self.agenda.closed()
    }

    /// Whether a clock event of that time would make a bar final.
    #[must_use]
    pub fn is_clock_due(&mut self, now: Nanos) -> bool {
        self.agenda.is_due(&mut self.symbols, now)
    }

    /// Whether such a clock event is missing for longer than the next second explains: ticks come
    /// faster than time passes, and open bars must not pile up.
    #[must_use]
    pub fn is_clock_overdue(&self, now: Nanos) -> bool {
        self.agenda.is_overdue(OVERDUE_MS, now)
    }

    /// What clients see of a symbol's health: the worse of its own and its feed's.
    #[must_use]
    pub fn health<'a>(&'a self, symbol: &'a SymbolBoard) -> ShownHealth<'a> {
        let feed = self.feed(symbol.feed).map_or(&Health::UNKNOWN, |feed| &feed.health);
        worse(feed, symbol.health.as_ref())
    }

    /// Follows the tape by one event. Events that it knows already change nothing.
    pub fn apply(&mut self, event: &Event) {
        if event.seq <= self.seq {
            return;
        }
        self.seq = event.seq;
        match &event.body {
            Body::Trade(trade) => {
                if let Some(symbol) = self.symbols.get_mut(trade.symbol) {
                    let bars = symbol.apply_trade(event, trade);
                    self.agenda.follow(trade.symbol, bars);
                }
            }
            Body::Quote(quote) => {
                if let Some(symbol) = self.symbols.get_mut(quote.symbol) {
                    symbol.apply_quote(event, quote);
                }
            }
            Body::Status(status) => self.apply_status(event.seq, status),
            Body::Gap(gap) => self.apply_gap(event.seq, gap),
            Body::Clock => {
                self.clock = event.recv;
                self.agenda.close(&mut self.symbols, (event.recv, event.seq));
            }
            Body::Registry(change) => self.apply_registry(event.seq, change),
        }
    }

    fn apply_status(&mut self, seq: Seq, status: &Status) {
        match &status.scope {
            Scope::Feed(id, _) => {
                if let Some(feed) = self.feeds.get_mut(id.index()) {
                    feed.health = status.health.clone();
                    feed.status_seq = seq;
                    feed.touched = seq;
                }
            }
            Scope::Symbol(id, _) => {
                if let Some(symbol) = self.symbols.get_mut(*id) {
                    symbol.health = Some(status.health.clone());
                    symbol.status_seq = seq;
                    symbol.touched = seq;
                }
            }
        }
    }

    fn apply_gap(&mut self, seq: Seq, gap: &Gap) {
        match &gap.scope {
            Scope::Feed(id, _) => {
                if let Some(feed) = self.feeds.get_mut(id.index()) {
                    if Channel::ALL.into_iter().all(|channel| gap.concerns(channel)) {
                        feed.touched = seq;
                    }
                    if gap.state == GapState::Open {
                        feed.disconnect = seq;
                    }
                }
            }
            Scope::Symbol(id, links) => {
                if let Some(symbol) = self.symbols.get_mut(*id) {
                    links.iter().for_each(|(channel, _)| symbol.touch(*channel, seq));
                }
            }
        }
    }

    fn apply_registry(&mut self, seq: Seq, change: &Registry) {
        match change {
            Registry::Feed { name, venue, .. } => {
                self.feeds.push(FeedBoard::new(name.clone(), venue.clone()));
            }
            Registry::Listed { id, symbol, feed, raw } => {
                if let Some(known) = self.symbols.get_mut(*id) {
                    let left = self.feeds.get(known.feed.index()).map(|feed| feed.touched);
                    // What its former feed sent it is its own now, else `prev` would go back.
                    known.touched = known.touched.max(left.unwrap_or_default());
                    known.listed = true;
                    known.listed_at = seq;
                    known.feed = *feed;
                    known.raw.clone_from(raw);
                } else {
                    let new = SymbolBoard::new(symbol.clone(), *feed, raw.clone());
                    if self.symbols.add(*id, SymbolBoard { listed_at: seq, ..new }) {
                        self.by_name.insert(symbol.clone(), *id);
                    }
                }
            }
            Registry::Unlisted { id } => {
                if let Some(symbol) = self.symbols.get_mut(*id) {
                    symbol.listed = false;
                }
            }
            Registry::AllListed { id } => {
                if let Some(feed) = self.feeds.get_mut(id.index()) {
                    feed.listed_all = true;
                }
            }
        }
    }
}

/// The worse of a feed's health and a symbol's own, with the symbol's trading state.
pub(crate) fn worse<'a>(feed: &'a Health, symbol: Option<&'a Health>) -> ShownHealth<'a> {
    let trading = symbol.and_then(|health| health.trading);
    let health = symbol.filter(|own| own.state > feed.state).unwrap_or(feed);
    ShownHealth { health, trading }
}

/// What clients see of a symbol's health, borrowed from a board.
#[derive(Debug, Clone, Copy)]
pub struct ShownHealth<'a> {
    /// The worse of the two; its own `trading` does not count.
    pub health: &'a Health,
    /// The market's state, which only a symbol has.
    pub trading: Option<Trading>,
}

impl ShownHealth<'_> {
    /// As an owned [`Health`].
    #[must_use]
    pub fn to_health(self) -> Health {
        Health { trading: self.trading, ..self.health.clone() }
    }
}

impl FeedBoard {
    fn new(name: Box<str>, venue: Box<str>) -> Self {
        Self {
            name,
            venue,
            health: Health::UNKNOWN,
            status_seq: Seq::START,
            touched: Seq::START,
            disconnect: Seq::START,
            listed_all: false,
        }
    }
}
