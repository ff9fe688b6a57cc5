//! What becomes of the streams of a client that does not take its messages in time.

use crate::board::Board;
use crate::event::Seq;
use crate::event::SymbolId;
use crate::subscriber::Subscriber;
use crate::subscriber::stream::Due;
use crate::subscriber::stream::Phase;
use crate::wire::Close;
use crate::wire::answer::Answer;
use crate::wire::op::Slow;

/// Messages of one stream that were dropped, and that the client was not told of yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dropped {
    /// The first.
    from: Seq,
    /// The last.
    to: Seq,
    missing: u64,
}

/// Whether a stream goes on after what was said of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// It does.
    All,
    /// A snapshot must follow.
    Some,
}

impl Subscriber {
    /// There is no room for a message of a live stream: its policy decides.
    pub(super) fn overflow(&mut self, slot: u32, seq: Seq) {
        let Some(stream) = self.streams.get_mut(slot) else { return };
        let owner = stream.owner;
        let due = Due { slot, round: stream.round, seq };
        match self.slow_of(owner) {
            Slow::Close => self.close(Close::TooSlow),
            Slow::Conflate => {
                self.set_phase(slot, Phase::Changed);
                self.behind.push(due, &self.streams);
            }
            Slow::Spill => {
                let before = Seq(seq.0.saturating_sub(1));
                self.set_phase(slot, Phase::Tape { after: before });
                self.tally.spills += u32::from(self.tape_at.is_none() && self.page.is_none());
                self.need_tape(before);
            }
            Slow::Gap => {
                self.set_phase(slot, Phase::Dropping);
                self.dropping.push(due, &self.streams);
                self.drop_message(slot, seq);
            }
        }
    }

    /// A message of a stream that drops what comes.
    pub(super) fn drop_message(&mut self, slot: u32, seq: Seq) {
        let new = Dropped { from: seq, to: seq, missing: 0 };
        let dropped = self.dropped.entry(slot).or_insert(new);
        dropped.to = seq;
        dropped.missing += 1;
        self.tally.dropped += 1;
    }

    /// The next stream that a slow client is due a snapshot or a gap of.
    pub(super) fn pop_slow(&mut self) -> Option<Due> {
        if let Some(due) = self.dropping.pop(&self.streams, Phase::Dropping) {
            return Some(due);
        }
        let due = self.behind.pop(&self.streams, Phase::Changed)?;
        self.tally.conflated += 1;
        Some(due)
    }

    /// Tells the client what was dropped of a stream. It goes on at once unless it begins anew, or
    /// the dropped part held a status: then only a snapshot can tell how things stand.
    pub(super) fn say_dropped(&mut self, slot: u32, board: &Board) -> Said {
        if self.dropped.is_empty() {
            return Said::Some;
        }
        let Some(dropped) = self.dropped.remove(&slot) else { return Said::Some };
        let Some(stream) = self.streams.get_mut(slot) else { return Said::Some };
        let Some(symbol) = board.symbol(stream.symbol) else { return Said::Some };
        let gap = Answer::Gap {
            channel: stream.channel.word(),
            symbol: symbol.symbol.as_str(),
            cause: "slow_consumer",
            from: dropped.from.0,
            to: dropped.to.0,
            missing: dropped.missing,
        };
        self.outbox.push(&gap.to_json());
        self.tally.gaps += 1;
        stream.held = Some(dropped.to);
        if stream.phase != Phase::Dropping || last_status(stream.symbol, board) >= dropped.from {
            return Said::Some;
        }
        stream.phase = Phase::Live;
        Said::All
    }

    fn slow_of(&self, owner: u32) -> Slow {
        let at = self.subscriptions.binary_search_by_key(&owner, |of| of.key);
        let found = at.ok().and_then(|at| self.subscriptions.get(at));
        found.map_or(Slow::Close, |subscription| subscription.slow)
    }
}

/// The last status that a symbol's streams had.
fn last_status(symbol: SymbolId, board: &Board) -> Seq {
    let Some(symbol) = board.symbol(symbol) else { return Seq::START };
    let feed = board.feed(symbol.feed).map_or(Seq::START, |feed| feed.status_seq);
    symbol.status_seq.max(feed)
}
