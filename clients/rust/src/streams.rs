//! The one rule: a `seq` held for each stream says whether anything was missed.

use std::collections::BTreeSet;
use std::collections::HashMap;

use crate::pattern;

/// The streams of a reader and where each of them stands.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    /// By channel, then by symbol.
    held: HashMap<String, HashMap<String, Held>>,
    begun: Begun,
    /// Whether snapshots may leap over messages because the reader asked for that.
    leaps: bool,
}

/// What became of the cursor that the reader began from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Begun {
    /// There is none, or no answer yet.
    #[default]
    Afresh,
    /// The server goes on after it: streams need no snapshot.
    After(u64),
    /// The server cannot; each stream's snapshot comes after something that is missing.
    Without(u64, &'static str),
}

/// Where a stream stands.
#[derive(Debug, Clone)]
struct Held {
    /// The last message; `None` if there was none, but should have been.
    seq: Option<u64>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Something of it came on this connection.
    Known,
    /// It is from a connection before; this one goes on after a cursor that may be older.
    Carried,
    /// It waits for a snapshot.
    Lost(Loss),
}

/// Why a stream waits for a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// Something may be missing; the word says why.
    Missed(&'static str),
    /// The same on another tape, where places mean something else.
    OtherTape,
    /// The reader goes to another place by its own will.
    Wanted,
}

/// The place of a data message.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    Snapshot {
        seq: u64,
    },
    Next {
        seq: u64,
        prev: u64,
    },
    /// Messages that this connection was too slow for, up to `to`.
    Skipped {
        to: u64,
    },
}

/// What to do with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Take,
    /// It was seen, or its stream waits for a snapshot.
    Drop,
    /// Take it, after it was told what is missing before it.
    TakeAfter {
        after: Option<u64>,
        reason: &'static str,
    },
    /// Drop it, and subscribe again: something is missing before it.
    Missed,
    /// The same, of a stream of which nothing is held.
    NotHeld,
}

impl Streams {
    /// No stream.
    pub(crate) fn new(leaps: Leaps) -> Self {
        Self { leaps: leaps == Leaps::Asked, ..Self::default() }
    }

    /// The server answered to the reader's own cursor.
    pub(crate) fn begin(&mut self, begun: Begun) {
        self.begun = begun;
    }

    /// Judges a message and takes note of it.
    pub(crate) fn judge(&mut self, channel: &str, symbol: &str, place: Place) -> Verdict {
        let (begun, leaps) = (self.begun, self.leaps);
        let Some(held) = self.held.get_mut(channel).and_then(|of| of.get_mut(symbol)) else {
            let Some((verdict, seq)) = begun.judge(place) else { return Verdict::NotHeld };
            self.hold(channel, symbol, Some(seq), State::Known);
            return verdict;
        };
        held.judge(place, leaps)
    }

    /// From here on a stream waits for a snapshot.
    pub(crate) fn lose(&mut self, channel: &str, symbol: &str, loss: Loss) {
        match self.held.get_mut(channel).and_then(|of| of.get_mut(symbol)) {
            Some(held) => held.lose(loss),
            None => self.hold(channel, symbol, None, State::Lost(loss)),
        }
    }

    /// The same for all streams that there are of a channel, where `which` says so.
    pub(crate) fn lose_all(&mut self, channel: &str, loss: Loss, which: impl Fn(&str) -> bool) {
        let of = self.held.get_mut(channel).into_iter().flatten();
        of.filter(|(symbol, _)| which(symbol)).for_each(|(_, held)| held.lose(loss));
    }

    /// The connection is another one, which goes on after a cursor on the same tape.
    pub(crate) fn carry(&mut self) {
        for held in self.held.values_mut().flat_map(HashMap::values_mut) {
            if held.state == State::Known {
                held.state = State::Carried;
            }
        }
    }

    /// Whether streams need no snapshot, as the reader's own cursor stands for one.
    pub(crate) const fn is_adopting(&self) -> bool {
        matches!(self.begun, Begun::After(_))
    }

    /// The snapshots of a beginning have come.
    pub(crate) fn settle(&mut self) {
        if matches!(self.begun, Begun::Without(..)) {
            self.begun = Begun::Afresh;
        }
    }

    /// The reader has not gone to another place after all: streams stand where they stood.
    pub(crate) fn find(&mut self) {
        for held in self.held.values_mut().flat_map(HashMap::values_mut) {
            if held.state == State::Lost(Loss::Wanted) {
                held.state = State::Known;
            }
        }
    }

    /// Whether a stream is held, and does not wait for a snapshot.
    pub(crate) fn is_whole(&self, channel: &str, symbol: &str) -> bool {
        let held = self.held.get(channel).and_then(|of| of.get(symbol));
        held.is_some_and(|held| !matches!(held.state, State::Lost(_)))
    }

