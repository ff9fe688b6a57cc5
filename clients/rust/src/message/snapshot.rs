//! The state of a stream.

use crate::amount;
use crate::message::Delta;
use crate::message::Level;
use crate::message::Status;
use crate::time::Time;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde::Serialize;

/// The state of a stream: what it holds from here on. Which fields there are depends on its
/// channel; those that are `None` are unknown.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Snapshot {
    /// As `ticker`, `trades` or `bars.1m`.
    pub channel: String,
    /// As `sim:BTC-USD`.
    pub symbol: String,
    /// Of the stream's last message, 0 if it never had one.
    pub seq: u64,
    /// The venue's time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ts: Option<Time>,
    /// When the server read it from the venue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recv: Option<Time>,
    /// `ticker`: best bid.
    #[serde(with = "amount::option", skip_serializing_if = "Option::is_none")]
    pub bid: Option<Decimal>,
    /// `ticker`: its size.
    #[serde(with = "amount::option", skip_serializing_if = "Option::is_none")]
    pub bid_size: Option<Decimal>,
    /// `ticker`: best ask.
    #[serde(with = "amount::option", skip_serializing_if = "Option::is_none")]
    pub ask: Option<Decimal>,
    /// `ticker`: its size.
    #[serde(with = "amount::option", skip_serializing_if = "Option::is_none")]
    pub ask_size: Option<Decimal>,
    /// `ticker`: price of the last trade that counts.
    #[serde(with = "amount::option", skip_serializing_if = "Option::is_none")]
    pub last: Option<Decimal>,
    /// `ticker`: its size.
    #[serde(with = "amount::option", skip_serializing_if = "Option::is_none")]
    pub last_size: Option<Decimal>,
    /// `ticker`: the day of the figures that follow, as `2026-11-21`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day: Option<String>,
    /// `ticker`: from when they count, where that is not the whole day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day_from: Option<Time>,
    /// `ticker`: last price of the day before.
    #[serde(with = "amount::option", skip_serializing_if = "Option::is_none")]
    pub prev_close: Option<Decimal>,
    /// `bars.*`: when the bar begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<Time>,
    /// First price of the day, or of the bar.
    #[serde(with = "amount::option", skip_serializing_if = "Option::is_none")]
    pub open: Option<Decimal>,
    /// The highest.
    #[serde(with = "amount::option", skip_serializing_if = "Option::is_none")]
    pub high: Option<Decimal>,
    /// The lowest.
    #[serde(with = "amount::option", skip_serializing_if = "Option::is_none")]
    pub low: Option<Decimal>,
    /// `bars.*`: the last price.
    #[serde(with = "amount::option", skip_serializing_if = "Option::is_none")]
    pub close: Option<Decimal>,
    /// What was traded in the day, or in the bar.
    #[serde(with = "amount::option", skip_serializing_if = "Option::is_none")]
    pub volume: Option<Decimal>,
    /// In how many trades.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trades: Option<u64>,
    /// `bars.*`: whether the bar is closed.
    #[serde(rename = "final", skip_serializing_if = "Option::is_none")]
    pub is_final: Option<bool>,
    /// `bars.*`: how often it changed after that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// `trades`: of the last one, the price.
    #[serde(with = "amount::option", skip_serializing_if = "Option::is_none")]
    pub price: Option<Decimal>,
    /// `trades`: of the last one, the size.
    #[serde(with = "amount::option", skip_serializing_if = "Option::is_none")]
    pub size: Option<Decimal>,
    /// `trades`: of the last one, the aggressor's side, `buy` or `sell`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub side: Option<String>,
    /// `trades`: of the last one, the venue's name of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trade_id: Option<String>,
    /// `trades`: of the last one, where it was made, for stocks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exchange: Option<String>,
    /// `trades`: of the last one, the venue's conditions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Vec<String>>,
    /// `trades`: of the last one, the tape of the venue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tape: Option<String>,
    /// `trades`: of the last one, whether it is older than an earlier one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub late: Option<bool>,
    /// `trades`: of the last one, it does not move the last price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_last: Option<bool>,
    /// `trades`: of the last one, it does not move high and low.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_range: Option<bool>,
    /// `trades`: of the last one, it does not count in the volume.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_volume: Option<bool>,
    /// `book.*`: bids, best first.
    #[serde(with = "amount::levels", skip_serializing_if = "Vec::is_empty")]
    pub bids: Vec<Level>,
    /// `book.*`: asks, best first.
    #[serde(with = "amount::levels", skip_serializing_if = "Vec::is_empty")]
    pub asks: Vec<Level>,
    /// `live`, `stale`, `resyncing` or `down`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// `pre`, `open`, `auction`, `halted`, `post` or `closed`; absent: unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trading: Option<String>,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Snapshot {
    /// Makes a ticker what it is after a delta. Deltas of books are lists of levels: they are left
    /// to the reader.
    pub fn apply(&mut self, delta: &Delta) {
        self.seq = delta.seq;
        self.ts.clone_from(&delta.ts);
        self.recv.clone_from(&delta.recv);
        delta.bid.apply_to(&mut self.bid);
        delta.bid_size.apply_to(&mut self.bid_size);
        delta.ask.apply_to(&mut self.ask);
        delta.ask_size.apply_to(&mut self.ask_size);
        delta.last.apply_to(&mut self.last);
        delta.last_size.apply_to(&mut self.last_size);
        delta.day.apply_to(&mut self.day);
        delta.day_from.apply_to(&mut self.day_from);
        delta.prev_close.apply_to(&mut self.prev_close);
        delta.open.apply_to(&mut self.open);
        delta.high.apply_to(&mut self.high);
        delta.low.apply_to(&mut self.low);
        delta.volume.apply_to(&mut self.volume);
        delta.trades.apply_to(&mut self.trades);
    }

    /// Makes a state what it is after a change of its health.
    pub fn apply_status(&mut self, status: &Status) {
        self.seq = status.seq;
        self.state = Some(status.state.clone());
        self.trading.clone_from(&status.trading);
        self.since.clone_from(&status.since);
        self.reason.clone_from(&status.reason);
    }
}
