//! A bar.

use crate::amount;
use crate::time::Time;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde::Serialize;

/// A bar as it is after one of its trades, or after it was closed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Bar {
    /// As `ticker`, `trades` or `bars.1m`.
    pub channel: String,
    /// As `sim:BTC-USD`.
    pub symbol: String,
    /// Its place on the tape.
    pub seq: u64,
    /// Of the message before it in its stream.
    pub prev: u64,
    /// The venue's time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ts: Option<Time>,
    /// When the server read it from the venue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recv: Option<Time>,
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
    /// What was traded; `None` too if that has more than 28 digits.
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
