//! The pace of a replay: when the next event is due.
//!
//! Time on the tape is `recv`, and where that steps back it stands still: an event is due when its
//! `recv` is reached, or at once if that is behind.

use std::time::Duration;
use std::time::Instant;

use tickwire_feeds::Nanos;

use crate::wire::op::Speed;

/// Who is later than this is not to catch up: the client could not take more.
const LATE_MAX: Duration = Duration::from_secs(1);

/// When events are due.
#[derive(Debug)]
pub(super) struct Pace {
    speed: Speed,
    max_idle: Option<Duration>,
    /// A moment, and the time on the tape then; `None` while it stands still.
    anchor: Option<(Instant, Nanos)>,
    /// The time on the tape where it stood still last, if known.
    at: Option<Nanos>,
    /// When the client last got something.
    heard_at: Instant,
}

impl Pace {
    pub(super) const fn new(speed: Speed, max_idle: Option<Duration>, now: Instant) -> Self {
        Self { speed, max_idle, anchor: None, at: None, heard_at: now }
    }

    pub(super) const fn speed(&self) -> &Speed {
        &self.speed
    }

    /// Stands still at a time on the tape; `None` for that of the next event.
    pub(super) const fn place(&mut self, at: Option<Nanos>) {
        (self.anchor, self.at) = (None, at);
    }

    /// Runs from here on.
    pub(super) const fn run(&mut self, now: Instant) {
        self.heard_at = now;
        if let (None, Some(at)) = (self.anchor, self.at) {
            self.anchor = Some((now, at));
        }
    }

    /// Stands still from here on.
    pub(super) fn stop(&mut self, now: Instant, next: Option<Nanos>) {
        self.place(self.time(now, next));
    }

    pub(super) fn set_speed(&mut self, speed: Speed, (now, next): (Instant, Option<Nanos>)) {
        if self.anchor.is_some() {
            self.stop(now, next);
            self.run(now);
        }
        self.speed = speed;
    }

    /// The time on the tape now: not beyond the next event.
    pub(super) fn time(&self, now: Instant, next: Option<Nanos>) -> Option<Nanos> {
        let Some((since, from)) = self.anchor else { return self.at.or(next) };
        if self.speed.is_full() {
            return self.at.or(next);
        }
        let passed = self.speed.lengthen(now.saturating_duration_since(since));
        let passed = i64::try_from(passed.as_nanos()).unwrap_or(i64::MAX);
        let time = Nanos(from.0.saturating_add(passed));
        let time = next.map_or(time, |next| time.min(next));
        // The next one may have stepped back.
        Some(self.at.map_or(time, |at| time.max(at)))
    }

    /// When an event is due; `None` for at once.
    pub(super) fn due(&mut self, recv: Nanos, now: Instant) -> Option<Instant> {
        if self.speed.is_full() {
            return None;
        }
        let (since, from) = *self.anchor.get_or_insert((now, recv));
        let ahead = u64::try_from(recv.0.saturating_sub(from.0)).unwrap_or(0);
        let wait = self.speed.shorten(Duration::from_nanos(ahead));
        let due = since.checked_add(wait);
        let idle = self.max_idle.and_then(|idle| self.heard_at.checked_add(idle));
        let due = match (due, idle) {
            (Some(due), Some(idle)) => due.min(idle),
            (due, idle) => due.or(idle).unwrap_or_else(|| now + Duration::from_secs(86_400)),
        };
        (due > now).then_some(due)
    }

    /// An event was played.
    pub(super) fn played(&mut self, recv: Nanos, now: Instant) {
        self.at = Some(self.at.map_or(recv, |at| at.max(recv)));
        let Some((since, from)) = self.anchor else { return };
        let ahead = u64::try_from(recv.0.saturating_sub(from.0)).unwrap_or(0);
        let due = since.checked_add(self.speed.shorten(Duration::from_nanos(ahead)));
        // Before its time, as the silence was too long, or much too late.
        let is_early = due.is_none_or(|due| due > now);
        if is_early || due.is_some_and(|due| now.saturating_duration_since(due) > LATE_MAX) {
            self.anchor = Some((now, recv));
        }
    }

