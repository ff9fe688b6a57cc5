//! Streams that are fed from the tape: resumed ones, and those of a client that was too slow.

use crate::board::Board;
use crate::event::Body;
use crate::event::Channel;
use crate::event::Event;
use crate::event::FeedId;
use crate::event::Scope;
use crate::event::Seq;
use crate::event::SymbolId;
use crate::subscriber::Subscriber;
use crate::subscriber::stream::Due;
use crate::subscriber::stream::Phase;
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

impl Subscriber {
    /// After which event this client needs the tape; `None` if it does not, or has no room.
    #[must_use]
    pub fn wants_tape(&self) -> Option<Seq> {
        self.tape_at.filter(|_| self.outbox.wants_more())
    }

    /// Whether an event may concern this client's streams: lets the driver skip decoding others.
    #[must_use]
    pub fn follows(&self, symbol: SymbolId) -> bool {
        Channel::ALL.into_iter().any(|channel| self.streams.slot(channel, symbol).is_some())
    }

    /// The next event of the tape after [`Subscriber::wants_tape`], in order.
    pub fn on_tape(&mut self, event: &Event, board: &Board) -> Fed {
        if !self.outbox.wants_more() {
            return Fed::Full;
        }
        for channel in Channel::ALL {
            match &event.body {
                Body::Trade(trade) => self.feed(channel, trade.symbol, event, board),
                Body::Quote(quote) => self.feed(channel, quote.symbol, event, board),
                Body::Status(status) => self.feed_scope(channel, &status.scope, event, board),
                Body::Gap(gap) => self.feed_scope(channel, &gap.scope, event, board),
                Body::Clock | Body::Registry(_) => {}
            }
        }
        self.tape_at = Some(event.seq);
        Fed::Taken
    }

    /// The tape was read up to this shard's own place: its streams are live.
    pub fn on_tape_end(&mut self, board: &Board) {
        if self.tape_at.take().is_some() {
            for slot in self.tape_slots() {
                self.go_live(slot, board);
            }
        }
    }

    /// The tape no longer holds what was asked for: the streams begin anew with a snapshot.
    pub fn on_tape_lost(&mut self, board: &Board) {
        self.tape_at = None;
        for slot in self.tape_slots() {
            self.start_over(slot, board);
        }
    }

    /// The shard could not follow the tape: every stream begins anew with a snapshot.
    pub fn on_board_lost(&mut self, board: &Board) {
        self.tape_at = None;
        let slots: Vec<u32> = self.streams.iter().map(|(slot, _)| slot).collect();
        for slot in slots {
            self.start_over(slot, board);
        }
    }

    fn start_over(&mut self, slot: u32, board: &Board) {
        if let Some(stream) = self.streams.get_mut(slot) {
            stream.phase = Phase::Starting;
            let due = Due { slot, round: stream.round, seq: board.seq().next() };
            self.starting.push(due);
        }
    }

    /// Streams of a feed that cannot tell what a feed-wide event follows in them.
    #[must_use]
    pub fn unplaced(&self, feed: FeedId, board: &Board) -> Vec<(u32, Channel, SymbolId)> {
        let of_feed = |id| board.symbol(id).is_some_and(|symbol| symbol.feed == feed);
        let streams = self.streams.iter().filter(|(_, stream)| {
            let on_tape = matches!(stream.phase, Phase::Tape { .. });
            on_tape && stream.held.is_none() && of_feed(stream.symbol)
        });
        streams.map(|(slot, stream)| (slot, stream.channel, stream.symbol)).collect()
    }

    /// Tells what the next message of such a stream follows.
    pub fn place(&mut self, slot: u32, held: Seq) {
        if let Some(stream) = self.streams.get_mut(slot) {
            stream.held = Some(held);
        }
    }

    /// Feeds a stream from the tape after a place; a stream that has everything is live at once.
    pub(super) fn follow_tape(&mut self, slot: u32, after: Seq, board: &Board) {
        let Some(stream) = self.streams.get_mut(slot) else { return };
        stream.phase = Phase::Tape { after };
        let last = board.symbol(stream.symbol).map(|symbol| board.last(stream.channel, symbol));
        if last <= Some(after) {
            self.go_live(slot, board);
        } else {
            self.tape_at = Some(self.tape_at.map_or(after, |at| at.min(after)));
        }
    }

    fn go_live(&mut self, slot: u32, board: &Board) {
        if let Some(stream) = self.streams.get_mut(slot) {
            stream.phase = Phase::Live;
            stream.held = board.symbol(stream.symbol).map(|of| board.last(stream.channel, of));
        }
    }

    fn tape_slots(&self) -> Vec<u32> {
        let on_tape = self.streams.iter().filter(|(_, of)| matches!(of.phase, Phase::Tape { .. }));
        on_tape.map(|(slot, _)| slot).collect()
    }

    fn feed_scope(&mut self, channel: Channel, scope: &Scope, event: &Event, board: &Board) {
        match scope {
            Scope::Symbol(symbol, _) => self.feed(channel, *symbol, event, board),
            Scope::Feed(feed, _) => {
                for slot in self.streams_of(*feed, board) {
                    let stream = self.streams.get(slot).filter(|of| of.channel == channel);
                    if let Some(symbol) = stream.map(|stream| stream.symbol) {
                        self.feed(channel, symbol, event, board);
                    }
                }
            }
        }
    }

    fn feed(&mut self, channel: Channel, symbol: SymbolId, event: &Event, board: &Board) {
        let slot = self.streams.slot(channel, symbol);
        let Some(stream) = slot.and_then(|slot| self.streams.get_mut(slot)) else { return };
        let Some(name) = board.symbol(symbol).map(|symbol| &symbol.symbol) else { return };
        // Another subscription may have sent the reading back to before what this stream holds.
        let Phase::Tape { after } = stream.phase else { return };
        if event.seq <= stream.held.map_or(after, |held| held.max(after)) {
            return;
        }
        let mut message = Vec::new();
        let prev = stream.held.unwrap_or_default();
        json::write_event(&mut message, stream.name(name), event, prev);
        if !message.is_empty() {
            stream.held = Some(event.seq);
            // Another stream may begin further back and have this part read once more.
            stream.phase = Phase::Tape { after: event.seq };
            self.outbox.push(&message);
        }
    }
}
