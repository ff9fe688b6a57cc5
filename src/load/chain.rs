//! The one rule for clients, at the pace of a load test: what each stream holds, and what a message
//! means for it.

/// Where one stream of one connection stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Chain {
    held: Option<u64>,
}

/// What a message means for its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The stream's first snapshot.
    First,
    /// What had to come.
    Next,
    /// A snapshot took the place of messages.
    Replaced,
    /// Something before it never came.
    Lost,
    /// It came before.
    Doubled,
    /// It belongs before what came already.
    OutOfOrder,
}

/// Which snapshots a stream may send after its first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Snapshots {
    /// In place of what was skipped; they may repeat the place that is held.
    Replace,
    /// As its only messages, each newer than the one before.
    Flow,
}

impl Chain {
    /// The place that it holds.
    #[must_use]
    pub const fn held(self) -> Option<u64> {
        self.held
    }

    /// A message that follows another.
    #[inline]
    pub fn follow(&mut self, seq: u64, prev: u64) -> Verdict {
        let Some(held) = self.held else {
            self.held = Some(seq);
            return Verdict::Lost;
        };
        if prev == held && seq > held {
            self.held = Some(seq);
            return Verdict::Next;
        }
        if seq == held {
            return Verdict::Doubled;
        }
        if seq < held {
            return Verdict::OutOfOrder;
        }
        self.held = Some(seq);
        // A newer one that follows what is older than the held is out of its chain.
        if prev > held && prev < seq { Verdict::Lost } else { Verdict::OutOfOrder }
    }

    /// A snapshot.
    #[inline]
    pub fn replace(&mut self, seq: u64, allowed: Snapshots) -> Verdict {
        let Some(held) = self.held.replace(seq) else { return Verdict::First };
        if seq < held {
            self.held = Some(held);
            return Verdict::OutOfOrder;
        }
        match allowed {
            Snapshots::Flow if seq == held => Verdict::Doubled,
            Snapshots::Flow => Verdict::Next,
            Snapshots::Replace => Verdict::Replaced,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A stream that holds a snapshot of `seq`.
    fn at(seq: u64) -> Chain {
        let mut chain = Chain::default();
        assert_eq!(chain.replace(seq, Snapshots::Replace), Verdict::First);
        chain
    }

    #[test]
    fn each_fault_is_called_by_its_name() {
        for (seq, prev, verdict, held) in [
            (9, 5, Verdict::Next, 9),
            (9, 7, Verdict::Lost, 9),
            (5, 3, Verdict::Doubled, 5),
            (4, 3, Verdict::OutOfOrder, 5),
            (9, 3, Verdict::OutOfOrder, 9),
            (9, 9, Verdict::OutOfOrder, 9),
        ] {
            let mut chain = at(5);
            assert_eq!(chain.follow(seq, prev), verdict, "{seq} after {prev}");
            assert_eq!(chain.held(), Some(held), "{seq} after {prev}");
        }
        assert_eq!(Chain::default().follow(2, 1), Verdict::Lost);
        assert_eq!(at(0).follow(3, 0), Verdict::Next);
    }

    #[test]
    fn a_snapshot_replaces_and_never_goes_back() {
        let mut chain = at(5);
        assert_eq!(chain.replace(9, Snapshots::Replace), Verdict::Replaced);
        assert_eq!(chain.follow(10, 9), Verdict::Next);
        assert_eq!(chain.replace(8, Snapshots::Replace), Verdict::OutOfOrder);
        assert_eq!(chain.held(), Some(10));
        assert_eq!(chain.replace(11, Snapshots::Flow), Verdict::Next);
        assert_eq!(chain.replace(11, Snapshots::Flow), Verdict::Doubled);
    }

    proptest! {
        #[test]
        fn a_whole_stream_passes_and_any_hole_repeat_or_swap_is_seen(
            steps in prop::collection::vec(1u64..9, 4..40),
            at_index in any::<prop::sample::Index>(),
            fault in 0..3u8,
        ) {
            let mut places = vec![7u64];
            for step in steps {
                places.push(places[places.len() - 1] + step);
            }
            let messages: Vec<(u64, u64)> = places.windows(2).map(|two| (two[1], two[0])).collect();
            let judge = |messages: &[(u64, u64)]| {
                let mut chain = at(7);
                messages.iter().map(|(seq, prev)| chain.follow(*seq, *prev)).collect::<Vec<_>>()
            };
            prop_assert!(judge(&messages).iter().all(|verdict| *verdict == Verdict::Next));

            let index = at_index.index(messages.len() - 1);
            let mut broken = messages.clone();
            match fault {
                0 => drop(broken.remove(index)),
                1 => broken.insert(index, messages[index]),
                _ => broken.swap(index, index + 1),
            }
            let verdicts = judge(&broken);
            let faults: Vec<_> =
                verdicts.into_iter().filter(|verdict| *verdict != Verdict::Next).collect();
            match fault {
                0 => prop_assert_eq!(faults, [Verdict::Lost]),
                1 => prop_assert_eq!(faults, [Verdict::Doubled]),
                _ => prop_assert!(faults.starts_with(&[Verdict::Lost, Verdict::OutOfOrder])),
            }
        }
    }
}
