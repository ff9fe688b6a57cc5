//! The bars of one symbol in all intervals, and when they are due to be final.

use tickwire_feeds::Nanos;

use super::bar::Counted;
use super::bar::Due;
use super::bar::Print;
use super::bar::Series;
use crate::event::Channel;
use crate::event::Event;
use crate::event::Interval;
use crate::event::Late;
use crate::event::Seq;
use crate::event::Trade;

/// The bars of one symbol.
#[derive(Debug, Clone)]
pub struct SymbolBars {
    /// From the venue's time of the last trade that was not late until it was read, in nanoseconds;
    /// negative if the venue's clock is ahead. A late print tells of its own delay, not of the
    /// feed's.
    pub(crate) lag: i64,
    pub(crate) series: [Series; Interval::ALL.len()],
    /// Where the open bar ends that ends first.
    next_end: Option<Nanos>,
    /// When the agenda looks at it next: never after its next bar is due, maybe before.
    scheduled: Option<Nanos>,
}

/// When the agenda looks at it depends on the way here, so it is no part of the state.
impl PartialEq for SymbolBars {
    fn eq(&self, other: &Self) -> bool {
        (self.lag, &self.series) == (other.lag, &other.series)
    }
}

impl Default for SymbolBars {
    fn default() -> Self {
        Self::from_parts(0, Default::default())
    }
}

impl SymbolBars {
    pub(crate) fn from_parts(lag: i64, series: [Series; Interval::ALL.len()]) -> Self {
        let mut bars = Self { lag, series, next_end: None, scheduled: None };
        bars.find_next_end();
        bars
    }

    /// Those of one interval.
    #[must_use]
    pub const fn series(&self, interval: Interval) -> &Series {
        let [second, minute, five_minutes, hour, day] = &self.series;
        match interval {
            Interval::Second => second,
            Interval::Minute => minute,
            Interval::FiveMinutes => five_minutes,
            Interval::Hour => hour,
            Interval::Day => day,
        }
    }

    /// When the next open bar is due to be final; `None` if none is open.
    #[must_use]
    pub fn due(&self) -> Option<Nanos> {
        let due = Due { now: Nanos::default(), lag: self.lag };
        self.next_end.map(|end| due.of(end))
    }

    /// Whether a bar that ends there would be due to be final at a time.
    #[must_use]
    pub fn is_due(&self, end: Nanos, now: Nanos) -> bool {
        Due { now, lag: self.lag }.of(end) <= now
    }

    pub(super) const fn scheduled(&self) -> Option<Nanos> {
        self.scheduled
    }

    pub(super) const fn schedule(&mut self, at: Option<Nanos>) {
        self.scheduled = at;
    }

    pub(super) const fn touch(&mut self, interval: Interval, seq: Seq) {
        let [second, minute, five_minutes, hour, day] = &mut self.series;
        let series = match interval {
            Interval::Second => second,
            Interval::Minute => minute,
            Interval::FiveMinutes => five_minutes,
            Interval::Hour => hour,
            Interval::Day => day,
        };
        series.touch(seq);
    }

    /// Counts a trade in a bar of each interval.
    pub(super) fn count(&mut self, event: &Event, trade: &Trade) {
        let print = Print::new(event, trade);
        if trade.late == Late::No {
            self.lag = event.recv.0.saturating_sub(print.at.0);
        }
        let mut has_begun = false;
        for (interval, series) in Interval::ALL.into_iter().zip(&mut self.series) {
            has_begun |= series.count(&print, interval, event.seq) == Counted::InNew;
        }
        if has_begun {
            self.find_next_end();
        }
    }

    /// Makes bars final that are due at `now`: of each interval one, as a stream has one message a
    /// place. Calls `closed` for each.
    pub(super) fn close(&mut self, now: Nanos, seq: Seq, mut closed: impl FnMut(Channel)) {
        let due = Due { now, lag: self.lag };
        for (interval, series) in Interval::ALL.into_iter().zip(&mut self.series) {
            if series.close(interval, due, seq) {
                closed(interval.channel());
            }
        }
        self.find_next_end();
    }

    fn find_next_end(&mut self) {
        let of_interval = Interval::ALL.into_iter().zip(&self.series);
        let ends = of_interval.filter_map(|(interval, series)| series.next_end(interval));
        self.next_end = ends.min();
    }
}

#[cfg(test)]
mod tests;
