//! Data messages as JSON, written by hand because a tick's cost is mostly this.
//!
//! Field order is fixed. Symbols, digits, times and our own words need no escaping; what a venue
//! wrote freely does.

mod row;

use tickwire_feeds::Nanos;
use tickwire_feeds::Price;
use tickwire_feeds::Size;
use tickwire_feeds::tick::Level;

use crate::board::Bar;
use crate::board::Board;
use crate::board::LastTrade;
use crate::board::Series;
use crate::board::ShownHealth;
use crate::board::SymbolBoard;
use crate::event::Body;
use crate::event::Channel;
use crate::event::DayStart;
use crate::event::Event;
use crate::event::Fields;
use crate::event::Health;
use crate::event::Late;
use crate::event::Seq;
use crate::event::SymbolId;
use crate::event::TickerChange;
use crate::event::Trade;

pub use row::GapRow;
pub use row::write_bar_row;
pub use row::write_gap_row;
pub use row::write_row;

/// A stream as its messages name it.
#[derive(Debug, Clone, Copy)]
pub struct StreamName<'a> {
    /// Which channel.
    pub channel: Channel,
    /// Which symbol.
    pub id: SymbolId,
    /// The symbol's name.
    pub symbol: &'a str,
}

/// Appends the message that an event is in a stream; nothing if it is none. `prev` is what a
/// feed-wide event follows in this stream; other events know it themselves.
pub fn write_event(out: &mut Vec<u8>, stream: StreamName<'_>, event: &Event, prev: Seq) {
    match (&event.body, stream.channel) {
        (Body::Trade(trade), Channel::Trades) => {
            let mut json = Json::begin(out, "trade", stream, event.seq);
            json.number("prev", trade.link.prev.0);
            json.times(event.ts, Some(event.recv));
            json.trade(trade);
            json.end();
        }
        (Body::Trade(trade), Channel::Ticker) => {
            if let Some(change) = &trade.ticker {
                let mut json = Json::delta(out, stream, event, change);
                json.last(trade, change);
                json.figures(Some(trade), change);
                json.end();
            }
        }
        (Body::Quote(quote), Channel::Ticker) => {
            if let Some(change) = &quote.ticker {
                let mut json = Json::delta(out, stream, event, change);
                let fields = change.fields;
                json.side(["bid", "bid_size"], quote.bid, [Fields::BID, Fields::BID_SIZE], fields);
                json.side(["ask", "ask_size"], quote.ask, [Fields::ASK, Fields::ASK_SIZE], fields);
                json.figures(None, change);
                json.end();
            }
        }
        (Body::Status(status), channel) => {
            let prev = status.scope.link(channel).map_or(prev, |link| link.prev);
            let health = status.shown_of(stream.id);
            let mut json = Json::begin(out, "status", stream, event.seq);
            json.number("prev", prev.0);
            json.health(ShownHealth { health, trading: health.trading });
            json.end();
        }
        (Body::Gap(gap), channel) if gap.concerns(channel) => {
            let prev = gap.scope.link(channel).map_or(prev, |link| link.prev);
            let mut json = Json::begin(out, "gap", stream, event.seq);
            json.number("prev", prev.0);
            json.gap((gap.cause.word(), gap.state.word()), gap.missing, gap.of);
            json.end();
        }
        _ => {}
    }
}

/// Appends the message that an event of one symbol is in a stream, where the board has just applied
/// it; nothing if it is none.
pub fn write_message(out: &mut Vec<u8>, stream: StreamName<'_>, event: &Event, board: &Board) {
    if matches!(event.body, Body::Trade(_)) && stream.channel.interval().is_some() {
        write_bar(out, (stream.channel, stream.id), None, board);
    } else {
        write_event(out, stream, event, Seq::START);
    }
}

