//! A roster: the names of a tape's symbols and feeds.

use std::collections::BTreeMap;
use std::collections::HashMap;

use tickwire_feeds::Symbol;

use crate::board::Board;
use crate::event::FeedId;
use crate::event::SymbolId;

/// The names of a tape's symbols and feeds.
#[derive(Debug, Clone, Default)]
pub struct Roster {
    symbols: BTreeMap<SymbolId, Member>,
    ids: HashMap<Symbol, SymbolId>,
    feeds: Vec<FeedName>,
}

/// A symbol, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub symbol: Symbol,
    /// The feed that had it last.
    pub feed: FeedId,
}

/// How a feed is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedName {
    /// Its name in the configuration.
    pub name: Box<str>,
    /// The part before the colon of its symbols.
    pub venue: Box<str>,
}

impl Roster {
    /// All names that a board knows.
    #[must_use]
    pub fn of(board: &Board) -> Self {
        Self::with(board, board.symbols().map(|(id, _)| id))
    }

    /// All feeds that a board knows, and this symbol, if it does.
    #[must_use]
    pub fn of_symbol(board: &Board, name: &str) -> Self {
        Self::with(board, board.id(name))
    }

    fn with(board: &Board, ids: impl IntoIterator<Item = SymbolId>) -> Self {
        let named = |id| {
            let symbol = board.symbol(id)?;
            Some((id, Member { symbol: symbol.symbol.clone(), feed: symbol.feed }))
        };
        let symbols: BTreeMap<SymbolId, Member> = ids.into_iter().filter_map(named).collect();
        let ids = symbols.iter().map(|(id, member)| (member.symbol.clone(), *id)).collect();
        let feeds = board.feeds();
        let feeds =
            feeds.map(|(_, of)| FeedName { name: of.name.clone(), venue: of.venue.clone() });
        Self { symbols, ids, feeds: feeds.collect() }
    }

    /// The symbol's id, if the tape knows the name.
    #[must_use]
    pub fn id(&self, name: &str) -> Option<SymbolId> {
        self.ids.get(name).copied()
    }

    /// A symbol.
    #[must_use]
    pub fn symbol(&self, id: SymbolId) -> Option<&Member> {
        self.symbols.get(&id)
    }

    /// A feed.
    #[must_use]
    pub fn feed(&self, id: FeedId) -> Option<&FeedName> {
        self.feeds.get(id.index())
    }

    /// All feeds, in the order of their ids.
    pub fn feeds(&self) -> impl Iterator<Item = &FeedName> {
        self.feeds.iter()
    }
}
