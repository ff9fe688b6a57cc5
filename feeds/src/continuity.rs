//! What the venue's own trade numbers prove: nothing missed, something missed, or seen before.

use crate::error::Error;
use crate::tick::Cause;
use crate::tick::Covers;
use crate::tick::GapState;

/// Largest believable step between two ids; the busiest pair needs years for it. A garbled id
/// above it must not make every real trade after it look like a repeat.
const STEP_MAX: u64 = 10_000_000_000;

/// Where one symbol's trade ids stand, for venues that count each symbol's trades by one.
#[derive(Debug, Default)]
pub(crate) struct Continuity {
    last: Option<u64>,
    proof: Proof,
}

/// Whether a disconnect still casts doubt on what stands on the tape.
#[derive(Debug, Default, PartialEq, Eq)]
enum Proof {
    #[default]
    Whole,
    Doubted,
}

/// What an id says of its trade.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It is on the tape already, or was declared lost.
    Repeat,
    /// It is new; a finding, if any, goes before it.
    Fresh(Option<Finding>),
}

/// A gap as it will be told, without whom it concerns and when.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) covers: Covers,
    pub(crate) cause: Cause,
    pub(crate) missing: Option<u64>,
    pub(crate) state: GapState,
    pub(crate) settles_disconnect: bool,
}

impl Continuity {
    /// Continues after a trade of an earlier life of the process, which left a gap open.
    pub(crate) fn resume(&mut self, last: u64) {
        self.last = Some(last);
        self.proof = Proof::Doubted;
    }

    /// The connection was gone: trades may have been missed.
    pub(crate) fn interrupt(&mut self) {
        self.proof = Proof::Doubted;
    }

    /// The last id seen, told or declared lost.
    pub(crate) const fn last(&self) -> Option<u64> {
        self.last
    }

    /// Counting begins after a trade that is older than the subscription.
    pub(crate) fn begin_after(&mut self, id: u64) {
        if self.proof == Proof::Whole {
            self.last.get_or_insert(id);
        }
    }

    /// Judges the id of a trade that has come and counts it.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a step that no market makes; nothing is counted then.
    pub(crate) fn step(&mut self, id: u64) -> Result<Step, Error> {
        let Some(last) = self.last else {
            self.last = Some(id);
            return Ok(Step::Fresh(self.settle(None)));
        };
        if id <= last {
            return Ok(Step::Repeat);
        }
        let missing = id - last - 1;
        if missing > STEP_MAX {
            return Err(Error::out_of_range("trade id", &id.to_string()));
        }
        self.last = Some(id);
        Ok(Step::Fresh(self.settle(Some(missing))))
    }

    /// The venue says that `newest` is its last trade: if we hold it, nothing was missed.
    pub(crate) fn confirm(&mut self, newest: u64) -> Option<Finding> {
        (self.last == Some(newest)).then(|| self.settle(Some(0))).flatten()
    }

    /// Gives up on the trades after the last one, up to and including `newest`.
    pub(crate) fn give_up(&mut self, newest: u64) -> Option<Finding> {
        let missing = newest.checked_sub(self.last?).filter(|missing| *missing > 0)?;
        if missing > STEP_MAX {
            return None;
        }
        self.last = Some(newest);
        self.settle(Some(missing))
    }

