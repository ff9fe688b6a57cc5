//! A witness of a simulated market, for tests.

use std::collections::HashMap;

use crate::decimal::Price;
use crate::decimal::Size;
use crate::symbol::Symbol;
use crate::tick::Gap;
use crate::tick::Quote;
use crate::tick::Scope;
use crate::tick::Side;
use crate::tick::Tick;
use crate::tick::Trade;

/// What holds of any run: prices, digits, sides, ids and the gaps between them.
#[derive(Default)]
pub(super) struct Witness {
    pub(super) quotes: HashMap<Symbol, Quote>,
    pub(super) ids: HashMap<Symbol, u64>,
    digits: HashMap<Symbol, (u32, u32)>,
    missing: HashMap<Symbol, u64>,
    pub(super) trades: u64,
}

impl Witness {
    pub(super) fn see(&mut self, tick: &Tick) {
        match tick {
            Tick::Quote(quote) => self.quote(quote),
            Tick::Trade(trade) => self.trade(trade),
            Tick::Gap(Gap { scope: Scope::Symbol(symbol), missing, .. }) => {
                let again = self.missing.insert(symbol.clone(), missing.unwrap());
                assert_eq!(again, None, "two gaps before one trade");
            }
            other => assert!(matches!(other, Tick::Gap(_)), "{other:?}"),
        }
    }

    fn quote(&mut self, quote: &Quote) {
        let (bid, ask) = (quote.bid.unwrap(), quote.ask.unwrap());
        let spread = ask.price.parts().0 - bid.price.parts().0;
        assert!((1..=5).contains(&spread), "{quote:?}");
        for level in [bid, ask] {
            let size = level.size.unwrap();
            assert!(!size.is_zero(), "{quote:?}");
            self.digits(&quote.symbol, level.price, size);
        }
        self.quotes.insert(quote.symbol.clone(), quote.clone());
    }

    fn trade(&mut self, trade: &Trade) {
        let quote = &self.quotes[&trade.symbol];
        let side = if trade.side == Some(Side::Buy) { quote.ask } else { quote.bid };
        let level = side.unwrap();
        assert!(trade.price.same_digits(level.price), "{trade:?} after {quote:?}");
        assert!(!trade.size.is_zero() && trade.size <= level.size.unwrap(), "{trade:?}");
        self.digits(&trade.symbol, trade.price, trade.size);
        let last = self.ids.insert(trade.symbol.clone(), id(trade)).unwrap_or(0);
        let missing = self.missing.remove(&trade.symbol).unwrap_or(0);
        assert_eq!(id(trade), last + missing + 1, "{trade:?}");
        self.trades += 1;
    }

    fn digits(&mut self, symbol: &Symbol, price: Price, size: Size) {
        let digits = (price.parts().1, size.parts().1);
        assert_eq!(*self.digits.entry(symbol.clone()).or_insert(digits), digits, "{symbol}");
    }
}

pub(super) fn id(trade: &Trade) -> u64 {
    trade.trade_id.as_ref().unwrap().number().unwrap()
}
