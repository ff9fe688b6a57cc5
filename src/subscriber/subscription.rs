//! One subscription: what a client named, and how it wants it.

use std::time::Duration;
use std::time::Instant;

use tickwire_feeds::Symbol;

use crate::event::Channel;
use crate::event::Seq;
use crate::subscriber::names::Names;
use crate::subscriber::stream::Due;
use crate::subscriber::stream::Phase;
use crate::subscriber::stream::Queue;
use crate::subscriber::stream::Streams;
use crate::wire::op::Slow;
use crate::wire::pattern::Pattern;

/// What one `subscribe` asked for and no later one took over.
#[derive(Debug)]
pub(super) struct Subscription {
    /// Names it in its streams; larger for a later one.
    pub(super) key: u32,
    pub(super) channel: Channel,
    /// Symbols that were named exactly, those that are not known yet among them.
    pub(super) exact: Names,
    pub(super) patterns: Vec<Pattern>,
    /// Symbols inside a pattern that were unsubscribed by name.
    pub(super) except: Names,
    /// Whether the client was told that a pattern outgrew the limit.
    pub(super) outgrown: bool,
    pub(super) slow: Slow,
    /// In a box: most subscriptions have none.
    pub(super) conflation: Option<Box<Conflation>>,
}

/// The one clock by which all streams of a conflated subscription are flushed.
#[derive(Debug)]
pub(super) struct Conflation {
    interval: Duration,
    /// No flush before this.
    next: Instant,
    /// What had changed up to here when it last struck is to be flushed.
    due: Option<Seq>,
    /// Streams that changed since the client got them.
    pub(super) changed: Queue,
}

impl Subscription {
    /// When its clock strikes next, if there is something to flush.
    pub(super) fn flush_at(&self) -> Option<Instant> {
        self.conflation.as_ref()?.flush_at()
    }

    /// Time went on, and this shard stands here.
    pub(super) fn tick(&mut self, now: Instant, at: Seq) {
        if let Some(clock) = &mut self.conflation {
            clock.tick(now, at);
        }
    }

    pub(super) fn conflate_ms(&self) -> u64 {
        let interval = self.conflation.as_ref().map_or(Duration::ZERO, |clock| clock.interval);
        u64::try_from(interval.as_millis()).unwrap_or(u64::MAX)
    }

    /// What the client named.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let exact = self.exact.iter().map(Symbol::as_str);
        exact.chain(self.patterns.iter().map(Pattern::as_str))
    }

    /// How many names the client has given it.
    pub(super) fn names_count(&self) -> usize {
        self.exact.len() + self.patterns.len()
    }

    /// The first of its patterns that a symbol belongs to.
    pub(super) fn pattern_of(&self, symbol: &Symbol) -> Option<&Pattern> {
        let found = self.patterns.iter().find(|pattern| pattern.covers(symbol));
        found.filter(|_| !self.except.contains(symbol))
    }

    /// Whether nothing of it is left.
    pub(super) fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.patterns.is_empty()
    }
}

impl Conflation {
    /// A clock that strikes first one interval from now; none for an interval of 0.
    pub(super) fn new(interval_ms: u64, now: Instant) -> Option<Self> {
        let interval = Duration::from_millis(interval_ms);
        let next = now.checked_add(interval)?;
        let clock = Self { interval, next, due: None, changed: Queue::default() };
        (interval_ms > 0).then_some(clock)
    }

    /// When it strikes next, if there is something to flush and no flush under way.
    pub(super) fn flush_at(&self) -> Option<Instant> {
        (!self.changed.is_empty() && self.due.is_none()).then_some(self.next)
    }

    /// The next stream to flush, once its time has come. What changes during a flush that the
    /// client takes slowly is left for the next one.
    pub(super) fn pop_due(&mut self, streams: &Streams) -> Option<Due> {
        let until = self.due?;
        if self.changed.front(streams).is_some_and(|due| due.seq <= until) {
            return self.changed.pop(streams, Phase::Changed);
        }
        self.due = None;
        None
    }

    /// A change after a silence is flushed at once, and then none for one interval.
    fn tick(&mut self, now: Instant, at: Seq) {
        if now >= self.next && !self.changed.is_empty() {
            self.due = Some(at);
            self.next = now.checked_add(self.interval).unwrap_or(now);
        }
    }
}
