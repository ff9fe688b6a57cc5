//! Streams that are fed from the tape: resumed ones, and those of a client that was too slow.

use std::collections::BTreeSet;

use crate::board::Bar;
use crate::board::Board;
use crate::board::Series;
use crate::event::Body;
use crate::event::Channel;
use crate::event::Event;
use crate::event::FeedId;
use crate::event::Gap;
use crate::event::Scope;
use crate::event::Seq;
use crate::event::Status;
use crate::event::SymbolId;
use crate::subscriber::Subscriber;
use crate::subscriber::stream::Due;
use crate::subscriber::stream::Phase;
use crate::subscriber::stream::Stream;
use crate::wire::json;

/// What became of an event of the tape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Fed {
    /// It is dealt with.
    Taken,
    /// There is no room now: hand it in again later.
    Full,
}

/// A stream of bars of which only the board of a place can tell what the client has, or must get.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unheld {
    /// The place.
    at: Seq,
    slot: u32,
    round: u32,
}

impl Subscriber {
    /// After which event this client needs the tape; `None` if it does not, or has no room.
    #[must_use]
    pub fn wants_tape(&mut self) -> Option<Seq> {
        if self.tape_at.is_some() && self.tape_slots().is_empty() {
            self.tape_at = None;
        }
        self.tape_at.filter(|_| self.outbox.wants_more() && !self.is_page_full())
    }

    /// Whether some of its streams are read from the tape.
    #[must_use]
    pub const fn follows_tape(&self) -> bool {
        self.tape_at.is_some()
    }

    /// How many streams it has.
    #[must_use]
    pub fn stream_count(&self) -> usize {
        self.streams.len()
    }

    /// Changes whenever a stream begins: what was skipped by [`Subscriber::follows`] before may be
    /// wanted after it.
    #[must_use]
    pub fn begun(&self) -> u32 {
        self.streams.rounds()
    }

    /// Whether an event may concern this client's streams: lets the driver skip decoding others.
    #[must_use]
    pub fn follows(&self, symbol: SymbolId) -> bool {
        self.streams.channels().any(|channel| self.streams.slot(channel, symbol).is_some())
    }

    /// Whether bars are read from the tape: then the driver has to follow those of
    /// [`Subscriber::with_bars`] from a checkpoint on.
    #[must_use]
    pub fn reads_bars(&self) -> bool {
        let mut streams = self.streams.iter().map(|(_, stream)| stream);
        streams.any(|of| of.channel.interval().is_some() && of.tape_after().is_some())
    }

    /// The symbols of its streams of bars.
    #[must_use]
    pub fn with_bars(&self) -> BTreeSet<SymbolId> {
        self.streams.with_bars().collect()
    }

    /// The next event of the tape after [`Subscriber::wants_tape`], in order. `past` has just
    /// applied it, if [`Subscriber::reads_bars`]; else it may be any board.
    pub fn on_tape(&mut self, event: &Event, (board, past): (&Board, &Board)) -> Fed {
        let (boards, closed) = ((board, past), closed(event, past));
        for channel in self.streams.channels() {
            let fed = match &event.body {
                Body::Trade(trade) => self.feed(channel, trade.symbol, event, boards),
                Body::Quote(quote) => self.feed(channel, quote.symbol, event, boards),
                Body::Status(status) => self.feed_scope(channel, &status.scope, event, boards),
                Body::Gap(gap) => self.feed_scope(channel, &gap.scope, event, boards),
                Body::Clock => {
                    let mut of_channel = closed.iter().filter(|(of, ..)| *of == channel);
                    let is_full = of_channel
                        .any(|(_, _, id)| self.feed(channel, *id, event, boards) == Fed::Full);
                    if is_full { Fed::Full } else { Fed::Taken }
                }
                Body::Registry(_) => Fed::Taken,
            };
            if fed == Fed::Full {
                return Fed::Full;
            }
        }
        self.tape_at = Some(event.seq);
        Fed::Taken
    }

    /// The tape holds nothing for this client up to some place, which is below the shard's own.
    pub fn on_tape_passed(&mut self, seq: Seq) {
        self.tape_at = self.tape_at.map(|at| at.max(seq));
    }

