//! The instruments of one feed: the venue's own name to our symbol, by table.

use std::collections::HashMap;
use std::fmt;

use crate::continuity::Continuity;
use crate::continuity::Finding;
use crate::continuity::Step;
use crate::error::Error;
use crate::symbol::Symbol;
use crate::tick::Cause;
use crate::tick::Covers;
use crate::tick::Gap;
use crate::tick::GapState;
use crate::tick::Listing;
use crate::tick::Scope;
use crate::tick::Tick;
use crate::tick::Trade;
use crate::tick::TradeId;
use crate::time::Nanos;

/// How a venue names what it lists.
#[derive(Clone, Copy)]
pub(crate) struct Naming {
    /// The part of our symbols before the colon.
    pub(crate) venue: &'static str,
    /// Most instruments that one feed may serve.
    pub(crate) count_max: usize,
    /// The venue's name of base and quote; `None` if it cannot list such a pair.
    pub(crate) raw: fn(&str, &str) -> Option<String>,
}

/// All instruments of a feed, each with what its feed remembers of it (`S`).
pub(crate) struct Instruments<S> {
    venue: &'static str,
    all: Vec<Instrument<S>>,
    by_raw: HashMap<Box<str>, usize>,
    link: Link,
}

/// One instrument.
pub(crate) struct Instrument<S> {
    /// Our name.
    pub(crate) symbol: Symbol,
    /// The venue's name.
    pub(crate) raw: Box<str>,
    /// Where its trade ids stand.
    pub(crate) prints: Continuity,
    /// What only this venue's feed remembers.
    pub(crate) state: S,
}

/// The connection, as far as instruments are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Never,
    Open,
    Closed,
}

impl<S: Default> Instruments<S> {
    /// Derives the venue's name of each symbol.
    ///
    /// # Errors
    /// [`Error::BadSetting`] for no symbols or too many, a symbol of another venue or shape, and
    /// for two that the venue would call the same.
    pub(crate) fn new(naming: Naming, symbols: &[Symbol]) -> Result<Self, Error> {
        let Naming { venue, count_max, raw: name } = naming;
        if symbols.is_empty() || symbols.len() > count_max {
            let count = symbols.len();
            let text = format!("{venue} takes 1 to {count_max} symbols, not {count}");
            return Err(Error::BadSetting(text));
        }
        let mut by_raw = HashMap::with_capacity(symbols.len());
        let mut all = Vec::with_capacity(symbols.len());
        for symbol in symbols {
            let raw = raw_name(naming.venue, symbol, name)?;
            if by_raw.insert(raw.clone(), all.len()).is_some() {
                let text = format!("{symbol} is listed twice, or has the name of another");
                return Err(Error::BadSetting(text));
            }
            let prints = Continuity::default();
            all.push(Instrument { symbol: symbol.clone(), raw, prints, state: S::default() });
        }
        Ok(Self { venue, all, by_raw, link: Link::Never })
    }
}

impl<S> Instruments<S> {
    /// The instrument that the venue calls `raw`.
    ///
    /// # Errors
    /// [`Error::UnknownInstrument`] if none was subscribed by this name.
    pub(crate) fn find(&mut self, raw: &str) -> Result<&mut Instrument<S>, Error> {
        let found = self.by_raw.get(raw).and_then(|index| self.all.get_mut(*index));
        found.ok_or_else(|| unknown(self.venue, raw))
    }

    /// All of them, in the order of the settings.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Instrument<S>> {
        self.all.iter()
    }

    /// All of them, to change.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Instrument<S>> {
        self.all.iter_mut()
    }

    /// The venue's names, `size` at a time.
    pub(crate) fn raw_chunks(&self, size: usize) -> impl Iterator<Item = Vec<&str>> {
        self.all.chunks(size).map(|part| part.iter().map(|one| &*one.raw).collect())
    }

    /// See [`crate::Feed::resume_after`]; an id that is no number proves nothing.
    pub(crate) fn resume_after(&mut self, symbol: &Symbol, last_trade: &TradeId) {
        let found = self.all.iter_mut().find(|one| one.symbol == *symbol);
        if let (Some(instrument), Some(last)) = (found, last_trade.number()) {
            instrument.prints.resume(last);
        }
    }

    /// A connection is open: lists every instrument when it is the first.
    pub(crate) fn connected(&mut self, now: Nanos, out: &mut Vec<Tick>) {
        if self.link == Link::Never {
            for instrument in &self.all {
                let differs = *instrument.raw != *instrument.symbol.name();
                let raw = differs.then(|| instrument.raw.clone());
                let symbol = instrument.symbol.clone();
                out.push(Tick::Listed(Listing { symbol, raw, recv: now }));
            }
            out.push(Tick::AllListed);
        }
        self.link = Link::Open;
    }

    /// No connection is left: one gap for the whole feed, which each symbol has to settle.
    pub(crate) fn disconnected(&mut self, now: Nanos, out: &mut Vec<Tick>) {
        if self.link != Link::Open {
            return;
        }
        self.link = Link::Closed;
        for instrument in &mut self.all {
            instrument.prints.interrupt();
        }
        out.push(Tick::Gap(Gap {
            scope: Scope::Feed,
            recv: now,
            covers: Covers::All,
            cause: Cause::VenueDisconnect,
            missing: None,
            state: GapState::Open,
            settles_disconnect: false,
        }));
    }
}

