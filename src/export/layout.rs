//! Layouts: how an event is written as a row.

use tickwire_feeds::Nanos;
use tickwire_feeds::tick::Level;
use tickwire_feeds::tick::TradeExtra;

use crate::event::Body;
use crate::event::Channel;
use crate::event::Event;
use crate::event::Late;
use crate::event::Quote;
use crate::event::Seq;
use crate::event::Trade;
use crate::wire::json;
use crate::wire::json::StreamName;

/// The kind of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A table of prints, or of quotes, with the columns of the history API.
    Csv,
    /// A JSON object a line.
    Ndjson,
    /// One table of prints and quotes, as `import` and `file` feeds take it.
    Tape,
}

/// What is written of a tape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Prints.
    Trades,
    /// Best bids and asks.
    Quotes,
    /// Messages of the channel `ticker`.
    Ticker,
}

const TAPE: &[u8] =
    b"time_ns,symbol,type,bid,bid_size,ask,ask_size,price,size,side,ts_ns,trade_id,\
exchange,conditions,tape,no_last,no_range,no_volume\n";
const TRADES: &[u8] = b"symbol,seq,ts,recv,price,size,side,trade_id,exchange,conditions,tape,late,\
no_last,no_range,no_volume\r\n";
const QUOTES: &[u8] = b"symbol,seq,ts,recv,bid,bid_size,ask,ask_size\r\n";

impl Format {
    /// Appends what stands before all rows.
    pub fn write_head(self, content: &[Content], out: &mut Vec<u8>) {
        match (self, content) {
            (Self::Tape, _) => out.extend_from_slice(TAPE),
            (Self::Csv, [Content::Quotes]) => out.extend_from_slice(QUOTES),
            (Self::Csv, _) => out.extend_from_slice(TRADES),
            (Self::Ndjson, _) => {}
        }
    }

    /// Appends the row that an event is, if it is one; says whether it is.
    pub(super) fn write(
        self,
        content: Content,
        (name, event): (&str, &Event),
        out: &mut Vec<u8>,
    ) -> bool {
        let before = out.len();
        match (self, content, &event.body) {
            (Self::Tape, Content::Trades, Body::Trade(trade)) => {
                tape_trade(out, name, event, trade);
            }
            (Self::Tape, Content::Quotes, Body::Quote(quote)) => {
                tape_quote(out, name, event, quote);
            }
            (Self::Csv, Content::Trades, Body::Trade(trade)) => {
                csv_trade(out, name, event, trade);
            }
            (Self::Csv, Content::Quotes, Body::Quote(quote)) => {
                csv_begin(out, name, event);
                [quote.bid, quote.ask].into_iter().for_each(|side| level(out, side));
                out.extend_from_slice(b"\r\n");
            }
            (Self::Ndjson, Content::Trades, Body::Trade(trade)) => {
                let stream =
                    StreamName { channel: Channel::Trades, id: trade.symbol, symbol: name };
                json::write_event(out, stream, event, Seq::START);
                out.push(b'\n');
            }
            (Self::Ndjson, Content::Quotes, Body::Quote(quote)) => {
                ndjson_quote(out, name, event, quote);
            }
            (Self::Ndjson, Content::Ticker, Body::Trade(Trade { symbol: id, .. }))
            | (Self::Ndjson, Content::Ticker, Body::Quote(Quote { symbol: id, .. })) => {
                let stream = StreamName { channel: Channel::Ticker, id: *id, symbol: name };
                json::write_event(out, stream, event, Seq::START);
                if out.len() > before {
                    out.push(b'\n');
                }
            }
            _ => {}
        }
        out.len() > before
    }
}

fn tape_begin(out: &mut Vec<u8>, name: &str, (event, kind): (&Event, u8)) {
    number(out, event.recv.0);
    out.push(b',');
    text(out, name);
    out.extend_from_slice(&[b',', kind]);
}

fn tape_quote(out: &mut Vec<u8>, name: &str, event: &Event, quote: &Quote) {
    tape_begin(out, name, (event, b'Q'));
    [quote.bid, quote.ask].into_iter().for_each(|side| level(out, side));
    out.extend_from_slice(b",,,,");
    event.ts.inspect(|ts| number(out, ts.0));
    out.extend_from_slice(b",,,,,,,\n");
}

