//! The last state of one symbol.

use tickwire_feeds::Nanos;
use tickwire_feeds::Price;
use tickwire_feeds::Size;
use tickwire_feeds::Symbol;
use tickwire_feeds::tick::Level;
use tickwire_feeds::tick::TradeExtra;
use tickwire_feeds::time::Day;

use super::Series;
use super::SymbolBars;
use crate::event::Channel;
use crate::event::Event;
use crate::event::FeedId;
use crate::event::Fields;
use crate::event::Health;
use crate::event::Interval;
use crate::event::Late;
use crate::event::Quote;
use crate::event::Seq;
use crate::event::TickerChange;
use crate::event::Trade;

/// Last state of a symbol.
#[derive(Debug, Clone, PartialEq)]
pub struct SymbolBoard {
    /// Its name.
    pub symbol: Symbol,
    /// Its name at the venue, if that differs.
    pub raw: Option<Box<str>>,
    /// Whose it is.
    pub feed: FeedId,
    /// Whether a feed serves it now.
    pub listed: bool,
    /// The event that listed it last: its streams begin there.
    pub listed_at: Seq,
    /// Its own health; `None` if nothing was ever said of it alone.
    pub health: Option<Health>,
    /// Its last status; 0 if there was none.
    pub status_seq: Seq,
    /// The last event that was a message of all its streams, and of it alone.
    pub touched: Seq,
    /// The `ticker` stream.
    pub ticker: Ticker,
    /// The last message of `trades` alone.
    pub trades_own: Seq,
    /// The last print, late or not.
    pub last_trade: Option<LastTrade>,
    /// The greatest `ts` of a print.
    pub trade_ts_max: Option<Nanos>,
    /// Its bars, from the first trade on.
    pub bars: Option<Box<SymbolBars>>,
}

/// Best bid and ask, last trade and day figures. An absent field is unknown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ticker {
    /// The last message of `ticker` alone.
    pub own: Seq,
    /// The venue's time of the last change.
    pub ts: Option<Nanos>,
    /// When the last change was read; meaningful if there was one.
    pub recv: Option<Nanos>,
    /// Best buy order.
    pub bid: Option<Level>,
    /// Best sell order.
    pub ask: Option<Level>,
    /// Last price.
    pub last: Option<Price>,
    /// Last size.
    pub last_size: Option<Size>,
    /// Figures of the current day.
    pub day: Option<DayFigures>,
}

/// Figures of one UTC day.
#[derive(Debug, Clone, PartialEq)]
pub struct DayFigures {
    /// Which.
    pub day: Day,
    /// When they begin, if they do not cover the whole day.
    pub day_from: Option<Nanos>,
    /// The last price of the day before, if known.
    pub prev_close: Option<Price>,
    /// First price.
    pub open: Option<Price>,
    /// Highest price.
    pub high: Option<Price>,
    /// Lowest price.
    pub low: Option<Price>,
    /// Sum of sizes; `None` if it no longer fits 28 digits.
    pub volume: Option<Size>,
    /// Number of prints.
    pub trades: u64,
}

/// The last print of a symbol.
#[derive(Debug, Clone, PartialEq)]
pub struct LastTrade {
    /// The venue's time.
    pub ts: Option<Nanos>,
    /// When it was read.
    pub recv: Nanos,
    /// The print itself, without what it changed in `ticker`.
    pub trade: Trade,
}

impl SymbolBoard {
    /// A symbol of which nothing is known yet.
    #[must_use]
    pub fn new(symbol: Symbol, feed: FeedId, raw: Option<Box<str>>) -> Self {
        Self {
            symbol,
            raw,
            feed,
            listed: true,
            listed_at: Seq::START,
            health: None,
            status_seq: Seq::START,
            touched: Seq::START,
            ticker: Ticker::default(),
            trades_own: Seq::START,
            last_trade: None,
            trade_ts_max: None,
            bars: None,
        }
    }

