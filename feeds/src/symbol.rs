//! A symbol: the name of one instrument at one venue, `venue:NAME`.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use crate::error::Error;

/// Longest venue part, in bytes.
pub const VENUE_BYTES_MAX: usize = 16;
/// Longest NAME part, in bytes.
pub const NAME_BYTES_MAX: usize = 40;

/// `venue:NAME`, for example `binance:BTC-USDT`. Cheap to clone.
///
/// The venue is `[a-z0-9_]{1,16}`, the NAME `[A-Za-z0-9._/-]{1,40}`; any other byte of a venue's
/// own name is written `%XX`. So a symbol never needs escaping in JSON.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol(Arc<str>);

impl Symbol {
    /// Parses `venue:NAME`.
    ///
    /// # Errors
    /// [`Error::BadSymbol`] if a part is empty, too long, or holds a byte it may not.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let parts = text.split_once(':').filter(|(venue, name)| is_venue(venue) && is_name(name));
        if parts.is_none() {
            return Err(Error::bad_symbol(text));
        }
        Ok(Self(text.into()))
    }

    /// Joins a venue and the venue's own name, escaping what a NAME may not hold.
    ///
    /// # Errors
    /// [`Error::BadSymbol`] if the venue is not one or the escaped name is empty or too long.
    pub fn escaped(venue: &str, name: &str) -> Result<Self, Error> {
        let mut text = format!("{venue}:");
        for byte in name.bytes() {
            if is_name_byte(byte) {
                text.push(byte.into());
            } else {
                text.push_str(&format!("%{byte:02X}"));
            }
        }
        Self::parse(&text)
    }

    /// The whole `venue:NAME`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the colon.
    #[must_use]
    pub fn venue(&self) -> &str {
        self.0.split_once(':').map_or("", |(venue, _)| venue)
    }

    /// The part after the colon.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, name)| name)
    }

    /// Base and quote of a pair (`BTC`, `USDT`), split at the last `-`; `None` for a plain name.
    #[must_use]
    pub fn pair(&self) -> Option<(&str, &str)> {
        self.name().rsplit_once('-')
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for Symbol {
    fn borrow(&self) -> &str {
        &self.0
    }
}

fn is_venue(text: &str) -> bool {
    (1..=VENUE_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn is_name(text: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&text.len()) && is_name_bytes(text.as_bytes())
}

fn is_name_bytes(bytes: &[u8]) -> bool {
    match bytes {
        [] => true,
        [b'%', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
            is_name_bytes(rest)
        }
        [byte, rest @ ..] => is_name_byte(*byte) && is_name_bytes(rest),
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'/' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_is_a_venue_and_a_name() {
        let symbol = Symbol::parse("binance:BTC-USDT").unwrap();
        assert_eq!(symbol.venue(), "binance");
        assert_eq!(symbol.name(), "BTC-USDT");
        assert_eq!(symbol.pair(), Some(("BTC", "USDT")));
        assert_eq!(Symbol::parse("alpaca:BRK.B").unwrap().pair(), None);
    }

    #[test]
    fn what_is_no_symbol_is_refused() {
        let long_venue = format!("{}:A", "v".repeat(17));
        let long_name = format!("v:{}", "N".repeat(41));
        for text in
            ["", ":", "a:", ":A", "A:B", "a:B C", "a:B\"", "a:é", "a:%4", "a:%GG", "a", "a:b:c"]
                .into_iter()
                .chain([long_venue.as_str(), long_name.as_str()])
        {
            assert!(Symbol::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn foreign_bytes_are_escaped() {
        let symbol = Symbol::escaped("binance", "币BTC USDT").unwrap();
        assert_eq!(symbol.as_str(), "binance:%E5%B8%81BTC%20USDT");
        assert_eq!(Symbol::parse(symbol.as_str()).unwrap(), symbol);
    }
}