    /// A stream that needs the board as it stands before the event, if there is one.
    pub fn next_unheld(&mut self, before: Seq) -> Option<u32> {
        loop {
            let Unheld { at, slot, round } = *self.unheld.last().filter(|of| of.at < before)?;
            let stream = self.streams.get(slot).filter(|stream| stream.round == round);
            if stream.is_some_and(|stream| stream.held.is_none() && stream.tape_after().is_some()) {
                debug_assert!(at < before);
                return Some(slot);
            }
            self.unheld.pop();
        }
    }

    /// Begins such a stream; says whether there was room.
    pub fn begin_from(&mut self, slot: u32, past: &Board) -> Fed {
        let Some(stream) = self.streams.get_mut(slot) else { return Fed::Taken };
        if stream.is_bare && !self.outbox.wants_more() {
            return Fed::Full;
        }
        if stream.is_bare {
            let mut message = Vec::new();
            json::write_snapshot(&mut message, stream.channel, stream.symbol, past);
            self.outbox.push(&message);
        }
        stream.held = past.symbol(stream.symbol).map(|of| past.last(stream.channel, of));
        self.unheld.pop();
        Fed::Taken
    }

    /// The tape was read up to this shard's own place: its streams are live.
    pub fn on_tape_end(&mut self, board: &Board) {
        if self.tape_at.take().is_none() {
            return;
        }
        let mut message = Vec::new();
        for slot in self.tape_slots() {
            let stream = self.streams.get(slot);
            if let Some(&Stream { phase: Phase::Finals { after }, round, .. }) = stream {
                self.set_phase(slot, Phase::Changed);
                self.behind.push(Due { slot, round, seq: after.next() }, &self.streams);
            } else if !stream.is_some_and(|stream| is_unbegun(stream, board)) {
                self.go_live(slot, board);
            } else if self.outbox.wants_more() {
                // Nothing came since its symbol was listed, so it is still as it was then.
                message.clear();
                let name = stream.map(|stream| (stream.channel, stream.symbol));
                if let Some((channel, symbol)) = name {
                    json::write_snapshot(&mut message, channel, symbol, board);
                }
                self.push_snapshot(slot, board, message[..].into());
            } else {
                self.tape_at = Some(board.seq());
            }
        }
    }

    /// The tape no longer holds what was asked for: the streams begin anew with a snapshot.
    pub fn on_tape_lost(&mut self, board: &Board) {
        let has = self.tape_at.take().unwrap_or(board.seq());
        for slot in self.tape_slots() {
            self.start_over(slot, has);
        }
    }

    /// The shard could not follow the tape from some place on: every stream begins anew with a
    /// snapshot.
    pub fn on_board_lost(&mut self, lost: Seq, board: &Board) {
        let has = self.cursor(board).min(lost);
        self.tape_at = None;
        let slots: Vec<u32> = self.streams.iter().map(|(slot, _)| slot).collect();
        for slot in slots {
            self.start_over(slot, has);
        }
    }

    /// A stream begins anew with a snapshot; before that, its client has it up to some place.
    pub(super) fn start_over(&mut self, slot: u32, has: Seq) {
        if let Some(round) = self.streams.renew(slot, Phase::Starting) {
            self.starting.push(Due { slot, round, seq: has.next() }, &self.streams);
        }
    }

    /// Streams of a feed that cannot tell what a feed-wide event follows in them.
    #[must_use]
    pub fn unplaced(
        &self,
        feed: FeedId,
        event: &Event,
        board: &Board,
    ) -> Vec<(u32, Channel, SymbolId)> {
        let of_feed = |id| board.symbol(id).is_some_and(|symbol| symbol.feed == feed);
        let streams = self.streams.iter().filter(|(_, stream)| {
            let lacks_it = stream.tape_after().is_some_and(|after| event.seq > after);
            let is_message =
                lacks_it && stream.channel.interval().is_none() && event.concerns(stream.channel);
            is_message && stream.held.is_none() && of_feed(stream.symbol)
        });
        streams.map(|(slot, stream)| (slot, stream.channel, stream.symbol)).collect()
    }

    /// Tells what the next message of such a stream follows.
    pub fn place(&mut self, slot: u32, held: Seq) {
        if let Some(stream) = self.streams.get_mut(slot) {
            stream.held = Some(held);
        }
    }