impl<S> Instrument<S> {
    /// Passes a trade on, after what its id reveals; drops it if it was seen before.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for an id that cannot follow.
    pub(crate) fn publish(&mut self, trade: Trade, out: &mut Vec<Tick>) -> Result<(), Error> {
        let Some(id) = trade.trade_id.as_ref().and_then(TradeId::number) else {
            out.push(Tick::Trade(trade));
            return Ok(());
        };
        if let Step::Fresh(found) = self.prints.step(id)? {
            self.report(found, trade.recv, out);
            out.push(Tick::Trade(trade));
        }
        Ok(())
    }

    /// Tells a finding, if there is one.
    pub(crate) fn report(&self, found: Option<Finding>, recv: Nanos, out: &mut Vec<Tick>) {
        let Some(found) = found else { return };
        out.push(Tick::Gap(Gap {
            scope: Scope::Symbol(self.symbol.clone()),
            recv,
            covers: found.covers,
            cause: found.cause,
            missing: found.missing,
            state: found.state,
            settles_disconnect: found.settles_disconnect,
        }));
    }
}

impl<S> fmt::Debug for Instruments<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instruments")
            .field("venue", &self.venue)
            .field("count", &self.all.len())
            .field("link", &self.link)
            .finish_non_exhaustive()
    }
}

fn unknown(venue: &'static str, raw: &str) -> Error {
    Error::UnknownInstrument { venue, name: crate::error::quoted(raw) }
}

fn raw_name(
    venue: &str,
    symbol: &Symbol,
    name: fn(&str, &str) -> Option<String>,
) -> Result<Box<str>, Error> {
    let pair = symbol.pair().filter(|_| symbol.venue() == venue);
    pair.and_then(|(base, quote)| Some((unescaped(base)?, unescaped(quote)?)))
        .filter(|(base, quote)| !base.is_empty() && !quote.is_empty())
        .and_then(|(base, quote)| name(&base, &quote))
        .map(String::into_boxed_str)
        .ok_or_else(|| {
            Error::BadSetting(format!("{symbol} is no symbol of {venue}: try {venue}:BTC-USD"))
        })
}

/// Undoes the `%XX` of [`Symbol::escaped`]; `None` if that leaves no text.
fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (digits, tail) = rest.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = tail;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMING: Naming = Naming {
        venue: "here",
        count_max: 3,
        raw: |base, quote| (base != "BAD").then(|| format!("{base}{quote}")),
    };

    fn new(names: &[&str]) -> Result<Instruments<()>, Error> {
        let symbols: Vec<_> = names.iter().map(|name| Symbol::parse(name).unwrap()).collect();
        Instruments::new(NAMING, &symbols)
    }

    #[test]
    fn a_venues_name_leads_to_the_symbol_given() {
        let mut table = new(&["here:BTC-USD", "here:%E5%B8%81-USD"]).unwrap();
        assert_eq!(table.find("BTCUSD").unwrap().symbol.as_str(), "here:BTC-USD");
        assert_eq!(table.find("币USD").unwrap().symbol.as_str(), "here:%E5%B8%81-USD");
        assert!(matches!(table.find("btcusd"), Err(Error::UnknownInstrument { .. })));
    }

    #[test]
    fn symbols_of_another_shape_or_number_are_refused() {
        for names in [
            &[][..],
            &["here:A-B", "here:C-D", "here:E-F", "here:G-H"],
            &["there:A-B"],
            &["here:AB"],
            &["here:-B"],
            &["here:A-"],
            &["here:BAD-B"],
            &["here:A-B", "here:A-B"],
            &["here:AB-C", "here:A-BC"],
        ] {
            assert!(matches!(new(names), Err(Error::BadSetting(_))), "{names:?}");
        }
    }

    #[test]
    fn instruments_are_listed_once_and_a_lost_connection_is_told_once() {
        let mut table = new(&["here:A-B"]).unwrap();
        let mut out = Vec::new();
        table.disconnected(Nanos(1), &mut out);
        assert!(out.is_empty());
        table.connected(Nanos(2), &mut out);
        assert!(matches!(&out[..], [Tick::Listed(one), Tick::AllListed]
            if one.raw.as_deref() == Some("AB") && one.recv == Nanos(2)));
        out.clear();
        table.connected(Nanos(3), &mut out);
        assert!(out.is_empty());
        table.disconnected(Nanos(4), &mut out);
        table.disconnected(Nanos(5), &mut out);
        assert!(matches!(&out[..], [Tick::Gap(gap)]
            if gap.scope == Scope::Feed && gap.state == GapState::Open && gap.recv == Nanos(4)));
    }
}