fn tape_trade(out: &mut Vec<u8>, name: &str, event: &Event, trade: &Trade) {
    tape_begin(out, name, (event, b'T'));
    out.extend_from_slice(b",,,,");
    print(out, trade);
    out.push(b',');
    event.ts.inspect(|ts| number(out, ts.0));
    identity(out, trade);
    flags(out, trade.extra.as_deref());
    out.push(b'\n');
}

fn csv_begin(out: &mut Vec<u8>, name: &str, event: &Event) {
    text(out, name);
    out.push(b',');
    number(out, event.seq.0.cast_signed());
    out.push(b',');
    event.ts.inspect(|ts| ts.write_rfc3339(out));
    out.push(b',');
    event.recv.write_rfc3339(out);
}

fn csv_trade(out: &mut Vec<u8>, name: &str, event: &Event, trade: &Trade) {
    csv_begin(out, name, event);
    print(out, trade);
    identity(out, trade);
    out.extend_from_slice(if trade.late == Late::Yes { b",true" } else { b"," });
    flags(out, trade.extra.as_deref());
    out.extend_from_slice(b"\r\n");
}

fn ndjson_quote(out: &mut Vec<u8>, name: &str, event: &Event, quote: &Quote) {
    out.extend_from_slice(b"{\"type\":\"quote\",\"symbol\":\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\",\"seq\":");
    number(out, event.seq.0.cast_signed());
    let mut time = |key: &[u8], time: Option<Nanos>| {
        if let Some(time) = time {
            out.extend_from_slice(key);
            time.write_rfc3339(out);
            out.push(b'"');
        }
    };
    time(b",\"ts\":\"", event.ts);
    time(b",\"recv\":\"", Some(event.recv));
    for (key, level) in [("bid", quote.bid), ("ask", quote.ask)] {
        let Some(level) = level else { continue };
        out.extend_from_slice(format!(",\"{key}\":\"").as_bytes());
        level.price.write(out);
        out.push(b'"');
        if let Some(size) = level.size {
            out.extend_from_slice(format!(",\"{key}_size\":\"").as_bytes());
            size.write(out);
            out.push(b'"');
        }
    }
    out.extend_from_slice(b"}\n");
}

/// Price, size and side, each behind a comma.
fn print(out: &mut Vec<u8>, trade: &Trade) {
    out.push(b',');
    trade.price.write(out);
    out.push(b',');
    trade.size.write(out);
    out.push(b',');
    out.extend_from_slice(trade.side.map_or("", |side| side.word()).as_bytes());
}

/// Id, exchange, conditions and tape, each behind a comma.
fn identity(out: &mut Vec<u8>, trade: &Trade) {
    out.push(b',');
    if let Some(id) = &trade.trade_id {
        match id.number() {
            Some(number) => out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
            None => text(out, &id.to_string()),
        }
    }
    let Some(extra) = trade.extra.as_deref() else {
        out.extend_from_slice(b",,,");
        return;
    };
    out.push(b',');
    text(out, extra.exchange.as_deref().unwrap_or_default());
    out.push(b',');
    if !extra.conditions.is_empty() {
        text(out, &serde_json::Value::from_iter(extra.conditions.iter().map(|c| &**c)).to_string());
    }
    out.push(b',');
    text(out, extra.tape.as_deref().unwrap_or_default());
}

fn flags(out: &mut Vec<u8>, extra: Option<&TradeExtra>) {
    let flags = extra.map_or([false; 3], |of| [of.no_last, of.no_range, of.no_volume]);
    for flag in flags {
        out.extend_from_slice(if flag { b",true" } else { b"," });
    }
}

/// Price and size, each behind a comma.
fn level(out: &mut Vec<u8>, level: Option<Level>) {
    out.push(b',');
    level.inspect(|level| level.price.write(out));
    out.push(b',');
    level.and_then(|level| level.size).inspect(|size| size.write(out));
}

fn number(out: &mut Vec<u8>, number: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// A cell as RFC 4180 has it. A line ends a row here, so a line end within a cell is a space.
fn text(out: &mut Vec<u8>, text: &str) {
    if !text.bytes().any(|byte| matches!(byte, b'"' | b',' | b';' | b'\r' | b'\n' | 0..b' ')) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\"\""),
            0..b' ' => out.push(b' '),
            byte => out.push(byte),
        }
    }
    out.push(b'"');
}
