//! One simulated instrument: a walking price, two sizes, and the id of its last trade.

use super::roster::Terms;
use crate::decimal::Price;
use crate::decimal::Size;
use crate::symbol::Symbol;
use crate::tick::Cause;
use crate::tick::Covers;
use crate::tick::Gap;
use crate::tick::GapState;
use crate::tick::Level;
use crate::tick::Quote;
use crate::tick::Scope;
use crate::tick::Side;
use crate::tick::Tick;
use crate::tick::Trade;
use crate::tick::TradeId;
use crate::time::Nanos;

/// One tick in so many, of 1,024, is a trade. A fifth would be 205, but the tick after a trade
/// that moved the price is always a quote.
const TRADES_OF_1024: u64 = 211;
/// Largest move at once is the first price divided by this.
const STRIDES: u32 = 100_000;
/// How strongly a price is drawn back to where it began, of 4,096, at twice the first price.
const PULL: i64 = 1_024;
/// Spreads in steps of the last digit, as often as they stand here.
const SPREADS: [u8; 8] = [1, 1, 1, 1, 2, 2, 3, 5];
/// Most ids skipped by one gap.
const SKIPPED_MAX: u64 = 5;

/// When a tick happened and when it was seen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) ts: Nanos,
    pub(super) recv: Nanos,
}

/// State of one instrument. Small, because there may be a million.
#[derive(Debug)]
pub(super) struct Instrument {
    pub(super) symbol: Symbol,
    terms: Terms,
    bid: u32,
    bid_size: u32,
    ask_size: u32,
    /// In steps of the last digit, 1..=5.
    spread: u8,
    /// The last quote no longer says where the price is.
    quote_due: bool,
    last_id: u64,
    /// Prints so far, for the n-th of them.
    trades: u32,
    /// How many of the feed's outages its trades have accounted for.
    outages: u32,
}

impl Instrument {
    /// An instrument that has not ticked; `noise` moves its first price by up to one percent.
    pub(super) fn new(symbol: Symbol, terms: Terms, noise: u32) -> Self {
        let price = terms.price + noise % (terms.price / 100 + 1);
        let terms = Terms { price, ..terms };
        Self {
            symbol,
            terms,
            bid: price,
            bid_size: size(terms.size_max, noise),
            ask_size: size(terms.size_max, noise.rotate_left(16)),
            spread: 1,
            quote_due: true,
            last_id: 0,
            trades: 0,
            outages: 0,
        }
    }

    /// The next trade follows this id.
    pub(super) fn resume_after(&mut self, last_id: u64) {
        self.last_id = last_id;
    }

    /// Whether its next tick is a trade, given ten random bits.
    pub(super) fn trades_on(&self, bits: u64) -> bool {
        !self.quote_due && bits & 1_023 < TRADES_OF_1024
    }

    /// Quotes it anew: seven times of eight at the old prices.
    pub(super) fn quote(&mut self, bits: u64, moment: Moment) -> Tick {
        let [detail, noise] = halves(bits);
        if detail & 15 < 2 {
            self.walk(detail >> 4);
            let spread = SPREADS.get((detail >> 29) as usize);
            self.spread = spread.copied().unwrap_or(1);
        }
        if detail & 1 == 0 {
            self.bid_size = size(self.terms.size_max, noise);
        } else {
            self.ask_size = size(self.terms.size_max, noise);
        }
        self.quote_due = false;
        Tick::Quote(Quote {
            symbol: self.symbol.clone(),
            ts: Some(moment.ts),
            recv: moment.recv,
            bid: self.level(self.bid, self.bid_size),
            ask: self.level(self.ask(), self.ask_size),
        })
    }

    /// Prints at the bid or the ask as last quoted; one that takes the whole level moves the price.
    pub(super) fn trade(&mut self, bits: u64, moment: Moment) -> Option<Tick> {
        let [detail, noise] = halves(bits);
        let (side, price, level) = match detail & 1 {
            0 => (Side::Buy, self.ask(), self.ask_size),
            _ => (Side::Sell, self.bid, self.bid_size),
        };
        let part = size(level.div_ceil(4), noise);
        let taken = if (detail >> 1) & 7 == 0 { level } else { part };
        self.last_id = self.last_id.saturating_add(1);
        self.trades = self.trades.wrapping_add(1);
        self.take(side, level - taken, noise.rotate_left(8));
        Some(Tick::Trade(Trade {
            symbol: self.symbol.clone(),
            ts: Some(moment.ts),
            recv: moment.recv,
            price: Price::from_parts(price.into(), self.terms.price_digits.into())?,
            size: Size::from_parts(taken.into(), self.terms.size_digits.into())?,
            side: Some(side),
            trade_id: Some(TradeId::Number(self.last_id)),
            extra: None,
        }))
    }

