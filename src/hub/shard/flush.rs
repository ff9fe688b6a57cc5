//! When a shard writes: at once while writing costs little of its time, in intervals beyond that.
//!
//! A write costs the same whether it carries one message or a hundred. A shard that writes most of
//! the time therefore waits a moment after each flush, and the next one carries more.

use std::time::Duration;
use std::time::Instant;

/// Rests shorter than this are put off until they add up: timers are no finer.
const REST_MIN: Duration = Duration::from_millis(1);

/// Bounds of the time between two flushes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlushRule {
    /// Shortest time between two flushes.
    pub min: Duration,
    /// Longest time that a message waits for a flush.
    pub max: Duration,
}

/// Paces the flushes of one shard.
#[derive(Debug)]
pub(super) struct Flush {
    rule: FlushRule,
    /// Writing done so far is made up for by rest at this time.
    even_at: Instant,
    /// No flush before this.
    next: Instant,
}

impl Flush {
    pub(super) const fn new(rule: FlushRule, now: Instant) -> Self {
        Self { rule, even_at: now, next: now }
    }

    /// No flush before this.
    pub(super) const fn next(&self) -> Instant {
        self.next
    }

    /// A flush that took from `began` to `ended`: half as long a rest makes up for it, so that
    /// writing takes at most two thirds of the time.
    pub(super) fn done(&mut self, began: Instant, ended: Instant) {
        let took = ended.saturating_duration_since(began);
        self.even_at = self.even_at.max(began) + took + took / 2;
        let rest = self.even_at.saturating_duration_since(ended);
        let rest = if rest < REST_MIN { Duration::ZERO } else { rest };
        self.next = (ended + rest.min(self.rule.max)).max(began + self.rule.min);
        self.even_at = self.even_at.min(ended + self.rule.max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: Duration = Duration::from_micros(1);

    /// Flushes `took` long, due each `every`; the longest wait for one in a second.
    fn longest_wait(rule: (u32, u32), took: Duration, every: Duration) -> Duration {
        let ms = |ms| Duration::from_millis(u64::from(ms));
        let start = crate::clock::monotonic();
        let mut flush = Flush::new(FlushRule { min: ms(rule.0), max: ms(rule.1) }, start);
        let (mut now, mut longest) = (start, Duration::ZERO);
        while now < start + ms(1_000) {
            let began = now.max(flush.next());
            longest = longest.max(began - now);
            flush.done(began, began + took);
            now = (began + took).max(now + every);
        }
        longest
    }

    #[test]
    fn light_load_is_not_delayed() {
        assert_eq!(longest_wait((0, 5), 450 * US, 1_000 * US), Duration::ZERO);
        assert_eq!(longest_wait((0, 5), 5 * US, 10 * US), Duration::ZERO);
        assert_eq!(longest_wait((0, 5), 6_000 * US, 10_000 * US), Duration::ZERO);
    }

    #[test]
    fn heavy_load_is_bundled_within_the_bound() {
        let wait = longest_wait((0, 5), 900 * US, 1_000 * US);
        assert!(wait >= REST_MIN && wait <= 5_000 * US, "{wait:?}");
        assert_eq!(longest_wait((0, 5), 50_000 * US, 50_000 * US), 5_000 * US);
        assert_eq!(longest_wait((0, 0), 50_000 * US, 50_000 * US), Duration::ZERO);
    }

    #[test]
    fn a_shortest_interval_holds_at_any_load() {
        assert_eq!(longest_wait((5, 5), 10 * US, 100 * US), 4_990 * US);
    }
}
