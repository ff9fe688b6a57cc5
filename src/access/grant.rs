//! What somebody may have: symbols, channels, and whether the past too.

use serde::Deserialize;
use tickwire_feeds::Symbol;

use crate::event::Channel;
use crate::wire::pattern::Name;
use crate::wire::pattern::Pattern;

/// Most patterns of a grant: each is held against every symbol there is.
const PATTERNS_MAX: usize = 64;

/// What somebody may have; by default nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grant {
    /// In their order, each once.
    exact: Vec<Symbol>,
    patterns: Vec<Pattern>,
    channels: [bool; Channel::ALL.len()],
    history: bool,
    operator: bool,
}

/// A grant as it is written down, in a token or in the file of API keys. What it does not name is
/// not granted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Written {
    /// Symbols and patterns.
    #[serde(default)]
    pub symbols: Vec<String>,
    /// Channels; `*` is all, `bars.*` all bars. Others than are served grant nothing.
    #[serde(default)]
    pub channels: Vec<String>,
    /// Replay and history.
    #[serde(default)]
    pub history: bool,
    /// To end connections of others.
    #[serde(default)]
    pub operator: bool,
}

/// What one client may have.
#[derive(Debug, Clone, Copy)]
pub enum Rights<'a> {
    /// All there is: nobody is asked for anything here.
    All,
    /// So much.
    Some(&'a Grant),
    /// Nothing, as it has shown nothing.
    None,
}

impl Grant {
    /// Reads a grant.
    ///
    /// # Errors
    /// What is no symbol and no pattern, or that there are too many patterns.
    pub fn read(written: &Written) -> Result<Self, &'static str> {
        let Written { history, operator, .. } = *written;
        let mut grant = Self { history, operator, ..Self::default() };
        for text in &written.symbols {
            match Name::parse(text) {
                Ok(Name::Exact(symbol)) => grant.exact.push(symbol),
                Ok(Name::Pattern(pattern)) => grant.patterns.push(pattern),
                Err(_) => return Err("a granted symbol is no symbol and no pattern"),
            }
        }
        if grant.patterns.len() > PATTERNS_MAX {
            return Err("it grants more than 64 patterns");
        }
        grant.exact.sort_unstable();
        grant.exact.dedup();
        for channel in Channel::ALL {
            let is_named = |word: &String| match word.as_str() {
                "*" => true,
                "bars.*" => channel.interval().is_some(),
                word => word == channel.word(),
            };
            if let Some(place) = grant.channels.get_mut(channel.index()) {
                *place = written.channels.iter().any(is_named);
            }
        }
        Ok(grant)
    }

    fn covers(&self, symbol: &Symbol) -> bool {
        self.exact.binary_search(symbol).is_ok()
            || self.patterns.iter().any(|pattern| pattern.covers(symbol))
    }

    fn meets(&self, pattern: &Pattern) -> bool {
        self.exact.iter().any(|symbol| pattern.covers(symbol))
            || self.patterns.iter().any(|of| of.overlaps(pattern))
    }
}

