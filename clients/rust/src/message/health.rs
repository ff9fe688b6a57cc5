//! How a stream is, and what is missing in it.

use serde::Deserialize;
use serde::Serialize;

use crate::time::Time;

message! {
    /// The health of a stream's feed and symbol changed.
    pub struct Status {
        /// When the server read it from the venue.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub recv: Option<Time>,
        /// `live`, `stale`, `resyncing` or `down`.
        pub state: String,
        /// `pre`, `open`, `auction`, `halted`, `post` or `closed`; absent: unknown.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub trading: Option<String>,
        /// Since when.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub since: Option<Time>,
        /// Why.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub reason: Option<String>,
    }
}

/// Something is missing in a stream: at the venue, or, with `cause` `slow_consumer`, for this
/// connection alone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Gap {
    /// As `ticker`, `trades` or `bars.1m`.
    pub channel: String,
    /// As `sim:BTC-USD`.
    pub symbol: String,
    /// Its place on the tape; none if it is this connection's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// Of the message before it in its stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prev: Option<u64>,
    /// When the server noticed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recv: Option<Time>,
    /// `venue_sequence`, `venue_disconnect`, `venue_checksum`, `tape` or `slow_consumer`.
    pub cause: String,
    /// The first message that this connection was too slow for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// The last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<u64>,
    /// How many messages, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<u64>,
    /// `open`, `filled` or `lost`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// The `seq` of the gap that this one tells more of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<u64>,
}