    /// Streams whose symbol was listed after the place that they were resumed from, and of which
    /// the event may be the first message: no client holds them, so a snapshot comes before it.
    #[must_use]
    pub fn unbegun(&self, event: &Event, board: &Board) -> Vec<(u32, Channel, SymbolId)> {
        let slots = match &event.body {
            Body::Trade(trade) => self.slots_of(trade.symbol),
            Body::Quote(quote) => self.slots_of(quote.symbol),
            Body::Status(Status { scope, .. }) | Body::Gap(Gap { scope, .. }) => match scope {
                Scope::Symbol(symbol, _) => self.slots_of(*symbol),
                Scope::Feed(feed, _) => self.streams_of(*feed, board),
            },
            Body::Clock | Body::Registry(_) => return Vec::new(),
        };
        let unbegun = slots.into_iter().filter_map(|slot| {
            let stream = self.streams.get(slot)?;
            let lacks_it = matches!(stream.phase, Phase::Tape { after } if event.seq > after);
            let has_bars = stream.channel.interval().is_some();
            let first = lacks_it && !has_bars && is_unbegun(stream, board);
            first.then_some((slot, stream.channel, stream.symbol))
        });
        unbegun.collect()
    }

    /// Begins such a stream with the snapshot that stands before its first message.
    pub fn begin_with(&mut self, slot: u32, (snapshot, seq): (&[u8], Seq)) {
        if let Some(stream) = self.streams.get_mut(slot) {
            stream.held = Some(seq);
            self.outbox.push(snapshot);
        }
    }

    /// Feeds a stream from the tape after a place; a stream that has everything is live at once.
    pub(super) fn follow_tape(&mut self, slot: u32, after: Seq, board: &Board) {
        let Some(stream) = self.streams.get_mut(slot) else { return };
        let Some(symbol) = board.symbol(stream.symbol) else { return };
        // What its feed said before the symbol was listed is no message of it.
        let after = after.max(Seq(symbol.listed_at.0.saturating_sub(1)));
        stream.phase = Phase::Tape { after };
        if board.last(stream.channel, symbol) <= after && !is_unbegun(stream, board) {
            self.go_live(slot, board);
        } else {
            if stream.channel.interval().is_some() {
                let unbegun = is_unbegun(stream, board);
                stream.is_bare |= unbegun;
                let at = if unbegun { after.next() } else { after };
                let (slot, round) = (slot, stream.round);
                self.expect(Unheld { at, slot, round });
            }
            self.need_tape(after);
        }
    }

    /// Sends the final bars of a conflated stream after a place, then its snapshot.
    pub(super) fn follow_finals(&mut self, slot: u32, after: Seq) {
        let Some(stream) = self.streams.get_mut(slot) else { return };
        stream.phase = Phase::Finals { after };
        let round = stream.round;
        self.expect(Unheld { at: after, slot, round });
        self.need_tape(after);
    }

    /// Feeds a stream of bars, of which the client has nothing, from the tape after a place.
    pub(super) fn read_bars(&mut self, slot: u32, after: Seq) {
        let Some(stream) = self.streams.get_mut(slot) else { return };
        stream.phase = Phase::Tape { after };
        let round = stream.round;
        self.expect(Unheld { at: after, slot, round });
        self.need_tape(after);
    }

    /// The tape is to be read from behind a place on, or from where it is wanted already.
    pub(super) fn need_tape(&mut self, after: Seq) {
        self.tape_at = Some(self.tape_at.map_or(after, |at| at.min(after)));
    }

    fn expect(&mut self, unheld: Unheld) {
        let place = self.unheld.partition_point(|other| other.at > unheld.at);
        self.unheld.insert(place, unheld);
    }

    fn go_live(&mut self, slot: u32, board: &Board) {
        let Some(stream) = self.streams.get_mut(slot) else { return };
        stream.phase = Phase::Live;
        stream.held = board.symbol(stream.symbol).map(|of| board.last(stream.channel, of));
    }

    fn slots_of(&self, symbol: SymbolId) -> Vec<u32> {
        let slots = self.streams.channels().map(|channel| self.streams.slot(channel, symbol));
        slots.flatten().collect()
    }

