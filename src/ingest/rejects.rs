//! Frames that were refused: counted, told to the log in moderation, and judged when there is
//! nothing else.

use tickwire_feeds::Error;
use tickwire_feeds::Nanos;

/// How often the log hears of further refusals.
const SUMMARY_MS: i64 = 10_000;

/// What one feed's refusals amount to. Times are of the steady clock.
#[derive(Debug, Default)]
pub(super) struct Rejects {
    /// Reasons that the log has seen in full.
    told: Vec<&'static str>,
    since_summary: u64,
    summary_at: Option<Nanos>,
    /// When the present run of nothing but refusals began.
    run_since: Option<Nanos>,
}

impl Rejects {
    /// A frame was accepted.
    pub(super) fn good(&mut self) {
        self.run_since = None;
    }

    /// A frame was refused.
    pub(super) fn bad(&mut self, venue: &str, error: &Error, now: Nanos) {
        self.run_since.get_or_insert(now);
        let reason = error.reason();
        if !self.told.contains(&reason) {
            self.told.push(reason);
            tracing::debug!(venue, reason, %error, "frame refused");
            return;
        }
        self.since_summary += 1;
        let due = *self.summary_at.get_or_insert(now.plus_millis(SUMMARY_MS));
        if now >= due {
            let count = std::mem::take(&mut self.since_summary);
            self.summary_at = None;
            tracing::debug!(venue, count, last = %error, "frames refused");
        }
    }

    /// Whether nothing but refused frames has come for `ms`, up to a frame read now.
    pub(super) fn is_all_garbage(&self, ms: i64, now: Nanos) -> bool {
        self.run_since.is_some_and(|since| now.millis_since(since) >= ms)
    }

    /// A new connection begins with a clean record.
    pub(super) fn forgive(&mut self) {
        self.run_since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_good_frame_ends_a_run_of_bad_ones() {
        let at = Nanos::from_millis;
        let error = Error::BadSetting(String::new());
        let mut rejects = Rejects::default();
        rejects.bad("v", &error, at(0));
        rejects.bad("v", &error, at(9_999));
        assert!(!rejects.is_all_garbage(10_000, at(9_999)));
        rejects.bad("v", &error, at(10_000));
        assert!(rejects.is_all_garbage(10_000, at(10_000)));
        rejects.good();
        rejects.bad("v", &error, at(11_000));
        assert!(!rejects.is_all_garbage(10_000, at(20_000)));
    }
}
