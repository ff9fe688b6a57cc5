//! The venues that can be connected to.

use std::fmt;
use std::str::FromStr;

use crate::binance::Binance;
use crate::coinbase::Coinbase;
use crate::error::Error;
use crate::error::quoted;
use crate::feed::Feed;
use crate::kraken::Kraken;
use crate::symbol::Symbol;

/// A venue with public market data, no key needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Venue {
    /// Binance spot.
    Binance,
    /// Coinbase Exchange.
    Coinbase,
    /// Kraken spot, WebSocket v2.
    Kraken,
}

impl Venue {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::Binance, Self::Coinbase, Self::Kraken];

    /// The part of its symbols before the colon.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Binance => "binance",
            Self::Coinbase => "coinbase",
            Self::Kraken => "kraken",
        }
    }

    /// Symbols to begin with: liquid pairs, listed for years.
    #[must_use]
    pub const fn main_pairs(self) -> &'static [&'static str] {
        match self {
            Self::Binance => &[
                "binance:BTC-USDT",
                "binance:ETH-USDT",
                "binance:SOL-USDT",
                "binance:XRP-USDT",
                "binance:BNB-USDT",
            ],
            Self::Coinbase => {
                &["coinbase:BTC-USD", "coinbase:ETH-USD", "coinbase:SOL-USD", "coinbase:XRP-USD"]
            }
            Self::Kraken => {
                &["kraken:BTC-USD", "kraken:ETH-USD", "kraken:SOL-USD", "kraken:XRP-USD"]
            }
        }
    }

    /// A feed of `symbols`.
    ///
    /// # Errors
    /// [`Error::BadSetting`] for no symbols, more than the venue serves, or one that it cannot
    /// list.
    pub fn feed(self, symbols: &[Symbol]) -> Result<Box<dyn Feed>, Error> {
        Ok(match self {
            Self::Binance => Box::new(Binance::new(symbols)?),
            Self::Coinbase => Box::new(Coinbase::new(symbols)?),
            Self::Kraken => Box::new(Kraken::new(symbols)?),
        })
    }
}

impl fmt::Display for Venue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Venue {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let found = Self::ALL.iter().find(|venue| venue.name() == text);
        found.copied().ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|venue| venue.name()).collect();
            let text = quoted(text);
            Error::BadSetting(format!("no venue {text:?}: expected one of {}", names.join(", ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_venue_serves_its_main_pairs_under_its_name() {
        for venue in Venue::ALL {
            assert_eq!(venue.name().parse::<Venue>().unwrap(), *venue);
            let pairs = venue.main_pairs().iter().map(|text| Symbol::parse(text).unwrap());
            let feed = venue.feed(&pairs.collect::<Vec<_>>()).unwrap();
            assert_eq!(feed.profile().venue, venue.name());
        }
    }

    #[test]
    fn an_unknown_venue_is_told_which_there_are() {
        let error = "nasdaq".parse::<Venue>().unwrap_err().to_string();
        assert_eq!(error, "no venue \"nasdaq\": expected one of binance, coinbase, kraken");
    }
}
