//! Patterns of symbols: `*` for the venue, the whole NAME, or one side of the pair.

use std::fmt;

use tickwire_feeds::Error;
use tickwire_feeds::Symbol;

/// What a client named: a symbol, or a pattern that stays alive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// One symbol.
    Exact(Symbol),
    /// All symbols that match, also those that appear later.
    Pattern(Pattern),
}

/// A set of symbols that may grow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: Box<str>,
    venue: Option<Box<str>>,
    name: NamePart,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum NamePart {
    Any,
    Whole(Box<str>),
    Base(Box<str>),
    Quote(Box<str>),
}

impl Name {
    /// Reads `venue:NAME` or a pattern.
    ///
    /// # Errors
    /// [`Error::BadSymbol`] for anything else.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.contains('*') {
            Pattern::parse(text).map(Self::Pattern)
        } else {
            Symbol::parse(text).map(Self::Exact)
        }
    }

    /// Whether the symbol is named.
    #[must_use]
    pub fn covers(&self, symbol: &Symbol) -> bool {
        match self {
            Self::Exact(exact) => exact == symbol,
            Self::Pattern(pattern) => pattern.covers(symbol),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exact(symbol) => symbol.as_str(),
            Self::Pattern(pattern) => pattern.as_str(),
        })
    }
}

impl Pattern {
    /// Reads `*:*`, `coinbase:*`, `*:BTC-USD`, `binance:*-USDT` or `binance:BTC-*`.
    ///
    /// # Errors
    /// [`Error::BadSymbol`] for anything else.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bad = || Error::bad_symbol(text);
        let (venue, name) = text.split_once(':').ok_or_else(bad)?;
        let part = if name == "*" {
            NamePart::Any
        } else if let Some(quote) = name.strip_prefix("*-") {
            NamePart::Quote(quote.into())
        } else if let Some(base) = name.strip_suffix("-*") {
            NamePart::Base(base.into())
        } else {
            NamePart::Whole(name.into())
        };
        let (NamePart::Whole(fixed) | NamePart::Base(fixed) | NamePart::Quote(fixed)) = &part
        else {
            return Self::checked(text, venue, "X", part);
        };
        Self::checked(text, venue, &fixed.clone(), part)
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the symbol belongs to it.
    #[must_use]
    pub fn covers(&self, symbol: &Symbol) -> bool {
        if self.venue.as_deref().is_some_and(|venue| venue != symbol.venue()) {
            return false;
        }
        self.name.covers(symbol.name())
    }

    /// Whether a symbol could belong to both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let venues = (self.venue.as_deref(), other.venue.as_deref());
        let meet = match venues {
            (Some(own), Some(other)) => own == other,
            _ => true,
        };
        meet && self.name.overlaps(&other.name)
    }

    /// Whether all symbols of the other one belong to it.
    #[must_use]
    pub fn includes(&self, other: &Self) -> bool {
        (self.venue.is_none() || self.venue == other.venue) && self.name.includes(&other.name)
    }

    /// The venue, unless it is any.
    #[must_use]
    pub fn venue(&self) -> Option<&str> {
        self.venue.as_deref()
    }

    /// The same within one venue.
    #[must_use]
    pub fn at(&self, venue: &str) -> Option<Self> {
        let (_, name) = self.text.split_once(':')?;
        Self::parse(&format!("{venue}:{name}")).ok().filter(|of| self.includes(of))
    }

    /// The fixed parts must be what a symbol could hold.
    fn checked(text: &str, venue: &str, fixed: &str, name: NamePart) -> Result<Self, Error> {
        let any = venue == "*";
        let sample = format!("{}:{fixed}", if any { "v" } else { venue });
        Symbol::parse(&sample).map_err(|_| Error::bad_symbol(text))?;
        Ok(Self { text: text.into(), venue: (!any).then(|| venue.into()), name })
    }
}

impl NamePart {
    fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Whole(name), part) | (part, Self::Whole(name)) => part.covers(name),
            (Self::Base(own), Self::Base(other)) | (Self::Quote(own), Self::Quote(other)) => {
                own == other
            }
            _ => true,
        }
    }

    fn includes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (part, Self::Whole(name)) => part.covers(name),
            (part, other) => part == other,
        }
    }

    fn covers(&self, name: &str) -> bool {
        let pair = || name.rsplit_once('-');
        match self {
            Self::Any => true,
            Self::Whole(whole) => **whole == *name,
            Self::Base(base) => pair().is_some_and(|(left, _)| left == &**base),
            Self::Quote(quote) => pair().is_some_and(|(_, right)| right == &**quote),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, inside: &[&str], outside: &[&str]) {
        let pattern = Pattern::parse(pattern).unwrap();
        let covers = |text: &&str| pattern.covers(&Symbol::parse(text).unwrap());
        assert!(inside.iter().all(covers), "{pattern:?}");
        assert!(!outside.iter().any(covers), "{pattern:?}");
    }

    #[test]
    fn a_star_stands_for_a_part() {
        check("*:*", &["a:B", "c:D-E"], &[]);
        check("coinbase:*", &["coinbase:BTC-USD"], &["binance:BTC-USD"]);
        check("*:BTC-USD", &["a:BTC-USD", "b:BTC-USD"], &["a:BTC-USDT", "a:BTC"]);
        check("binance:*-USDT", &["binance:ETH-USDT"], &["binance:ETH-BTC", "binance:USDT"]);
        check("*:BTC-*", &["a:BTC-USD", "b:BTC-EUR"], &["a:WBTC-USD", "a:BTC"]);
    }

    #[test]
    fn patterns_that_share_symbols_are_told_from_those_that_do_not() {
        let pattern = |text: &str| Pattern::parse(text).unwrap();
        for (one, other, overlap) in [
            ("*:*", "a:*", true),
            ("a:*", "b:*", false),
            ("*:BTC-USD", "a:BTC-*", true),
            ("*:BTC-USD", "a:ETH-*", false),
            ("*:BTC-*", "a:*-USD", true),
            ("*:BTC-*", "*:ETH-*", false),
            ("*:*-USD", "a:*", true),
        ] {
            assert_eq!(pattern(one).overlaps(&pattern(other)), overlap, "{one} {other}");
            assert_eq!(pattern(other).overlaps(&pattern(one)), overlap, "{other} {one}");
        }
        for (one, other, includes) in [
            ("*:*", "a:BTC-*", true),
            ("a:*", "*:*", false),
            ("a:*", "a:*-USD", true),
            ("a:*-USD", "a:*", false),
            ("*:*-USD", "*:BTC-USD", true),
            ("*:BTC-*", "*:*-USD", false),
            ("a:*", "b:*", false),
        ] {
            assert_eq!(pattern(one).includes(&pattern(other)), includes, "{one} {other}");
        }
        assert_eq!(pattern("*:*").at("a"), Some(pattern("a:*")));
        assert_eq!(pattern("b:*").at("a"), None);
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for text in
            ["*", "*:", ":*", "a*:B", "a:*B", "a:B*", "a:*-*", "a:*-U*", "a:**", "A:*", "a:* "]
        {
            assert!(Name::parse(text).is_err(), "{text}");
        }
    }
}
