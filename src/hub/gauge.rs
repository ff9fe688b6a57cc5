//! A gauge: how one client does, written by its shard once a second for those who watch over it.

use crate::hub::stats::Count;

/// Figures of one client.
#[derive(Debug, Default)]
pub struct Gauge {
    /// Bytes that wait for it.
    pub waiting_bytes: Count,
    /// Streams that it has.
    pub streams: Count,
    /// Messages that it was not sent because it is slow: conflated, or dropped with a gap.
    pub skipped: Count,
}
