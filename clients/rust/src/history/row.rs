//! Rows of history: what a stream said, without its channel and its `prev`.

use crate::amount;
use crate::history::Row;
use crate::time::Time;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde::Serialize;

pub use crate::message::BarRow as Bar;
pub use crate::message::TradeRow as Trade;

/// A best bid and ask, whole. A side that there was not is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Quote {
    /// As `sim:BTC-USD`.
    pub symbol: String,
    /// Its place on the tape.
    pub seq: u64,
    /// The venue's time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ts: Option<Time>,
    /// When the server read it from the venue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recv: Option<Time>,
    /// Best bid.
    #[serde(with = "amount::option", skip_serializing_if = "Option::is_none")]
    pub bid: Option<Decimal>,
    /// Its size.
    #[serde(with = "amount::option", skip_serializing_if = "Option::is_none")]
    pub bid_size: Option<Decimal>,
    /// Best ask.
    #[serde(with = "amount::option", skip_serializing_if = "Option::is_none")]
    pub ask: Option<Decimal>,
    /// Its size.
    #[serde(with = "amount::option", skip_serializing_if = "Option::is_none")]
    pub ask_size: Option<Decimal>,
}

/// What a venue's feed missed, and how that was settled.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Gap {
    /// Absent: all symbols of the feed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symbol: Option<String>,
    /// Its place on the tape.
    pub seq: u64,
    /// When the server noticed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recv: Option<Time>,
    /// The feed.
    pub feed: String,
    /// The venue.
    pub venue: String,
    /// `trades`, `book` or `all`.
    pub covers: String,
    /// As `venue_sequence`.
    pub cause: String,
    /// How many messages, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<u64>,
    /// `open`, `filled` or `lost`.
    pub state: String,
    /// The `seq` of the gap that this one tells more of.
    pub of: u64,
}

/// What one feed recorded in one UTC day of receipt.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Session {
    /// The tape.
    pub epoch: String,
    /// The venue.
    pub venue: String,
    /// The feed.
    pub feed: String,
    /// As `2026-11-21`.
    pub day: String,
    /// The first `seq`.
    pub first: u64,
    /// The last `seq`.
    pub last: u64,
    /// When its first was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recv_first: Option<Time>,
    /// When its last was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recv_last: Option<Time>,
    /// Events.
    pub events: u64,
    /// Trades among them.
    pub trades: u64,
    /// Quotes among them.
    pub quotes: u64,
    /// Gaps among them.
    pub gaps: u64,
}

impl Row for Trade {
    const PATH: &'static str = "/v1/trades";
}

impl Row for Quote {
    const PATH: &'static str = "/v1/quotes";
}

impl Row for Bar {
    const PATH: &'static str = "/v1/bars";
}

impl Row for Gap {
    const PATH: &'static str = "/v1/gaps";
}

impl Row for Session {
    const PATH: &'static str = "/v1/sessions";
}