    fn tape_slots(&self) -> Vec<u32> {
        let on_tape = self.streams.iter().filter(|(_, of)| of.tape_after().is_some());
        on_tape.map(|(slot, _)| slot).collect()
    }

    fn feed_scope(
        &mut self,
        channel: Channel,
        scope: &Scope,
        event: &Event,
        boards: (&Board, &Board),
    ) -> Fed {
        let feed = match scope {
            Scope::Symbol(symbol, _) => return self.feed(channel, *symbol, event, boards),
            Scope::Feed(feed, _) => *feed,
        };
        for slot in self.streams_of(feed, boards.0) {
            let stream = self.streams.get(slot).filter(|of| of.channel == channel);
            if let Some(symbol) = stream.map(|stream| stream.symbol)
                && self.feed(channel, symbol, event, boards) == Fed::Full
            {
                return Fed::Full;
            }
        }
        Fed::Taken
    }

    /// Feeds one stream, if it lacks the event: one that had it before there was no more room does
    /// not get it again.
    fn feed(
        &mut self,
        channel: Channel,
        symbol: SymbolId,
        event: &Event,
        (board, past): (&Board, &Board),
    ) -> Fed {
        let slot = self.streams.slot(channel, symbol);
        let stream = slot.and_then(|slot| self.streams.get_mut(slot));
        let Some(stream) = stream else { return Fed::Taken };
        let Some(name) = board.symbol(symbol).map(|symbol| &symbol.symbol) else {
            return Fed::Taken;
        };
        // It may have been fed this far already, before another stream went further back.
        let lacks = |after| event.seq > after && stream.held.is_none_or(|held| event.seq > held);
        if !stream.tape_after().is_some_and(lacks) {
            return Fed::Taken;
        }
        let is_bar = is_bar(event, channel);
        let wants_finals = matches!(stream.phase, Phase::Finals { .. });
        if wants_finals && !(is_bar && is_final((channel, symbol), past)) {
            return Fed::Taken;
        }
        if !self.outbox.wants_more() {
            return Fed::Full;
        }
        let mut message = Vec::new();
        let prev = stream.held.unwrap_or_default();
        if is_bar {
            json::write_bar(&mut message, (channel, symbol), Some(prev), past);
        } else {
            json::write_event(&mut message, stream.name(name), event, prev);
        }
        if !message.is_empty() {
            stream.held = Some(event.seq);
            self.page.iter_mut().for_each(|page| page.note(event.seq));
            // Another stream may begin further back and have this part read once more.
            let after = event.seq;
            stream.phase =
                if wants_finals { Phase::Finals { after } } else { Phase::Tape { after } };
            self.outbox.push(&message);
        }
        Fed::Taken
    }
}

/// Whether an event is a bar where it is a message of a channel.
fn is_bar(event: &Event, channel: Channel) -> bool {
    matches!(event.body, Body::Trade(_) | Body::Clock) && channel.interval().is_some()
}

/// Whether the bar that the board's last event changed is final.
fn is_final((channel, symbol): (Channel, SymbolId), past: &Board) -> bool {
    let symbol = past.symbol(symbol);
    let series = channel.interval().and_then(|interval| symbol?.series(interval));
    let changed = series.filter(|series| series.own() == past.seq()).and_then(Series::changed);
    changed.is_some_and(Bar::is_final)
}

/// The bars that a clock event has just made final, by channel and then by symbol bytewise.
fn closed<'a>(event: &Event, past: &'a Board) -> Vec<(Channel, &'a str, SymbolId)> {
    if event.body != Body::Clock || past.seq() != event.seq {
        return Vec::new();
    }
    let named = past.closed().iter().filter_map(|(channel, id)| {
        past.symbol(*id).map(|symbol| (*channel, symbol.symbol.as_str(), *id))
    });
    let mut named: Vec<_> = named.collect();
    named.sort_unstable();
    named
}

/// Whether nobody can hold the stream yet: it follows the tape from just before its symbol was
/// listed.
pub(super) fn is_unbegun(stream: &Stream, board: &Board) -> bool {
    let listed_at = board.symbol(stream.symbol).map(|symbol| symbol.listed_at);
    let from_listing =
        matches!(stream.phase, Phase::Tape { after } if Some(after.next()) == listed_at);
    (from_listing || stream.is_bare) && stream.held.is_none()
}
