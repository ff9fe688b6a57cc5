//! The bodies of entries, kind by kind: what is written first is read first.

use tickwire_feeds::Nanos;
use tickwire_feeds::Symbol;
use tickwire_feeds::tick::Cause;
use tickwire_feeds::tick::Covers;
use tickwire_feeds::tick::GapState;
use tickwire_feeds::tick::Level;
use tickwire_feeds::tick::Side;
use tickwire_feeds::tick::State;
use tickwire_feeds::tick::TradeExtra;
use tickwire_feeds::tick::TradeId;
use tickwire_feeds::tick::Trading;
use tickwire_feeds::time::Day;

use super::bytes::Reader;
use super::bytes::put_option;
use super::bytes::put_price;
use super::bytes::put_signed;
use super::bytes::put_size;
use super::bytes::put_text;
use super::bytes::put_varint;
use super::entry::Kind;
use super::entry::Peek;
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

/// Flags of a trade.
const BUY: u8 = 1;
const SELL: u8 = 1 << 1;
const ID_NUMBER: u8 = 1 << 2;
const ID_TEXT: u8 = 1 << 3;
const LATE: u8 = 1 << 4;
const EXTRA: u8 = 1 << 5;
const TICKER: u8 = 1 << 6;
/// Flags of a quote; `TICKER` too.
const BID: u8 = 1;
const BID_SIZE: u8 = 1 << 1;
const ASK: u8 = 1 << 2;
const ASK_SIZE: u8 = 1 << 3;
/// Flags of a ticker change, below its fields.
const VOLUME: u64 = 1;
const TRADES: u64 = 1 << 1;
const DAY: u64 = 1 << 2;
const FIELDS_SHIFT: u32 = 3;
/// Kinds of registry changes.
const FEED: u8 = 1;
const LISTED: u8 = 2;
const UNLISTED: u8 = 3;
const ALL_LISTED: u8 = 4;

/// Appends the body of an event.
pub(super) fn put(out: &mut Vec<u8>, event: &Event) {
    match &event.body {
        Body::Trade(trade) => put_trade(out, trade, event.seq),
        Body::Quote(quote) => put_quote(out, quote, event.seq),
        Body::Status(status) => put_status(out, status, event),
        Body::Gap(gap) => put_gap(out, gap, event),
        Body::Clock => {}
        Body::Registry(change) => put_registry(out, change),
    }
}

/// Reads the body of an event.
#[inline(always)]
pub(super) fn take(from: &mut Reader<'_>, peek: &Peek, recv: Nanos) -> Option<Body> {
    let seq = peek.seq;
    Some(match peek.kind {
        Kind::Trade => Body::Trade(trade(from, peek.symbol?, seq)?),
        Kind::Quote => Body::Quote(quote(from, peek.symbol?, seq)?),
        Kind::Status => Body::Status(status(from, peek, recv)?),
        Kind::Gap => Body::Gap(gap(from, peek, recv)?),
        Kind::Clock => Body::Clock,
        Kind::Symbol => Body::Registry(registry(from, peek.symbol)?),
        Kind::BookSnapshot | Kind::BookDelta | Kind::Amend | Kind::Checkpoint => return None,
    })
}

pub(super) fn put_trade(out: &mut Vec<u8>, trade: &Trade, seq: Seq) {
    let mut flags = match trade.side {
        Some(Side::Buy) => BUY,
        Some(Side::Sell) => SELL,
        None => 0,
    };
    flags |= match &trade.trade_id {
        Some(TradeId::Number(_)) => ID_NUMBER,
        Some(TradeId::Text(_)) => ID_TEXT,
        None => 0,
    };
    flags |= if trade.late == Late::Yes { LATE } else { 0 };
    flags |= if trade.extra.is_some() { EXTRA } else { 0 };
    flags |= if trade.ticker.is_some() { TICKER } else { 0 };
    out.push(flags);
    put_link(out, trade.link, seq);
    put_price(out, trade.price);
    put_size(out, trade.size);
    match &trade.trade_id {
        Some(TradeId::Number(number)) => put_varint(out, *number),
        Some(TradeId::Text(text)) => put_text(out, text),
        None => {}
    }
    if let Some(extra) = &trade.extra {
        put_extra(out, extra);
    }
    if let Some(change) = &trade.ticker {
        put_change(out, change, seq);
    }
}

