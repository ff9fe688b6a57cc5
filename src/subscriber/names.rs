//! A set of symbols that takes no more room than they need: many clients have one each.

use tickwire_feeds::Symbol;

/// Symbols in their order, each once.
#[derive(Debug, Default)]
pub(super) struct Names(Vec<Symbol>);

impl Names {
    pub(super) fn contains(&self, symbol: &Symbol) -> bool {
        self.0.binary_search(symbol).is_ok()
    }

    pub(super) fn insert(&mut self, symbol: Symbol) {
        if let Err(place) = self.0.binary_search(&symbol) {
            self.0.insert(place, symbol);
        }
    }

    pub(super) fn remove(&mut self, symbol: &Symbol) {
        if let Ok(place) = self.0.binary_search(symbol) {
            self.0.remove(place);
        }
    }

    pub(super) fn retain(&mut self, keep: impl FnMut(&Symbol) -> bool) {
        self.0.retain(keep);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Symbol> {
        self.0.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Symbol> for Names {
    fn from_iter<I: IntoIterator<Item = Symbol>>(symbols: I) -> Self {
        let mut list: Vec<Symbol> = symbols.into_iter().collect();
        list.sort_unstable();
        list.dedup();
        list.shrink_to_fit();
        Self(list)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_the_set_that_it_is_said_to_be(
            first in proptest::collection::vec(0..20_u8, 0..20),
            moves in proptest::collection::vec((any::<bool>(), 0..20_u8), 0..40),
        ) {
            let name = |number: u8| Symbol::parse(&format!("x:S{number}")).unwrap();
            let mut names: Names = first.iter().copied().map(name).collect();
            let mut model: BTreeSet<Symbol> = first.into_iter().map(name).collect();
            for (enters, number) in moves {
                let symbol = name(number);
                if enters {
                    names.insert(symbol.clone());
                    model.insert(symbol.clone());
                } else {
                    names.remove(&symbol);
                    model.remove(&symbol);
                }
                prop_assert_eq!(names.contains(&symbol), enters);
            }
            prop_assert!(names.iter().eq(model.iter()));
            prop_assert_eq!((names.len(), names.is_empty()), (model.len(), model.is_empty()));
        }
    }
}
