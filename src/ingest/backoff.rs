//! How long to wait before the next attempt to connect.

use std::time::Duration;

/// Exponential backoff with full jitter, for ever.
#[derive(Debug, Clone, Copy)]
pub(super) struct Backoff {
    min: Duration,
    max: Duration,
    /// Upper end of the next wait.
    span: Duration,
}

impl Backoff {
    /// Waits up to `min` at first, and up to twice as long each time, but never above `max`.
    pub(super) fn new(min: Duration, max: Duration) -> Self {
        Self { min, max, span: min.min(max) }
    }

    /// The next wait, evenly spread over its range by `noise`.
    pub(super) fn next(&mut self, noise: u64) -> Duration {
        let span = u64::try_from(self.span.as_nanos()).unwrap_or(u64::MAX);
        self.span = self.span.saturating_mul(2).min(self.max);
        let wait = (u128::from(span) * u128::from(noise)) >> 64;
        Duration::from_nanos(u64::try_from(wait).unwrap_or(span))
    }

    /// The connection proved good.
    pub(super) fn reset(&mut self) {
        self.span = self.min.min(self.max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIN: Duration = Duration::from_millis(250);
    const MAX: Duration = Duration::from_secs(30);

    #[test]
    fn waits_double_up_to_the_limit_and_begin_anew_after_success() {
        let mut backoff = Backoff::new(MIN, MAX);
        let mut longest = || backoff.next(u64::MAX).as_millis();
        let waits: Vec<_> = (0..9).map(|_| longest()).collect();
        assert_eq!(waits, [249, 499, 999, 1999, 3999, 7999, 15999, 29999, 29999]);
        backoff.reset();
        assert!(backoff.next(u64::MAX) < MIN);
    }

    #[test]
    fn noise_spreads_the_wait_over_the_whole_range() {
        let mut backoff = Backoff::new(MIN, MIN);
        assert_eq!(backoff.next(0), Duration::ZERO);
        assert_eq!(backoff.next(1 << 63), MIN / 2);
    }

    #[test]
    fn a_maximum_below_the_minimum_wins() {
        let mut backoff = Backoff::new(MAX, MIN);
        assert!(backoff.next(u64::MAX) < MIN);
        assert!(backoff.next(u64::MAX) < MIN);
    }
}
