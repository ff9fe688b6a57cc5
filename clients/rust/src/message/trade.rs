//! A trade, and what became of one later.

use crate::amount;
use crate::time::Time;
use rust_decimal::Decimal;

message_and_row! {
    /// One trade.
    pub struct Trade, TradeRow {
        /// The venue's time.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub ts: Option<Time>,
        /// When the server read it from the venue.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub recv: Option<Time>,
        /// The price.
        #[serde(with = "amount")]
        pub price: Decimal,
        /// The size.
        #[serde(with = "amount")]
        pub size: Decimal,
        /// The aggressor's side, `buy` or `sell`; absent: unknown.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub side: Option<String>,
        /// The venue's name of it.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub trade_id: Option<String>,
        /// Where it was made, for stocks.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub exchange: Option<String>,
        /// The venue's conditions.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub conditions: Option<Vec<String>>,
        /// The tape of the venue.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub tape: Option<String>,
        /// Whether it is older than an earlier one of its symbol.
        #[serde(skip_serializing_if = "is_false")]
        pub late: bool,
        /// Whether it leaves the last price as it is.
        #[serde(skip_serializing_if = "is_false")]
        pub no_last: bool,
        /// Whether it leaves high and low as they are.
        #[serde(skip_serializing_if = "is_false")]
        pub no_range: bool,
        /// Whether it does not count in the volume.
        #[serde(skip_serializing_if = "is_false")]
        pub no_volume: bool,
    }
}

message! {
    /// What the venue said later about an earlier trade.
    pub struct Amend {
        /// The venue's time.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub ts: Option<Time>,
        /// When the server read it from the venue.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub recv: Option<Time>,
        /// The `seq` of that trade.
        pub of: u64,
        /// The venue's name of it.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub trade_id: Option<String>,
        /// `cancel` or `correct`.
        pub action: String,
        /// The right price.
        #[serde(with = "amount::option", skip_serializing_if = "Option::is_none")]
        pub price: Option<Decimal>,
        /// The right size.
        #[serde(with = "amount::option", skip_serializing_if = "Option::is_none")]
        pub size: Option<Decimal>,
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields so")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}
