//! A gauge: how one client does, written by its shard once a second for those who watch over it;
//! and the one thing that they can tell the shard, which is to let the client go.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

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
    dismissed: AtomicBool,
}

impl Gauge {
    /// An operator wants the client's connection to end, which it does within a second.
    pub fn dismiss(&self) {
        self.dismissed.store(true, Relaxed);
    }

    /// Whether an operator does.
    pub(super) fn is_dismissed(&self) -> bool {
        self.dismissed.load(Relaxed)
    }
}
