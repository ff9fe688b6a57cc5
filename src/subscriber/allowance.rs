//! How many operations a client may send.

use std::time::Duration;
use std::time::Instant;

/// What becomes of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Carry it out.
    Allowed,
    /// Refuse it.
    Refused,
    /// Refused as many within a second as are allowed: the client does not listen.
    Hopeless,
}

/// A bucket of one second's operations that refills steadily.
#[derive(Debug)]
pub(super) struct Allowance {
    per_second: u32,
    left: u32,
    refilled: Instant,
    refused: u32,
    refused_since: Instant,
}

impl Allowance {
    pub(super) const fn new(per_second: u32, now: Instant) -> Self {
        Self { per_second, left: per_second, refilled: now, refused: 0, refused_since: now }
    }

    pub(super) fn spend(&mut self, now: Instant) -> Verdict {
        self.refill(now);
        if let Some(left) = self.left.checked_sub(1) {
            self.left = left;
            return Verdict::Allowed;
        }
        if now.duration_since(self.refused_since) > Duration::from_secs(1) {
            (self.refused, self.refused_since) = (0, now);
        }
        self.refused += 1;
        if self.refused > self.per_second { Verdict::Hopeless } else { Verdict::Refused }
    }

    fn refill(&mut self, now: Instant) {
        let interval = Duration::from_secs(1) / self.per_second.max(1);
        let passed = now.saturating_duration_since(self.refilled);
        let earned = passed.as_nanos() / interval.as_nanos().max(1);
        let earned = u32::try_from(earned).unwrap_or(u32::MAX).min(self.per_second);
        if earned > 0 {
            self.left = self.left.saturating_add(earned).min(self.per_second);
            let used = interval.saturating_mul(earned);
            let full = self.left == self.per_second;
            self.refilled = if full { now } else { self.refilled + used };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_of_one_second_passes_then_a_steady_rate() {
        let start = crate::clock::monotonic();
        let mut allowance = Allowance::new(50, start);
        let mut spend = |ms: u64| allowance.spend(start + Duration::from_millis(ms));
        assert!((0..50).all(|_| spend(0) == Verdict::Allowed));
        assert_eq!(spend(0), Verdict::Refused);
        assert_eq!(spend(19), Verdict::Refused);
        assert_eq!(spend(20), Verdict::Allowed);
        assert_eq!(spend(21), Verdict::Refused);
        assert!((0..50).all(|_| spend(2_000) == Verdict::Allowed));
        assert!((0..50).all(|_| spend(2_001) == Verdict::Refused));
        assert_eq!(spend(2_002), Verdict::Hopeless);
    }
}
