//! What the names of a subscription come to: symbols that are known, may come, or are refused.

use std::collections::BTreeSet;

use tickwire_feeds::Symbol;

use crate::access::Rights;
use crate::board::Board;
use crate::event::SymbolId;
use crate::subscriber::replaying::Coming;
use crate::subscriber::replaying::Horizon;
use crate::wire::Code;
use crate::wire::Reject;
use crate::wire::pattern::Name;
use crate::wire::pattern::Pattern;

/// What a list of names comes to.
#[derive(Debug, Default)]
pub(super) struct Named<'a> {
    pub(super) known: Vec<(SymbolId, &'a Symbol)>,
    pub(super) pending: Vec<&'a Symbol>,
    pub(super) rejected: Vec<(&'a str, Code)>,
    /// With how many symbols each covers.
    pub(super) patterns: Vec<(&'a Pattern, usize)>,
    /// The symbols that the patterns cover, bytewise.
    pub(super) covered: Vec<SymbolId>,
}

impl Named<'_> {
    /// Whether something was named that is not granted.
    pub(super) fn is_denied(&self) -> bool {
        self.rejected.iter().any(|(_, code)| *code == Code::Forbidden)
    }

    /// Whether there is a stream now, or may be one later.
    pub(super) fn is_hopeful(&self) -> bool {
        !(self.known.is_empty() && self.pending.is_empty() && self.patterns.is_empty())
    }
}

/// Refuses names of which nothing will ever come.
pub(super) fn check_hope(
    names: &[Result<Name, String>],
    (board, rights, coming): (&Board, Rights<'_>, Option<&Coming>),
    message: &str,
) -> Result<(), Reject> {
    let named = resolve(names, (board, rights), coming);
    match named.is_hopeful() {
        true => Ok(()),
        false if named.is_denied() => {
            Err(Reject::new(Code::Forbidden, "none of these symbols is granted"))
        }
        false => Err(Reject::new(Code::UnknownSymbol, message)),
    }
}

pub(super) fn resolve<'a>(
    names: &'a [Result<Name, String>],
    (board, rights): (&'a Board, Rights<'_>),
    coming: Option<&Coming>,
) -> Named<'a> {
    let may_come = |symbol: &Symbol| match coming {
        Some(Coming { symbols, horizon: Horizon::Closed }) => symbols.contains(symbol),
        Some(Coming { symbols, horizon: Horizon::Open }) if symbols.contains(symbol) => true,
        _ => may_appear(symbol, board),
    };
    let mut named = Named::default();
    let mut covered = BTreeSet::new();
    for name in names {
        match name {
            Ok(Name::Exact(symbol)) if !rights.cover(symbol) => {
                named.rejected.push((symbol.as_str(), Code::Forbidden));
            }
            Ok(Name::Pattern(pattern)) if !rights.meet(pattern) => {
                named.rejected.push((pattern.as_str(), Code::Forbidden));
            }
            Ok(Name::Exact(symbol)) => {
                let known = board.id(symbol.as_str()).and_then(|id| Some((id, board.symbol(id)?)));
                match known.filter(|(_, known)| known.listed) {
                    // The board's own name, so that all clients share it.
                    Some((id, known)) => named.known.push((id, &known.symbol)),
                    None if may_come(symbol) => named.pending.push(symbol),
                    None => named.rejected.push((symbol.as_str(), Code::UnknownSymbol)),
                }
            }
            Ok(Name::Pattern(pattern)) => {
                let before = board.symbols().filter(|(_, symbol)| symbol.listed);
                let covers = |symbol: &Symbol| pattern.covers(symbol) && rights.cover(symbol);
                let matching = before.filter(|(_, symbol)| covers(&symbol.symbol));
                let matching: Vec<_> =
                    matching.map(|(id, symbol)| (symbol.symbol.as_str(), id)).collect();
                named.patterns.push((pattern, matching.len()));
                covered.extend(matching);
            }
            Err(text) => named.rejected.push((text, Code::UnknownSymbol)),
        }
    }
    named.covered = covered.into_iter().map(|(_, id)| id).collect();
    named
}

/// Whether a feed of the symbol's venue has not named all its instruments yet.
fn may_appear(symbol: &Symbol, board: &Board) -> bool {
    board.feeds().any(|(_, feed)| *feed.venue == *symbol.venue() && !feed.listed_all)
}