    /// How many streams of a channel any of these names covers; those that wait for a snapshot too.
    pub(crate) fn count(&self, channel: &str, names: &[String]) -> usize {
        let of = self.held.get(channel).into_iter().flat_map(HashMap::keys);
        of.filter(|symbol| names.iter().any(|name| pattern::covers(name, symbol))).count()
    }

    /// Symbols of a channel whose streams wait for a snapshot.
    pub(crate) fn lost(&self, channel: &str) -> BTreeSet<String> {
        let of = self.held.get(channel).into_iter().flatten();
        let lost = of.filter(|(_, held)| matches!(held.state, State::Lost(_)));
        lost.map(|(symbol, _)| symbol.clone()).collect()
    }

    /// Forgets the streams that `keep` does not want.
    pub(crate) fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        for of in self.held.values_mut() {
            of.retain(|symbol, _| keep(symbol));
        }
    }

    fn hold(&mut self, channel: &str, symbol: &str, seq: Option<u64>, state: State) {
        let of = self.held.entry(channel.to_owned()).or_default();
        of.insert(symbol.to_owned(), Held { seq, state });
    }
}

/// Whether snapshots may stand for messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaps {
    /// The reader conflates, or lets the server conflate.
    Asked,
    /// Each message was wanted.
    Never,
}

impl Begun {
    /// Of a stream of which nothing is held; `None` if the message has no use.
    fn judge(self, place: Place) -> Option<(Verdict, u64)> {
        match (place, self) {
            (Place::Snapshot { seq }, Self::Without(after, reason)) if seq > after => {
                Some((Verdict::TakeAfter { after: Some(after), reason }, seq))
            }
            (Place::Snapshot { seq }, _) => Some((Verdict::Take, seq)),
            (Place::Next { seq, prev }, Self::After(after)) if prev <= after => {
                Some((Verdict::Take, seq))
            }
            _ => None,
        }
    }
}

impl Held {
    fn lose(&mut self, loss: Loss) {
        // What was lost first has happened all the same, and another tape outweighs everything.
        let stays = match self.state {
            State::Lost(Loss::OtherTape) => true,
            State::Lost(Loss::Missed(_)) => loss != Loss::OtherTape,
            _ => false,
        };
        if !stays {
            self.state = State::Lost(loss);
        }
    }

    fn judge(&mut self, place: Place, leaps: bool) -> Verdict {
        let before = self.seq;
        let (verdict, seq) = match (place, self.state) {
            (Place::Snapshot { seq }, State::Lost(loss)) => (loss.verdict(before, seq), seq),
            (Place::Snapshot { seq }, State::Carried) if Some(seq) <= before => {
                return Verdict::Drop;
            }
            (Place::Snapshot { seq }, _) if Some(seq) > before && !leaps => {
                (Verdict::TakeAfter { after: before, reason: "snapshot" }, seq)
            }
            (Place::Snapshot { seq }, _) => (Verdict::Take, seq),
            (_, State::Lost(_)) => return Verdict::Drop,
            (Place::Next { seq, .. } | Place::Skipped { to: seq }, _) if Some(seq) <= before => {
                return Verdict::Drop;
            }
            (Place::Next { seq, prev }, _) if Some(prev) == before => (Verdict::Take, seq),
            (Place::Skipped { to }, _) => (Verdict::Take, to),
            (Place::Next { .. }, _) => {
                self.state = State::Lost(Loss::Missed("prev"));
                return Verdict::Missed;
            }
        };
        *self = Self { seq: Some(seq), state: State::Known };
        verdict
    }
}

