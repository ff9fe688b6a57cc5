//! The office: how many replays a server has at once, and what they did.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

/// Counts the replays of a server.
#[derive(Debug)]
pub struct Office {
    seats: usize,
    taken: AtomicUsize,
    begun: AtomicU64,
    events: AtomicU64,
    bytes: AtomicU64,
}

/// One replay; it is counted until it is dropped.
#[derive(Debug)]
pub struct Seat(Arc<Office>);

impl Office {
    /// For so many replays at once.
    #[must_use]
    pub const fn new(seats: usize) -> Self {
        Self {
            seats,
            taken: AtomicUsize::new(0),
            begun: AtomicU64::new(0),
            events: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }

    /// A place for one more; `None` if there is none.
    #[must_use]
    pub fn enter(self: &Arc<Self>) -> Option<Seat> {
        let more = |taken: usize| (taken < self.seats).then_some(taken + 1);
        self.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok()?;
        self.begun.fetch_add(1, Ordering::Relaxed);
        Some(Seat(Arc::clone(self)))
    }

    /// What is said when there is no place.
    #[must_use]
    pub fn crowded(&self) -> String {
        format!("limits.replays = {} are open already", self.seats)
    }

    /// Most replays at once.
    #[must_use]
    pub const fn seats(&self) -> usize {
        self.seats
    }

    /// Replays now.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.taken.load(Ordering::Acquire) as u64
    }

    /// Replays so far.
    #[must_use]
    pub fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// Events that they played.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events.load(Ordering::Relaxed)
    }

    /// Bytes that they sent.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

impl Seat {
    pub(super) fn count(&self, events: u64, bytes: u64) {
        self.0.events.fetch_add(events, Ordering::Relaxed);
        self.0.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_so_many_seats_and_who_leaves_makes_room() {
        let office = Arc::new(Office::new(2));
        let (first, _second) = (office.enter(), office.enter());
        assert!(first.is_some() && office.enter().is_none());
        drop(first);
        assert!(office.enter().is_some());
        assert_eq!((office.taken(), office.begun()), (1, 3));
    }
}
