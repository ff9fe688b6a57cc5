//! An event: a tick with its place on the tape, and the places of what it follows.

mod channel;

use std::fmt;

use tickwire_feeds::Nanos;
use tickwire_feeds::Price;
use tickwire_feeds::Size;
use tickwire_feeds::Symbol;
use tickwire_feeds::tick::Cause;
use tickwire_feeds::tick::Covers;
use tickwire_feeds::tick::GapState;
use tickwire_feeds::tick::Level;
use tickwire_feeds::tick::Side;
use tickwire_feeds::tick::State;
use tickwire_feeds::tick::TradeExtra;
use tickwire_feeds::tick::TradeId;
use tickwire_feeds::tick::Trading;
use tickwire_feeds::time::Day;

pub use channel::Channel;
pub use channel::Interval;

/// A place on the tape: 1 ≤ seq < 2^53, strictly increasing, with jumps; 0 is before all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Seq(pub u64);

impl Seq {
    /// Before the first event.
    pub const START: Self = Self(0);
    /// JSON numbers are exact up to here.
    pub const MAX: Self = Self((1 << 53) - 1);

    /// The next place.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Index of a symbol in the symbol table of one tape; never given to another symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SymbolId(pub u32);

/// Index of a feed in the feed table of one tape; never given to another feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeedId(pub u32);

impl SymbolId {
    /// As an index of a list with one entry a symbol.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl FeedId {
    /// As an index of a list with one entry a feed.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// One immutable entry of the tape.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its place.
    pub seq: Seq,
    /// When the driver read what caused it; may step back along the tape.
    pub recv: Nanos,
    /// The venue's time, if it gave one.
    pub ts: Option<Nanos>,
    /// What happened.
    pub body: Body,
}

impl Event {
    /// Whether an event that concerns a whole feed is a message of its streams of a channel.
    #[must_use]
    pub const fn concerns(&self, channel: Channel) -> bool {
        match &self.body {
            Body::Gap(gap) => gap.concerns(channel),
            _ => true,
        }
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// A print.
    Trade(Trade),
    /// A new best bid and ask.
    Quote(Quote),
    /// Health or trading state changed.
    Status(Status),
    /// Something was missed, or that was settled.
    Gap(Gap),
    /// Time went on.
    Clock,
    /// The table of feeds and symbols changed.
    Registry(Registry),
}

/// What a message follows in its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Link {
    /// The message before it; 0 for a stream's first.
    pub prev: Seq,
    /// The last one before it that did not concern the whole feed; equal to `prev` unless a
    /// feed-wide event came between. Feed-wide events have no link of their own for each of the
    /// feed's streams, so this is the way back past them.
    pub own: Seq,
}

/// A print. Always a message of `trades`; of `ticker` if it changed something there.
#[derive(Debug, Clone, PartialEq)]
pub struct Trade {
    /// Of what.
    pub symbol: SymbolId,
    /// Its place in `trades`.
    pub link: Link,
    /// Paid for one unit.
    pub price: Price,
    /// How much changed hands.
    pub size: Size,
    /// Who crossed the spread, if known.
    pub side: Option<Side>,
    /// The venue's id.
    pub trade_id: Option<TradeId>,
    /// Its `ts` is below an earlier trade's, so it does not move the last price.
    pub late: Late,
    /// What only some venues say.
    pub extra: Option<Box<TradeExtra>>,
    /// What it changed in `ticker`.
    pub ticker: Option<TickerChange>,
}

/// Whether a trade came in the order of the venue's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Late {
    /// In order, or the venue gives no time.
    No,
    /// Below the greatest `ts` so far.
    Yes,
}

/// A best bid and ask. A message of `ticker` if it changed something there.
#[derive(Debug, Clone, PartialEq)]
pub struct Quote {
    /// Of what.
    pub symbol: SymbolId,
    /// Best buy order; `None` if there is none.
    pub bid: Option<Level>,
    /// Best sell order; `None` if there is none.
    pub ask: Option<Level>,
    /// What it changed in `ticker`.
    pub ticker: Option<TickerChange>,
}

/// What an event changed in the ticker of its symbol. Prices stand in the event itself: a changed
/// `last`, `open`, `high` or `low` is the trade's price, a changed `last_size` its size.
#[derive(Debug, Clone, PartialEq)]
pub struct TickerChange {
    /// Its place in `ticker`.
    pub link: Link,
    /// Which fields changed.
    pub fields: Fields,
    /// The day's volume after it; meaningful if [`Fields::VOLUME`].
    pub volume: Option<Size>,
    /// The day's number of trades after it; meaningful if [`Fields::TRADES`].
    pub trades: u64,
    /// A new day began, which sends all day figures.
    pub day: Option<Box<DayStart>>,
}

/// The beginning of a symbol's day.
#[derive(Debug, Clone, PartialEq)]
pub struct DayStart {
    /// Which day.
    pub day: Day,
    /// When the figures begin, if they do not cover the whole day.
    pub day_from: Option<Nanos>,
    /// The last price of the day before, if known.
    pub prev_close: Option<Price>,
}

/// A set of ticker fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fields(pub u16);

