//! Bars of the past: those of one symbol and interval, derived from its trades as they were live.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use tickwire_feeds::Nanos;
use tickwire_feeds::Symbol;

use crate::board::Bar;
use crate::board::Board;
use crate::board::Series;
use crate::board::SymbolBoard;
use crate::board::Symbols;
use crate::event::Body;
use crate::event::Event;
use crate::event::FeedId;
use crate::event::Interval;
use crate::event::Seq;
use crate::event::SymbolId;

use super::Filter;
use crate::tape::Kind;

/// Walks along a tape and gives each bar once, in the order of their beginnings: when it can not
/// change any more, or at the end. It gives those that had a message since it began.
#[derive(Debug)]
pub struct PastBars {
    id: SymbolId,
    interval: Interval,
    /// Of this one symbol.
    board: Board,
    /// The last messages of the bars that may still change.
    seqs: BTreeMap<Nanos, Seq>,
}

impl PastBars {
    /// Begins with a board, which is as it stood where the walk begins.
    #[must_use]
    pub fn new(board: &Board, (id, symbol): (SymbolId, &Symbol), interval: Interval) -> Self {
        let mut symbols = Symbols::wanted(Some(&BTreeSet::from([id])));
        let unlisted = || SymbolBoard::new(symbol.clone(), FeedId(0), None);
        symbols.add(id, board.symbol(id).cloned().unwrap_or_else(unlisted));
        let board = Board::from_parts(board.seq(), board.clock(), symbols, Vec::new());
        Self { id, interval, board, seqs: BTreeMap::new() }
    }

    /// Begins where another one stood, whose [`PastBars::pending`] this was.
    #[must_use]
    pub fn resume(mut self, pending: impl IntoIterator<Item = (Nanos, Seq)>) -> Self {
        self.seqs = pending.into_iter().collect();
        self
    }

    /// The events that it has to see.
    #[must_use]
    pub fn filter(&self) -> Filter {
        Filter::default().symbols(vec![self.id]).kinds(vec![Kind::Trade, Kind::Clock])
    }

    /// Follows the tape by one event. Returns the bar that can not change any more because of it.
    pub fn apply(&mut self, event: &Event) -> Option<(Seq, Bar)> {
        let oldest = self.would_begin(event).then(|| self.series()?.bars().next().cloned());
        self.board.apply(event);
        let seq = self.board.seq();
        let series = self.board.symbol(self.id)?.series(self.interval)?;
        if series.own() == seq
            && let Some(bar) = series.changed()
        {
            self.seqs.insert(bar.start, seq);
        }
        let is_kept = |start| series.bars().next().is_some_and(|first| first.start <= start);
        let gone = oldest.flatten().filter(|oldest| !is_kept(oldest.start))?;
        Some((self.seqs.remove(&gone.start)?, gone))
    }

    /// The bars that may still change, and their last messages.
    pub fn rest(&self) -> impl Iterator<Item = (Seq, &Bar)> {
        let bars = self.series().into_iter().flat_map(Series::bars);
        bars.filter_map(|bar| Some((*self.seqs.get(&bar.start)?, bar)))
    }

    /// What another one needs to go on where this one stands.
    pub fn pending(&self) -> impl Iterator<Item = (Nanos, Seq)> {
        self.seqs.iter().map(|(start, seq)| (*start, *seq))
    }

    /// Whether no bar that begins before a time can change any more, or be begun.
    #[must_use]
    pub fn is_past(&self, time: Nanos) -> bool {
        let Some(series) = self.series() else { return false };
        series.is_full(self.interval)
            && series.bars().next().is_some_and(|oldest| oldest.start >= time)
    }

    /// Whether all bars that begin before a time are final where it stands.
    #[must_use]
    pub fn is_final(&self, time: Nanos) -> bool {
        let Some(symbol) = self.board.symbol(self.id) else { return false };
        let last = self.interval.start_of(Nanos(time.0.saturating_sub(1)));
        let end = Nanos(last.0.saturating_add(self.interval.nanos()));
        let is_over = symbol.bars.as_ref().is_some_and(|of| of.is_due(end, self.board.clock()));
        let mut bars = self.series().into_iter().flat_map(Series::bars);
        is_over && bars.all(|bar| bar.is_final() || bar.start >= time)
    }

    fn series(&self) -> Option<&Series> {
        self.board.symbol(self.id)?.series(self.interval)
    }

    /// Whether the event belongs to another bar than the last one.
    fn would_begin(&self, event: &Event) -> bool {
        let at = event.ts.unwrap_or(event.recv);
        let latest = self.series().and_then(Series::latest);
        matches!(event.body, Body::Trade(_))
            && latest.is_none_or(|latest| latest.start != self.interval.start_of(at))
    }
}