    /// Skips ids as if trades had been lost in the feed's outages, if there was one since the last
    /// trade.
    pub(super) fn settle(&mut self, outages: u32, recv: Nanos) -> Option<Tick> {
        if self.outages == outages {
            return None;
        }
        self.outages = outages;
        Some(Tick::Gap(Gap {
            covers: Covers::All,
            cause: Cause::VenueDisconnect,
            settles_disconnect: true,
            ..self.skip(recv)
        }))
    }

    /// Skips ids as if trades had been lost, before each `every`-th trade; never if that is 0.
    pub(super) fn lose(&mut self, every: u32, recv: Nanos) -> Option<Tick> {
        let lost = every != 0 && self.trades.wrapping_add(1).is_multiple_of(every);
        lost.then(|| Tick::Gap(self.skip(recv)))
    }

    fn skip(&mut self, recv: Nanos) -> Gap {
        let missing = 1 + super::mix(self.last_id) % SKIPPED_MAX;
        self.last_id = self.last_id.saturating_add(missing);
        Gap {
            scope: Scope::Symbol(self.symbol.clone()),
            recv,
            covers: Covers::Trades,
            cause: Cause::VenueSequence,
            missing: Some(missing),
            state: GapState::Lost,
            settles_disconnect: false,
        }
    }

    /// The least step of its prices.
    pub(super) fn tick_size(&self) -> Option<Price> {
        Price::from_parts(1, self.terms.price_digits.into())
    }

    fn ask(&self) -> u32 {
        self.bid + u32::from(self.spread)
    }

    fn level(&self, price: u32, size: u32) -> Option<Level> {
        let price = Price::from_parts(price.into(), self.terms.price_digits.into())?;
        Some(Level { price, size: Size::from_parts(size.into(), self.terms.size_digits.into()) })
    }

    /// Leaves `rest` of a level; if nothing is left, the price moves on to the next one.
    fn take(&mut self, side: Side, rest: u32, noise: u32) {
        let fresh = size(self.terms.size_max, noise);
        let steps = self.steps(noise);
        self.quote_due = rest == 0;
        match (side, rest) {
            (Side::Buy, 0) => (self.bid, self.ask_size) = (self.up(steps), fresh),
            (Side::Sell, 0) => (self.bid, self.bid_size) = (self.down(steps), fresh),
            (Side::Buy, rest) => self.ask_size = rest,
            (Side::Sell, rest) => self.bid_size = rest,
        }
    }

    fn walk(&mut self, noise: u32) {
        let first = i64::from(self.terms.price);
        let pull = (first - i64::from(self.bid)) * PULL / first;
        let steps = self.steps(noise >> 12);
        let rises = i64::from(noise & 4_095) < 2_048 + pull;
        self.bid = if rises { self.up(steps) } else { self.down(steps) };
    }

    fn steps(&self, noise: u32) -> u32 {
        1 + noise % (self.terms.price / STRIDES).max(1)
    }

    fn up(&self, steps: u32) -> u32 {
        (self.bid + steps).min(self.terms.price * 2)
    }

    fn down(&self, steps: u32) -> u32 {
        self.bid.saturating_sub(steps).max(self.terms.price / 2)
    }
}

/// A size of `1..=max`, small ones more often, but none below a thousandth of `max`.
fn size(max: u32, noise: u32) -> u32 {
    let skewed = u64::from(noise >> 16) * u64::from(noise & 0xffff);
    let part = (u64::from(max) * skewed) >> 32;
    u32::try_from(part).unwrap_or(u32::MAX).saturating_add(1 + max / 1_000).min(max)
}

#[expect(clippy::cast_possible_truncation, reason = "each half is 32 bits")]
fn halves(bits: u64) -> [u32; 2] {
    [(bits >> 32) as u32, bits as u32]
}