impl Loss {
    /// Of the snapshot with which a stream goes on.
    fn verdict(self, before: Option<u64>, seq: u64) -> Verdict {
        match self {
            Self::Wanted => Verdict::Take,
            // It stands where it stood: nothing was missed.
            Self::Missed(_) if before == Some(seq) => Verdict::Take,
            Self::Missed(reason) => Verdict::TakeAfter { after: before, reason },
            Self::OtherTape => Verdict::TakeAfter { after: before, reason: "epoch_mismatch" },
        }
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

    fn missing(after: u64, reason: &'static str) -> Verdict {
        Verdict::TakeAfter { after: Some(after), reason }
    }

    #[track_caller]
    fn check(streams: &mut Streams, steps: &[(Place, Verdict)]) {
        for (at, (place, expected)) in steps.iter().enumerate() {
            assert_eq!(streams.judge("c", "a", *place), *expected, "step {at}: {place:?}");
        }
    }

    #[test]
    fn a_chain_is_taken_and_repeats_are_dropped() {
        let mut streams = Streams::new(Leaps::Never);
        check(
            &mut streams,
            &[
                (next(0, 3), Verdict::NotHeld),
                (snapshot(5), Verdict::Take),
                (next(5, 9), Verdict::Take),
                (next(5, 9), Verdict::Drop),
                (next(9, 10), Verdict::Take),
                (Place::Skipped { to: 20 }, Verdict::Take),
                (Place::Skipped { to: 20 }, Verdict::Drop),
                (snapshot(20), Verdict::Take),
                (next(20, 21), Verdict::Take),
            ],
        );
        assert_eq!(streams.judge("d", "a", next(5, 9)), Verdict::NotHeld, "another channel");
    }

    #[test]
    fn a_miss_is_told_once_and_healed_by_a_snapshot() {
        let mut streams = Streams::new(Leaps::Never);
        check(
            &mut streams,
            &[
                (snapshot(5), Verdict::Take),
                (next(7, 9), Verdict::Missed),
                (next(9, 10), Verdict::Drop),
                (Place::Skipped { to: 11 }, Verdict::Drop),
                (snapshot(12), missing(5, "prev")),
                (next(12, 13), Verdict::Take),
            ],
        );
    }

    #[test]
    fn a_snapshot_in_place_of_messages_is_told_unless_it_was_asked_for() {
        let steps = |leap| [(snapshot(5), Verdict::Take), (snapshot(9), leap)];
        check(&mut Streams::new(Leaps::Never), &steps(missing(5, "snapshot")));
        check(&mut Streams::new(Leaps::Asked), &steps(Verdict::Take));
    }

    #[test]
    fn what_is_carried_over_is_not_doubled() {
        let mut streams = Streams::new(Leaps::Never);
        check(&mut streams, &[(snapshot(5), Verdict::Take), (next(5, 9), Verdict::Take)]);
        streams.carry();
        check(
            &mut streams,
            &[
                (snapshot(4), Verdict::Drop),
                (next(4, 5), Verdict::Drop),
                (next(5, 9), Verdict::Drop),
                (next(9, 12), Verdict::Take),
                (snapshot(12), Verdict::Take),
            ],
        );
    }

    #[test]
    fn a_lost_stream_that_stands_where_it_stood_missed_nothing() {
        for (loss, seq, expected) in [
            (Loss::Missed("interrupted"), 5, Verdict::Take),
            (Loss::Missed("interrupted"), 6, missing(5, "interrupted")),
            (Loss::Missed("ahead"), 4, missing(5, "ahead")),
            (Loss::OtherTape, 5, missing(5, "epoch_mismatch")),
            (Loss::Wanted, 3, Verdict::Take),
        ] {
            let mut streams = Streams::new(Leaps::Never);
            streams.judge("c", "a", snapshot(5));
            streams.lose("c", "a", loss);
            check(&mut streams, &[(next(5, 6), Verdict::Drop), (snapshot(seq), expected)]);
        }
    }

    #[test]
    fn what_follows_a_cursor_of_the_reader_needs_no_snapshot() {
        let mut streams = Streams::new(Leaps::Never);
        streams.begin(Begun::After(100));
        check(&mut streams, &[(next(99, 101), Verdict::Take), (next(101, 102), Verdict::Take)]);
        assert_eq!(streams.judge("c", "b", next(101, 102)), Verdict::NotHeld);
        assert_eq!(streams.judge("c", "d", snapshot(102)), Verdict::Take, "it was listed since");
        streams.begin(Begun::Afresh);
        assert_eq!(streams.judge("c", "f", next(99, 103)), Verdict::NotHeld);
    }

    #[test]
    fn what_follows_a_cursor_that_is_refused_is_missing() {
        let mut streams = Streams::new(Leaps::Never);
        streams.begin(Begun::Without(100, "ahead"));
        assert_eq!(streams.judge("c", "a", next(99, 101)), Verdict::NotHeld);
        assert_eq!(streams.judge("c", "a", snapshot(102)), missing(100, "ahead"));
        assert_eq!(streams.judge("c", "b", snapshot(90)), Verdict::Take);
        streams.settle();
        assert_eq!(streams.judge("c", "d", snapshot(120)), Verdict::Take);
    }

    #[test]
    fn streams_are_counted_by_what_covers_them() {
        let mut streams = Streams::new(Leaps::Never);
        for symbol in ["sim:A-USD", "sim:B-USD", "sim:B-EUR"] {
            streams.judge("c", symbol, snapshot(1));
        }
        let names = ["sim:*-USD".to_owned(), "*:B-*".to_owned()];
        assert_eq!((streams.count("c", &names[..1]), streams.count("c", &names)), (2, 3));
        streams.lose("c", "sim:B-EUR", Loss::Missed("prev"));
        assert_eq!(streams.lost("c").into_iter().collect::<Vec<_>>(), ["sim:B-EUR"]);
        assert!(streams.is_whole("c", "sim:A-USD") && !streams.is_whole("c", "sim:B-EUR"));
        streams.retain(|symbol| symbol == "sim:A-USD");
        assert_eq!(streams.count("c", &names), 1);
    }
}
