//! One subscription: what a client named, and how it wants it.

use std::collections::BTreeSet;
use std::time::Duration;
use std::time::Instant;

use tickwire_feeds::Symbol;

use crate::event::Channel;
use crate::subscriber::stream::Queue;
use crate::wire::op::Slow;
use crate::wire::pattern::Pattern;

/// What one `subscribe` asked for and no later one took over.
#[derive(Debug)]
pub(super) struct Subscription {
    /// Names it in its streams; larger for a later one.
    pub(super) key: u32,
    pub(super) channel: Channel,
    /// Symbols that were named exactly, those that are not known yet among them.
    pub(super) exact: BTreeSet<Symbol>,
    pub(super) patterns: Vec<Pattern>,
    /// Symbols inside a pattern that were unsubscribed by name.
    pub(super) except: BTreeSet<Symbol>,
    /// Whether the client was told that a pattern outgrew the limit.
    pub(super) outgrown: bool,
    pub(super) slow: Slow,
    pub(super) conflation: Option<Conflation>,
}

/// The one clock by which all streams of a conflated subscription are flushed.
#[derive(Debug)]
pub(super) struct Conflation {
    interval: Duration,
    next: Instant,
    due: bool,
    /// Streams that changed since the client got them.
    pub(super) changed: Queue,
}

impl Subscription {
    /// When its clock strikes next, if there is something to flush.
    pub(super) fn flush_at(&self) -> Option<Instant> {
        let clock = self.conflation.as_ref()?;
        (!clock.changed.is_empty() && !clock.due).then_some(clock.next)
    }

    /// Time went on.
    pub(super) fn tick(&mut self, now: Instant) {
        if let Some(clock) = &mut self.conflation {
            clock.tick(now);
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
        let clock = Self { interval, next, due: false, changed: Queue::default() };
        (interval_ms > 0).then_some(clock)
    }

    /// Whether its time has come and not everything is flushed yet.
    pub(super) const fn is_due(&self) -> bool {
        self.due
    }

    /// Everything that had changed is flushed.
    pub(super) fn flushed(&mut self) {
        self.due = false;
    }

    fn tick(&mut self, now: Instant) {
        if now < self.next {
            return;
        }
        self.due = !self.changed.is_empty();
        let late = now.duration_since(self.next).as_nanos();
        let missed = u32::try_from(late / self.interval.as_nanos().max(1)).unwrap_or(u32::MAX);
        let ahead = self.interval.saturating_mul(missed.saturating_add(1));
        self.next = self.next.checked_add(ahead).unwrap_or(now);
    }
}