    /// The client got something.
    pub(super) const fn heard(&mut self, now: Instant) {
        self.heard_at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::op::ReplayOp;
    use crate::wire::op::parse_replay;

    const MS: i64 = 1_000_000;

    fn speed(text: &str) -> Speed {
        let text = format!(r#"{{"op":"speed","speed":{text}}}"#);
        match parse_replay(text.as_bytes()).1 {
            Ok(ReplayOp::Speed(speed)) => speed,
            other => panic!("{other:?}"),
        }
    }

    /// When each event is played, in ms; `recv` in ms.
    fn run(speed_text: &str, max_idle_ms: Option<u64>, recvs: &[i64]) -> Vec<u128> {
        let start = crate::clock::monotonic();
        let max_idle = max_idle_ms.map(Duration::from_millis);
        let mut pace = Pace::new(speed(speed_text), max_idle, start);
        pace.place(Some(Nanos(0)));
        pace.run(start);
        let mut now = start;
        let played = recvs.iter().map(|recv| {
            let recv = Nanos(recv * MS);
            while let Some(due) = pace.due(recv, now) {
                assert!(due > now);
                now = due;
            }
            pace.played(recv, now);
            pace.heard(now);
            (now - start).as_millis()
        });
        played.collect()
    }

    #[test]
    fn speed_1_is_as_it_happened_and_a_step_back_counts_0() {
        assert_eq!(run("1", None, &[0, 10, 10, 500]), [0, 10, 10, 500]);
        assert_eq!(run("1", None, &[100, 99, 101, 90, 102]), [100, 100, 101, 101, 102]);
    }

    #[test]
    fn other_speeds_divide_the_time_and_0_takes_none() {
        assert_eq!(run("10", None, &[100, 1_000, 10_000]), [10, 100, 1_000]);
        assert_eq!(run("0.5", None, &[100, 200]), [200, 400]);
        assert_eq!(run("0", None, &[100, 86_400_000]), [0, 0]);
    }

    #[test]
    fn a_long_silence_is_shortened_and_the_rest_is_as_it_was() {
        assert_eq!(
            run("1", Some(2_000), &[100, 90_000, 90_500, 92_500]),
            [100, 2_100, 2_600, 4_600]
        );
        assert_eq!(run("10", Some(2_000), &[10_000, 100_000]), [1_000, 3_000]);
    }

    #[test]
    fn no_time_is_too_long() {
        let start = crate::clock::monotonic();
        let mut pace = Pace::new(speed("0.001"), None, start);
        pace.place(Some(Nanos(i64::MIN)));
        pace.run(start);
        assert!(pace.due(Nanos(i64::MAX), start).is_some());
        assert!(pace.time(start + Duration::from_secs(1), Some(Nanos(i64::MAX))).is_some());
    }

    #[test]
    fn a_pause_within_a_silence_keeps_its_place() {
        let start = crate::clock::monotonic();
        let at = |ms| start + Duration::from_millis(ms);
        let mut pace = Pace::new(speed("1"), None, start);
        pace.place(Some(Nanos(0)));
        pace.run(start);
        let next = Nanos(1_000 * MS);
        assert_eq!(pace.due(next, at(0)), Some(at(1_000)));
        pace.stop(at(400), Some(next));
        assert_eq!(pace.time(at(9_000), Some(next)), Some(Nanos(400 * MS)));
        pace.run(at(5_000));
        assert_eq!(pace.due(next, at(5_000)), Some(at(5_600)));
        pace.set_speed(speed("2"), (at(5_200), Some(next)));
        assert_eq!(pace.due(next, at(5_200)), Some(at(5_400)));
    }

    #[test]
    fn who_comes_much_too_late_goes_on_from_there() {
        let start = crate::clock::monotonic();
        let at = |ms| start + Duration::from_millis(ms);
        let mut pace = Pace::new(speed("1"), None, start);
        pace.place(Some(Nanos(0)));
        pace.run(start);
        assert_eq!(pace.due(Nanos(10 * MS), at(5_000)), None);
        pace.played(Nanos(10 * MS), at(5_000));
        assert_eq!(pace.due(Nanos(110 * MS), at(5_000)), Some(at(5_100)));
    }
}
