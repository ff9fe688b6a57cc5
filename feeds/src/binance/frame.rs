//! Frames of Binance as they stand on the wire, and the ticks that they make.

use crate::decimal::Price;
use crate::decimal::Size;
use crate::error::Error;
use crate::json::Fault;
use crate::json::Item;
use crate::symbol::Symbol;
use crate::tick::Level;
use crate::tick::Quote;
use crate::tick::Side;
use crate::tick::Trade;
use crate::tick::TradeId;
use crate::time::Nanos;

/// From here on a time counts microseconds: as ms it would be the year 5138.
const MICROS_MIN: u64 = 100_000_000_000_000;
/// From here on it is neither.
const TIME_MAX: u64 = 100_000_000_000_000_000;

/// How the venue tells of prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Each one.
    Single,
    /// Those of one order at one price in one.
    Aggregate,
}

/// `trade` or `aggTrade`, as it stands in the frame.
#[derive(Default)]
pub(super) struct Print<'f> {
    pub(super) symbol: Option<&'f str>,
    single: Option<u64>,
    aggregate: Option<u64>,
    price: Option<&'f str>,
    size: Option<&'f str>,
    time: Option<u64>,
    buyer_is_maker: Option<bool>,
}

/// `bookTicker`, as it stands in the frame.
#[derive(Default)]
pub(super) struct Best<'f> {
    pub(super) update: Option<u64>,
    pub(super) symbol: Option<&'f str>,
    bid: Option<&'f str>,
    bid_size: Option<&'f str>,
    ask: Option<&'f str>,
    ask_size: Option<&'f str>,
}

impl<'f> Print<'f> {
    pub(super) fn read(data: Item<'_, 'f>) -> Self {
        let mut print = Self::default();
        for (name, value) in data.fields() {
            match name {
                "s" => print.symbol = value.text(),
                "t" => print.single = value.number(),
                "a" => print.aggregate = value.number(),
                "p" => print.price = value.text(),
                "q" => print.size = value.text(),
                "T" => print.time = value.number(),
                "m" => print.buyer_is_maker = value.truth(),
                _ => {}
            }
        }
        print
    }

    pub(super) fn trade(&self, kind: Kind, symbol: Symbol, recv: Nanos) -> Result<Trade, Fault> {
        let id = match kind {
            Kind::Single => self.single.ok_or(Fault::Shape("no t"))?,
            Kind::Aggregate => self.aggregate.ok_or(Fault::Shape("no a"))?,
        };
        let maker = self.buyer_is_maker.ok_or(Fault::Shape("no m"))?;
        Ok(Trade {
            symbol,
            ts: Some(time(self.time.ok_or(Fault::Shape("no T"))?)?),
            recv,
            price: Price::parse(self.price.ok_or(Fault::Shape("no p"))?)?,
            size: Size::parse_traded(self.size.ok_or(Fault::Shape("no q"))?)?,
            side: Some(if maker { Side::Sell } else { Side::Buy }),
            trade_id: Some(TradeId::Number(id)),
            extra: None,
        })
    }
}

impl<'f> Best<'f> {
    pub(super) fn read(data: Item<'_, 'f>) -> Self {
        let mut best = Self::default();
        for (name, value) in data.fields() {
            match name {
                "u" => best.update = value.number(),
                "s" => best.symbol = value.text(),
                "b" => best.bid = value.text(),
                "B" => best.bid_size = value.text(),
                "a" => best.ask = value.text(),
                "A" => best.ask_size = value.text(),
                _ => {}
            }
        }
        best
    }

    pub(super) fn quote(&self, symbol: Symbol, recv: Nanos) -> Result<Quote, Fault> {
        let bid = level(self.bid, self.bid_size)?;
        let ask = level(self.ask, self.ask_size)?;
        Ok(Quote { symbol, ts: None, recv, bid, ask })
    }
}

/// One side of the best quote; a price of zero means that there is none.
fn level(price: Option<&str>, size: Option<&str>) -> Result<Option<Level>, Fault> {
    let price = price.ok_or(Fault::Shape("no price"))?;
    let size = size.ok_or(Fault::Shape("no size"))?;
    Ok(Level::parse(price, Some(size))?)
}

fn time(number: u64) -> Result<Nanos, Error> {
    let bad = || Error::bad_time(&number.to_string());
    let signed = i64::try_from(number).map_err(|_| bad())?;
    match number {
        TIME_MAX.. => Err(bad()),
        MICROS_MIN.. => Ok(Nanos::from_micros(signed)),
        // Milliseconds that 64 bits of nanoseconds cannot hold saturate: refuse them instead.
        _ if signed > i64::MAX / 1_000_000 => Err(bad()),
        _ => Ok(Nanos::from_millis(signed)),
    }
}
