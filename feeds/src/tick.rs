//! A tick: one thing that a venue said, in words that are the same for all venues.

use std::fmt;

use crate::decimal::{Price, Size};
use crate::error::Error;
use crate::symbol::Symbol;
use crate::time::Nanos;

/// Normalised input: what a feed says happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Tick {
    /// A print.
    Trade(Trade),
    /// A new best bid and ask.
    Quote(Quote),
    /// A change of health or of trading state.
    Status(Status),
    /// Something was missed, or what was missed has been settled.
    Gap(Gap),
    /// An instrument that this feed serves; sent once before its first tick.
    Listed(Listing),
    /// The feed has named every instrument that it will serve.
    AllListed,
}

/// A print: a buyer and a seller met.
#[derive(Debug, Clone, PartialEq)]
pub struct Trade {
    /// Of what.
    pub symbol: Symbol,
    /// The venue's time of the match, if it gives one.
    pub ts: Option<Nanos>,
    /// When the driver read the frame.
    pub recv: Nanos,
    /// Paid for one unit.
    pub price: Price,
    /// How much changed hands.
    pub size: Size,
    /// The side that crossed the spread, if known.
    pub side: Option<Side>,
    /// The venue's own id of the trade.
    pub trade_id: Option<TradeId>,
    /// What only some venues say; boxed because most prints have none of it.
    pub extra: Option<Box<TradeExtra>>,
}

/// Details of stock prints.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TradeExtra {
    /// Where it was executed, in the venue's code.
    pub exchange: Option<Box<str>>,
    /// Sale conditions, in the venue's codes.
    pub conditions: Vec<Box<str>>,
    /// Reporting tape (`A`, `B`, `C`).
    pub tape: Option<Box<str>>,
    /// Must not move the last price.
    pub no_last: bool,
    /// Must not move high and low.
    pub no_range: bool,
    /// Must not count towards the volume.
    pub no_volume: bool,
}

/// The best bid and ask as they now stand; a side that is `None` is empty.
#[derive(Debug, Clone, PartialEq)]
pub struct Quote {
    /// Of what.
    pub symbol: Symbol,
    /// The venue's time, if it gives one.
    pub ts: Option<Nanos>,
    /// When the driver read the frame.
    pub recv: Nanos,
    /// Best buy order.
    pub bid: Option<Level>,
    /// Best sell order.
    pub ask: Option<Level>,
}

/// One price of an order book.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// The price.
    pub price: Price,
    /// What is offered there; `None` if the venue does not say.
    pub size: Option<Size>,
}

/// A change of a feed's or a symbol's health, or of the market's state.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// Whom it concerns.
    pub scope: Scope,
    /// When it was noticed.
    pub recv: Nanos,
    /// The health from now on.
    pub state: State,
    /// The market's state, if known; only with a symbol.
    pub trading: Option<Trading>,
    /// Why, for people.
    pub reason: Option<Box<str>>,
}

/// Whom a status or a gap concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Every symbol of the feed.
    Feed,
    /// One symbol.
    Symbol(Symbol),
}

/// Health of a feed or symbol, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Data arrives as it should.
    Live,
    /// Nothing has come for longer than it may.
    Stale,
    /// Connected again, and not yet whole.
    Resyncing,
    /// No connection, or refused.
    Down,
}

/// What the market itself is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trading {
    /// Before the regular session.
    Pre,
    /// Continuous trading.
    Open,
    /// In an auction.
    Auction,
    /// Trading is stopped.
    Halted,
    /// After the regular session.
    Post,
    /// No trading.
    Closed,
}

/// Something was missed, or the fate of what was missed is now known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Whom it concerns.
    pub scope: Scope,
    /// When it was noticed.
    pub recv: Nanos,
    /// What may be missing.
    pub covers: Covers,
    /// How it was noticed.
    pub cause: Cause,
    /// How many messages are missing, if that can be told.
    pub missing: Option<u64>,
    /// What is known of them.
    pub state: GapState,
    /// Whether this settles the feed's last disconnect gap instead of telling of a new one.
    pub settles_disconnect: bool,
}

/// Which data a gap concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Covers {
    /// Prints, and what is derived from them.
    Trades,
    /// Order book levels.
    Book,
    /// Everything.
    All,
}

/// How a gap was noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The venue's own numbers jumped.
    VenueSequence,
    /// The connection was gone.
    VenueDisconnect,
    /// The venue's checksum did not match.
    VenueChecksum,
    /// The tape itself lost it.
    Tape,
}

/// What is known of what was missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GapState {
    /// Not yet known.
    Open,
    /// Nothing is missing (any more).
    Filled,
    /// It will not come.
    Lost,
}

/// The side of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The aggressor bought.
    Buy,
    /// The aggressor sold.
    Sell,
}

/// A venue's id of a trade. Ids that are plain integers are kept as such.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum TradeId {
    /// Digits without leading zeros.
    Number(u64),
    /// Anything else.
    Text(Box<str>),
}

/// An instrument and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Its name here.
    pub symbol: Symbol,
    /// Its name at the venue, if that differs.
    pub raw: Option<Box<str>>,
    /// When it became known.
    pub recv: Nanos,
}

impl Level {
    /// Reads one side of a quote; a price of zero is a side that is empty.
    ///
    /// # Errors
    /// [`Error::BadNumber`] or [`Error::OutOfRange`] if either is no price or no size.
    pub fn parse(price: &str, size: Option<&str>) -> Result<Option<Self>, Error> {
        let size = size.map(Size::parse).transpose()?;
        Ok(Price::parse_or_none(price)?.map(|price| Self { price, size }))
    }
}

impl TradeId {
    /// The id as the venue writes it.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let number = text.parse().ok().filter(|number: &u64| {
            let mut digits = itoa::Buffer::new();
            digits.format(*number) == text
        });
        number.map_or_else(|| Self::Text(text.into()), Self::Number)
    }

    /// The id as a number, if it is one.
    #[must_use]
    pub const fn number(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(_) => None,
        }
    }
}

impl fmt::Display for TradeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => fmt::Display::fmt(number, f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for TradeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! wire_words {
    ($name:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl $name {
            /// All of them, in the order of their codes on the tape.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word that clients see.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    };
}

wire_words!(State { Live = "live", Stale = "stale", Resyncing = "resyncing", Down = "down" });
wire_words!(Trading {
    Pre = "pre",
    Open = "open",
    Auction = "auction",
    Halted = "halted",
    Post = "post",
    Closed = "closed",
});
wire_words!(Cause {
    VenueSequence = "venue_sequence",
    VenueDisconnect = "venue_disconnect",
    VenueChecksum = "venue_checksum",
    Tape = "tape",
});
wire_words!(GapState { Open = "open", Filled = "filled", Lost = "lost" });
wire_words!(Side { Buy = "buy", Sell = "sell" });
wire_words!(Covers { Trades = "trades", Book = "book", All = "all" });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trade_id_keeps_its_text() {
        for text in [
            "10218207",
            "0",
            "007",
            "18446744073709551615",
            "18446744073709551616",
            "+5",
            "a-1",
            "",
        ] {
            assert_eq!(TradeId::new(text).to_string(), text);
        }
        assert_eq!(TradeId::new("10218207").number(), Some(10_218_207));
        assert_eq!(TradeId::new("007").number(), None);
    }
}
