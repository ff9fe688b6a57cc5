//! Heartbeats, pings, and how long a silent client is waited for.

use std::time::Duration;
use std::time::Instant;

use crate::outbox::Outbox;
use crate::subscriber::Rules;
use crate::wire::Close;
use crate::wire::frame::Opcode;

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beat {
    Nothing,
    Heartbeat,
    Dead(Close),
}

/// The timers of one connection.
#[derive(Debug)]
pub(super) struct Pulse {
    heartbeat_at: Instant,
    ping_at: Instant,
    /// The last ping without an answer.
    asked: Option<Asked>,
    /// Bytes that had been taken at the last look, and when that number last changed.
    taken: u64,
    taken_at: Instant,
    /// Heartbeats so far, by which its age is told.
    beats: u32,
    /// Those of them since there was last a subscription.
    idle: u32,
}

/// What the time since the last heartbeat was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Nothing is subscribed.
    Idle,
    Busy,
}

#[derive(Debug)]
struct Asked {
    /// The ping has left when so many bytes were taken.
    position: u64,
    /// Runs from when the ping was seen to have left: while it waits behind data, the write
    /// deadline is what counts.
    deadline: Option<Instant>,
}

impl Pulse {
    pub(super) fn new(rules: &Rules, now: Instant) -> Self {
        Self {
            heartbeat_at: now + early(rules.heartbeat),
            ping_at: now + rules.ping,
            asked: None,
            taken: 0,
            taken_at: now,
            beats: 0,
            idle: 0,
        }
    }

    /// Counts a heartbeat; why the connection is to be closed, if it has become too old.
    pub(super) fn grow_older(&mut self, rules: &Rules, part: Part) -> Option<Close> {
        self.beats = self.beats.saturating_add(1);
        self.idle = if part == Part::Idle { self.idle.saturating_add(1) } else { 0 };
        let lasted = |beats: u32| early(rules.heartbeat).saturating_mul(beats);
        let over = |seconds: u32, beats: u32| {
            seconds > 0 && lasted(beats) >= Duration::from_secs(seconds.into())
        };
        if over(rules.limits.life_s, self.beats) {
            return Some(Close::Lifetime);
        }
        over(rules.limits.idle_s, self.idle).then_some(Close::Idle)
    }

    pub(super) fn on_pong(&mut self) {
        self.asked = None;
    }

    pub(super) fn poll_timeout(&self) -> Instant {
        let deadline = self.asked.as_ref().and_then(|asked| asked.deadline);
        deadline.map_or(self.heartbeat_at, |deadline| deadline.min(self.heartbeat_at))
    }

    /// Nothing is due before the next heartbeat would be.
    pub(super) fn skip(&mut self, rules: &Rules, now: Instant) {
        self.heartbeat_at = now + early(rules.heartbeat);
    }

    pub(super) fn on_timeout(&mut self, rules: &Rules, outbox: &mut Outbox, now: Instant) -> Beat {
        if outbox.is_empty() || outbox.taken() != self.taken {
            (self.taken, self.taken_at) = (outbox.taken(), now);
        }
        if now.saturating_duration_since(self.taken_at) >= rules.write_deadline {
            return Beat::Dead(Close::TooSlow);
        }
        if let Some(asked) = &mut self.asked {
            if asked.deadline.is_some_and(|deadline| deadline <= now) {
                return Beat::Dead(Close::Silent);
            }
            if asked.deadline.is_none() && outbox.taken() >= asked.position {
                asked.deadline = Some(now + rules.pong);
            }
        }
        if now < self.heartbeat_at {
            return Beat::Nothing;
        }
        self.heartbeat_at = now + early(rules.heartbeat);
        if now >= self.ping_at {
            self.ping_at = now + rules.ping;
            if self.asked.is_none() && outbox.form().has_controls() {
                // Before an empty outbox nothing is in the way of the ping.
                let deadline = outbox.is_empty().then_some(now + rules.pong);
                outbox.push_control(Opcode::Ping, b"tickwire");
                self.asked = Some(Asked { position: outbox.pushed(), deadline });
            }
        }
        Beat::Heartbeat
    }
}

