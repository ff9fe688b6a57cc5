//! Streams that begin some messages back.

use crate::board::Board;
use crate::event::Channel;
use crate::event::Seq;
use crate::event::SymbolId;
use crate::subscriber::Subscriber;
use crate::subscriber::stream::Phase;
use crate::tape::Tape;

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

    /// Whether the tape should be read for this client, in one way or the other.
    #[must_use]
    pub fn is_hungry(&mut self) -> bool {
        self.wants_tape().is_some() || self.next_trace().is_some()
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
