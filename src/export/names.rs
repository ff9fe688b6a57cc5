//! Names: what the symbols of a tape are called in a file, and which of them are wanted.

use tickwire_feeds::Symbol;

use crate::board::Board;
use crate::event::Registry;
use crate::event::SymbolId;
use crate::wire::pattern::Name;

/// Which name of a symbol is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// `venue:NAME`.
    Own,
    /// The venue's, or that of the file it was imported from, if it differs.
    Raw,
}

/// What the symbols of a tape are called, by their ids; `None` for one that is not wanted.
#[derive(Debug)]
pub(super) struct Names {
    wanted: Vec<Name>,
    naming: Naming,
    names: Vec<Option<Box<str>>>,
}

impl Names {
    /// Of a board. No name is wanted: all are.
    pub(super) fn of(board: &Board, wanted: Vec<Name>, naming: Naming) -> Self {
        let mut names = Self { wanted, naming, names: Vec::new() };
        for (id, symbol) in board.symbols() {
            names.put(id, &symbol.symbol, symbol.raw.as_deref());
        }
        names
    }

    pub(super) fn apply(&mut self, change: &Registry) {
        if let Registry::Listed { id, symbol, raw, .. } = change {
            self.put(*id, symbol, raw.as_deref());
        }
    }

    pub(super) fn get(&self, id: SymbolId) -> Option<&str> {
        self.names.get(id.index())?.as_deref()
    }

    fn put(&mut self, id: SymbolId, symbol: &Symbol, raw: Option<&str>) {
        let is_wanted =
            self.wanted.is_empty() || self.wanted.iter().any(|name| name.covers(symbol));
        if self.names.len() <= id.index() {
            self.names.resize(id.index() + 1, None);
        }
        let name = match self.naming {
            Naming::Own => symbol.as_str(),
            Naming::Raw => raw.unwrap_or(symbol.name()),
        };
        if let Some(place) = self.names.get_mut(id.index()) {
            *place = is_wanted.then(|| name.into());
        }
    }
}