/// A tenth sooner than promised: timers are late, and networks.
fn early(heartbeat: Duration) -> Duration {
    heartbeat - heartbeat / 10
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Form;
    use crate::wire::answer::Limits;

    fn rules() -> Rules {
        Rules {
            limits: Limits {
                symbols: 1,
                message_bytes: 1,
                ops_per_s: 1,
                buffer_bytes: 1 << 20,
                ..Limits::default()
            },
            heartbeat: Duration::from_secs(5),
            ping: Duration::from_secs(20),
            pong: Duration::from_secs(20),
            write_deadline: Duration::from_secs(90),
            reconnect_spread: Duration::ZERO,
            gate: None,
        }
    }

    /// Runs to the end of patience, or 300 s; the client takes bytes and answers as told.
    fn run(takes: bool, answers: bool) -> (Option<Close>, u64, usize) {
        let (rules, start) = (rules(), crate::clock::monotonic());
        let (mut pulse, mut outbox) = (Pulse::new(&rules, start), Outbox::new(Form::Text, 1 << 20));
        let (mut now, mut heartbeats) = (start, 0);
        outbox.push(b"welcome");
        while now < start + Duration::from_secs(300) {
            match pulse.on_timeout(&rules, &mut outbox, now) {
                Beat::Nothing => {}
                Beat::Heartbeat => heartbeats += 1,
                Beat::Dead(close) => return (Some(close), (now - start).as_secs(), heartbeats),
            }
            if takes {
                let _sent = outbox.take(1 << 20);
            }
            if answers {
                pulse.on_pong();
            }
            now = pulse.poll_timeout();
        }
        (None, 300, heartbeats)
    }

    #[test]
    fn who_subscribes_to_nothing_or_stays_too_long_is_asked_to_go() {
        let limits = Limits { idle_s: 60, life_s: 100, ..rules().limits };
        let rules = Rules { limits, ..rules() };
        // A heartbeat each 4.5 s.
        let run = |parts: &[(Part, usize)]| {
            let mut pulse = Pulse::new(&rules, crate::clock::monotonic());
            let parts = parts.iter().flat_map(|(part, count)| std::iter::repeat_n(*part, *count));
            let closes = parts.map(|part| pulse.grow_older(&rules, part));
            closes.enumerate().find_map(|(index, close)| Some((close?, index + 1)))
        };
        assert_eq!(run(&[(Part::Idle, 100)]), Some((Close::Idle, 14)));
        assert_eq!(run(&[(Part::Busy, 100)]), Some((Close::Lifetime, 23)));
        let now_and_then = [(Part::Idle, 13), (Part::Busy, 1), (Part::Idle, 8)];
        assert_eq!(run(&now_and_then), None);
        let off = Rules { limits: Limits { idle_s: 0, life_s: 0, ..limits }, ..rules.clone() };
        let mut pulse = Pulse::new(&off, crate::clock::monotonic());
        assert!((0..100_000).all(|_| pulse.grow_older(&off, Part::Idle).is_none()));
    }

    #[test]
    fn a_client_that_answers_lives_and_gets_heartbeats() {
        assert_eq!(run(true, true), (None, 300, 66));
    }

    #[test]
    fn a_client_that_takes_but_never_answers_is_cut() {
        let (close, after, _) = run(true, false);
        assert_eq!(close, Some(Close::Silent));
        assert!((40..=45).contains(&after), "{after} s");
    }

    #[test]
    fn a_client_that_takes_nothing_is_cut_later() {
        let (close, after, _) = run(false, false);
        assert_eq!(close, Some(Close::TooSlow));
        assert!((90..=95).contains(&after), "{after} s");
    }
}
