//! How long to wait before the next attempt.

use std::time::Duration;

/// How long to wait before the next attempt: doubling, and shortened by chance, so that not all
/// clients of a server come back in one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Before the first attempt after a loss.
    pub min: Duration,
    /// Before any attempt, unless the server asks for more.
    pub max: Duration,
    /// Attempts in a row that may fail; `None`: any number.
    pub attempts: Option<u32>,
}

impl Default for Backoff {
    /// 250 ms to 15 s, for ever.
    fn default() -> Self {
        Self { min: Duration::from_millis(250), max: Duration::from_secs(15), attempts: None }
    }
}

impl Backoff {
    /// The wait after so many failures (at least 1), with `chance` in 0..1024.
    pub(crate) fn wait(&self, failures: u32, chance: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(failures.saturating_sub(1).min(30));
        let longest = self.min.saturating_mul(doubled).min(self.max);
        longest / 2 + longest * chance.min(1_023) / 2_048
    }

    /// Whether there is to be no further attempt.
    pub(crate) fn is_spent(&self, failures: u32) -> bool {
        self.attempts.is_some_and(|attempts| failures >= attempts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_doubles_up_to_its_bound_and_is_at_least_half() {
        let backoff = Backoff::default();
        for (failures, least, most) in [(1, 125, 250), (2, 250, 500), (7, 7_500, 15_000)] {
            assert_eq!(backoff.wait(failures, 0), Duration::from_millis(least));
            assert!(backoff.wait(failures, 1_023) > Duration::from_millis(most - most / 50));
            assert!(backoff.wait(failures, u32::MAX) < Duration::from_millis(most));
        }
        assert!(backoff.wait(u32::MAX, 1_023) < backoff.max);
        assert!(backoff.wait(0, 0) > Duration::ZERO);
    }

    #[test]
    fn attempts_end_only_where_that_was_asked_for() {
        assert!(!Backoff::default().is_spent(u32::MAX));
        let three = Backoff { attempts: Some(3), ..Backoff::default() };
        assert!(!three.is_spent(2) && three.is_spent(3));
    }
}
