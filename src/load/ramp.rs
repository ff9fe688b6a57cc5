//! The search for the highest rate that a server keeps up with: doubling, then halving the rest.

use std::time::Duration;

use serde::Serialize;

use crate::load::report::Report;

/// Steps between the last rate that was kept up with and the first that was not.
const HALVINGS: u32 = 4;
/// Delivered rates that differ by less than one part in so many are the same.
const SAME_PARTS: u64 = 20;
/// As many doublings that deliver no more are the end.
const VAIN_MAX: u32 = 2;

/// A search.
#[derive(Debug)]
pub struct Ramp {
    p99_us_max: u64,
    ticks_max: u64,
    next: Option<u64>,
    /// The best step that was kept up with.
    best: Option<(u64, Report)>,
    kept_up: Option<u64>,
    failed: Option<u64>,
    halvings: u32,
    vain: u32,
    steps: Vec<Step>,
}

/// One rate that was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What was offered.
    pub ticks_per_s: u64,
    /// What was delivered.
    pub messages_per_s: u64,
    /// In bytes of frames.
    pub bytes_per_s: u64,
    /// In µs.
    pub p99_us: u64,
    /// Whether nothing was late, lost or left out.
    pub kept_up: bool,
}

impl Ramp {
    /// Begins at a rate.
    #[must_use]
    pub fn new(ticks: u64, ticks_max: u64, p99_max: Duration) -> Self {
        Self {
            p99_us_max: u64::try_from(p99_max.as_micros()).unwrap_or(u64::MAX),
            ticks_max,
            next: Some(ticks),
            best: None,
            kept_up: None,
            failed: None,
            halvings: 0,
            vain: 0,
            steps: Vec::new(),
        }
    }

    /// The rate to try next.
    #[must_use]
    pub const fn due(&self) -> Option<u64> {
        self.next
    }

    /// What came of it.
    pub fn note(&mut self, ticks: u64, report: &Report) {
        let kept_up = report.flow.messages > 0
            && report.latency.p99_us <= self.p99_us_max
            && !report.faults.any()
            && report.replaced == 0;
        self.steps.push(Step {
            ticks_per_s: ticks,
            messages_per_s: report.messages_per_s,
            bytes_per_s: report.bytes_per_s,
            p99_us: report.latency.p99_us,
            kept_up,
        });
        if kept_up {
            self.kept_up = self.kept_up.max(Some(ticks));
            let before = self.best.as_ref().map_or(0, |(_, best)| best.messages_per_s);
            let more = report.messages_per_s > before + before / SAME_PARTS;
            self.vain = if more { 0 } else { self.vain + 1 };
            if report.messages_per_s > before {
                self.best = Some((ticks, report.clone()));
            }
        } else {
            self.fail(ticks);
        }
        self.next = self.after(ticks);
    }

    /// Nobody was let in at that rate.
    pub fn note_refusal(&mut self, ticks: u64) {
        let (messages_per_s, bytes_per_s, p99_us) = (0, 0, 0);
        let kept_up = false;
        self.steps.push(Step { ticks_per_s: ticks, messages_per_s, bytes_per_s, p99_us, kept_up });
        self.fail(ticks);
        self.next = self.after(ticks);
    }

    fn fail(&mut self, ticks: u64) {
        self.failed = Some(self.failed.map_or(ticks, |failed| failed.min(ticks)));
    }

    /// The best step with its rate, and all steps.
    #[must_use]
    pub fn found(&self) -> (Option<&(u64, Report)>, Vec<Step>) {
        (self.best.as_ref(), self.steps.clone())
    }

    fn after(&mut self, ticks: u64) -> Option<u64> {
        match (self.kept_up, self.failed) {
            (_, None) if self.vain >= VAIN_MAX || ticks >= self.ticks_max => None,
            (_, None) => Some(ticks.saturating_mul(2).min(self.ticks_max)),
            (None, Some(failed)) => (failed > 1).then_some(failed / 2),
            (Some(low), Some(high)) => {
                self.halvings += 1;
                let middle = low.midpoint(high);
                let is_new = middle > low && middle < high;
                (is_new && self.halvings <= HALVINGS).then_some(middle)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::latency::Quantiles;
    use crate::load::report::Faults;
    use crate::load::report::Flow;

    /// A server that delivers up to `most` of what it is offered, in time up to `late`.
    fn climb(from: u64, most: u64, late: u64) -> (Option<u64>, Vec<Step>) {
        let mut ramp = Ramp::new(from, 10_000_000, Duration::from_millis(250));
        while let Some(ticks) = ramp.due() {
            let p99_us = if ticks > late { 300_000 } else { 1_000 };
            let report = Report {
                messages_per_s: ticks.min(most),
                flow: Flow { messages: 1, ..Flow::default() },
                latency: Quantiles { p99_us, ..Quantiles::default() },
                ..Report::default()
            };
            ramp.note(ticks, &report);
            assert!(ramp.steps.len() < 40, "{:?}", ramp.steps);
        }
        let (best, steps) = ramp.found();
        (best.map(|(ticks, _)| *ticks), steps)
    }

    #[test]
    fn a_rate_at_which_nobody_is_let_in_is_too_much() {
        let mut ramp = Ramp::new(1_000, 100_000, Duration::from_millis(100));
        ramp.note_refusal(1_000);
        assert_eq!(ramp.due(), Some(500));
        ramp.note_refusal(500);
        assert_eq!(ramp.due(), Some(250));
        let (found, steps) = ramp.found();
        assert!(found.is_none() && steps.iter().all(|step| !step.kept_up));
    }

    #[test]
    fn the_highest_rate_is_found_within_a_sixteenth() {
        for (from, late) in [(1_000, 37_000), (1_000, 1_000), (64_000, 900), (1_000, 999_999)] {
            let (best, steps) = climb(from, u64::MAX, late);
            let best = best.unwrap();
            assert!(best <= late && best >= late - late / 8, "{best} of {late}: {steps:?}");
        }
    }

    #[test]
    fn more_that_delivers_no_more_is_not_tried_for_ever() {
        let (best, steps) = climb(1_000, 10_000, u64::MAX);
        assert_eq!(best, Some(16_000));
        assert!(steps.len() <= 8, "{steps:?}");
        assert_eq!(climb(10, u64::MAX, 0).0, None);
        assert_eq!(climb(10, u64::MAX, u64::MAX).0, Some(10_000_000));
    }

    #[test]
    fn what_lost_something_did_not_keep_up() {
        let mut ramp = Ramp::new(10, 100, Duration::from_millis(250));
        let report = Report {
            flow: Flow { messages: 1, ..Flow::default() },
            faults: Faults { lost: 1, ..Faults::default() },
            ..Report::default()
        };
        ramp.note(10, &report);
        assert_eq!((ramp.due(), ramp.found().0), (Some(5), None));
    }
}