impl Fields {
    /// Best bid price.
    pub const BID: Self = Self(1);
    /// Size at the best bid.
    pub const BID_SIZE: Self = Self(1 << 1);
    /// Best ask price.
    pub const ASK: Self = Self(1 << 2);
    /// Size at the best ask.
    pub const ASK_SIZE: Self = Self(1 << 3);
    /// Last price.
    pub const LAST: Self = Self(1 << 4);
    /// Last size.
    pub const LAST_SIZE: Self = Self(1 << 5);
    /// First price of the day.
    pub const OPEN: Self = Self(1 << 6);
    /// Highest price of the day.
    pub const HIGH: Self = Self(1 << 7);
    /// Lowest price of the day.
    pub const LOW: Self = Self(1 << 8);
    /// The day's volume.
    pub const VOLUME: Self = Self(1 << 9);
    /// The day's number of trades.
    pub const TRADES: Self = Self(1 << 10);

    /// Whether any of `other` is in the set.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Adds `other` if `condition` holds.
    pub fn add_if(&mut self, other: Self, condition: bool) {
        if condition {
            self.0 |= other.0;
        }
    }

    /// Whether nothing is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Health and trading state as they are from here on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Of the data.
    pub state: State,
    /// Of the market, if known.
    pub trading: Option<Trading>,
    /// Since when `state` is what it is.
    pub since: Nanos,
    /// Why, for people.
    pub reason: Option<Box<str>>,
}

impl Health {
    /// Of what was never heard of.
    pub const UNKNOWN: Self =
        Self { state: State::Down, trading: None, since: Nanos(0), reason: None };
}

/// A change of health: a message of every stream in its scope.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// Whom it concerns.
    pub scope: Scope,
    /// The health of the scope alone.
    pub health: Health,
    /// What clients see: the worse of the symbol's and its feed's; the feed's own for a feed.
    pub shown: Health,
    /// The status of the same scope before this one.
    pub status_prev: Seq,
}

impl Status {
    /// What clients of a symbol in its scope see from here on.
    #[must_use]
    pub fn shown_of(&self, symbol: SymbolId) -> &Health {
        let except = match &self.scope {
            Scope::Feed(_, link) => {
                let found = link.except.binary_search_by_key(&symbol, |(id, _)| *id).ok();
                found.and_then(|at| link.except.get(at))
            }
            Scope::Symbol(..) => None,
        };
        except.map_or(&self.shown, |(_, health)| health)
    }
}

/// Whom a status or gap concerns.
#[derive(Debug, Clone, PartialEq)]
pub enum Scope {
    /// Every stream of every symbol of a feed.
    Feed(FeedId, FeedLink),
    /// Streams of one symbol, with its place in each that it is a message of.
    Symbol(SymbolId, Vec<(Channel, Link)>),
}

/// The place of a feed-wide event among its like.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FeedLink {
    /// The feed-wide event before it; 0 for the first.
    pub prev: Seq,
    /// Symbols that do not show the feed's health, with what they show instead, in the order of
    /// their ids; of a status only.
    pub except: Vec<(SymbolId, Health)>,
}

impl Scope {
    /// The link of a channel; `None` if it is no message there, or concerns a whole feed.
    #[must_use]
    pub fn link(&self, channel: Channel) -> Option<Link> {
        let Self::Symbol(_, links) = self else { return None };
        links.iter().find(|(of, _)| *of == channel).map(|(_, link)| *link)
    }
}

/// Something was missed, or that was settled.
#[derive(Debug, Clone, PartialEq)]
pub struct Gap {
    /// Whom it concerns.
    pub scope: Scope,
    /// Which data.
    pub covers: Covers,
    /// How it was noticed.
    pub cause: Cause,
    /// How many messages, if that can be told.
    pub missing: Option<u64>,
    /// What is known of them.
    pub state: GapState,
    /// The gap that this tells of: its own `seq` when it is new.
    pub of: Seq,
}

impl Gap {
    /// Whether it is a message of the channel's streams.
    #[must_use]
    pub const fn concerns(&self, channel: Channel) -> bool {
        match self.covers {
            Covers::All => true,
            Covers::Trades => {
                matches!(channel, Channel::Ticker | Channel::Trades) || channel.interval().is_some()
            }
            Covers::Book => false,
        }
    }
}

/// A change of the table of feeds and symbols. No message of any stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registry {
    /// A feed got its id.
    Feed {
        /// Its id: the number of feeds before it.
        id: FeedId,
        /// Its name in the configuration.
        name: Box<str>,
        /// The part before the colon of its symbols.
        venue: Box<str>,
    },
    /// A symbol got its id, or came back.
    Listed {
        /// Its id: the number of symbols before it, or the one it had.
        id: SymbolId,
        /// Its name.
        symbol: Symbol,
        /// Whose it is.
        feed: FeedId,
        /// Its name at the venue, if that differs.
        raw: Option<Box<str>>,
    },
    /// No feed serves the symbol any more. Its streams end here; its id stays.
    Unlisted {
        /// Which.
        id: SymbolId,
    },
    /// The feed has named all its symbols.
    AllListed {
        /// Which.
        id: FeedId,
    },
}
