//! The agenda: which symbols have bars that become final next, without looking at all of them.

use std::collections::BTreeSet;

use tickwire_feeds::Nanos;

use super::bars::SymbolBars;
use super::symbols::Symbols;
use crate::event::Channel;
use crate::event::Seq;
use crate::event::SymbolId;

/// A symbol is looked at so much earlier than its bar seems due, so that a lag which shrinks a
/// little from trade to trade does not move it each time.
const SLACK_MS: i64 = 250;

/// Symbols with open bars, in the order in which they have to be looked at; each stands in it once.
#[derive(Debug, Clone, Default)]
pub(super) struct Agenda {
    looks: BTreeSet<(Nanos, SymbolId)>,
    /// What the last clock event made final.
    closed: Vec<(Channel, SymbolId)>,
}

/// What it holds follows from the bars, but for looks that come a little early.
impl PartialEq for Agenda {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Agenda {
    /// The bars that the last clock event made final.
    pub(super) fn closed(&self) -> &[(Channel, SymbolId)] {
        &self.closed
    }

    /// A trade was counted, or the bars were read from somewhere.
    pub(super) fn follow(&mut self, id: SymbolId, bars: &mut SymbolBars) {
        let Some(due) = bars.due() else { return };
        if bars.scheduled().is_none_or(|scheduled| due < scheduled) {
            self.put(id, bars, Some(due.plus_millis(-SLACK_MS)));
        }
    }

    /// Whether a clock event of that time would make a bar final.
    pub(super) fn is_due(&mut self, symbols: &mut Symbols, now: Nanos) -> bool {
        while let Some((id, bars)) = self.next(symbols, now) {
            let due = bars.due();
            if due.is_some_and(|due| due <= now) {
                return true;
            }
            self.put(id, bars, due);
        }
        false
    }

    /// Whether one should have come long before that time. Costs next to nothing.
    pub(super) fn is_overdue(&self, by_ms: i64, now: Nanos) -> bool {
        self.looks.first().is_some_and(|(look, _)| look.plus_millis(by_ms) <= now)
    }

    /// Makes bars final that are due.
    pub(super) fn close(&mut self, symbols: &mut Symbols, (now, seq): (Nanos, Seq)) {
        self.closed.clear();
        let mut again = Vec::new();
        while let Some((id, bars)) = self.next(symbols, now) {
            if bars.due().is_some_and(|due| due <= now) {
                let closed = &mut self.closed;
                bars.close(now, seq, |channel| closed.push((channel, id)));
            }
            let due = bars.due();
            // More that is due waits for the next event: a stream has one message a place.
            if due.is_some_and(|due| due <= now) {
                again.push(id);
                self.put(id, bars, None);
            } else {
                self.put(id, bars, due);
            }
        }
        for id in again {
            if let Some(bars) = bars_of(symbols, id) {
                self.follow(id, bars);
            }
        }
    }

    fn next<'a>(
        &self,
        symbols: &'a mut Symbols,
        now: Nanos,
    ) -> Option<(SymbolId, &'a mut SymbolBars)> {
        let (_, id) = *self.looks.first().filter(|(look, _)| *look <= now)?;
        Some((id, bars_of(symbols, id)?))
    }

    fn put(&mut self, id: SymbolId, bars: &mut SymbolBars, at: Option<Nanos>) {
        if let Some(before) = bars.scheduled() {
            self.looks.remove(&(before, id));
        }
        self.looks.extend(at.map(|at| (at, id)));
        bars.schedule(at);
    }
}

fn bars_of(symbols: &mut Symbols, id: SymbolId) -> Option<&mut SymbolBars> {
    symbols.get_mut(id)?.bars.as_deref_mut()
}