    /// What `missing` trades mean; a doubt ends here, one way or the other.
    fn settle(&mut self, missing: Option<u64>) -> Option<Finding> {
        let doubted = std::mem::take(&mut self.proof) == Proof::Doubted;
        let (cause, state) = match missing {
            Some(0) => (Cause::VenueDisconnect, GapState::Filled),
            Some(_) => (Cause::VenueSequence, GapState::Lost),
            None => (Cause::VenueDisconnect, GapState::Lost),
        };
        if !doubted && missing.is_none_or(|missing| missing == 0) {
            return None;
        }
        Some(Finding {
            // A settlement speaks of what the disconnect put in doubt, which is everything.
            covers: if doubted { Covers::All } else { Covers::Trades },
            cause,
            missing: missing.filter(|missing| *missing > 0),
            state,
            settles_disconnect: doubted,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lost(missing: u64) -> Finding {
        Finding {
            covers: Covers::Trades,
            cause: Cause::VenueSequence,
            missing: Some(missing),
            state: GapState::Lost,
            settles_disconnect: false,
        }
    }

    fn settled(cause: Cause, missing: Option<u64>, state: GapState) -> Finding {
        Finding { covers: Covers::All, cause, missing, state, settles_disconnect: true }
    }

    fn after(last: u64) -> Continuity {
        let mut prints = Continuity::default();
        assert_eq!(prints.step(last).unwrap(), Step::Fresh(None));
        prints
    }

    #[test]
    fn a_jump_tells_how_many_are_missing() {
        let mut prints = after(7);
        assert_eq!(prints.step(8).unwrap(), Step::Fresh(None));
        assert_eq!(prints.step(12).unwrap(), Step::Fresh(Some(lost(3))));
        assert_eq!(prints.step(13).unwrap(), Step::Fresh(None));
    }

    #[test]
    fn what_was_seen_is_a_repeat() {
        let mut prints = after(7);
        for id in [7, 0, 6] {
            assert_eq!(prints.step(id).unwrap(), Step::Repeat);
        }
    }

    #[test]
    fn the_next_id_after_a_disconnect_proves_that_nothing_was_missed() {
        let mut prints = after(7);
        prints.interrupt();
        assert_eq!(prints.step(7).unwrap(), Step::Repeat);
        let filled = settled(Cause::VenueDisconnect, None, GapState::Filled);
        assert_eq!(prints.step(8).unwrap(), Step::Fresh(Some(filled)));
        assert_eq!(prints.step(9).unwrap(), Step::Fresh(None));
    }

    #[test]
    fn a_later_id_after_a_disconnect_proves_a_loss() {
        let mut prints = Continuity::default();
        prints.resume(7);
        let gone = settled(Cause::VenueSequence, Some(2), GapState::Lost);
        assert_eq!(prints.step(10).unwrap(), Step::Fresh(Some(gone)));
    }

    #[test]
    fn a_symbol_without_a_known_id_cannot_prove_anything() {
        let mut prints = Continuity::default();
        prints.interrupt();
        prints.begin_after(6);
        let unknown = settled(Cause::VenueDisconnect, None, GapState::Lost);
        assert_eq!(prints.step(7).unwrap(), Step::Fresh(Some(unknown)));
    }

    #[test]
    fn the_venues_word_on_its_last_trade_settles_too() {
        let mut prints = after(7);
        assert_eq!(prints.confirm(7), None);
        prints.interrupt();
        assert_eq!(prints.confirm(8), None);
        let filled = settled(Cause::VenueDisconnect, None, GapState::Filled);
        assert_eq!(prints.confirm(7), Some(filled));
        assert_eq!(prints.give_up(7), None);
        assert_eq!(prints.give_up(9), Some(lost(2)));
        assert_eq!(prints.step(9).unwrap(), Step::Repeat);
        assert_eq!(prints.step(10).unwrap(), Step::Fresh(None));
    }

    #[test]
    fn a_garbled_id_does_not_silence_the_symbol() {
        let mut prints = after(7);
        assert!(matches!(prints.step(u64::MAX), Err(Error::OutOfRange { .. })));
        assert_eq!(prints.give_up(u64::MAX), None);
        assert_eq!(prints.step(8).unwrap(), Step::Fresh(None));
    }

    proptest! {
        /// Whatever is cut, repeated or mixed up: no id is fresh twice, and the fresh ones and the
        /// missing ones add up to all of them.
        #[test]
        fn fresh_and_missing_add_up(
            ids in prop::collection::vec((0_u64..200, any::<bool>()), 1..300),
        ) {
            let mut prints = after(0);
            let (mut fresh, mut missing, mut max) = (0, 0, 0);
            for (id, cut) in ids {
                if cut {
                    prints.interrupt();
                }
                match prints.step(id).unwrap() {
                    Step::Repeat => prop_assert!(id <= max),
                    Step::Fresh(found) => {
                        fresh += 1;
                        missing += found.and_then(|found| found.missing).unwrap_or(0);
                        max = id;
                    }
                }
            }
            prop_assert_eq!(fresh + missing, max);
        }
    }
}