    /// The last message of a stream that did not concern the whole feed.
    #[must_use]
    pub fn own(&self, channel: Channel) -> Seq {
        let own = match (channel, channel.interval()) {
            (_, Some(interval)) => self.series(interval).map_or(Seq::START, Series::own),
            (Channel::Ticker, _) => self.ticker.own,
            _ => self.trades_own,
        };
        own.max(self.touched)
    }

    /// Its bars of one interval, if it had any message there.
    #[must_use]
    pub fn series(&self, interval: Interval) -> Option<&Series> {
        self.bars.as_ref().map(|bars| bars.series(interval))
    }

    /// Notes a message of one stream that changes nothing else.
    pub(super) fn touch(&mut self, channel: Channel, seq: Seq) {
        match (channel, channel.interval()) {
            (_, Some(interval)) => self.bars.get_or_insert_default().touch(interval, seq),
            (Channel::Ticker, _) => self.ticker.own = seq,
            _ => self.trades_own = seq,
        }
    }

    pub(super) fn apply_trade(&mut self, event: &Event, trade: &Trade) -> &mut SymbolBars {
        self.trades_own = event.seq;
        if trade.late == Late::No {
            self.trade_ts_max = event.ts.max(self.trade_ts_max);
        }
        if let Some(change) = &trade.ticker {
            self.ticker.moved(event);
            self.ticker.apply_trade(trade, change);
        }
        let bars = self.bars.get_or_insert_default();
        bars.count(event, trade);
        let trade = Trade { ticker: None, ..trade.clone() };
        self.last_trade = Some(LastTrade { ts: event.ts, recv: event.recv, trade });
        bars
    }

    pub(super) fn apply_quote(&mut self, event: &Event, quote: &Quote) {
        let Some(change) = &quote.ticker else { return };
        self.ticker.moved(event);
        self.ticker.bid = quote.bid;
        self.ticker.ask = quote.ask;
        self.ticker.begin_day(change);
    }
}

impl Ticker {
    fn moved(&mut self, event: &Event) {
        self.own = event.seq;
        self.ts = event.ts;
        self.recv = Some(event.recv);
    }

    fn apply_trade(&mut self, trade: &Trade, change: &TickerChange) {
        self.begin_day(change);
        if change.fields.has(Fields::LAST) {
            self.last = Some(trade.price);
        }
        if change.fields.has(Fields::LAST_SIZE) {
            self.last_size = Some(trade.size);
        }
        let Some(day) = &mut self.day else { return };
        if change.fields.has(Fields::OPEN) {
            day.open = Some(trade.price);
        }
        if change.fields.has(Fields::HIGH) {
            day.high = Some(trade.price);
        }
        if change.fields.has(Fields::LOW) {
            day.low = Some(trade.price);
        }
        if change.fields.has(Fields::VOLUME) {
            day.volume = change.volume;
        }
        if change.fields.has(Fields::TRADES) {
            day.trades = change.trades;
        }
    }

    fn begin_day(&mut self, change: &TickerChange) {
        let Some(start) = &change.day else { return };
        self.day = Some(DayFigures {
            day: start.day,
            day_from: start.day_from,
            prev_close: start.prev_close,
            open: None,
            high: None,
            low: None,
            volume: Some(Size::ZERO),
            trades: 0,
        });
    }
}

/// Whether two levels show the same digits.
pub(super) fn same_price(a: Option<Level>, b: Option<Level>) -> bool {
    same(a.map(|level| level.price), b.map(|level| level.price), Price::same_digits)
}

/// Whether two levels' sizes show the same digits.
pub(super) fn same_size(a: Option<Level>, b: Option<Level>) -> bool {
    let size = |level: Option<Level>| level.and_then(|level| level.size);
    same(size(a), size(b), Size::same_digits)
}

/// Whether both are absent or alike.
pub(super) fn same<T>(a: Option<T>, b: Option<T>, alike: fn(T, T) -> bool) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => alike(a, b),
        (None, None) => true,
        _ => false,
    }
}

/// Whether a print moves the last price, moves high and low, and counts towards the volume.
pub(super) fn prints(extra: Option<&TradeExtra>) -> (bool, bool, bool) {
    extra.map_or((true, true, true), |extra| (!extra.no_last, !extra.no_range, !extra.no_volume))
}
