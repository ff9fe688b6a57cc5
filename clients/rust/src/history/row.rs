//! Rows of history: what a stream said, without its envelope.

use crate::amount;
use crate::history::Row;
use crate::time::Time;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde::Serialize;

/// A print.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Trade {
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
    /// The price.
    #[serde(with = "amount")]
    pub price: Decimal,
    /// The size.
    #[serde(with = "amount")]
    pub size: Decimal,
    /// The aggressor's side, `buy` or `sell`; absent: unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub side: Option<String>,
    /// The venue's name of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trade_id: Option<String>,
    /// Where it was made, for stocks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exchange: Option<String>,
    /// The venue's conditions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Vec<String>>,
    /// The tape of the venue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tape: Option<String>,
    /// Whether it is older than an earlier one of its symbol.
    #[serde(skip_serializing_if = "is_false")]
    pub late: bool,
    /// Whether it leaves the last price as it is.
    #[serde(skip_serializing_if = "is_false")]
    pub no_last: bool,
    /// Whether it leaves high and low as they are.
    #[serde(skip_serializing_if = "is_false")]
    pub no_range: bool,
    /// Whether it does not count in the volume.
    #[serde(skip_serializing_if = "is_false")]
    pub no_volume: bool,
}

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

/// A bar, as the last of its messages said.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Bar {
    /// As `sim:BTC-USD`.
    pub symbol: String,
    /// Of its last message.
    pub seq: u64,
    /// When it begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<Time>,
    /// Price of its earliest trade. What no trade of the bar moved is `None`.
    #[serde(with = "amount::option")]
    pub open: Option<Decimal>,
    /// The highest.
    #[serde(with = "amount::option")]
    pub high: Option<Decimal>,
    /// The lowest.
    #[serde(with = "amount::option")]
    pub low: Option<Decimal>,
    /// Price of its latest trade.
    #[serde(with = "amount::option")]
    pub close: Option<Decimal>,
    /// What was traded.
    #[serde(with = "amount::option")]
    pub volume: Option<Decimal>,
    /// In how many trades.
    pub trades: u64,
    /// Whether it is closed.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// How often it changed after that.
    pub revision: u64,
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

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields so")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}
