//! A bar.

use crate::amount;
use crate::time::Time;
use rust_decimal::Decimal;

message_and_row! {
    /// A bar as it is after one of its trades, or after it was closed; as a row of history, after
    /// the last of these.
    pub struct Bar, BarRow {
        /// When it begins.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub start: Option<Time>,
        /// Price of its earliest trade. What no trade of the bar moved is `None`.
        #[serde(with = "amount::option")]
        pub open: Option<Decimal>,
        /// The highest.
        #[serde(with = "amount::option")]
        pub high: Option<Decimal>,
        /// The lowest.
        #[serde(with = "amount::option")]
        pub low: Option<Decimal>,
        /// Price of its latest trade.
        #[serde(with = "amount::option")]
        pub close: Option<Decimal>,
        /// What was traded; `None` too if that has more than 28 digits.
        #[serde(with = "amount::option")]
        pub volume: Option<Decimal>,
        /// In how many trades.
        pub trades: u64,
        /// Whether it is closed.
        #[serde(rename = "final")]
        pub is_final: bool,
        /// How often it changed after that.
        pub revision: u64,
    }
}
