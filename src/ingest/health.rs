//! A feed's health as clients see it: when it changes, to what, and why.

use tickwire_feeds::Nanos;
use tickwire_feeds::tick::State;

/// The health of a feed. Times are of the steady clock.
#[derive(Debug)]
pub(super) struct Health {
    state: State,
    reason: Option<Box<str>>,
    link: Link,
    /// Since when the feed has not been live.
    ailing_since: Nanos,
    down_after_ms: i64,
    /// Why the last attempt failed.
    failure: Box<str>,
}

/// A new health, to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) state: State,
    pub(super) reason: Option<Box<str>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Gone,
    Open,
}

impl Health {
    /// Of a feed that begins to connect now. Without success it is down after `down_after_ms`.
    pub(super) fn begin(now: Nanos, down_after_ms: i64) -> (Self, Change) {
        let (state, reason) = (State::Resyncing, "connecting");
        let health = Self {
            state,
            reason: Some(reason.into()),
            link: Link::Gone,
            ailing_since: now,
            down_after_ms,
            failure: "cannot connect".into(),
        };
        (health, Change { state, reason: Some(reason.into()) })
    }

    /// A connection was made.
    pub(super) fn connected(&mut self) -> Option<Change> {
        self.link = Link::Open;
        self.turn(State::Resyncing, Some("subscribing".into()))
    }

    /// The venue proved that it sends.
    pub(super) fn delivered(&mut self) -> Option<Change> {
        // Asked for each frame, so the common answer comes first.
        if self.state == State::Live {
            return None;
        }
        self.turn(State::Live, None)
    }

    /// The connection is gone, or an attempt to make one failed.
    pub(super) fn failed(&mut self, reason: &str, now: Nanos) -> Option<Change> {
        self.link = Link::Gone;
        self.failure = reason.into();
        match self.state {
            State::Live => self.ailing_since = now,
            // Told already; the reason of each attempt is for the log.
            State::Stale | State::Down if self.down_at().is_none_or(|at| now < at) => return None,
            _ => {}
        }
        let down = self.down_at().is_some_and(|at| now >= at);
        self.turn(if down { State::Down } else { State::Stale }, Some(reason.into()))
    }

    /// When the feed will be down, unless it connects before.
    pub(super) fn down_at(&self) -> Option<Nanos> {
        let waits = self.link == Link::Gone && self.state != State::Down;
        waits.then(|| self.ailing_since.plus_millis(self.down_after_ms))
    }

    /// The time of [`Health::down_at`] has come.
    pub(super) fn give_up(&mut self, now: Nanos) -> Option<Change> {
        if self.down_at().is_none_or(|at| now < at) {
            return None;
        }
        let reason = self.failure.clone();
        self.turn(State::Down, Some(reason))
    }

    /// There will be no connection any more.
    pub(super) fn abandon(&mut self, reason: &str) -> Option<Change> {
        self.link = Link::Gone;
        self.turn(State::Down, Some(reason.into()))
    }

    fn turn(&mut self, state: State, reason: Option<Box<str>>) -> Option<Change> {
        if self.state == state && self.reason == reason {
            return None;
        }
        self.state = state;
        self.reason.clone_from(&reason);
        Some(Change { state, reason })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Nanos {
        Nanos::from_millis(ms)
    }

    fn change(state: State, reason: &str) -> Option<Change> {
        Some(Change { state, reason: (!reason.is_empty()).then(|| reason.into()) })
    }

    #[test]
    fn a_feed_connects_subscribes_and_lives() {
        let (mut health, first) = Health::begin(at(0), 10_000);
        assert_eq!(Some(first), change(State::Resyncing, "connecting"));
        assert_eq!(health.connected(), change(State::Resyncing, "subscribing"));
        assert_eq!(health.delivered(), change(State::Live, ""));
        assert_eq!(health.delivered(), None);
        assert_eq!(health.connected(), change(State::Resyncing, "subscribing"));
    }

    #[test]
    fn a_cut_is_stale_at_once_and_down_only_after_the_limit() {
        let (mut health, _) = Health::begin(at(0), 10_000);
        health.connected();
        health.delivered();
        assert_eq!(health.failed("cut", at(60_000)), change(State::Stale, "cut"));
        assert_eq!(health.failed("refused", at(60_200)), None);
        assert_eq!(health.down_at(), Some(at(70_000)));
        assert_eq!(health.give_up(at(69_999)), None);
        assert_eq!(health.give_up(at(70_000)), change(State::Down, "refused"));
        assert_eq!(health.down_at(), None);
        assert_eq!(health.failed("refused", at(80_000)), None);
        assert_eq!(health.connected(), change(State::Resyncing, "subscribing"));
        assert_eq!(health.delivered(), change(State::Live, ""));
    }

    #[test]
    fn a_venue_that_lets_in_and_throws_out_is_down_after_the_limit() {
        let (mut health, _) = Health::begin(at(0), 10_000);
        health.connected();
        assert_eq!(health.failed("thrown out", at(9_999)), change(State::Stale, "thrown out"));
        health.connected();
        assert_eq!(health.down_at(), None);
        assert_eq!(health.failed("thrown out", at(10_000)), change(State::Down, "thrown out"));
    }

    #[test]
    fn a_first_attempt_that_fails_is_stale() {
        let (mut health, _) = Health::begin(at(0), 10_000);
        assert_eq!(health.failed("refused", at(1)), change(State::Stale, "refused"));
        assert_eq!(health.failed("refused", at(10_001)), change(State::Down, "refused"));
    }
}
