//! How a tick becomes an event: its links, and what it changes.

use std::error::Error;
use std::fmt;

use tickwire_feeds::Nanos;
use tickwire_feeds::Size;
use tickwire_feeds::Symbol;
use tickwire_feeds::Tick;
use tickwire_feeds::tick;
use tickwire_feeds::tick::GapState;
use tickwire_feeds::tick::State;

use super::Board;
use super::symbol::DayFigures;
use super::symbol::SymbolBoard;
use super::symbol::prints;
use super::symbol::same;
use super::symbol::same_price;
use super::symbol::same_size;
use super::worse;
use crate::event::Body;
use crate::event::Channel;
use crate::event::DayStart;
use crate::event::Event;
use crate::event::FeedId;
use crate::event::FeedLink;
use crate::event::Fields;
use crate::event::Gap;
use crate::event::Health;
use crate::event::Late;
use crate::event::Link;
use crate::event::Quote;
use crate::event::Registry;
use crate::event::Scope;
use crate::event::Seq;
use crate::event::Status;
use crate::event::SymbolId;
use crate::event::TickerChange;
use crate::event::Trade;

/// Why a tick did not get onto the tape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Its symbol was never listed by its feed.
    UnknownSymbol,
    /// It would change nothing, and says nothing that history needs.
    Repeated,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownSymbol => "unknown_symbol",
            Self::Repeated => "repeated",
        })
    }
}

impl Error for Refused {}

impl Board {
    /// Gives a tick of a feed its place, and follows it.
    ///
    /// # Errors
    /// [`Refused`] if it has no place on the tape; then the board is as it was.
    pub fn stamp(&mut self, feed: FeedId, tick: Tick, seq: Seq) -> Result<Event, Refused> {
        let event = match tick {
            Tick::Trade(trade) => self.stamp_trade(feed, trade, seq)?,
            Tick::Quote(quote) => self.stamp_quote(feed, &quote, seq)?,
            Tick::Status(status) => self.stamp_status(feed, status, seq)?,
            Tick::Gap(gap) => self.stamp_gap(feed, &gap, seq)?,
            Tick::Listed(listing) => self.stamp_listing(feed, listing, seq)?,
            Tick::AllListed => self.stamp_all_listed(feed, seq)?,
        };
        self.apply(&event);
        Ok(event)
    }

    /// Writes that time went on to `now`.
    pub fn stamp_clock(&mut self, now: Nanos, seq: Seq) -> Event {
        let event = Event { seq, recv: now, ts: None, body: Body::Clock };
        self.apply(&event);
        event
    }

    /// Writes a change of the tables of feeds and symbols.
    pub fn stamp_registry(&mut self, change: Registry, now: Nanos, seq: Seq) -> Event {
        let event = Event { seq, recv: now, ts: None, body: Body::Registry(change) };
        self.apply(&event);
        event
    }

    fn listed(&self, feed: FeedId, name: &Symbol) -> Result<(SymbolId, &SymbolBoard), Refused> {
        let id = self.id(name.as_str()).ok_or(Refused::UnknownSymbol)?;
        let symbol = self.symbol(id).ok_or(Refused::UnknownSymbol)?;
        if symbol.feed == feed && symbol.listed {
            Ok((id, symbol))
        } else {
            Err(Refused::UnknownSymbol)
        }
    }

    fn link(&self, channel: Channel, symbol: &SymbolBoard) -> Link {
        Link { prev: self.last(channel, symbol), own: symbol.own(channel) }
    }

    fn stamp_trade(&self, feed: FeedId, tick: tick::Trade, seq: Seq) -> Result<Event, Refused> {
        let (id, symbol) = self.listed(feed, &tick.symbol)?;
        let late = match (tick.ts, symbol.trade_ts_max) {
            (Some(ts), Some(greatest)) if ts < greatest => Late::Yes,
            _ => Late::No,
        };
        let trade = Trade {
            symbol: id,
            link: self.link(Channel::Trades, symbol),
            price: tick.price,
            size: tick.size,
            side: tick.side,
            trade_id: tick.trade_id,
            late,
            ticker: None,
            extra: tick.extra,
        };
        let at = tick.ts.unwrap_or(tick.recv);
        let ticker = self.trade_change(symbol, &trade, at);
        let body = Body::Trade(Trade { ticker, ..trade });
        Ok(Event { seq, recv: tick.recv, ts: tick.ts, body })
    }

