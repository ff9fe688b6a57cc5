//! A venue's feed that speaks under another name, so that a recording never mixes with the venue
//! itself.

use std::collections::HashMap;

use tickwire_feeds::Error;
use tickwire_feeds::Feed;
use tickwire_feeds::Nanos;
use tickwire_feeds::Output;
use tickwire_feeds::Profile;
use tickwire_feeds::Symbol;
use tickwire_feeds::Tick;
use tickwire_feeds::tick::Scope;
use tickwire_feeds::tick::TradeId;

/// A feed whose symbol `A:B` is `name:A.B`.
pub(super) struct Renamed {
    feed: Box<dyn Feed>,
    name: String,
    symbols: HashMap<Symbol, Symbol>,
}

impl Renamed {
    pub(super) fn new(feed: Box<dyn Feed>, name: &str) -> Self {
        Self { feed, name: name.to_owned(), symbols: HashMap::new() }
    }

    /// Renames what is new in the output.
    ///
    /// # Errors
    /// [`Error::BadSymbol`] if a name became too long; its ticks are left out.
    fn rename(&mut self, out: &mut Output) -> Result<(), Error> {
        let mut result = Ok(());
        out.ticks.retain_mut(|tick| match self.rename_tick(tick) {
            Ok(()) => true,
            Err(error) => {
                result = Err(error);
                false
            }
        });
        result
    }

    fn rename_tick(&mut self, tick: &mut Tick) -> Result<(), Error> {
        let symbol = match tick {
            Tick::Trade(trade) => &mut trade.symbol,
            Tick::Quote(quote) => &mut quote.symbol,
            Tick::Listed(listing) => {
                if listing.raw.is_none() {
                    listing.raw = Some(listing.symbol.name().into());
                }
                &mut listing.symbol
            }
            Tick::Status(status) => match &mut status.scope {
                Scope::Symbol(symbol) => symbol,
                Scope::Feed => return Ok(()),
            },
            Tick::Gap(gap) => match &mut gap.scope {
                Scope::Symbol(symbol) => symbol,
                Scope::Feed => return Ok(()),
            },
            Tick::AllListed => return Ok(()),
        };
        *symbol = self.own(symbol)?;
        Ok(())
    }

    fn own(&mut self, symbol: &Symbol) -> Result<Symbol, Error> {
        if let Some(own) = self.symbols.get(symbol) {
            return Ok(own.clone());
        }
        let own = Symbol::parse(&format!("{}:{}.{}", self.name, symbol.venue(), symbol.name()))?;
        self.symbols.insert(symbol.clone(), own.clone());
        Ok(own)
    }
}

impl Feed for Renamed {
    fn profile(&self) -> Profile {
        self.feed.profile()
    }

    fn resume_after(&mut self, symbol: &Symbol, last_trade: &TradeId) {
        self.feed.resume_after(symbol, last_trade);
    }

    fn on_open(&mut self, now: Nanos, out: &mut Output) {
        self.feed.on_open(now, out);
        // What has no name here comes again as the error of a frame.
        drop(self.rename(out));
    }

    fn on_frame(&mut self, frame: &mut [u8], now: Nanos, out: &mut Output) -> Result<(), Error> {
        let read = self.feed.on_frame(frame, now, out);
        let renamed = self.rename(out);
        read.and(renamed)
    }

    fn on_close(&mut self, now: Nanos, out: &mut Output) {
        self.feed.on_close(now, out);
        drop(self.rename(out));
    }

    fn poll_timeout(&self) -> Option<Nanos> {
        self.feed.poll_timeout()
    }

    fn on_timeout(&mut self, now: Nanos, out: &mut Output) {
        self.feed.on_timeout(now, out);
        drop(self.rename(out));
    }
}
