//! The symbols of a board by their ids: all there are, or only those that somebody wants to know.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::SymbolBoard;
use crate::event::SymbolId;

/// Symbol boards by id.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Symbols {
    /// All of them, unless `only` names some.
    all: Vec<SymbolBoard>,
    /// Those that are wanted; `None` for one that was not listed yet.
    only: Option<BTreeMap<SymbolId, Option<SymbolBoard>>>,
}

impl Symbols {
    /// All of them, in the order of their ids.
    #[cfg(test)]
    pub(crate) const fn all(all: Vec<SymbolBoard>) -> Self {
        Self { all, only: None }
    }

    /// None yet; `only` names those to take in, if not all are wanted.
    pub(crate) fn wanted(only: Option<&BTreeSet<SymbolId>>) -> Self {
        let only = only.map(|only| only.iter().map(|id| (*id, None)).collect());
        Self { all: Vec::new(), only }
    }

    pub(crate) fn get(&self, id: SymbolId) -> Option<&SymbolBoard> {
        match &self.only {
            None => self.all.get(id.index()),
            Some(only) => only.get(&id)?.as_ref(),
        }
    }

    pub(crate) fn get_mut(&mut self, id: SymbolId) -> Option<&mut SymbolBoard> {
        match &mut self.only {
            None => self.all.get_mut(id.index()),
            Some(only) => only.get_mut(&id)?.as_mut(),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (SymbolId, &SymbolBoard)> {
        let only = self.only.iter().flatten();
        let only = only.filter_map(|(id, symbol)| Some((*id, symbol.as_ref()?)));
        (0..).map(SymbolId).zip(&self.all).chain(only)
    }

    /// The number of symbols; of those that are wanted if not all are.
    pub(crate) fn len(&self) -> usize {
        self.only.as_ref().map_or(self.all.len(), BTreeMap::len)
    }

    /// Adds the symbol of the next id; says whether it is wanted.
    pub(crate) fn add(&mut self, id: SymbolId, symbol: SymbolBoard) -> bool {
        match &mut self.only {
            None => self.all.push(symbol),
            Some(only) => match only.get_mut(&id) {
                Some(place) => *place = Some(symbol),
                None => return false,
            },
        }
        true
    }
}
