//! Which events of a stored tape are wanted.

use std::fmt;
use std::fmt::Write as _;

use super::row;
use crate::event::SymbolId;
use crate::tape::Kind;
use crate::tape::Peek;

/// Which events of a stored tape are wanted; all, unless it is told otherwise. The database does
/// not send the others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    symbols: Option<Vec<SymbolId>>,
    kinds: Option<Vec<Kind>>,
}

impl Filter {
    /// Only what concerns these symbols: events of their own, and those of no symbol.
    #[must_use]
    pub fn symbols(mut self, mut symbols: Vec<SymbolId>) -> Self {
        symbols.sort_unstable();
        symbols.dedup();
        self.symbols = Some(symbols);
        self
    }

    /// Only this kind of events.
    #[must_use]
    pub fn kind(self, kind: Kind) -> Self {
        self.kinds(vec![kind])
    }

    /// Only these kinds of events.
    #[must_use]
    pub fn kinds(mut self, kinds: Vec<Kind>) -> Self {
        self.kinds = Some(kinds);
        self
    }

    /// Whether an event is wanted.
    #[must_use]
    pub fn wants(&self, peek: Peek) -> bool {
        let is_kind = self.kinds.as_ref().is_none_or(|kinds| kinds.contains(&peek.kind));
        let is_named = |symbols: &Vec<SymbolId>| {
            peek.symbol.is_none_or(|symbol| symbols.binary_search(&symbol).is_ok())
        };
        is_kind && self.symbols.as_ref().is_none_or(is_named)
    }

    /// Whether it names symbols.
    pub(super) const fn has_symbols(&self) -> bool {
        self.symbols.is_some()
    }

    /// Whether all events are wanted.
    #[must_use]
    pub const fn is_all(&self) -> bool {
        self.symbols.is_none() && self.kinds.is_none()
    }
}

/// As conditions of a query; numbers alone, so nothing has to be escaped.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(symbols) = &self.symbols {
            let mut ids = String::new();
            for symbol in symbols {
                let comma = if ids.is_empty() { "" } else { "," };
                write!(ids, "{comma}{}", row::id(*symbol))?;
            }
            write!(f, " AND (symbol_id = ANY ('{{{ids}}}'::int[])")?;
            // Prints and quotes always have a symbol.
            let has_symbol = |kind: &Kind| matches!(kind, Kind::Trade | Kind::Quote);
            let all_have = self.kinds.as_ref().is_some_and(|kinds| kinds.iter().all(has_symbol));
            f.write_str(if all_have { ")" } else { " OR symbol_id IS NULL)" })?;
        }
        match self.kinds.as_deref() {
            Some([kind]) => write!(f, " AND kind = {}", *kind as u8),
            Some(kinds) => {
                let numbers: Vec<String> =
                    kinds.iter().map(|kind| (*kind as u8).to_string()).collect();
                write!(f, " AND kind = ANY ('{{{}}}'::smallint[])", numbers.join(","))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_a_condition() {
        assert_eq!(Filter::default().to_string(), "");
        let two = Filter::default().symbols(vec![SymbolId(7), SymbolId(3), SymbolId(7)]);
        assert_eq!(two.to_string(), " AND (symbol_id = ANY ('{3,7}'::int[]) OR symbol_id IS NULL)");
        assert_eq!(
            two.kind(Kind::Trade).to_string(),
            " AND (symbol_id = ANY ('{3,7}'::int[])) AND kind = 1"
        );
        assert_eq!(Filter::default().kind(Kind::Gap).to_string(), " AND kind = 6");
        let of_bars = Filter::default().symbols(vec![SymbolId(3)]);
        assert_eq!(
            of_bars.kinds(vec![Kind::Trade, Kind::Clock]).to_string(),
            " AND (symbol_id = ANY ('{3}'::int[]) OR symbol_id IS NULL) \
             AND kind = ANY ('{1,8}'::smallint[])"
        );
        let none = Filter::default().symbols(Vec::new());
        assert_eq!(none.to_string(), " AND (symbol_id = ANY ('{}'::int[]) OR symbol_id IS NULL)");
    }
}
