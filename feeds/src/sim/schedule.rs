//! When the simulator's ticks and faults are due.

use super::Faults;
use crate::time::Nanos;

const NANOS_PER_SECOND: i64 = 1_000_000_000;
/// Later than this, what was missed is not made up for; earlier than this, the clock was set back.
const SLACK: i64 = NANOS_PER_SECOND;

/// What happens at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// The connection breaks.
    Disconnect,
    /// A silence begins.
    Silence,
    /// One of many ticks at once.
    Burst,
    /// A tick of the even stream.
    Tick,
}

/// The plan: tick *i* at `begin + i / rate`, and each fault after its own period.
#[derive(Debug)]
pub(super) struct Schedule {
    rate: u32,
    faults: Faults,
    /// The due times of this second are whole fractions of it, so that nothing drifts.
    second: Nanos,
    /// Ticks of this second so far, below `rate`.
    in_second: u32,
    disconnect_at: Option<Nanos>,
    silence_at: Option<Nanos>,
    burst_at: Option<Nanos>,
    /// Ticks of the burst under way that are still to come.
    burst_left: u32,
    /// The latest time that was seen.
    seen: Nanos,
}

impl Schedule {
    /// A plan that has not begun. `rate` is in ticks per second, above 0.
    pub(super) fn new(rate: u32, faults: Faults) -> Self {
        Self {
            rate: rate.max(1),
            faults,
            second: Nanos(0),
            in_second: 0,
            disconnect_at: None,
            silence_at: None,
            burst_at: None,
            burst_left: 0,
            seen: Nanos(0),
        }
    }

    /// Everything counts from `begin` on.
    pub(super) fn begin(&mut self, now: Nanos, begin: Nanos) {
        let after = |millis| (millis != 0).then(|| begin.plus_millis(i64::from(millis)));
        (self.second, self.in_second, self.burst_left) = (begin, 0, 0);
        self.disconnect_at = after(self.faults.disconnect_every_ms);
        self.silence_at = after(self.faults.silence_every_ms);
        self.burst_at = after(self.faults.burst_every_ms);
        self.seen = now;
    }

    /// Moves the whole plan when time was lost (the process was suspended, or cannot keep up) or
    /// the clock was set back; a second of lateness is made up for instead.
    pub(super) fn look(&mut self, now: Nanos) {
        let late = now.0.saturating_sub(self.next().0.0);
        let back = now.0.saturating_sub(self.seen.0);
        if late > SLACK {
            self.shift(late);
        } else if back < -SLACK {
            self.shift(back);
        }
        self.seen = now;
    }

    /// What comes next, and when.
    pub(super) fn next(&self) -> (Nanos, Due) {
        let mut next = (self.tick_at(), Due::Tick);
        for (at, due) in [
            (self.burst_at, Due::Burst),
            (self.silence_at, Due::Silence),
            (self.disconnect_at, Due::Disconnect),
        ] {
            if let Some(at) = at.filter(|at| *at <= next.0) {
                next = (at, due);
            }
        }
        next
    }

    /// What [`Schedule::next`] named has happened.
    pub(super) fn done(&mut self, due: Due) {
        match due {
            Due::Tick => self.tick(),
            Due::Burst => self.burst(),
            Due::Silence => self.silence(),
            Due::Disconnect => self.disconnect_at = None,
        }
    }

    fn tick_at(&self) -> Nanos {
        let part = i64::from(self.in_second) * NANOS_PER_SECOND / i64::from(self.rate);
        Nanos(self.second.0.saturating_add(part))
    }

    fn tick(&mut self) {
        self.in_second += 1;
        if self.in_second == self.rate {
            self.in_second = 0;
            self.second = plus(self.second, NANOS_PER_SECOND);
        }
    }

    fn burst(&mut self) {
        if self.burst_left == 0 {
            self.burst_left = self.faults.burst_ticks;
        }
        self.burst_left = self.burst_left.saturating_sub(1);
        if self.burst_left == 0 {
            let period = i64::from(self.faults.burst_every_ms);
            self.burst_at = self.burst_at.map(|at| at.plus_millis(period));
        }
    }

    /// Nothing is lost in a silence: what was due in it comes after it.
    fn silence(&mut self) {
        let (every, lasts) = (self.faults.silence_every_ms, self.faults.silence_ms);
        self.second = self.second.plus_millis(lasts.into());
        self.burst_at = self.burst_at.map(|at| at.plus_millis(lasts.into()));
        self.silence_at = self.silence_at.map(|at| at.plus_millis(every.into()));
    }

    fn shift(&mut self, nanos: i64) {
        self.second = plus(self.second, nanos);
        for at in [&mut self.disconnect_at, &mut self.silence_at, &mut self.burst_at] {
            *at = at.map(|at| plus(at, nanos));
        }
    }
}

fn plus(time: Nanos, nanos: i64) -> Nanos {
    Nanos(time.0.saturating_add(nanos))
}