#[inline(always)]
pub(super) fn trade(from: &mut Reader<'_>, symbol: SymbolId, seq: Seq) -> Option<Trade> {
    let flags = from.byte()?;
    Some(Trade {
        symbol,
        link: link(from, seq)?,
        price: from.price()?,
        size: from.size()?,
        side: match flags & (BUY | SELL) {
            0 => None,
            BUY => Some(Side::Buy),
            SELL => Some(Side::Sell),
            _ => return None,
        },
        trade_id: match flags & (ID_NUMBER | ID_TEXT) {
            0 => None,
            ID_NUMBER => Some(TradeId::Number(from.varint()?)),
            ID_TEXT => Some(TradeId::Text(from.text()?.into())),
            _ => return None,
        },
        late: if flags & LATE == 0 { Late::No } else { Late::Yes },
        extra: if flags & EXTRA == 0 { None } else { Some(Box::new(extra(from)?)) },
        ticker: if flags & TICKER == 0 { None } else { Some(change(from, seq)?) },
    })
}

fn put_extra(out: &mut Vec<u8>, extra: &TradeExtra) {
    let TradeExtra { exchange, conditions, tape, no_last, no_range, no_volume } = extra;
    out.push(u8::from(*no_last) | u8::from(*no_range) << 1 | u8::from(*no_volume) << 2);
    put_option(out, exchange.as_deref(), put_text);
    put_option(out, tape.as_deref(), put_text);
    put_varint(out, conditions.len() as u64);
    conditions.iter().for_each(|condition| put_text(out, condition));
}

fn extra(from: &mut Reader<'_>) -> Option<TradeExtra> {
    let flags = from.byte()?;
    Some(TradeExtra {
        exchange: from.option(Reader::text)?.map(Into::into),
        tape: from.option(Reader::text)?.map(Into::into),
        conditions: (0..from.varint()?)
            .map(|_| from.text().map(Into::into))
            .collect::<Option<_>>()?,
        no_last: flags & 1 != 0,
        no_range: flags & 2 != 0,
        no_volume: flags & 4 != 0,
    })
}

fn put_quote(out: &mut Vec<u8>, quote: &Quote, seq: Seq) {
    let flags = |level: Option<Level>, price, size| {
        level.map_or(0, |level| if level.size.is_some() { price | size } else { price })
    };
    let ticker = if quote.ticker.is_some() { TICKER } else { 0 };
    out.push(flags(quote.bid, BID, BID_SIZE) | flags(quote.ask, ASK, ASK_SIZE) | ticker);
    for level in [quote.bid, quote.ask].into_iter().flatten() {
        put_price(out, level.price);
        if let Some(size) = level.size {
            put_size(out, size);
        }
    }
    if let Some(change) = &quote.ticker {
        put_change(out, change, seq);
    }
}

#[inline(always)]
fn quote(from: &mut Reader<'_>, symbol: SymbolId, seq: Seq) -> Option<Quote> {
    let flags = from.byte()?;
    Some(Quote {
        symbol,
        bid: if flags & BID == 0 { None } else { Some(level(from, flags & BID_SIZE)?) },
        ask: if flags & ASK == 0 { None } else { Some(level(from, flags & ASK_SIZE)?) },
        ticker: if flags & TICKER == 0 { None } else { Some(change(from, seq)?) },
    })
}

#[inline(always)]
fn level(from: &mut Reader<'_>, has_size: u8) -> Option<Level> {
    let price = from.price()?;
    let size = if has_size == 0 { None } else { Some(from.size()?) };
    Some(Level { price, size })
}

/// Appends a level for a checkpoint, where no flags stand before it.
pub(super) fn put_level(out: &mut Vec<u8>, level: Level) {
    put_price(out, level.price);
    put_option(out, level.size, put_size);
}

/// Reads what [`put_level`] wrote.
pub(super) fn whole_level(from: &mut Reader<'_>) -> Option<Level> {
    Some(Level { price: from.price()?, size: from.option(Reader::size)? })
}

fn put_change(out: &mut Vec<u8>, change: &TickerChange, seq: Seq) {
    let TickerChange { link, fields, volume, trades, day } = change;
    let mut flags = u64::from(fields.0) << FIELDS_SHIFT;
    flags |= if volume.is_some() { VOLUME } else { 0 };
    flags |= if *trades == 0 { 0 } else { TRADES };
    flags |= if day.is_some() { DAY } else { 0 };
    put_varint(out, flags);
    put_link(out, *link, seq);
    if let Some(volume) = volume {
        put_size(out, *volume);
    }
    if *trades != 0 {
        put_varint(out, *trades);
    }
    if let Some(start) = day {
        put_signed(out, start.day.0.into());
        put_option(out, start.day_from, put_time);
        put_option(out, start.prev_close, put_price);
    }
}

