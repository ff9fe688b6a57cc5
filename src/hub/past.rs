//! Looking back along the tape for one stream, by the links of its messages.

use std::collections::HashMap;

use crate::board::Board;
use crate::board::LastTrade;
use crate::board::worse;
use crate::event::Body;
use crate::event::Channel;
use crate::event::Event;
use crate::event::FeedId;
use crate::event::Gap;
use crate::event::Health;
use crate::event::Link;
use crate::event::Scope;
use crate::event::Seq;
use crate::event::Status;
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

/// The way back to where a stream begins, walked in parts. It goes back no further than to where
/// its symbol was listed, or to where the tape begins.
#[derive(Debug)]
pub struct WayBack {
    trace: Trace,
    walk: Walk,
    steps: usize,
    listed_at: Seq,
}

/// How far a way back was walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Walked {
    /// Messages that were gone back.
    pub steps: usize,
    /// Whether that is the end of it.
    pub is_whole: bool,
}

impl WayBack {
    /// Stands at the stream's last message.
    #[must_use]
    pub fn new(trace: Trace, board: &Board) -> Self {
        let symbol = board.symbol(trace.symbol);
        let at = symbol.map_or(Seq::START, |symbol| board.last(trace.channel, symbol));
        let own = symbol.map_or(Seq::START, |symbol| symbol.own(trace.channel));
        let walk = Walk { channel: trace.channel, at, own };
        let listed_at = symbol.map_or(Seq::START, |symbol| symbol.listed_at);
        Self { trace, walk, steps: 0, listed_at }
    }

    /// Which stream it is for.
    #[must_use]
    pub const fn trace(&self) -> Trace {
        self.trace
    }

    /// Goes on, at most so many messages.
    ///
    /// # Errors
    /// If the tape cannot be read; what it no longer holds is no error but the end of the way.
    pub fn walk(&mut self, steps_max: usize, tape: &Tape) -> Result<Walked, Error> {
        let mut here = self.walk.here(tape)?;
        for steps in 0..steps_max {
            let goes_on = self.steps < self.trace.count && self.walk.at > self.listed_at;
            let whole = Walked { steps, is_whole: true };
            let Some(event) = here.filter(|_| goes_on) else { return Ok(whole) };
            let before = self.walk.before(&event);
            here = before.here(tape)?;
            if here.is_none() && before.at > Seq::START {
                return Ok(whole);
            }
            self.steps += 1;
            self.walk = before;
        }
        Ok(Walked { steps: steps_max, is_whole: false })
    }

    /// The snapshot of the stream as it stood here, and its place.
    ///
    /// # Errors
    /// If the tape cannot be read.
    pub fn snapshot(&self, board: &Board, tape: &Tape) -> Result<(Vec<u8>, Seq), Error> {
        let (trace, walk) = (&self.trace, self.walk);
        let mut message = Vec::new();
        let Some(symbol) = board.symbol(trace.symbol) else { return Ok((message, Seq::START)) };
        let name = symbol.symbol.as_str();
        let stream = StreamName { channel: trace.channel, id: trace.symbol, symbol: name };
        if walk.at == board.last(trace.channel, symbol) {
            json::write_snapshot(&mut message, trace.channel, trace.symbol, board);
        } else if let Some(feed) = feed_health(symbol.feed, walk.at, board, tape)?
            && let Some(own) = symbol_health(trace.symbol, walk.at, board, tape)?
            && let Some(last) = last_trade(walk, tape)?
        {
            let shown = worse(&feed, own.as_ref());
            json::write_last_trade(&mut message, stream, last.as_ref(), (walk.at, shown));
        } else {
            // The links end too early: at the end of the tape, or where another feed took over.
            let past = tape.board_at(walk.at.max(self.listed_at).max(tape.oldest()))?;
            json::write_snapshot(&mut message, trace.channel, trace.symbol, &past);
        }
        Ok((message, walk.at))
    }
}

