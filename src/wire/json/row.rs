//! Rows of history: the data messages without `type`, `channel` and `prev`.

use tickwire_feeds::Nanos;

use super::Json;
use crate::board::Bar;
use crate::event::Body;
use crate::event::Event;
use crate::event::Seq;

/// A gap as a row says it; words are those of the messages.
#[derive(Debug, Clone, Copy)]
pub struct GapRow<'a> {
    /// The symbol's name; `None` for all of the feed.
    pub symbol: Option<&'a str>,
    /// Its place.
    pub seq: Seq,
    /// When it was noticed.
    pub recv: Nanos,
    /// The feed's name in the configuration.
    pub feed: &'a str,
    /// The part before the colon of its symbols.
    pub venue: &'a str,
    /// Which data.
    pub covers: &'a str,
    /// How it was noticed.
    pub cause: &'a str,
    /// How many messages are missing, if that can be told.
    pub missing: Option<u64>,
    /// What is known of it.
    pub state: &'a str,
    /// The gap that it tells of.
    pub of: Seq,
}

/// Appends the row of a trade or of a quote; nothing for other events.
pub fn write_row(out: &mut Vec<u8>, symbol: &str, event: &Event) {
    match &event.body {
        Body::Trade(trade) => {
            let mut json = Json::row(out, Some(symbol), event.seq);
            json.times(event.ts, Some(event.recv));
            json.trade(trade);
            json.end();
        }
        Body::Quote(quote) => {
            let mut json = Json::row(out, Some(symbol), event.seq);
            json.times(event.ts, Some(event.recv));
            json.level("bid", "bid_size", quote.bid);
            json.level("ask", "ask_size", quote.ask);
            json.end();
        }
        _ => {}
    }
}

/// Appends the row of a gap.
pub fn write_gap_row(out: &mut Vec<u8>, row: GapRow<'_>) {
    let mut json = Json::row(out, row.symbol, row.seq);
    json.times(None, Some(row.recv));
    json.word("feed", row.feed);
    json.word("venue", row.venue);
    json.word("covers", row.covers);
    json.gap((row.cause, row.state), row.missing, row.of);
    json.end();
}

/// Appends the row of a bar whose last message was `seq`.
pub fn write_bar_row(out: &mut Vec<u8>, symbol: &str, seq: Seq, bar: &Bar) {
    let mut json = Json::row(out, Some(symbol), seq);
    json.bar(bar);
    json.end();
}

impl<'a> Json<'a> {
    fn row(out: &'a mut Vec<u8>, symbol: Option<&str>, seq: Seq) -> Self {
        out.reserve(256);
        out.push(b'{');
        if let Some(symbol) = symbol {
            out.extend_from_slice(b"\"symbol\":\"");
            out.extend_from_slice(symbol.as_bytes());
            out.extend_from_slice(b"\",");
        }
        out.extend_from_slice(b"\"seq\":");
        out.extend_from_slice(itoa::Buffer::new().format(seq.0).as_bytes());
        Self { out }
    }
}
