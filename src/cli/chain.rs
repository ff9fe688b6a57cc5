//! The one rule for clients: a `seq` held for each stream says whether anything was missed.

use std::collections::BTreeSet;
use std::collections::HashMap;

/// The streams of one channel and where each of them stands.
#[derive(Debug, Default)]
pub(super) struct Chain {
    held: HashMap<String, Held>,
    /// The cursor that the connection was resumed from.
    resumed_from: Option<u64>,
}

/// Where a stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    /// With this message.
    At(u64),
    /// Something after this message was missed; a snapshot is asked for.
    Missed(u64),
}

/// A data message, as far as its place goes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// A snapshot.
    Snapshot {
        /// Of the stream's last message.
        seq: u64,
    },
    /// Any other.
    Next {
        /// Its own.
        seq: u64,
        /// Of the message that it follows.
        prev: u64,
    },
}

/// What to do with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Take it.
    Take,
    /// Drop it: it was seen, or its stream waits for a snapshot.
    Drop,
    /// Drop it and subscribe again: something after `held` was missed.
    Missed {
        /// The last message seen, 0 if none was.
        held: u64,
    },
    /// Take this snapshot; what lies between it and `held` was not seen.
    Leap {
        /// The last message seen.
        held: u64,
    },
}

impl Chain {
    /// Judges a message and takes note of it.
    pub(super) fn judge(&mut self, symbol: &str, place: Place) -> Verdict {
        let held = self.held.get(symbol).copied();
        let (verdict, now) = match (place, held) {
            (Place::Snapshot { seq }, None) => (Verdict::Take, Held::At(seq)),
            (Place::Snapshot { seq }, Some(Held::At(held) | Held::Missed(held))) => {
                let verdict = if seq > held { Verdict::Leap { held } } else { Verdict::Take };
                (verdict, Held::At(seq))
            }
            (Place::Next { .. }, Some(Held::Missed(_))) => return Verdict::Drop,
            (Place::Next { seq, .. }, Some(Held::At(held))) if seq <= held => {
                return Verdict::Drop;
            }
            (Place::Next { seq, prev }, Some(Held::At(held))) if prev == held => {
                (Verdict::Take, Held::At(seq))
            }
            (Place::Next { .. }, Some(Held::At(held))) => {
                (Verdict::Missed { held }, Held::Missed(held))
            }
            (Place::Next { seq, prev }, None) => match self.resumed_from {
                Some(cursor) if prev <= cursor => (Verdict::Take, Held::At(seq)),
                _ => (Verdict::Missed { held: 0 }, Held::Missed(0)),
            },
        };
        match self.held.get_mut(symbol) {
            Some(held) => *held = now,
            None => {
                self.held.insert(symbol.to_owned(), now);
            }
        }
        verdict
    }

    /// The server goes on after a cursor: what follows nothing younger than it is complete.
    pub(super) fn resume(&mut self, cursor: u64) {
        self.resumed_from = Some(cursor);
    }

    /// A place up to which nothing is missing, if all of `symbols` are held: the least of theirs.
    pub(super) fn least(&self, symbols: &[String]) -> Option<u64> {
        let held = symbols.iter().map(|symbol| match self.held.get(symbol) {
            Some(Held::At(seq)) => Some(*seq),
            _ => None,
        });
        held.collect::<Option<Vec<u64>>>()?.into_iter().min()
    }

    /// The streams that wait for a snapshot.
    pub(super) fn missed(&self) -> BTreeSet<String> {
        let missed = self.held.iter().filter(|(_, held)| matches!(held, Held::Missed(_)));
        missed.map(|(symbol, _)| symbol.clone()).collect()
    }

    /// Whether no stream is held.
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Forgets everything: the tape is another one. Tells how many streams were held.
    pub(super) fn clear(&mut self) -> usize {
        let held = self.held.len();
        *self = Self::default();
        held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(prev: u64, seq: u64) -> Place {
        Place::Next { seq, prev }
    }

    fn snapshot(seq: u64) -> Place {
        Place::Snapshot { seq }
    }

    #[test]
    fn a_chain_is_taken_and_repeats_are_dropped() {
        let mut chain = Chain::default();
        assert_eq!(chain.judge("a", snapshot(5)), Verdict::Take);
        assert_eq!(chain.judge("a", next(5, 9)), Verdict::Take);
        assert_eq!(chain.judge("a", next(5, 9)), Verdict::Drop);
        assert_eq!(chain.judge("a", next(9, 10)), Verdict::Take);
        assert_eq!(chain.judge("b", snapshot(0)), Verdict::Take);
        assert_eq!(chain.judge("b", next(0, 11)), Verdict::Take);
        assert_eq!(chain.judge("a", snapshot(10)), Verdict::Take);
    }

    #[test]
    fn a_miss_is_told_once_and_healed_by_a_snapshot() {
        let mut chain = Chain::default();
        chain.judge("a", snapshot(5));
        assert_eq!(chain.judge("a", next(7, 9)), Verdict::Missed { held: 5 });
        assert_eq!(chain.judge("a", next(9, 10)), Verdict::Drop);
        assert_eq!(chain.least(&["a".to_owned()]), None);
        assert_eq!(chain.judge("a", snapshot(12)), Verdict::Leap { held: 5 });
        assert_eq!(chain.judge("a", next(12, 13)), Verdict::Take);
        assert_eq!(chain.least(&["a".to_owned()]), Some(13));
    }

    #[test]
    fn a_resumed_stream_begins_at_or_before_its_cursor() {
        let mut chain = Chain::default();
        assert_eq!(chain.judge("a", next(3, 4)), Verdict::Missed { held: 0 });
        chain.resume(100);
        assert_eq!(chain.judge("b", next(99, 101)), Verdict::Take);
        assert_eq!(chain.judge("c", next(101, 102)), Verdict::Missed { held: 0 });
    }

    #[test]
    fn the_least_place_needs_every_stream() {
        let mut chain = Chain::default();
        let both = ["a".to_owned(), "b".to_owned()];
        chain.judge("a", snapshot(5));
        assert_eq!(chain.least(&both), None);
        chain.judge("b", snapshot(3));
        assert_eq!(chain.least(&both), Some(3));
        assert_eq!(chain.clear(), 2);
        assert_eq!(chain.least(&both), None);
    }
}
