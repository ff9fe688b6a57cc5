//! One bar, and the bars of one interval of a symbol.
//!
//! A bar is a function of its prints, in whatever order they came: it opens with the earliest by
//! time and closes with the latest; of prints at the same time the tape's order decides.

use std::collections::VecDeque;

use tickwire_feeds::Nanos;
use tickwire_feeds::Price;
use tickwire_feeds::Size;

use super::symbol::prints;
use crate::event::Event;
use crate::event::Interval;
use crate::event::Seq;
use crate::event::Trade;

/// How long after its end a bar waits for prints that are on their way.
const GRACE_MS: i64 = 2_000;

/// What was traded in one interval of time.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    /// Where it begins.
    pub start: Nanos,
    /// Open, high and low; `None` if no print moves them.
    pub range: Option<Range>,
    /// The last price; `None` if no print moves it.
    pub close: Option<Close>,
    /// Sum of sizes; `None` if it no longer fits 28 digits.
    pub volume: Option<Size>,
    /// Number of prints.
    pub trades: u64,
    /// Whether it is final.
    pub stage: Stage,
}

/// First, highest and lowest price.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    /// Of the earliest print.
    pub open: Price,
    /// The time of that.
    pub opened_at: Nanos,
    /// Highest price.
    pub high: Price,
    /// Lowest price.
    pub low: Price,
}

/// Last price.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Close {
    /// Of the latest print.
    pub price: Price,
    /// The time of that.
    pub closed_at: Nanos,
}

/// Whether more is to be expected of a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Its time, or the grace after it, is not over.
    Open,
    /// It is final, and so often it changed after all.
    Final {
        /// 0 if it did not.
        revision: u32,
    },
}

/// What a trade says to bars.
#[derive(Debug, Clone, Copy)]
pub(super) struct Print {
    /// The venue's time, else when it was read.
    pub(super) at: Nanos,
    price: Price,
    size: Size,
    moves_last: bool,
    moves_range: bool,
    counts: bool,
}

/// What became of a print in a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    /// Its bar was there.
    InKnown,
    /// It began one, and the oldest may be kept no longer.
    InNew,
    /// Its bar is too old.
    Nowhere,
}

/// When bars are due to be final.
#[derive(Debug, Clone, Copy)]
pub(super) struct Due {
    /// The time of a clock event.
    pub(super) now: Nanos,
    /// Of the symbol, in nanoseconds.
    pub(super) lag: i64,
}

/// The bars of one interval that may still change, and the places of their messages.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    /// The last message that is of this stream alone, or of some of its symbol's.
    pub(crate) own: Seq,
    /// That before it.
    pub(crate) before: Seq,
    /// Where the bar begins that was changed last.
    pub(crate) changed: Nanos,
    /// The bar that begins last.
    pub(crate) latest: Option<Bar>,
    /// Those before it, the oldest first.
    pub(crate) older: VecDeque<Bar>,
}

impl Due {
    /// Of a bar that ends there.
    pub(super) const fn of(self, end: Nanos) -> Nanos {
        Nanos(end.plus_millis(GRACE_MS).0.saturating_add(self.lag))
    }
}

impl Print {
    pub(super) fn new(event: &Event, trade: &Trade) -> Self {
        let (moves_last, moves_range, counts) = prints(trade.extra.as_deref());
        let at = event.ts.unwrap_or(event.recv);
        let (price, size) = (trade.price, trade.size);
        Self { at, price, size, moves_last, moves_range, counts }
    }
}

impl Bar {
    fn begin(start: Nanos) -> Self {
        let (volume, stage) = (Some(Size::ZERO), Stage::Open);
        Self { start, range: None, close: None, volume, trades: 0, stage }
    }

    /// Where it ends.
    #[must_use]
    pub const fn end(&self, interval: Interval) -> Nanos {
        Nanos(self.start.0.saturating_add(interval.nanos()))
    }

    /// Whether it is final.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(self.stage, Stage::Final { .. })
    }

    /// How often it changed after it was final.
    #[must_use]
    pub const fn revision(&self) -> u32 {
        match self.stage {
            Stage::Open => 0,
            Stage::Final { revision } => revision,
        }
    }

    fn add(&mut self, print: &Print) {
        self.trades += 1;
        if print.counts {
            self.volume = self.volume.and_then(|sum| sum.plus(print.size));
        }
        if print.moves_range {
            match &mut self.range {
                Some(range) => range.add(print),
                None => self.range = Some(Range::begin(print)),
            }
        }
        if print.moves_last && self.close.is_none_or(|close| print.at >= close.closed_at) {
            self.close = Some(Close { price: print.price, closed_at: print.at });
        }
        if let Stage::Final { revision } = &mut self.stage {
            *revision = revision.saturating_add(1);
        }
    }
}

