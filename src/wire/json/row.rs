//! Rows of history: the data messages without `type`, `channel` and `prev`.

use super::Json;
use crate::board::Bar;
use crate::event::Body;
use crate::event::Event;
use crate::event::Gap;
use crate::event::Seq;

/// Whom a gap concerns.
#[derive(Debug, Clone, Copy)]
pub struct GapScope<'a> {
    /// The symbol's name; `None` for all of the feed.
    pub symbol: Option<&'a str>,
    /// The feed's name in the configuration.
    pub feed: &'a str,
    /// The part before the colon of its symbols.
    pub venue: &'a str,
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
pub fn write_gap_row(out: &mut Vec<u8>, scope: GapScope<'_>, event: &Event, gap: &Gap) {
    let mut json = Json::row(out, scope.symbol, event.seq);
    json.times(None, Some(event.recv));
    json.word("feed", scope.feed);
    json.word("venue", scope.venue);
    json.word("covers", gap.covers.word());
    json.gap(gap);
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
