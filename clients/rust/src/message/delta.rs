//! What changed in a state.

use crate::amount;
use crate::change::Change;
use crate::message::Level;
use crate::time::Time;
use rust_decimal::Decimal;

message! {
    /// What changed in a ticker (or a book, once there are books) with one message.
    pub struct Delta {
        /// The venue's time.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub ts: Option<Time>,
        /// When the server read it from the venue.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub recv: Option<Time>,
        /// Best bid.
        #[serde(with = "amount::change", skip_serializing_if = "Change::is_kept")]
        pub bid: Change<Decimal>,
        /// Its size.
        #[serde(with = "amount::change", skip_serializing_if = "Change::is_kept")]
        pub bid_size: Change<Decimal>,
        /// Best ask.
        #[serde(with = "amount::change", skip_serializing_if = "Change::is_kept")]
        pub ask: Change<Decimal>,
        /// Its size.
        #[serde(with = "amount::change", skip_serializing_if = "Change::is_kept")]
        pub ask_size: Change<Decimal>,
        /// Price of the last trade that counts.
        #[serde(with = "amount::change", skip_serializing_if = "Change::is_kept")]
        pub last: Change<Decimal>,
        /// Its size.
        #[serde(with = "amount::change", skip_serializing_if = "Change::is_kept")]
        pub last_size: Change<Decimal>,
        /// The day of the figures that follow.
        #[serde(skip_serializing_if = "Change::is_kept")]
        pub day: Change<String>,
        /// From when they count, where that is not the whole day.
        #[serde(skip_serializing_if = "Change::is_kept")]
        pub day_from: Change<Time>,
        /// Last price of the day before.
        #[serde(with = "amount::change", skip_serializing_if = "Change::is_kept")]
        pub prev_close: Change<Decimal>,
        /// First price of the day.
        #[serde(with = "amount::change", skip_serializing_if = "Change::is_kept")]
        pub open: Change<Decimal>,
        /// The highest.
        #[serde(with = "amount::change", skip_serializing_if = "Change::is_kept")]
        pub high: Change<Decimal>,
        /// The lowest.
        #[serde(with = "amount::change", skip_serializing_if = "Change::is_kept")]
        pub low: Change<Decimal>,
        /// What was traded in the day.
        #[serde(with = "amount::change", skip_serializing_if = "Change::is_kept")]
        pub volume: Change<Decimal>,
        /// In how many trades.
        #[serde(skip_serializing_if = "Change::is_kept")]
        pub trades: Change<u64>,
        /// `book.*`: changed bids; size 0 removes a level.
        #[serde(with = "amount::levels", skip_serializing_if = "Vec::is_empty")]
        pub bids: Vec<Level>,
        /// `book.*`: changed asks.
        #[serde(with = "amount::levels", skip_serializing_if = "Vec::is_empty")]
        pub asks: Vec<Level>,
    }
}