    fn trade_change(&self, symbol: &SymbolBoard, trade: &Trade, at: Nanos) -> Option<TickerChange> {
        let ticker = &symbol.ticker;
        let (moves_last, moves_range, counts) = prints(trade.extra.as_deref());
        let day = self.day_start(symbol, at);
        let mut fields = Fields::default();
        if moves_last && trade.late == Late::No {
            let (last, size) = (Some(trade.price), Some(trade.size));
            fields
                .add_if(Fields::LAST, !same(ticker.last, last, tickwire_feeds::Price::same_digits));
            fields.add_if(Fields::LAST_SIZE, !same(ticker.last_size, size, Size::same_digits));
        }
        let (mut volume, mut trades) = (None, 0);
        let current = ticker.day.as_ref().filter(|_| day.is_none());
        if day.is_some() || current.is_some_and(|current| current.day == at.day()) {
            let beyond = |bound: Option<_>, further: fn(_, _) -> bool| {
                moves_range && bound.is_none_or(|bound| further(trade.price, bound))
            };
            fields.add_if(Fields::OPEN, beyond(current.and_then(|day| day.open), |_, _| false));
            fields.add_if(Fields::HIGH, beyond(current.and_then(|day| day.high), |a, b| a > b));
            fields.add_if(Fields::LOW, beyond(current.and_then(|day| day.low), |a, b| a < b));
            let before = current.map_or(Some(Size::ZERO), |day| day.volume);
            volume = if counts { before.and_then(|sum| sum.plus(trade.size)) } else { before };
            fields.add_if(Fields::VOLUME, counts && before.is_some());
            trades = current.map_or(0, |day| day.trades) + 1;
            fields.add_if(Fields::TRADES, true);
        }
        if fields.is_empty() && day.is_none() {
            return None;
        }
        let link = self.link(Channel::Ticker, symbol);
        Some(TickerChange { link, fields, volume, trades, day })
    }

    fn stamp_quote(&self, feed: FeedId, tick: &tick::Quote, seq: Seq) -> Result<Event, Refused> {
        let (id, symbol) = self.listed(feed, &tick.symbol)?;
        let before = &symbol.ticker;
        let mut fields = Fields::default();
        fields.add_if(Fields::BID, !same_price(before.bid, tick.bid));
        fields.add_if(Fields::BID_SIZE, !same_size(before.bid, tick.bid));
        fields.add_if(Fields::ASK, !same_price(before.ask, tick.ask));
        fields.add_if(Fields::ASK_SIZE, !same_size(before.ask, tick.ask));
        let day = self.day_start(symbol, tick.ts.unwrap_or(tick.recv));
        let ticker = (!fields.is_empty() || day.is_some()).then(|| TickerChange {
            link: self.link(Channel::Ticker, symbol),
            fields,
            volume: None,
            trades: 0,
            day,
        });
        let body = Body::Quote(Quote { symbol: id, bid: tick.bid, ask: tick.ask, ticker });
        Ok(Event { seq, recv: tick.recv, ts: tick.ts, body })
    }

    /// The day that begins with a trade or quote of `at`, if one does.
    fn day_start(&self, symbol: &SymbolBoard, at: Nanos) -> Option<Box<DayStart>> {
        let day = at.day();
        let before = symbol.ticker.day.as_ref();
        if before.is_some_and(|before| before.day >= day) {
            return None;
        }
        let follows = |before: &&DayFigures| before.day.0 + 1 == day.0;
        let yesterday = before.filter(follows);
        let health = self.health(symbol).to_health();
        let whole =
            yesterday.is_some() && health.state == State::Live && health.since <= day.start();
        Some(Box::new(DayStart {
            day,
            day_from: (!whole && at > day.start()).then_some(at),
            prev_close: yesterday.and(symbol.ticker.last),
        }))
    }

