//! Clients that stood still and read again: when each of them holds what the others hold.

use std::time::Duration;
use std::time::Instant;

use crate::load::report::Recovered;

/// A client is whole when it holds what others held this long ago, or up to twice as long: what is
/// on its way to all of them at this moment says nothing.
const STEP: Duration = Duration::from_millis(50);

/// Since they read again.
#[derive(Debug)]
pub(super) struct Recovery {
    since: Instant,
    /// What others held at two times past, and when the second was.
    before: Vec<u64>,
    lately: Vec<u64>,
    at: Instant,
    /// How long each took that is whole.
    took: Vec<Duration>,
}

impl Recovery {
    /// They begin to read.
    pub(super) fn begin(now: Instant, heads: &[u64]) -> Self {
        let heads = heads.to_vec();
        Self { since: now, before: heads.clone(), lately: heads, at: now, took: Vec::new() }
    }

    /// What a client must hold to be whole.
    pub(super) fn due(&mut self, now: Instant, heads: &[u64]) -> &[u64] {
        if now.saturating_duration_since(self.at) >= STEP {
            self.at = now;
            std::mem::swap(&mut self.before, &mut self.lately);
            self.lately.clear();
            self.lately.extend_from_slice(heads);
        }
        &self.before
    }

    /// One is whole.
    pub(super) fn whole(&mut self, now: Instant) {
        self.took.push(now.saturating_duration_since(self.since));
    }

    /// How many are.
    pub(super) fn count(&self) -> usize {
        self.took.len()
    }

    /// How long it took them, of `stalled` in all.
    pub(super) fn told(&self, stalled: usize, closed: usize) -> Recovered {
        let mut took: Vec<u128> = self.took.iter().map(Duration::as_millis).collect();
        took.sort_unstable();
        let at = |index: Option<usize>| {
            let millis = index.and_then(|index| took.get(index)).copied().unwrap_or(0);
            u64::try_from(millis).unwrap_or(u64::MAX)
        };
        Recovered {
            stalled,
            whole: took.len(),
            closed,
            p50_ms: at(took.len().checked_sub(1).map(|last| last / 2)),
            max_ms: at(took.len().checked_sub(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_is_what_others_held_one_to_two_steps_ago() {
        let begun = crate::clock::monotonic();
        let mut recovery = Recovery::begin(begun, &[1]);
        assert_eq!(recovery.due(begun, &[5]), [1]);
        assert_eq!(recovery.due(begun + STEP, &[6]), [1]);
        assert_eq!(recovery.due(begun + STEP * 2, &[7]), [6]);
        assert_eq!(recovery.due(begun + STEP * 2, &[8]), [6]);
        recovery.whole(begun + STEP);
        recovery.whole(begun + STEP * 3);
        let told = recovery.told(3, 1);
        assert_eq!((told.whole, told.closed, told.p50_ms, told.max_ms), (2, 1, 50, 150));
        assert_eq!(Recovery::begin(begun, &[]).told(1, 0).max_ms, 0);
    }
}