impl Range {
    const fn begin(print: &Print) -> Self {
        let Print { price, at, .. } = *print;
        Self { open: price, opened_at: at, high: price, low: price }
    }

    fn add(&mut self, print: &Print) {
        if print.price > self.high {
            self.high = print.price;
        } else if print.price < self.low {
            self.low = print.price;
        }
        if print.at < self.opened_at {
            (self.open, self.opened_at) = (print.price, print.at);
        }
    }
}

impl Series {
    /// The bar that begins last.
    #[must_use]
    pub const fn latest(&self) -> Option<&Bar> {
        self.latest.as_ref()
    }

    /// The bar that was changed last.
    #[must_use]
    pub fn changed(&self) -> Option<&Bar> {
        self.bars().rev().find(|bar| bar.start == self.changed)
    }

    /// The last message that did not concern the whole feed or all streams of the symbol.
    #[must_use]
    pub const fn own(&self) -> Seq {
        self.own
    }

    /// The one before [`Series::own`].
    #[must_use]
    pub const fn before(&self) -> Seq {
        self.before
    }

    /// All that are kept, the oldest first.
    pub fn bars(&self) -> impl DoubleEndedIterator<Item = &Bar> {
        self.older.iter().chain(&self.latest)
    }

    /// How many bars of an interval are kept for late prints. One whose bar is older than all of
    /// them is no part of any bar.
    #[must_use]
    pub const fn kept(interval: Interval) -> usize {
        match interval {
            Interval::Second => 16,
            Interval::Minute => 8,
            Interval::FiveMinutes => 4,
            Interval::Hour => 3,
            Interval::Day => 2,
        }
    }

    /// Whether there are so many that a print older than all of them is no part of any bar.
    #[must_use]
    pub fn is_full(&self, interval: Interval) -> bool {
        self.older.len() + 1 >= Self::kept(interval)
    }

    /// Notes a message.
    pub(super) const fn touch(&mut self, seq: Seq) {
        self.before = self.own;
        self.own = seq;
    }

    /// Counts a print in its bar, unless that is too old.
    pub(super) fn count(&mut self, print: &Print, interval: Interval, seq: Seq) -> Counted {
        if let Some(latest) = &mut self.latest
            && print.at >= latest.start
            && print.at < latest.end(interval)
        {
            latest.add(print);
            self.changed = latest.start;
            self.touch(seq);
            return Counted::InKnown;
        }
        self.count_elsewhere(print, interval, seq)
    }

    #[cold]
    fn count_elsewhere(&mut self, print: &Print, interval: Interval, seq: Seq) -> Counted {
        let start = interval.start_of(print.at);
        let is_newer = self.latest.as_ref().is_none_or(|latest| start > latest.start);
        let counted = if is_newer {
            let mut bar = Bar::begin(start);
            bar.add(print);
            self.older.extend(self.latest.replace(bar));
            Counted::InNew
        } else {
            let at = self.older.partition_point(|bar| bar.start < start);
            if let Some(bar) = self.older.get_mut(at).filter(|bar| bar.start == start) {
                bar.add(print);
                Counted::InKnown
            } else if at == 0 && self.is_full(interval) {
                return Counted::Nowhere;
            } else {
                let mut bar = Bar::begin(start);
                bar.add(print);
                self.older.insert(at, bar);
                Counted::InNew
            }
        };
        if self.older.len() >= Self::kept(interval) {
            self.older.pop_front();
        }
        self.changed = start;
        self.touch(seq);
        counted
    }

    /// Makes the oldest open bar final if it is due; says whether there was one.
    pub(super) fn close(&mut self, interval: Interval, due: Due, seq: Seq) -> bool {
        let mut open = self.older.iter_mut().chain(&mut self.latest).filter(|bar| !bar.is_final());
        let Some(bar) = open.next().filter(|bar| due.of(bar.end(interval)) <= due.now) else {
            return false;
        };
        bar.stage = Stage::Final { revision: 0 };
        self.changed = bar.start;
        self.touch(seq);
        true
    }

    /// Where the oldest open bar ends.
    pub(super) fn next_end(&self, interval: Interval) -> Option<Nanos> {
        self.bars().find(|bar| !bar.is_final()).map(|bar| bar.end(interval))
    }
}