#[inline(always)]
fn change(from: &mut Reader<'_>, seq: Seq) -> Option<TickerChange> {
    let flags = from.varint()?;
    Some(TickerChange {
        fields: Fields(u16::try_from(flags >> FIELDS_SHIFT).ok()?),
        link: link(from, seq)?,
        volume: if flags & VOLUME == 0 { None } else { Some(from.size()?) },
        trades: if flags & TRADES == 0 { 0 } else { from.varint()? },
        day: if flags & DAY == 0 { None } else { Some(Box::new(day_start(from)?)) },
    })
}

fn day_start(from: &mut Reader<'_>) -> Option<DayStart> {
    Some(DayStart {
        day: day(from)?,
        day_from: from.option(time)?,
        prev_close: from.option(Reader::price)?,
    })
}

fn put_status(out: &mut Vec<u8>, status: &Status, event: &Event) {
    put_scope(out, &status.scope, event);
    put_health(out, &status.health, event.recv);
    put_option(out, (status.shown != status.health).then_some(&status.shown), |out, shown| {
        put_health(out, shown, event.recv);
    });
    put_varint(out, event.seq.0.wrapping_sub(status.status_prev.0));
}

fn status(from: &mut Reader<'_>, peek: &Peek, recv: Nanos) -> Option<Status> {
    let scope = scope(from, peek, recv)?;
    let own = health(from, recv)?;
    Some(Status {
        scope,
        shown: from.option(|from| health(from, recv))?.unwrap_or_else(|| own.clone()),
        health: own,
        status_prev: Seq(peek.seq.0.wrapping_sub(from.varint()?)),
    })
}

fn put_gap(out: &mut Vec<u8>, gap: &Gap, event: &Event) {
    put_scope(out, &gap.scope, event);
    out.push(gap.covers as u8);
    out.push(gap.cause as u8);
    out.push(gap.state as u8);
    put_option(out, gap.missing, put_varint);
    put_varint(out, event.seq.0.wrapping_sub(gap.of.0));
}

fn gap(from: &mut Reader<'_>, peek: &Peek, recv: Nanos) -> Option<Gap> {
    Some(Gap {
        scope: scope(from, peek, recv)?,
        covers: word(from, Covers::ALL)?,
        cause: word(from, Cause::ALL)?,
        state: word(from, GapState::ALL)?,
        missing: from.option(Reader::varint)?,
        of: Seq(peek.seq.0.wrapping_sub(from.varint()?)),
    })
}

/// The symbol itself stands at the head of the entry.
fn put_scope(out: &mut Vec<u8>, scope: &Scope, event: &Event) {
    match scope {
        Scope::Feed(feed, FeedLink { prev, except }) => {
            put_varint(out, feed.0.into());
            put_varint(out, event.seq.0.wrapping_sub(prev.0));
            put_varint(out, except.len() as u64);
            for (symbol, shown) in except {
                put_varint(out, symbol.0.into());
                put_health(out, shown, event.recv);
            }
        }
        Scope::Symbol(_, links) => {
            put_varint(out, links.len() as u64);
            for (channel, link) in links {
                out.push(channel_code(*channel));
                put_link(out, *link, event.seq);
            }
        }
    }
}

fn scope(from: &mut Reader<'_>, peek: &Peek, recv: Nanos) -> Option<Scope> {
    let Some(symbol) = peek.symbol else { return feed_scope(from, peek, recv) };
    let mut links = Vec::new();
    for _ in 0..from.varint()? {
        links.push((channel(from)?, link(from, peek.seq)?));
    }
    Some(Scope::Symbol(symbol, links))
}

fn feed_scope(from: &mut Reader<'_>, peek: &Peek, recv: Nanos) -> Option<Scope> {
    let feed = feed(from)?;
    let prev = Seq(peek.seq.0.wrapping_sub(from.varint()?));
    let mut except = Vec::new();
    for _ in 0..from.varint()? {
        let symbol = SymbolId(u32::try_from(from.varint()?).ok()?);
        except.push((symbol, health(from, recv)?));
    }
    Some(Scope::Feed(feed, FeedLink { prev, except }))
}

