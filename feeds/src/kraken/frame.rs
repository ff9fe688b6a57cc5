//! Frames of Kraken as they stand on the wire, and the ticks that they make.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::decimal::Price;
use crate::decimal::Size;
use crate::error::Error;
use crate::kraken::VENUE;
use crate::symbol::Symbol;
use crate::tick::Level;
use crate::tick::Quote;
use crate::tick::Side;
use crate::tick::Trade;
use crate::tick::TradeId;
use crate::time::Nanos;

/// Any frame; what it holds depends on `channel` and `method`.
#[derive(Deserialize)]
pub(super) struct Frame<'f> {
    // Empty if absent: inside an `Option` serde would copy the text of every frame.
    #[serde(borrow, default)]
    pub(super) channel: Cow<'f, str>,
    #[serde(borrow, default, rename = "type")]
    pub(super) kind: Cow<'f, str>,
    #[serde(borrow)]
    pub(super) data: Option<&'f RawValue>,
    #[serde(borrow)]
    pub(super) method: Option<Cow<'f, str>>,
    pub(super) success: Option<bool>,
    #[serde(borrow)]
    pub(super) error: Option<Cow<'f, str>>,
    #[serde(borrow)]
    pub(super) symbol: Option<Cow<'f, str>>,
    #[serde(borrow)]
    pub(super) result: Option<Granted<'f>>,
    #[serde(borrow)]
    pub(super) event: Option<Cow<'f, str>>,
}

/// A frame of data.
#[derive(Deserialize)]
pub(super) struct Rows<'f, T> {
    #[serde(borrow, default, rename = "type")]
    pub(super) kind: Cow<'f, str>,
    pub(super) data: Vec<T>,
}

/// What an acknowledgement is about.
#[derive(Deserialize)]
pub(super) struct Granted<'f> {
    #[serde(borrow)]
    pub(super) channel: Option<Cow<'f, str>>,
    #[serde(borrow)]
    pub(super) symbol: Option<Cow<'f, str>>,
}

/// A trade, its numbers as they stand in the frame.
#[derive(Deserialize)]
pub(super) struct Print<'f> {
    #[serde(borrow)]
    pub(super) symbol: Cow<'f, str>,
    #[serde(borrow)]
    side: Cow<'f, str>,
    #[serde(borrow)]
    price: &'f RawValue,
    #[serde(borrow)]
    qty: &'f RawValue,
    pub(super) trade_id: u64,
    #[serde(borrow)]
    timestamp: Option<&'f RawValue>,
}

/// A best quote, its numbers as they stand in the frame.
#[derive(Deserialize)]
pub(super) struct Best<'f> {
    #[serde(borrow)]
    pub(super) symbol: Cow<'f, str>,
    #[serde(borrow)]
    bid: &'f RawValue,
    #[serde(borrow)]
    bid_qty: &'f RawValue,
    #[serde(borrow)]
    ask: &'f RawValue,
    #[serde(borrow)]
    ask_qty: &'f RawValue,
    #[serde(borrow)]
    timestamp: Option<&'f RawValue>,
}

/// What the venue lists.
#[derive(Deserialize)]
pub(super) struct Listed<'f> {
    #[serde(borrow, default)]
    pub(super) pairs: Vec<Pair<'f>>,
}

/// A pair, and the step of its prices.
#[derive(Deserialize)]
pub(super) struct Pair<'f> {
    #[serde(borrow)]
    pub(super) symbol: Cow<'f, str>,
    #[serde(borrow)]
    pub(super) price_increment: Option<&'f RawValue>,
}

/// The state of the venue.
#[derive(Deserialize)]
pub(super) struct System<'f> {
    #[serde(borrow)]
    pub(super) system: Cow<'f, str>,
}

impl Print<'_> {
    pub(super) fn trade(&self, symbol: Symbol, recv: Nanos) -> Result<Trade, Error> {
        let side = match &*self.side {
            "buy" => Side::Buy,
            "sell" => Side::Sell,
            other => return Err(Error::bad_frame(VENUE, &"no side", other.as_bytes())),
        };
        Ok(Trade {
            symbol,
            ts: time(self.timestamp)?,
            recv,
            price: Price::parse(self.price.get())?,
            size: Size::parse_traded(self.qty.get())?,
            side: Some(side),
            trade_id: Some(TradeId::Number(self.trade_id)),
            extra: None,
        })
    }
}

impl Best<'_> {
    pub(super) fn quote(&self, symbol: Symbol, recv: Nanos) -> Result<Quote, Error> {
        Ok(Quote {
            symbol,
            ts: time(self.timestamp)?,
            recv,
            bid: Level::parse(self.bid.get(), Some(self.bid_qty.get()))?,
            ask: Level::parse(self.ask.get(), Some(self.ask_qty.get()))?,
        })
    }
}

/// Reads a part of `frame`, or all of it.
pub(super) fn parse<'p, T: Deserialize<'p>>(part: &'p str, frame: &str) -> Result<T, Error> {
    serde_json::from_str(part).map_err(|error| Error::bad_frame(VENUE, &error, frame.as_bytes()))
}

/// Some tickers carry 0 for a time.
fn time(raw: Option<&RawValue>) -> Result<Option<Nanos>, Error> {
    let Some(raw) = raw.map(RawValue::get).filter(|raw| *raw != "0" && *raw != "\"0\"") else {
        return Ok(None);
    };
    let text = raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"'));
    Nanos::parse_rfc3339(text.unwrap_or(raw)).map(Some)
}
