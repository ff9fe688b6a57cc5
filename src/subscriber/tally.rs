//! What slow clients were given instead of each message, counted for monitoring.

/// Counts of one client since they were last taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Snapshots by the clock of a subscription with `conflate_ms`.
    pub flushed: u32,
    /// Snapshots in place of changes that had no room.
    pub conflated: u32,
    /// Times that the client began to be fed from the tape because it was slow.
    pub spills: u32,
    /// Gaps of its own that it was told of.
    pub gaps: u32,
    /// Messages inside them, and those that were dropped and not said yet.
    pub dropped: u64,
    /// 1 if it was closed for being too slow.
    pub too_slow: u32,
}

impl crate::subscriber::Subscriber {
    /// What was counted since the last call.
    pub fn take_tally(&mut self) -> Tally {
        std::mem::take(&mut self.tally)
    }
}
