//! Frames of Coinbase as they stand on the wire, and the ticks that they make.

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

/// How the venue writes the time of what never happened.
const NO_TIME: &str = "0001-01-01T";

/// `match` or `last_match`, as it stands in the frame.
#[derive(Default)]
pub(super) struct Print<'f> {
    pub(super) product: Option<&'f str>,
    pub(super) id: Option<u64>,
    price: Option<&'f str>,
    size: Option<&'f str>,
    maker: Option<&'f str>,
    time: Option<&'f str>,
}

/// `ticker`, as it stands in the frame.
#[derive(Default)]
pub(super) struct Best<'f> {
    pub(super) product: Option<&'f str>,
    pub(super) sequence: Option<u64>,
    bid: Option<&'f str>,
    bid_size: Option<&'f str>,
    ask: Option<&'f str>,
    ask_size: Option<&'f str>,
    time: Option<&'f str>,
}

impl<'f> Print<'f> {
    pub(super) fn read(root: Item<'_, 'f>) -> Self {
        let mut print = Self::default();
        for (name, value) in root.fields() {
            match name {
                "product_id" => print.product = value.text(),
                "trade_id" => print.id = value.number(),
                "price" => print.price = value.text(),
                "size" => print.size = value.text(),
                "side" => print.maker = value.text(),
                "time" => print.time = value.text_if_any(),
                _ => {}
            }
        }
        print
    }

    pub(super) fn trade(&self, id: u64, symbol: Symbol, recv: Nanos) -> Result<Trade, Fault> {
        let side = match self.maker {
            Some("buy") => Side::Sell,
            Some("sell") => Side::Buy,
            _ => return Err(Fault::Shape("no side")),
        };
        Ok(Trade {
            symbol,
            ts: time(self.time)?,
            recv,
            price: Price::parse(self.price.ok_or(Fault::Shape("no price"))?)?,
            size: Size::parse_traded(self.size.ok_or(Fault::Shape("no size"))?)?,
            side: Some(side),
            trade_id: Some(TradeId::Number(id)),
            extra: None,
        })
    }
}

impl<'f> Best<'f> {
    pub(super) fn read(root: Item<'_, 'f>) -> Self {
        let mut best = Self::default();
        for (name, value) in root.fields() {
            match name {
                "product_id" => best.product = value.text(),
                "sequence" => best.sequence = value.number(),
                "best_bid" => best.bid = value.text(),
                "best_bid_size" => best.bid_size = value.text_if_any(),
                "best_ask" => best.ask = value.text(),
                "best_ask_size" => best.ask_size = value.text_if_any(),
                "time" => best.time = value.text_if_any(),
                _ => {}
            }
        }
        best
    }

    pub(super) fn quote(&self, symbol: Symbol, recv: Nanos) -> Result<Quote, Fault> {
        let bid = Level::parse(self.bid.ok_or(Fault::Shape("no best_bid"))?, self.bid_size)?;
        let ask = Level::parse(self.ask.ok_or(Fault::Shape("no best_ask"))?, self.ask_size)?;
        Ok(Quote { symbol, ts: time(self.time)?, recv, bid, ask })
    }
}

fn time(text: Option<&str>) -> Result<Option<Nanos>, Error> {
    let given = text.filter(|text| !text.starts_with(NO_TIME));
    given.map(Nanos::parse_rfc3339).transpose()
}
