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
    /// By channel and symbol; of a channel that nobody hears there are none.
    lists: [Vec<Vec<Listener>>; Channel::ALL.len()],
    /// Where each listener stands in its list, by connection and slot: thousands may leave at once.
    places: Vec<Vec<u32>>,
    count: usize,
}

impl Listeners {
    /// Those of one stream.
    pub(super) fn of(&self, channel: Channel, symbol: SymbolId) -> &[Listener] {
        let lists = self.lists.get(channel.index());
        lists.and_then(|lists| lists.get(symbol.index())).map_or(&[], Vec::as_slice)
    }

    /// Streams of all clients.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// A connection is gone, and all its streams have left.
    pub(super) fn forget(&mut self, connection: ConnectionId) {
        if let Some(places) = self.places.get_mut(connection.index()) {
            *places = Vec::new();
        }
    }

    pub(super) fn apply(&mut self, connection: ConnectionId, changes: &[Change]) {
        for change in changes {
            match *change {
                Change::Joined(channel, symbol, slot) => {
                    let list = self.list(channel, symbol);
                    list.push(Listener { connection, slot });
                    let place = list.len() - 1;
                    self.place(Listener { connection, slot }, place);
                    self.count += 1;
                }
                Change::Left(channel, symbol, slot) => {
                    self.remove((channel, symbol), Listener { connection, slot });
                }
            }
        }
    }

    fn remove(&mut self, (channel, symbol): (Channel, SymbolId), listener: Listener) {
        let places = self.places.get(listener.connection.index());
        let place = places.and_then(|places| places.get(listener.slot as usize)).copied();
        let Some(place) = place.map(|place| place as usize) else { return };
        let list = self.list(channel, symbol);
        if list.get(place) != Some(&listener) {
            return;
        }
        list.swap_remove(place);
        if let Some(moved) = list.get(place).copied() {
            self.place(moved, place);
        }
        self.count -= 1;
    }

    #[expect(clippy::indexing_slicing, reason = "both indexes are made to exist just before")]
    fn place(&mut self, listener: Listener, place: usize) {
        let (index, slot) = (listener.connection.index(), listener.slot as usize);
        if self.places.len() <= index {
            self.places.resize_with(index + 1, Vec::new);
        }
        if self.places[index].len() <= slot {
            self.places[index].resize(slot + 1, u32::MAX);
        }
        self.places[index][slot] = u32::try_from(place).unwrap_or(u32::MAX);
    }

    #[expect(clippy::indexing_slicing, reason = "both indexes are made to exist just before")]
    fn list(&mut self, channel: Channel, symbol: SymbolId) -> &mut Vec<Listener> {
        let lists = &mut self.lists[channel.index()];
        if lists.len() <= symbol.index() {
            lists.resize_with(symbol.index() + 1, Default::default);
        }
        &mut lists[symbol.index()]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whoever_left_is_not_delivered_to_and_all_others_are(
            moves in proptest::collection::vec((any::<bool>(), 0..6_u32, 0..3_u32), 0..200),
        ) {
            let (mut listeners, mut model) = (Listeners::default(), Vec::new());
            for (joins, index, symbol) in moves {
                let connection = ConnectionId::at(index);
                let (symbol, slot) = (SymbolId(symbol), symbol);
                let listener = (symbol, Listener { connection, slot });
                let is_there = model.contains(&listener);
                if joins && !is_there {
                    model.push(listener);
                    let change = Change::Joined(Channel::Trades, symbol, slot);
                    listeners.apply(connection, &[change]);
                } else if !joins {
                    model.retain(|other| *other != listener);
                    listeners.apply(connection, &[Change::Left(Channel::Trades, symbol, slot)]);
                }
                prop_assert_eq!(listeners.count(), model.len());
            }
            for symbol in (0..3).map(SymbolId) {
                let mut list = listeners.of(Channel::Trades, symbol).to_vec();
                let of_symbol = model.iter().filter(|(of, _)| *of == symbol);
                let mut expected: Vec<_> = of_symbol.map(|(_, listener)| *listener).collect();
                list.sort_by_key(|of| of.connection);
                expected.sort_by_key(|of| of.connection);
                prop_assert_eq!(list, expected);
            }
        }
    }
}