/// Appends the snapshot of a stream as the board has it.
pub fn write_snapshot(out: &mut Vec<u8>, channel: Channel, id: SymbolId, board: &Board) {
    let Some(symbol) = board.symbol(id) else { return };
    let stream = StreamName { channel, id, symbol: symbol.symbol.as_str() };
    let seq = board.last(channel, symbol);
    let health = board.health(symbol);
    match (channel, channel.interval()) {
        (_, Some(interval)) => {
            let latest = symbol.series(interval).and_then(Series::latest);
            write_latest_bar(out, stream, latest, (seq, health));
        }
        (Channel::Ticker, _) => write_ticker(out, stream, symbol, (seq, health)),
        _ => write_last_trade(out, stream, symbol.last_trade.as_ref(), (seq, health)),
    }
}

/// Appends the message that the event which the board has just applied is in a stream of bars: a
/// trade that was counted, or a clock event that made a bar final. Nothing if it is none. `prev`
/// is what the client has, if that is not what stands before it on the tape.
pub fn write_bar(
    out: &mut Vec<u8>,
    (channel, id): (Channel, SymbolId),
    prev: Option<Seq>,
    board: &Board,
) {
    let Some(symbol) = board.symbol(id) else { return };
    let series = channel.interval().and_then(|interval| symbol.series(interval));
    let Some(series) = series.filter(|series| series.own() == board.seq()) else { return };
    let Some(bar) = series.changed() else { return };
    let stream = StreamName { channel, id, symbol: symbol.symbol.as_str() };
    let mut json = Json::begin(out, "bar", stream, board.seq());
    json.number("prev", prev.unwrap_or_else(|| board.before(channel, symbol)).0);
    json.bar(bar);
    json.end();
}

/// Appends the message of a bar for a client that has another message before it.
pub fn write_bar_after(out: &mut Vec<u8>, bar: &[u8], prev: Seq) {
    const KEY: &[u8] = b"\"prev\":";
    let key = bar.windows(KEY.len()).position(|window| window == KEY).unwrap_or(bar.len());
    let (head, rest) = bar.split_at(bar.len().min(key + KEY.len()));
    out.extend_from_slice(head);
    out.extend_from_slice(itoa::Buffer::new().format(prev.0).as_bytes());
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    out.extend_from_slice(rest.get(digits..).unwrap_or_default());
}

