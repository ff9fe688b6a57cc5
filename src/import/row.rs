//! One row of a file: what happened, when, to what.

use tickwire_feeds::Nanos;
use tickwire_feeds::Price;
use tickwire_feeds::Size;
use tickwire_feeds::tick::Level;
use tickwire_feeds::tick::Side;
use tickwire_feeds::tick::TradeExtra;
use tickwire_feeds::tick::TradeId;

/// One row of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Row<'a> {
    /// When; it becomes `recv`.
    pub at: Nanos,
    /// The venue's own time, if the file tells it.
    pub ts: Option<Nanos>,
    /// Of what, as the file names it.
    pub symbol: &'a str,
    /// What happened.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// A print.
    Trade {
        /// Paid for one unit.
        price: Price,
        /// How much changed hands.
        size: Size,
        /// Who crossed the spread, if known.
        side: Option<Side>,
        /// The venue's id.
        trade_id: Option<TradeId>,
        /// What only some venues say.
        extra: Option<Box<TradeExtra>>,
    },
    /// The best bid and ask as they now stand.
    Quote {
        /// Best buy order.
        bid: Option<Level>,
        /// Best sell order.
        ask: Option<Level>,
    },
}