impl Rights<'_> {
    /// Whether a stream may be had.
    #[must_use]
    pub fn allow(self, channel: Channel, symbol: &Symbol) -> bool {
        self.allow_channel(channel) && self.cover(symbol)
    }

    /// Whether a channel may be had, of any symbol.
    #[must_use]
    pub fn allow_channel(self, channel: Channel) -> bool {
        match self {
            Self::All => true,
            Self::Some(grant) => grant.channels.get(channel.index()).is_some_and(|has| *has),
            Self::None => false,
        }
    }

    /// Whether anything of a symbol may be had.
    #[must_use]
    pub fn cover(self, symbol: &Symbol) -> bool {
        match self {
            Self::All => true,
            Self::Some(grant) => grant.covers(symbol),
            Self::None => false,
        }
    }

    /// Whether a pattern may have symbols that may be had.
    #[must_use]
    pub fn meet(self, pattern: &Pattern) -> bool {
        match self {
            Self::All => true,
            Self::Some(grant) => grant.meets(pattern),
            Self::None => false,
        }
    }

    /// Whether all symbols of a pattern may be had.
    #[must_use]
    pub fn include(self, pattern: &Pattern) -> bool {
        match self {
            Self::All => true,
            Self::Some(grant) => grant.patterns.iter().any(|of| of.includes(pattern)),
            Self::None => false,
        }
    }

    /// Whether anything of a venue may be had.
    #[must_use]
    pub fn touch(self, venue: &str) -> bool {
        Pattern::parse(&format!("{venue}:*")).is_ok_and(|pattern| self.meet(&pattern))
    }

    /// Whether the past may be had too.
    #[must_use]
    pub const fn allow_history(self) -> bool {
        match self {
            Self::All => true,
            Self::Some(grant) => grant.history,
            Self::None => false,
        }
    }

    /// Whether connections of others may be ended. Where nobody is asked who they are, nobody may.
    #[must_use]
    pub const fn allow_operating(self) -> bool {
        matches!(self, Self::Some(Grant { operator: true, .. }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn grant(symbols: &[&str], channels: &[&str]) -> Grant {
        let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        let (symbols, channels) = (owned(symbols), owned(channels));
        let written = Written { symbols, channels, ..Written::default() };
        Grant::read(&written).unwrap()
    }

    fn symbol(text: &str) -> Symbol {
        Symbol::parse(text).unwrap()
    }

    #[test]
    fn what_is_not_named_is_not_granted() {
        let nothing = Grant::read(&Written::default()).unwrap();
        let only_symbols = grant(&["*:*"], &[]);
        let only_channels = grant(&[], &["*"]);
        for grant in [&nothing, &only_symbols, &only_channels] {
            for channel in Channel::ALL {
                assert!(!Rights::Some(grant).allow(channel, &symbol("a:B")));
            }
            assert!(!Rights::Some(grant).allow_history());
            assert!(!Rights::Some(grant).allow_operating());
        }
        let operator = Written { operator: true, ..Written::default() };
        assert!(Rights::Some(&Grant::read(&operator).unwrap()).allow_operating());
        assert!(!Rights::All.allow_operating() && !Rights::None.allow_operating());
        assert!(!Rights::None.allow(Channel::Ticker, &symbol("a:B")));
        assert!(Rights::All.allow(Channel::Ticker, &symbol("a:B")));
    }

    #[test]
    fn symbols_patterns_and_channels_are_granted_by_name() {
        let grant = grant(&["coinbase:*", "sim:BTC-USD"], &["ticker", "bars.*", "book.10"]);
        let rights = Rights::Some(&grant);
        assert!(rights.allow(Channel::Ticker, &symbol("coinbase:ETH-USD")));
        assert!(rights.allow(Channel::Bars1h, &symbol("sim:BTC-USD")));
        assert!(!rights.allow(Channel::Trades, &symbol("coinbase:ETH-USD")));
        assert!(!rights.allow(Channel::Ticker, &symbol("sim:ETH-USD")));
        let pattern = |text| Pattern::parse(text).unwrap();
        assert!(rights.meet(&pattern("*:*")) && rights.meet(&pattern("sim:*")));
        assert!(!rights.meet(&pattern("sim:ETH-*")) && !rights.meet(&pattern("kraken:*")));
        assert!(rights.include(&pattern("coinbase:*-USD")) && !rights.include(&pattern("sim:*")));
        assert!(rights.touch("sim") && !rights.touch("kraken"));
    }

    #[test]
    fn a_grant_that_cannot_be_read_is_none() {
        for bad in ["", "*", "coinbase", "coinbase:BTC*", "COINBASE:*"] {
            let written = Written { symbols: vec![bad.to_owned()], ..Written::default() };
            assert!(Grant::read(&written).is_err(), "{bad}");
        }
        let symbols = (0..65).map(|n| format!("v{n}:*")).collect();
        assert!(Grant::read(&Written { symbols, ..Written::default() }).is_err());
    }

    proptest! {
        #[test]
        fn what_is_said_of_a_pattern_holds_for_its_symbols(
            granted in proptest::collection::vec("[ab*]:(A|B|\\*)(-(A|B|\\*))?", 0..4),
            asked in "[ab*]:(A|B|\\*)(-(A|B|\\*))?",
            symbol in "[ab]:[AB](-[AB])?",
        ) {
            let readable = granted.into_iter().filter(|text| Name::parse(text).is_ok());
            let symbols: Vec<String> = readable.collect();
            let channels = vec!["*".to_owned()];
            let written = Written { symbols, channels, ..Written::default() };
            let grant = Grant::read(&written).unwrap();
            let (rights, symbol) = (Rights::Some(&grant), Symbol::parse(&symbol).unwrap());
            if let Ok(pattern) = Pattern::parse(&asked) && pattern.covers(&symbol) {
                prop_assert!(!rights.cover(&symbol) || rights.meet(&pattern));
                prop_assert!(!rights.include(&pattern) || rights.cover(&symbol));
                prop_assert!(!rights.cover(&symbol) || rights.touch(symbol.venue()));
            }
        }
    }
}
