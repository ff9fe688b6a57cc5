//! Data messages of `tickwire.v1`, field by field as the server sends them.
//!
//! Prices and sizes are decimals with the server's digits: `105944.20` stays so. Written again with
//! serde a message is what it was, but for fields that this version does not know.

/// Declares a message that follows another one in its stream, by what it says besides that.
macro_rules! message {
    ($(#[$about:meta])* pub struct $name:ident { $($fields:tt)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
        #[serde(default)]
        #[non_exhaustive]
        pub struct $name {
            /// As `ticker`, `trades` or `bars.1m`.
            pub channel: String,
            /// As `sim:BTC-USD`.
            pub symbol: String,
            /// Its place on the tape.
            pub seq: u64,
            /// Of the message before it in its stream.
            pub prev: u64,
            $($fields)*
        }
    };
}

/// Declares such a message and the row of history that says the same.
macro_rules! message_and_row {
    ($(#[$about:meta])* pub struct $name:ident, $row:ident { $($fields:tt)* }) => {
        message! { $(#[$about])* pub struct $name { $($fields)* } }

        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
        #[serde(default)]
        #[non_exhaustive]
        pub struct $row {
            /// As `sim:BTC-USD`.
            pub symbol: String,
            /// Its place on the tape.
            pub seq: u64,
            $($fields)*
        }
    };
}

mod bar;
mod delta;
mod health;
mod snapshot;
mod trade;

use rust_decimal::Decimal;

pub use bar::Bar;
pub use bar::BarRow;
pub use delta::Delta;
pub use health::Gap;
pub use health::Status;
pub use snapshot::Snapshot;
pub use trade::Amend;
pub use trade::Trade;
pub use trade::TradeRow;

/// A price level of a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// Its price.
    pub price: Decimal,
    /// All there is at this price; 0 in a delta: the level is gone.
    pub size: Decimal,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Serialize;
    use serde::de::DeserializeOwned;
    use serde_json::Value;

    /// What is read and written again is the same.
    #[track_caller]
    fn check<T: DeserializeOwned + Serialize>(text: &str) -> T {
        let message: T = serde_json::from_str(text).unwrap();
        let (again, before): (Value, Value) =
            (serde_json::to_value(&message).unwrap(), serde_json::from_str(text).unwrap());
        assert_eq!(again, before);
        message
    }

    #[test]
    fn a_message_written_again_is_the_same() {
        let snapshot: Snapshot = check(
            r#"{"channel":"ticker","symbol":"a:B-C","seq":7,"ts":"2026-11-21T03:30:00.5Z","bid":"97000.010","bid_size":"0.5","day":"2026-11-21","trades":190233,"state":"live","since":"2026-11-21T03:12:00Z"}"#,
        );
        assert_eq!(snapshot.bid.unwrap().to_string(), "97000.010");
        check::<Snapshot>(
            r#"{"channel":"book.25","symbol":"a:B-C","seq":7,"bids":[["97000.0","0.136"]],"asks":[["97000.1","0"]],"state":"live"}"#,
        );
        let delta: Delta = check(
            r#"{"channel":"ticker","symbol":"a:B-C","seq":9,"prev":7,"bid":null,"ask":"97000.03","day_from":null}"#,
        );
        assert_eq!((delta.bid, delta.bid_size), (crate::Change::Unknown, crate::Change::Kept));
        let trade: Trade = check(
            r#"{"channel":"trades","symbol":"a:B-C","seq":9,"prev":7,"price":"0.0000001","size":"3","side":"buy","trade_id":"1","conditions":["@","I"],"late":true}"#,
        );
        assert_eq!(trade.price.to_string(), "0.0000001");
        check::<Bar>(
            r#"{"channel":"bars.1m","symbol":"a:B-C","seq":9,"prev":7,"start":"2026-11-21T03:29:00Z","open":null,"high":null,"low":null,"close":"1","volume":"2.50","trades":12,"final":false,"revision":0}"#,
        );
        check::<Status>(
            r#"{"channel":"ticker","symbol":"a:B-C","seq":9,"prev":7,"state":"stale","reason":"no message for 12 s"}"#,
        );
        check::<Gap>(
            r#"{"channel":"trades","symbol":"a:B-C","cause":"slow_consumer","from":3,"to":9,"missing":2}"#,
        );
        check::<Amend>(
            r#"{"channel":"trades","symbol":"a:B-C","seq":9,"prev":7,"of":3,"action":"cancel"}"#,
        );
    }

    #[test]
    fn deltas_add_up_to_the_snapshot() {
        let mut held: Snapshot = check(
            r#"{"channel":"ticker","symbol":"a:B-C","seq":7,"bid":"1.0","bid_size":"2","ask":"3","state":"live"}"#,
        );
        let delta: Delta = check(
            r#"{"channel":"ticker","symbol":"a:B-C","seq":9,"prev":7,"bid":null,"ask":"4.00"}"#,
        );
        held.apply(&delta);
        let status: Status = check(
            r#"{"channel":"ticker","symbol":"a:B-C","seq":12,"prev":9,"state":"stale","reason":"x"}"#,
        );
        held.apply_status(&status);
        let expected: Snapshot = check(
            r#"{"channel":"ticker","symbol":"a:B-C","seq":12,"bid_size":"2","ask":"4.00","state":"stale","reason":"x"}"#,
        );
        assert_eq!(held, expected);
    }

    #[test]
    fn what_is_no_number_is_refused_and_never_a_guess() {
        for bid in ["\"abc\"", "\"\"", "1.5", "\"NaN\"", "\"1e999\"", "{}", "\"1.2.3\""] {
            let text =
                format!("{{\"channel\":\"ticker\",\"symbol\":\"a:B\",\"seq\":1,\"bid\":{bid}}}");
            assert!(serde_json::from_str::<Snapshot>(&text).is_err(), "{bid}");
        }
    }
}
