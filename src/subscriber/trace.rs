//! Streams that begin some messages back.

use crate::board::Board;
use crate::event::Channel;
use crate::event::Seq;
use crate::event::SymbolId;
use crate::subscriber::Subscriber;
use crate::subscriber::stream::Phase;
use crate::tape::Tape;
use crate::wire::json;

/// A stream that begins some messages back: the driver walks the tape for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    /// The stream's slot.
    pub slot: u32,
    /// Its channel.
    pub channel: Channel,
    /// Its symbol.
    pub symbol: SymbolId,
    /// How many messages back.
    pub count: usize,
    round: u32,
}

impl Subscriber {
    /// A stream that begins some messages back, if there is one and room for it. It is due until
    /// the driver has walked back for it, be it in parts.
    pub fn next_trace(&mut self) -> Option<Trace> {
        if !self.outbox.wants_more() {
            return None;
        }
        let due = self.tracing.front(&self.streams)?;
        let stream = self.streams.get(due.slot)?;
        let Phase::Tracing(count) = stream.phase else { return None };
        let (channel, symbol) = (stream.channel, stream.symbol);
        Some(Trace { slot: due.slot, channel, symbol, count, round: due.round })
    }

    /// Streams of bars that begin some messages back, at most so many.
    #[must_use]
    pub fn bars_traces(&self, most: usize) -> Vec<Trace> {
        let traces = self.tracing_bars.iter(&self.streams).filter_map(|due| {
            let stream = self.streams.get(due.slot)?;
            let Phase::Tracing(count) = stream.phase else { return None };
            let (channel, symbol) = (stream.channel, stream.symbol);
            Some(Trace { slot: due.slot, channel, symbol, count, round: due.round })
        });
        traces.take(most).collect()
    }

    /// The driver counted back for a [`Trace`] of bars: the stream goes on from the tape after a
    /// place, with the snapshot of that place before it.
    pub fn on_counted(&mut self, trace: Trace, after: Seq, board: &Board) {
        let Some(stream) = self.streams.get_mut(trace.slot) else { return };
        if stream.round != trace.round {
            return;
        }
        let last = board.symbol(trace.symbol).map(|symbol| board.last(trace.channel, symbol));
        if last.is_none_or(|last| last <= after) && self.outbox.wants_more() {
            let mut message = Vec::new();
            json::write_snapshot(&mut message, trace.channel, trace.symbol, board);
            self.push_snapshot(trace.slot, board, message[..].into());
        } else {
            stream.is_bare = true;
            self.read_bars(trace.slot, after);
        }
    }

    /// Whether the tape should be read for this client, in one way or the other.
    #[must_use]
    pub fn is_hungry(&mut self) -> bool {
        self.wants_tape().is_some()
            || self.next_trace().is_some()
            || !self.bars_traces(1).is_empty()
    }

    /// The driver walked back for a [`Trace`]: the stream begins with this snapshot, which stands
    /// at `seq`, and goes on from the tape.
    pub fn on_traced(
        &mut self,
        trace: Trace,
        (snapshot, seq): (&[u8], Seq),
        view: (&Board, &Tape),
    ) {
        let (board, tape) = view;
        let Some(stream) = self.streams.get_mut(trace.slot) else { return };
        if stream.round == trace.round {
            self.outbox.push(snapshot);
            stream.held = Some(seq);
            // Between its place and the oldest one there is no message of it.
            self.follow_tape(trace.slot, seq.max(tape.oldest()), board);
        }
    }

    /// The driver could not walk back for a [`Trace`]: the stream begins with what is true now.
    pub fn on_trace_lost(&mut self, trace: Trace, board: &Board) {
        if self.streams.get(trace.slot).is_some_and(|stream| stream.round == trace.round) {
            self.start_over(trace.slot, board.seq());
        }
    }
}