fn write_latest_bar(
    out: &mut Vec<u8>,
    stream: StreamName<'_>,
    latest: Option<&Bar>,
    (seq, health): (Seq, ShownHealth<'_>),
) {
    let mut json = Json::begin(out, "snapshot", stream, seq);
    if let Some(bar) = latest {
        json.time("start", bar.start);
        json.price("open", bar.range.map(|range| range.open));
        json.price("high", bar.range.map(|range| range.high));
        json.price("low", bar.range.map(|range| range.low));
        json.price("close", bar.close.map(|close| close.price));
        json.size("volume", bar.volume);
        json.bar_stage(bar);
    }
    json.health(health);
    json.end();
}

/// Appends a snapshot of `trades`.
pub fn write_last_trade(
    out: &mut Vec<u8>,
    stream: StreamName<'_>,
    last: Option<&LastTrade>,
    (seq, health): (Seq, ShownHealth<'_>),
) {
    let mut json = Json::begin(out, "snapshot", stream, seq);
    if let Some(last) = last {
        json.times(last.ts, Some(last.recv));
        json.trade(&last.trade);
    }
    json.health(health);
    json.end();
}

fn write_ticker(
    out: &mut Vec<u8>,
    stream: StreamName<'_>,
    symbol: &SymbolBoard,
    (seq, health): (Seq, ShownHealth<'_>),
) {
    let ticker = &symbol.ticker;
    let mut json = Json::begin(out, "snapshot", stream, seq);
    json.times(ticker.ts, ticker.recv);
    json.level("bid", "bid_size", ticker.bid);
    json.level("ask", "ask_size", ticker.ask);
    json.price("last", ticker.last);
    json.size("last_size", ticker.last_size);
    if let Some(day) = &ticker.day {
        json.key("day");
        json.quoted(|out| day.day.write(out));
        if let Some(from) = day.day_from {
            json.time("day_from", from);
        }
        json.price("prev_close", day.prev_close);
        json.price("open", day.open);
        json.price("high", day.high);
        json.price("low", day.low);
        json.size("volume", day.volume);
        json.number("trades", day.trades);
    }
    json.health(health);
    json.end();
}

/// One object being written.
struct Json<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Json<'a> {
    fn begin(out: &'a mut Vec<u8>, kind: &str, stream: StreamName<'_>, seq: Seq) -> Self {
        out.reserve(256);
        out.extend_from_slice(b"{\"type\":\"");
        out.extend_from_slice(kind.as_bytes());
        let mut json = Self { out };
        json.out.push(b'"');
        json.word("channel", stream.channel.word());
        json.word("symbol", stream.symbol);
        json.number("seq", seq.0);
        json
    }

    fn delta(
        out: &'a mut Vec<u8>,
        stream: StreamName<'_>,
        event: &Event,
        change: &TickerChange,
    ) -> Self {
        let mut json = Self::begin(out, "delta", stream, event.seq);
        json.number("prev", change.link.prev.0);
        json.times(event.ts, Some(event.recv));
        json
    }

    fn end(self) {
        self.out.push(b'}');
    }

    fn key(&mut self, key: &str) {
        self.out.extend_from_slice(b",\"");
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn quoted(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.out.push(b'"');
        write(self.out);
        self.out.push(b'"');
    }

    fn null(&mut self, key: &str) {
        self.key(key);
        self.out.extend_from_slice(b"null");
    }

    /// A text that needs no escaping.
    fn word(&mut self, key: &str, word: &str) {
        self.key(key);
        self.quoted(|out| out.extend_from_slice(word.as_bytes()));
    }

    /// A text that may hold anything.
    fn text(&mut self, key: &str, text: &str) {
        self.key(key);
        write_text(self.out, text);
    }

    fn flag(&mut self, key: &str, set: bool) {
        if set {
            self.key(key);
            self.out.extend_from_slice(b"true");
        }
    }

    fn number(&mut self, key: &str, number: u64) {
        self.key(key);
        self.out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }

    fn time(&mut self, key: &str, time: Nanos) {
        self.key(key);
        self.quoted(|out| time.write_rfc3339(out));
    }

    fn times(&mut self, ts: Option<Nanos>, recv: Option<Nanos>) {
        if let Some(ts) = ts {
            self.time("ts", ts);
        }
        if let Some(recv) = recv {
            self.time("recv", recv);
        }
    }

    fn price(&mut self, key: &str, price: Option<Price>) {
        if let Some(price) = price {
            self.key(key);
            self.quoted(|out| price.write(out));
        }
    }

    fn size(&mut self, key: &str, size: Option<Size>) {
        if let Some(size) = size {
            self.key(key);
            self.quoted(|out| size.write(out));
        }
    }

    fn price_or_null(&mut self, key: &str, price: Option<Price>) {
        match price {
            Some(_) => self.price(key, price),
            None => self.null(key),
        }
    }

    fn size_or_null(&mut self, key: &str, size: Option<Size>) {
        match size {
            Some(_) => self.size(key, size),
            None => self.null(key),
        }
    }

    fn level(&mut self, price: &str, size: &str, level: Option<Level>) {
        if let Some(level) = level {
            self.price(price, Some(level.price));
            self.size(size, level.size);
        }
    }

    /// One side of a quote: what changed of it.
    fn side(&mut self, keys: [&str; 2], level: Option<Level>, of: [Fields; 2], changed: Fields) {
        let ([price, size], [price_field, size_field]) = (keys, of);
        if changed.has(price_field) {
            self.price_or_null(price, level.map(|level| level.price));
        }
        if changed.has(size_field) {
            self.size_or_null(size, level.and_then(|level| level.size));
        }
    }

    fn trade(&mut self, trade: &Trade) {
        self.price("price", Some(trade.price));
        self.size("size", Some(trade.size));
        if let Some(side) = trade.side {
            self.word("side", side.word());
        }
        match &trade.trade_id {
            Some(tickwire_feeds::tick::TradeId::Number(number)) => {
                self.key("trade_id");
                let mut digits = itoa::Buffer::new();
                self.quoted(|out| out.extend_from_slice(digits.format(*number).as_bytes()));
            }
            Some(tickwire_feeds::tick::TradeId::Text(text)) => self.text("trade_id", text),
            None => {}
        }
        if let Some(extra) = &trade.extra {
            self.extra_words(extra);
        }
        self.flag("late", trade.late == Late::Yes);
        if let Some(extra) = &trade.extra {
            self.flag("no_last", extra.no_last);
            self.flag("no_range", extra.no_range);
            self.flag("no_volume", extra.no_volume);
        }
    }

    fn extra_words(&mut self, extra: &tickwire_feeds::tick::TradeExtra) {
        if let Some(exchange) = &extra.exchange {
            self.text("exchange", exchange);
        }
        if !extra.conditions.is_empty() {
            self.key("conditions");
            for (index, condition) in extra.conditions.iter().enumerate() {
                self.out.push(if index == 0 { b'[' } else { b',' });
                write_text(self.out, condition);
            }
            self.out.push(b']');
        }
        if let Some(tape) = &extra.tape {
            self.text("tape", tape);
        }
    }

    fn last(&mut self, trade: &Trade, change: &TickerChange) {
        if change.fields.has(Fields::LAST) {
            self.price("last", Some(trade.price));
        }
        if change.fields.has(Fields::LAST_SIZE) {
            self.size("last_size", Some(trade.size));
        }
    }

    /// What changed of the day figures; all of them when a day begins.
    fn figures(&mut self, trade: Option<&Trade>, change: &TickerChange) {
        let price = |field| trade.filter(|_| change.fields.has(field)).map(|trade| trade.price);
        let (open, high, low) = (price(Fields::OPEN), price(Fields::HIGH), price(Fields::LOW));
        if let Some(start) = &change.day {
            self.day_start(start);
            self.price_or_null("open", open);
            self.price_or_null("high", high);
            self.price_or_null("low", low);
            let volume =
                if change.fields.has(Fields::VOLUME) { change.volume } else { Some(Size::ZERO) };
            self.size_or_null("volume", volume);
            self.number("trades", change.trades);
            return;
        }
        self.price("open", open);
        self.price("high", high);
        self.price("low", low);
        if change.fields.has(Fields::VOLUME) {
            self.size_or_null("volume", change.volume);
        }
        if change.fields.has(Fields::TRADES) {
            self.number("trades", change.trades);
        }
    }

    fn day_start(&mut self, start: &DayStart) {
        self.key("day");
        self.quoted(|out| start.day.write(out));
        match start.day_from {
            Some(from) => self.time("day_from", from),
            None => self.null("day_from"),
        }
        self.price_or_null("prev_close", start.prev_close);
    }

    fn health(&mut self, shown: ShownHealth<'_>) {
        let Health { state, since, reason, .. } = shown.health;
        self.word("state", state.word());
        if let Some(trading) = shown.trading {
            self.word("trading", trading.word());
        }
        self.time("since", *since);
        if let Some(reason) = reason {
            self.text("reason", reason);
        }
    }

    fn bar(&mut self, bar: &Bar) {
        self.time("start", bar.start);
        self.price_or_null("open", bar.range.map(|range| range.open));
        self.price_or_null("high", bar.range.map(|range| range.high));
        self.price_or_null("low", bar.range.map(|range| range.low));
        self.price_or_null("close", bar.close.map(|close| close.price));
        self.size_or_null("volume", bar.volume);
        self.bar_stage(bar);
    }

    fn bar_stage(&mut self, bar: &Bar) {
        self.number("trades", bar.trades);
        self.key("final");
        self.out.extend_from_slice(if bar.is_final() { b"true" } else { b"false" });
        self.number("revision", bar.revision().into());
    }

    fn gap(&mut self, (cause, state): (&str, &str), missing: Option<u64>, of: Seq) {
        self.word("cause", cause);
        if let Some(missing) = missing {
            self.number("missing", missing);
        }
        self.word("state", state);
        self.number("of", of.0);
    }
}

/// Appends a JSON string of any text.
pub(super) fn write_text(out: &mut Vec<u8>, text: &str) {
    if text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        // Writing a string to memory cannot fail.
        out.extend_from_slice(serde_json::Value::from(text).to_string().as_bytes());
    }
}

#[cfg(test)]
mod tests;
