//! What a shard counts. It alone writes; `/metrics` reads.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use crate::subscriber::Tally;

/// A number that one thread writes and others may read.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Its value.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }

    /// Sets it.
    pub(super) fn set(&self, value: u64) {
        self.0.store(value, Relaxed);
    }

    /// Adds to it. Only its one writer may: that spares an atomic addition for each message.
    pub(super) fn add(&self, more: u64) {
        self.set(self.get().wrapping_add(more));
    }
}

/// Figures of one shard.
#[derive(Debug, Default)]
pub struct ShardStats {
    /// Connections now.
    pub connections: Count,
    /// Streams joined now.
    pub streams: Count,
    /// Its place on the tape.
    pub seq: Count,
    /// Events waiting in its ring when it last looked.
    pub ring: Count,
    /// Times that the ring was full and it caught up from the journal.
    pub laps: Count,
    /// Events applied.
    pub events: Count,
    /// Messages that this shard encoded from events; others had them encoded already.
    pub encoded: Count,
    /// Messages put into outboxes from the ring.
    pub delivered: Count,
    /// Times that everything waiting was sent.
    pub flushes: Count,
    /// Time that the last flush made the next one wait, in µs.
    pub flush_wait_us: Count,
    /// Writes that went straight to a socket.
    pub writes: Count,
    /// Bytes that those writes took.
    pub written_bytes: Count,
    /// Times that a socket did not take everything at once, and bytes went the long way.
    pub handed_over: Count,
    /// Bytes waiting in all outboxes when last counted.
    pub outbox_bytes: Count,
    /// Bytes waiting in the fullest outbox when last counted.
    pub outbox_bytes_max: Count,
    /// Connections reading the tape now, being resumed or too slow.
    pub following: Count,
    /// Encoded snapshots that another client was sent before.
    pub snapshot_hits: Count,
    /// Snapshots that had to be encoded.
    pub snapshot_misses: Count,
    /// Snapshots sent by the clock of a subscription with `conflate_ms`.
    pub flushed: Count,
    /// Snapshots sent in place of changes that had no room.
    pub conflated: Count,
    /// Times that a slow client began to be fed from the tape.
    pub spills: Count,
    /// Gaps that slow clients were told of.
    pub gaps: Count,
    /// Messages inside those gaps.
    pub dropped: Count,
    /// Clients closed for being too slow.
    pub too_slow: Count,
}

impl ShardStats {
    /// Adds what one client got in place of each message.
    pub(super) fn count(&self, tally: &Tally) {
        self.flushed.add(tally.flushed.into());
        self.conflated.add(tally.conflated.into());
        self.spills.add(tally.spills.into());
        self.gaps.add(tally.gaps.into());
        self.dropped.add(tally.dropped);
        self.too_slow.add(tally.too_slow.into());
    }
}
