//! At which slot of the subscriber a stream is: looked at for each message.

use crate::event::Channel;
use crate::event::SymbolId;
use crate::subscriber::Change;

/// The slots of one subscriber's streams.
#[derive(Debug, Default)]
pub(super) struct Slots {
    /// By channel and symbol; 0 for no stream, else its slot plus 1.
    lists: [Vec<u32>; Channel::ALL.len()],
}

impl Slots {
    pub(super) fn of(&self, channel: Channel, symbol: SymbolId) -> Option<u32> {
        let slot = self.lists.get(channel.index())?.get(symbol.index())?;
        slot.checked_sub(1)
    }

    pub(super) fn apply(&mut self, changes: &[Change]) {
        for change in changes {
            match *change {
                Change::Joined(channel, symbol, slot) => {
                    self.set((channel, symbol), slot.saturating_add(1));
                }
                Change::Left(channel, symbol, _) => self.set((channel, symbol), 0),
            }
        }
    }

    fn set(&mut self, (channel, symbol): (Channel, SymbolId), place: u32) {
        let Some(list) = self.lists.get_mut(channel.index()) else { return };
        if list.len() <= symbol.index() {
            list.resize(symbol.index() + 1, 0);
        }
        if let Some(slot) = list.get_mut(symbol.index()) {
            *slot = place;
        }
    }
}
