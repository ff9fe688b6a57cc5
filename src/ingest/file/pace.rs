//! When the frames of a recording are due.

use std::time::Duration;
use std::time::Instant;

use tickwire_feeds::Nanos;

use crate::config::quantity::Speed;

/// What is due after the end of all clocks is never due, and 100 years are as good.
const AHEAD_MAX: Duration = Duration::from_secs(100 * 365 * 86_400);

/// The times of a recording, mapped to those of its playing.
#[derive(Debug)]
pub(super) struct Pace {
    speed: Speed,
    base: Option<(Instant, Nanos)>,
}

impl Pace {
    pub(super) const fn new(speed: Speed) -> Self {
        Self { speed, base: None }
    }

    /// When a frame of that time is due; `None` for at once. The first one is due now.
    pub(super) fn due(&mut self, time: Option<Nanos>, now: Instant) -> Option<Instant> {
        let time = time?;
        let (since, first) = *self.base.get_or_insert((now, time));
        let ahead = self.speed.pace(time.0.saturating_sub(first.0));
        let ahead = Duration::from_nanos(u64::try_from(ahead).ok()?).min(AHEAD_MAX);
        Some(since + ahead).filter(|due| *due > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_due_by_their_times_and_the_speed() {
        let now = crate::clock::monotonic();
        let mut pace = Pace::new(Speed::parse("0.5").unwrap());
        assert_eq!(pace.due(Some(Nanos(1_000)), now), None);
        assert_eq!(pace.due(Some(Nanos(1_500)), now), Some(now + Duration::from_nanos(1_000)));
        assert_eq!(pace.due(Some(Nanos(500)), now), None, "a clock that stepped back");
        assert_eq!(pace.due(None, now), None);
        let far = pace.due(Some(Nanos(i64::MAX)), now).unwrap();
        assert!(far > now + Duration::from_secs(86_400 * 365));
        let mut pace = Pace::new(Speed::UNPACED);
        assert_eq!(pace.due(Some(Nanos(0)), now), None);
        assert_eq!(pace.due(Some(Nanos(i64::MAX)), now), None);
        let mut pace = Pace::new(Speed::parse("0.001").unwrap());
        assert_eq!(pace.due(Some(Nanos(i64::MIN)), now), None);
        assert!(pace.due(Some(Nanos(i64::MAX)), now).is_some());
    }
}
