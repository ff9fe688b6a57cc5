//! An event as all shards share it, with its messages encoded at most once.

use std::sync::OnceLock;

use crate::board::Board;
use crate::event::Channel;
use crate::event::Event;
use crate::event::Interval;
use crate::event::Seq;
use crate::hub::stats::Count;
use crate::wire::Print;
use crate::wire::json;
use crate::wire::json::StreamName;

/// One event on its way to the readers.
#[derive(Debug)]
pub struct Shared {
    /// The event.
    pub event: Event,
    /// The event before it on the tape: a reader that has not seen that one was lapped.
    pub after: Seq,
    ticker: Cell,
    trades: Cell,
    /// Made when somebody hears one of them.
    bars: OnceLock<Box<[Cell; Interval::ALL.len()]>>,
}

/// A message, once it is encoded.
type Cell = OnceLock<Print>;

impl Shared {
    /// An event and the one before it.
    #[must_use]
    pub const fn new(event: Event, after: Seq) -> Self {
        let bars = OnceLock::new();
        Self { event, after, ticker: Cell::new(), trades: Cell::new(), bars }
    }

    /// Its message in a stream of its symbol, where the board has just applied it; empty if it is
    /// none. The first reader that needs it encodes it, and counts that. Feed-wide events have
    /// none: theirs differs from stream to stream. Nor has a clock event, which may be a message
    /// of many symbols.
    pub fn message(
        &self,
        stream: StreamName<'_>,
        board: &Board,
        encoded: &Count,
    ) -> Option<&Print> {
        let print = self.cell(stream.channel)?.get_or_init(|| {
            encoded.add(1);
            let mut message = Vec::with_capacity(256);
            json::write_message(&mut message, stream, &self.event, board);
            Print::new(message)
        });
        Some(print)
    }

    fn cell(&self, channel: Channel) -> Option<&Cell> {
        match (channel, channel.interval()) {
            (_, Some(interval)) => {
                let bars = self.bars.get_or_init(Box::default);
                bars.get(interval.index())
            }
            (Channel::Ticker, _) => Some(&self.ticker),
            _ => Some(&self.trades),
        }
    }
}