    fn stamp_status(&self, feed: FeedId, tick: tick::Status, seq: Seq) -> Result<Event, Refused> {
        let board = self.feed(feed).ok_or(Refused::UnknownSymbol)?;
        let named = match &tick.scope {
            tick::Scope::Feed => None,
            tick::Scope::Symbol(name) => Some(self.listed(feed, name)?),
        };
        let (before, status_prev) = match named {
            None => (Some(&board.health), board.status_seq),
            Some((_, symbol)) => (symbol.health.as_ref(), symbol.status_seq),
        };
        let known = before.filter(|before| before.state == tick.state && status_prev.0 > 0);
        let health = Health {
            state: tick.state,
            trading: tick.trading,
            since: known.map_or(tick.recv, |before| before.since),
            reason: tick.reason,
        };
        if known.is_some_and(|before| *before == health) {
            return Err(Refused::Repeated);
        }
        let (scope, shown) = match named {
            None => {
                let link = FeedLink { prev: board.touched, except: self.except(feed, &health) };
                (Scope::Feed(feed, link), health.clone())
            }
            Some((id, symbol)) => {
                let links = Channel::ALL.map(|channel| (channel, self.link(channel, symbol)));
                let shown = worse(&board.health, Some(&health)).to_health();
                (Scope::Symbol(id, links.into()), shown)
            }
        };
        let body = Body::Status(Status { scope, health, shown, status_prev });
        Ok(Event { seq, recv: tick.recv, ts: None, body })
    }

    /// The symbols of a feed that will not show its new health as it is.
    fn except(&self, feed: FeedId, health: &Health) -> Vec<(SymbolId, Health)> {
        let own =
            self.symbols().filter(|(_, symbol)| symbol.feed == feed && symbol.health.is_some());
        own.map(|(id, symbol)| (id, worse(health, symbol.health.as_ref()).to_health()))
            .filter(|(_, shown)| shown != health)
            .collect()
    }

    fn stamp_gap(&self, feed: FeedId, tick: &tick::Gap, seq: Seq) -> Result<Event, Refused> {
        let board = self.feed(feed).ok_or(Refused::UnknownSymbol)?;
        let of = if tick.settles_disconnect && board.disconnect > Seq::START {
            board.disconnect
        } else {
            seq
        };
        let mut gap = Gap {
            scope: Scope::Feed(feed, FeedLink { prev: board.touched, except: Vec::new() }),
            covers: tick.covers,
            cause: tick.cause,
            missing: tick.missing,
            state: tick.state,
            of,
        };
        if let tick::Scope::Symbol(name) = &tick.scope {
            let (id, symbol) = self.listed(feed, name)?;
            let links = Channel::ALL.into_iter().filter(|channel| gap.concerns(*channel));
            let links = links.map(|channel| (channel, self.link(channel, symbol))).collect();
            gap.scope = Scope::Symbol(id, links);
        } else if tick.state == GapState::Filled && of == seq {
            return Err(Refused::Repeated);
        }
        Ok(Event { seq, recv: tick.recv, ts: None, body: Body::Gap(gap) })
    }

    fn stamp_listing(&self, feed: FeedId, tick: tick::Listing, seq: Seq) -> Result<Event, Refused> {
        let known = self.id(tick.symbol.as_str());
        if let Some(symbol) = known.and_then(|id| self.symbol(id))
            && symbol.listed
            && symbol.feed == feed
        {
            return Err(Refused::Repeated);
        }
        let next = u32::try_from(self.symbols.len()).map_err(|_| Refused::UnknownSymbol)?;
        let id = known.unwrap_or(SymbolId(next));
        let change = Registry::Listed { id, symbol: tick.symbol, feed, raw: tick.raw };
        Ok(Event { seq, recv: tick.recv, ts: None, body: Body::Registry(change) })
    }

    fn stamp_all_listed(&self, feed: FeedId, seq: Seq) -> Result<Event, Refused> {
        match self.feed(feed) {
            Some(board) if !board.listed_all => {
                let body = Body::Registry(Registry::AllListed { id: feed });
                Ok(Event { seq, recv: self.clock, ts: None, body })
            }
            _ => Err(Refused::Repeated),
        }
    }
}
