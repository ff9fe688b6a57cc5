//! Who listens to which stream: one list a stream, walked for each of its messages.

use crate::event::Channel;
use crate::event::SymbolId;
use crate::hub::shard::ConnectionId;
use crate::subscriber::Change;

/// A stream of one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Listener {
    pub(super) connection: ConnectionId,
    pub(super) slot: u32,
}

/// The lists of all streams.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    symbols: Vec<[Vec<Listener>; Channel::ALL.len()]>,
    count: usize,
}

impl Listeners {
    /// Those of one stream.
    pub(super) fn of(&self, channel: Channel, symbol: SymbolId) -> &[Listener] {
        let lists = self.symbols.get(symbol.index());
        lists.and_then(|lists| lists.get(channel.index())).map_or(&[], Vec::as_slice)
    }

    /// Streams of all clients.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn apply(&mut self, connection: ConnectionId, changes: &[Change]) {
        for change in changes {
            match *change {
                Change::Joined(channel, symbol, slot) => {
                    self.list(channel, symbol).push(Listener { connection, slot });
                    self.count += 1;
                }
                Change::Left(channel, symbol, slot) => {
                    let list = self.list(channel, symbol);
                    let listener = Listener { connection, slot };
                    if let Some(index) = list.iter().position(|other| *other == listener) {
                        list.swap_remove(index);
                        self.count -= 1;
                    }
                }
            }
        }
    }

    #[expect(clippy::indexing_slicing, reason = "both indexes are made to exist just before")]
    fn list(&mut self, channel: Channel, symbol: SymbolId) -> &mut Vec<Listener> {
        if self.symbols.len() <= symbol.index() {
            self.symbols.resize_with(symbol.index() + 1, Default::default);
        }
        &mut self.symbols[symbol.index()][channel.index()]
    }
}
