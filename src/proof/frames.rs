//! The messages that an event is, in all streams.

use crate::board::Board;
use crate::event::Body;
use crate::event::Channel;
use crate::event::Event;
use crate::event::Interval;
use crate::event::Registry;
use crate::event::Scope;
use crate::event::Seq;
use crate::event::SymbolId;
use crate::wire::json;
use crate::wire::json::StreamName;

/// Makes the messages of a tape from some place on, event by event.
#[derive(Debug)]
pub struct Frames {
    board: Board,
    message: Vec<u8>,
}

impl Frames {
    /// From the place on at which a board stands.
    #[must_use]
    pub const fn new(board: Board) -> Self {
        Self { board, message: Vec::new() }
    }

    /// The board at the last event that was followed.
    #[must_use]
    pub const fn board(&self) -> &Board {
        &self.board
    }

    /// Gives `each` the snapshots of all streams as they stand.
    pub fn snapshots(&mut self, mut each: impl FnMut(Channel, &str, &[u8])) {
        for (id, symbol) in self.board.symbols().filter(|(_, symbol)| symbol.listed) {
            for channel in Channel::ALL {
                self.message.clear();
                json::write_snapshot(&mut self.message, channel, id, &self.board);
                each(channel, symbol.symbol.as_str(), &self.message);
            }
        }
    }

    /// Follows the tape by one event, and gives `each` its messages by channel and symbol. A symbol
    /// that was listed begins with the snapshots of its streams.
    pub fn follow(&mut self, event: &Event, mut each: impl FnMut(Channel, &str, &[u8])) {
        let streams = self.streams(event);
        let before: Vec<Seq> =
            streams.iter().map(|(channel, id)| self.last(*channel, *id)).collect();
        self.board.apply(event);
        let closed = self.closed(event);
        let no_prev = Seq::START;
        let befores = before.into_iter().chain(std::iter::repeat(no_prev));
        for ((channel, id), before) in streams.into_iter().chain(closed).zip(befores) {
            let Some(symbol) = self.board.symbol(id) else { continue };
            let stream = StreamName { channel, id, symbol: symbol.symbol.as_str() };
            self.message.clear();
            let is_bar = channel.interval().is_some();
            match &event.body {
                Body::Trade(_) | Body::Clock if is_bar => {
                    json::write_bar(&mut self.message, (channel, id), None, &self.board);
                }
                Body::Registry(_) => {
                    json::write_snapshot(&mut self.message, channel, id, &self.board);
                }
                _ => json::write_event(&mut self.message, stream, event, before),
            }
            if !self.message.is_empty() {
                each(channel, stream.symbol, &self.message);
            }
        }
    }

    /// Of which streams an event may be a message, but for the bars that a clock event closes.
    fn streams(&self, event: &Event) -> Vec<(Channel, SymbolId)> {
        match &event.body {
            Body::Trade(trade) => Channel::ALL.map(|channel| (channel, trade.symbol)).into(),
            Body::Quote(quote) => vec![(Channel::Ticker, quote.symbol)],
            Body::Status(status) => self.of_scope(&status.scope, event),
            Body::Gap(gap) => self.of_scope(&gap.scope, event),
            Body::Registry(Registry::Listed { id, .. }) => {
                Channel::ALL.map(|channel| (channel, *id)).into()
            }
            Body::Clock | Body::Registry(_) => Vec::new(),
        }
    }

    fn of_scope(&self, scope: &Scope, event: &Event) -> Vec<(Channel, SymbolId)> {
        let channels = Channel::ALL.into_iter().filter(|channel| event.concerns(*channel));
        let ids: Vec<SymbolId> = match scope {
            Scope::Symbol(id, _) => vec![*id],
            Scope::Feed(feed, _) => {
                let of_feed =
                    |symbol: &crate::board::SymbolBoard| symbol.feed == *feed && symbol.listed;
                let symbols = self.board.symbols().filter(|(_, symbol)| of_feed(symbol));
                symbols.map(|(id, _)| id).collect()
            }
        };
        channels.flat_map(|channel| ids.iter().map(move |id| (channel, *id))).collect()
    }

    fn closed(&self, event: &Event) -> Vec<(Channel, SymbolId)> {
        if event.body != Body::Clock {
            return Vec::new();
        }
        let mut closed = self.board.closed().to_vec();
        closed.sort_unstable();
        closed
    }

    fn last(&self, channel: Channel, id: SymbolId) -> Seq {
        self.board.symbol(id).map_or(Seq::START, |symbol| self.board.last(channel, symbol))
    }
}

/// Channels have no other order than this.
const _: () = assert!(Channel::ALL.len() == Interval::ALL.len() + 2);