/// The snapshot of a stream as it stood when its symbol had just been listed, if `event` is its
/// first message since; and its place.
///
/// # Errors
/// If the tape cannot be read.
pub fn snapshot_before(
    event: &Event,
    (slot, channel, id): (u32, Channel, SymbolId),
    board: &Board,
    tape: &Tape,
) -> Result<Option<(Vec<u8>, Seq)>, Error> {
    let Some(symbol) = board.symbol(id) else { return Ok(None) };
    let link = match link_of(event, channel) {
        Some((_, link)) => link,
        None if is_feed_wide(event) && event.concerns(channel) => {
            let placed = placed(event, &[(slot, channel, id)], board, tape)?;
            placed.first().map_or(Link::default(), |(_, link)| *link)
        }
        None => return Ok(None),
    };
    let before = Seq(event.seq.0.saturating_sub(1));
    let mut message = Vec::new();
    if link.own > Seq::START {
        // It was listed before, and has a past that the links do not tell.
        json::write_snapshot(&mut message, channel, id, &tape.board_at(before)?);
        return Ok(Some((message, link.prev)));
    }
    let feed = feed_health(symbol.feed, before, board, tape)?.unwrap_or(Health::UNKNOWN);
    let own = symbol_health(id, before, board, tape)?.flatten();
    let stream = StreamName { channel, id, symbol: symbol.symbol.as_str() };
    json::write_last_trade(&mut message, stream, None, (link.prev, worse(&feed, own.as_ref())));
    Ok(Some((message, link.prev)))
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
) -> Result<Vec<(u32, Link)>, Error> {
    let before = match &event.body {
        Body::Status(status) => feed_prev(&status.scope),
        Body::Gap(gap) => feed_prev(&gap.scope),
        _ => Seq::START,
    };
    let mut found = Vec::with_capacity(streams.len());
    let mut open = HashMap::new();
    for (slot, channel, id) in streams {
        let own = board.symbol(*id).map_or(Seq::START, |symbol| symbol.own(*channel));
        if own < event.seq {
            found.push((*slot, Link { prev: own.max(before), own }));
        } else {
            open.insert((*channel, *id), *slot);
        }
    }
    // Each of the others had a message since, whose link tells.
    let mut cursor = tape.read_after(event.seq)?;
    let mut events = Vec::new();
    while !open.is_empty() && cursor.next_batch(BATCH, &mut events)? > 0 {
        for later in events.drain(..) {
            for channel in Channel::ALL {
                let Some((symbol, link)) = link_of(&later, channel) else { continue };
                if let Some(slot) = open.remove(&(channel, symbol)) {
                    let own = link.own;
                    found.push((slot, Link { prev: own.max(before), own }));
                }
            }
        }
    }
    Ok(found)
}

/// A place in one stream, on the way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Walk {
    channel: Channel,
    at: Seq,
    /// The last message at or before `at` that did not concern the whole feed.
    own: Seq,
}

impl Walk {
    /// The message here; `None` before the first, and if the tape no longer holds it.
    fn here(&self, tape: &Tape) -> Result<Option<Event>, Error> {
        event_at(self.at, tape)
    }

    /// The place of the message before this one.
    fn before(self, event: &Event) -> Self {
        if let Some((_, link)) = link_of(event, self.channel) {
            return Self { at: link.prev, own: link.own, ..self };
        }
        let prev = match &event.body {
            Body::Status(status) => feed_prev(&status.scope),
            Body::Gap(gap) => feed_prev(&gap.scope),
            _ => Seq::START,
        };
        Self { at: prev.max(self.own), ..self }
    }
}

fn event_at(seq: Seq, tape: &Tape) -> Result<Option<Event>, Error> {
    match tape.get(seq) {
        Err(Error::Expired { .. }) => Ok(None),
        found => found,
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

fn is_feed_wide(event: &Event) -> bool {
    let (Body::Status(Status { scope, .. }) | Body::Gap(Gap { scope, .. })) = &event.body else {
        return false;
    };
    matches!(scope, Scope::Feed(..))
}

fn feed_prev(scope: &Scope) -> Seq {
    if let Scope::Feed(_, link) = scope { link.prev } else { Seq::START }
}

/// The last trade at or before a place; `None` if the links cannot tell.
fn last_trade(mut walk: Walk, tape: &Tape) -> Result<Option<Option<LastTrade>>, Error> {
    for _ in 0..TRADE_SEARCH_MAX {
        if walk.at == Seq::START {
            return Ok(Some(None));
        }
        let Some(event) = walk.here(tape)? else { return Ok(None) };
        let before = walk.before(&event);
        if let Body::Trade(trade) = event.body {
            return Ok(Some(Some(LastTrade { ts: event.ts, recv: event.recv, trade })));
        }
        if before == walk {
            return Ok(None);
        }
        walk = before;
    }
    Ok(None)
}

fn feed_health(feed: FeedId, at: Seq, board: &Board, tape: &Tape) -> Result<Option<Health>, Error> {
    let Some(feed) = board.feed(feed) else { return Ok(None) };
    let found = health_at(at, (feed.status_seq, Some(feed.health.clone())), tape)?;
    Ok(found.map(|health| health.unwrap_or(Health::UNKNOWN)))
}

fn symbol_health(
    symbol: SymbolId,
    at: Seq,
    board: &Board,
    tape: &Tape,
) -> Result<Option<Option<Health>>, Error> {
    let Some(symbol) = board.symbol(symbol) else { return Ok(None) };
    health_at(at, (symbol.status_seq, symbol.health.clone()), tape)
}

/// Goes back along the statuses of one scope until one stands at or before `at`; `None` if the tape
/// no longer holds it.
fn health_at(
    at: Seq,
    (mut seq, mut health): (Seq, Option<Health>),
    tape: &Tape,
) -> Result<Option<Option<Health>>, Error> {
    let status_at = |seq| match event_at(seq, tape)?.map(|event| event.body) {
        Some(Body::Status(status)) => Ok::<_, Error>(Some(status)),
        _ => Ok(None),
    };
    let mut after = None;
    while seq > at {
        let found = if let Some(status) = after.take() { Some(status) } else { status_at(seq)? };
        let Some(status) = found else { return Ok(None) };
        seq = status.status_prev;
        if seq == Seq::START {
            return Ok(Some(None));
        }
        let Some(before) = status_at(seq)? else { return Ok(None) };
        health = Some(before.health.clone());
        after = Some(before);
    }
    Ok(Some(health))
}
