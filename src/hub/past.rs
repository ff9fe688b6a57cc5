//! Looking back along the tape for one stream, by the links of its messages.

use std::collections::HashMap;

use crate::board::Board;
use crate::board::LastTrade;
use crate::board::worse;
use crate::event::Body;
use crate::event::Channel;
use crate::event::Event;
use crate::event::FeedId;
use crate::event::Health;
use crate::event::Link;
use crate::event::Scope;
use crate::event::Seq;
use crate::event::SymbolId;
use crate::subscriber::Trace;
use crate::tape::Error;
use crate::tape::Tape;
use crate::wire::json;
use crate::wire::json::StreamName;

/// How many messages further back the last trade is looked for.
const TRADE_SEARCH_MAX: usize = 1_000;
/// Events read at once while looking forward.
const BATCH: usize = 1_024;

/// The snapshot of a stream as it stood some messages ago, and its place.
///
/// # Errors
/// If the tape cannot be read; what it no longer holds is no error but the end of the walk.
pub fn snapshot_back(trace: &Trace, board: &Board, tape: &Tape) -> Result<(Vec<u8>, Seq), Error> {
    let mut message = Vec::new();
    let Some(symbol) = board.symbol(trace.symbol) else { return Ok((message, Seq::START)) };
    let mut walk = Walk {
        channel: trace.channel,
        at: board.last(trace.channel, symbol),
        own: symbol.own(trace.channel),
    };
    for _ in 0..trace.count {
        let Some(event) = walk.here(tape)? else { break };
        walk.step(&event);
    }
    let seq = walk.at;
    let feed = feed_health(symbol.feed, seq, board, tape)?;
    let own = symbol_health(trace.symbol, seq, board, tape)?;
    let shown = worse(&feed, own.as_ref());
    let last = last_trade(walk, tape)?;
    let name = symbol.symbol.as_str();
    let stream = StreamName { channel: trace.channel, id: trace.symbol, symbol: name };
    json::write_last_trade(&mut message, stream, last.as_ref(), (seq, shown));
    Ok((message, seq))
}

/// What the feed-wide `event` follows in each of the streams, which have had no message since some
/// place before it.
///
/// # Errors
/// If the tape cannot be read.
pub fn placed(
    event: &Event,
    streams: &[(u32, Channel, SymbolId)],
    board: &Board,
    tape: &Tape,
) -> Result<Vec<(u32, Seq)>, Error> {
    let mut open: HashMap<_, _> =
        streams.iter().map(|(slot, channel, symbol)| ((*channel, *symbol), *slot)).collect();
    let before = match &event.body {
        Body::Status(status) => feed_prev(&status.scope),
        Body::Gap(gap) => feed_prev(&gap.scope),
        _ => Seq::START,
    };
    let mut found = Vec::with_capacity(open.len());
    let mut cursor = tape.read_after(event.seq)?;
    let mut events = Vec::new();
    while !open.is_empty() && cursor.next_batch(BATCH, &mut events)? > 0 {
        for later in events.drain(..) {
            for channel in Channel::ALL {
                let Some((symbol, link)) = link_of(&later, channel) else { continue };
                if let Some(slot) = open.remove(&(channel, symbol)) {
                    found.push((slot, link.own.max(before)));
                }
            }
        }
    }
    for ((channel, id), slot) in open {
        let own = board.symbol(id).map_or(Seq::START, |symbol| symbol.own(channel));
        found.push((slot, own.max(before)));
    }
    Ok(found)
}

/// A place in one stream, on the way back.
struct Walk {
    channel: Channel,
    at: Seq,
    /// The last message at or before `at` that did not concern the whole feed.
    own: Seq,
}

impl Walk {
    fn here(&self, tape: &Tape) -> Result<Option<Event>, Error> {
        if self.at == Seq::START { Ok(None) } else { tape.get(self.at) }
    }

    fn step(&mut self, event: &Event) {
        if let Some((_, link)) = link_of(event, self.channel) {
            self.at = link.prev;
            self.own = link.own;
            return;
        }
        let prev = match &event.body {
            Body::Status(status) => feed_prev(&status.scope),
            Body::Gap(gap) => feed_prev(&gap.scope),
            _ => Seq::START,
        };
        self.at = prev.max(self.own);
    }
}

/// The place of an event in a stream of its own symbol.
fn link_of(event: &Event, channel: Channel) -> Option<(SymbolId, Link)> {
    let of_scope = |scope: &Scope| match scope {
        Scope::Symbol(symbol, _) => Some((*symbol, scope.link(channel)?)),
        Scope::Feed(..) => None,
    };
    match (&event.body, channel) {
        (Body::Trade(trade), Channel::Trades) => Some((trade.symbol, trade.link)),
        (Body::Trade(trade), Channel::Ticker) => Some((trade.symbol, trade.ticker.as_ref()?.link)),
        (Body::Quote(quote), Channel::Ticker) => Some((quote.symbol, quote.ticker.as_ref()?.link)),
        (Body::Status(status), _) => of_scope(&status.scope),
        (Body::Gap(gap), _) => of_scope(&gap.scope),
        _ => None,
    }
}

fn feed_prev(scope: &Scope) -> Seq {
    if let Scope::Feed(_, link) = scope { link.prev } else { Seq::START }
}

fn last_trade(mut walk: Walk, tape: &Tape) -> Result<Option<LastTrade>, Error> {
    for _ in 0..TRADE_SEARCH_MAX {
        let Some(event) = walk.here(tape)? else { return Ok(None) };
        if let Body::Trade(trade) = event.body {
            return Ok(Some(LastTrade { ts: event.ts, recv: event.recv, trade }));
        }
        walk.step(&event);
    }
    Ok(None)
}

fn feed_health(feed: FeedId, at: Seq, board: &Board, tape: &Tape) -> Result<Health, Error> {
    let Some(feed) = board.feed(feed) else { return Ok(Health::UNKNOWN) };
    let now = (feed.status_seq, Some(feed.health.clone()));
    Ok(health_at(at, now, tape)?.unwrap_or(Health::UNKNOWN))
}

fn symbol_health(
    symbol: SymbolId,
    at: Seq,
    board: &Board,
    tape: &Tape,
) -> Result<Option<Health>, Error> {
    let Some(symbol) = board.symbol(symbol) else { return Ok(None) };
    health_at(at, (symbol.status_seq, symbol.health.clone()), tape)
}

/// Goes back along the statuses of one scope until one stands at or before `at`.
fn health_at(
    at: Seq,
    (mut seq, mut health): (Seq, Option<Health>),
    tape: &Tape,
) -> Result<Option<Health>, Error> {
    while seq > at {
        let Some(Event { body: Body::Status(status), .. }) = tape.get(seq)? else { break };
        seq = status.status_prev;
        health = match tape.get(seq)?.map(|event| event.body) {
            Some(Body::Status(before)) => Some(before.health),
            _ => None,
        };
    }
    Ok(health)
}