fn put_registry(out: &mut Vec<u8>, change: &Registry) {
    match change {
        Registry::Feed { id, name, venue } => {
            out.push(FEED);
            put_varint(out, id.0.into());
            put_text(out, name);
            put_text(out, venue);
        }
        Registry::Listed { id: _, symbol, feed, raw } => {
            out.push(LISTED);
            put_text(out, symbol.as_str());
            put_varint(out, feed.0.into());
            put_option(out, raw.as_deref(), put_text);
        }
        Registry::Unlisted { id: _ } => out.push(UNLISTED),
        Registry::AllListed { id } => {
            out.push(ALL_LISTED);
            put_varint(out, id.0.into());
        }
    }
}

fn registry(from: &mut Reader<'_>, symbol: Option<SymbolId>) -> Option<Registry> {
    Some(match from.byte()? {
        FEED => Registry::Feed {
            id: feed(from)?,
            name: from.text()?.into(),
            venue: from.text()?.into(),
        },
        LISTED => Registry::Listed {
            id: symbol?,
            symbol: Symbol::parse(from.text()?).ok()?,
            feed: feed(from)?,
            raw: from.option(Reader::text)?.map(Into::into),
        },
        UNLISTED => Registry::Unlisted { id: symbol? },
        ALL_LISTED => Registry::AllListed { id: feed(from)? },
        _ => return None,
    })
}

/// Appends a health, with its time as a distance from `recv`.
pub(super) fn put_health(out: &mut Vec<u8>, health: &Health, recv: Nanos) {
    out.push(health.state as u8);
    put_option(out, health.trading, |out, trading| out.push(trading as u8));
    put_signed(out, health.since.0.wrapping_sub(recv.0));
    put_option(out, health.reason.as_deref(), put_text);
}

/// Reads what [`put_health`] wrote.
pub(super) fn health(from: &mut Reader<'_>, recv: Nanos) -> Option<Health> {
    Some(Health {
        state: word(from, State::ALL)?,
        trading: from.option(|from| word(from, Trading::ALL))?,
        since: Nanos(recv.0.wrapping_add(from.signed()?)),
        reason: from.option(Reader::text)?.map(Into::into),
    })
}

/// Appends a link as distances back from `seq`.
fn put_link(out: &mut Vec<u8>, link: Link, seq: Seq) {
    put_varint(out, seq.0.wrapping_sub(link.prev.0));
    put_varint(out, link.prev.0.wrapping_sub(link.own.0));
}

#[inline(always)]
fn link(from: &mut Reader<'_>, seq: Seq) -> Option<Link> {
    let prev = seq.0.wrapping_sub(from.varint()?);
    let own = prev.wrapping_sub(from.varint()?);
    Some(Link { prev: Seq(prev), own: Seq(own) })
}

/// Appends a time.
pub(super) fn put_time(out: &mut Vec<u8>, time: Nanos) {
    put_signed(out, time.0);
}

/// Reads a time.
pub(super) fn time(from: &mut Reader<'_>) -> Option<Nanos> {
    from.signed().map(Nanos)
}

/// Reads a day.
pub(super) fn day(from: &mut Reader<'_>) -> Option<Day> {
    i32::try_from(from.signed()?).ok().map(Day)
}

/// Reads a feed.
pub(super) fn feed(from: &mut Reader<'_>) -> Option<FeedId> {
    u32::try_from(from.varint()?).ok().map(FeedId)
}

/// Reads a symbol.
pub(super) fn symbol(from: &mut Reader<'_>) -> Option<SymbolId> {
    u32::try_from(from.varint()?).ok().map(SymbolId)
}

/// The numbers are those on the disk and never change their meaning; those between are for books.
const fn channel_code(channel: Channel) -> u8 {
    match channel {
        Channel::Ticker => 0,
        Channel::Trades => 1,
        Channel::Bars1s => 8,
        Channel::Bars1m => 9,
        Channel::Bars5m => 10,
        Channel::Bars1h => 11,
        Channel::Bars1d => 12,
    }
}

fn channel(from: &mut Reader<'_>) -> Option<Channel> {
    let code = from.byte()?;
    Channel::ALL.into_iter().find(|channel| channel_code(*channel) == code)
}

fn word<T: Copy>(from: &mut Reader<'_>, all: &[T]) -> Option<T> {
    all.get(usize::from(from.byte()?)).copied()
}
