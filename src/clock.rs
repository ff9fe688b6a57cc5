//! The clocks: the only file that reads one; everywhere else the time is an argument.

use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use tickwire_feeds::Nanos;

/// Reads the wall clock. It may step, also backwards: it is data, never a timeout.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the file that reads clocks")]
pub fn now() -> Nanos {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(after) => Nanos(nanos(after)),
        Err(before) => Nanos(nanos(before.duration()).saturating_neg()),
    }
}

/// Reads the clock that never steps, for timeouts and for measuring.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the file that reads clocks")]
pub fn monotonic() -> Instant {
    #[cfg(test)]
    if let Some(at) = STOPPED.get() {
        return at;
    }
    Instant::now()
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// Timeline for machines that take `now` as [`Nanos`] but must not see the wall clock step:
/// the wall time of its creation, carried on by the monotonic clock.
#[derive(Debug, Clone, Copy)]
pub struct Steady {
    wall: Nanos,
    since: Instant,
}

impl Steady {
    /// Starts at the present wall time.
    #[must_use]
    pub fn start() -> Self {
        Self { wall: now(), since: monotonic() }
    }

    /// The present, never before an earlier answer.
    #[must_use]
    pub fn now(&self) -> Nanos {
        self.at(monotonic())
    }

    /// The time of an instant; the start for any instant before it.
    #[must_use]
    pub fn at(&self, instant: Instant) -> Nanos {
        let passed = nanos(instant.saturating_duration_since(self.since));
        Nanos(self.wall.0.saturating_add(passed))
    }

    /// When a time will have come, for a timer; the start for any time before it.
    #[must_use]
    pub fn instant(&self, at: Nanos) -> Instant {
        let ahead = u64::try_from(at.0.saturating_sub(self.wall.0)).unwrap_or(0);
        self.since.checked_add(Duration::from_nanos(ahead)).unwrap_or(self.since)
    }
}

#[cfg(test)]
thread_local! {
    static STOPPED: std::cell::Cell<Option<Instant>> = const { std::cell::Cell::new(None) };
}

/// Stops [`monotonic`] at an instant, for this thread: a test is the one that moves time on.
#[cfg(test)]
pub(crate) fn stop_at(instant: Instant) {
    STOPPED.set(Some(instant));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wall_clock_is_past_2026_and_before_the_end_of_its_range() {
        assert!(now() > Nanos::parse_rfc3339("2026-01-01T00:00:00Z").unwrap());
        assert!(now() < Nanos(i64::MAX));
    }

    #[test]
    fn steady_time_follows_the_monotonic_clock_only() {
        let since = monotonic();
        let steady = Steady { wall: Nanos(1_000), since };
        assert_eq!(steady.at(since), Nanos(1_000));
        assert_eq!(steady.at(since + Duration::from_nanos(500)), Nanos(1_500));
        assert_eq!(steady.instant(Nanos(1_500)), since + Duration::from_nanos(500));
        assert_eq!(steady.instant(Nanos(0)), since);
        assert!(steady.now() >= Nanos(1_000));
    }
}
