//! Names of instruments in a file, and the symbols that they become.

use std::collections::HashMap;

use tickwire_feeds::Symbol;

/// Most symbols of one import.
const SYMBOLS_MAX: usize = 1_000_000;

/// Names of instruments in a file, and the symbols that they become: `venue:NAME` stays what it
/// is, any other name is one of the venue that the user named, a `:` in it a `.`.
#[derive(Debug)]
pub struct Names {
    venue: String,
    places: HashMap<Box<str>, usize>,
    symbols: Vec<(Symbol, Box<str>)>,
    taken: HashMap<Symbol, usize>,
}

impl Names {
    /// Names without a venue of their own are of `venue`.
    ///
    /// # Errors
    /// If it can be none.
    pub fn new(venue: &str) -> Result<Self, String> {
        if Symbol::escaped(venue, "A").is_err() {
            return Err(format!("a venue must be 1 to 16 of a-z, 0-9 and _, not {venue:?}"));
        }
        let (places, symbols, taken) = (HashMap::new(), Vec::new(), HashMap::new());
        Ok(Self { venue: venue.to_owned(), places, symbols, taken })
    }

    /// Where the symbol of a name stands in the list of all.
    ///
    /// # Errors
    /// Why the name can be no symbol.
    pub fn place(&mut self, raw: &str) -> Result<usize, String> {
        if let Some(place) = self.places.get(raw) {
            return Ok(*place);
        }
        let symbol = match Symbol::parse(raw) {
            Ok(symbol) => symbol,
            Err(_) => Symbol::escaped(&self.venue, &raw.replace(':', "."))
                .map_err(|_| format!("bad symbol {:?}", tickwire_feeds::error::quoted(raw)))?,
        };
        if let Some(other) = self.taken.get(&symbol) {
            let other = self.symbols.get(*other).map_or("", |(_, raw)| raw);
            return Err(format!("{raw:?} and {other:?} would be the same symbol"));
        }
        if self.symbols.len() >= SYMBOLS_MAX {
            return Err(format!("more than {SYMBOLS_MAX} symbols"));
        }
        let place = self.symbols.len();
        self.taken.insert(symbol.clone(), place);
        self.places.insert(raw.into(), place);
        self.symbols.push((symbol, raw.into()));
        Ok(place)
    }

    /// The symbol at a place, and its name in the file.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<(&Symbol, &str)> {
        self.symbols.get(place).map(|(symbol, raw)| (symbol, &**raw))
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.symbols.len()
    }

    /// All symbols, in the order in which they came.
    pub fn symbols(&self) -> impl Iterator<Item = &Symbol> {
        self.symbols.iter().map(|(symbol, _)| symbol)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_symbols_once() {
        let mut names = Names::new("file").unwrap();
        let mut check = |raw: &str, symbol: &str| {
            let place = names.place(raw).unwrap();
            assert_eq!(names.get(place).unwrap().0.as_str(), symbol);
            assert_eq!(names.get(place).unwrap().1, raw);
            assert_eq!(names.place(raw), Ok(place));
        };
        check("AAPL", "file:AAPL");
        check("sim:BTC-USD", "sim:BTC-USD");
        check("BINANCE:BTCUSDT", "file:BINANCE.BTCUSDT");
        check("a b", "file:a%20b");
        assert!(names.place("BINANCE.BTCUSDT").unwrap_err().contains("the same symbol"));
        assert!(names.place("").unwrap_err().contains("bad symbol"));
        assert!(names.place(&"x".repeat(41)).unwrap_err().contains("bad symbol"));
        assert_eq!(names.count(), 4);
        assert!(Names::new("No Venue").is_err());
    }
}
