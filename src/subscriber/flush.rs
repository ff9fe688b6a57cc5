//! When conflated streams are flushed.

use std::time::Instant;

use crate::event::Seq;
use crate::subscriber::Subscriber;
use crate::subscriber::stream::Due;
use crate::subscriber::subscription::Conflation;
use crate::subscriber::subscription::Subscription;

/// The clocks of all conflated subscriptions of a client, at a glance.
#[derive(Debug, Default)]
pub(super) struct Flushes {
    /// No clock strikes before this; `None` if none has anything to flush.
    pub(super) next: Option<Instant>,
    /// Whether one has struck whose streams are not all flushed yet.
    under_way: bool,
}

impl Flushes {
    /// A clock has something to flush then.
    pub(super) fn expect(&mut self, at: Option<Instant>) {
        self.next = match (self.next, at) {
            (Some(next), Some(at)) => Some(next.min(at)),
            (next, at) => next.or(at),
        };
    }
}

impl Subscriber {
    /// Time went on, and the shard stands at a place: starts the flushes whose time has come.
    pub(super) fn strike(&mut self, now: Instant, at: Seq) {
        if self.flushes.next.is_some_and(|next| next <= now) {
            for subscription in &mut self.subscriptions {
                subscription.tick(now, at);
            }
            self.flushes = Flushes { next: None, under_way: true };
        }
    }

    /// The next changed stream of a conflated subscription whose time has come.
    pub(super) fn pop_overdue(&mut self) -> Option<Due> {
        if !self.flushes.under_way {
            return None;
        }
        let streams = &self.streams;
        let mut clocks = self.subscriptions.iter_mut().filter_map(|of| of.conflation.as_mut());
        let due = clocks.find_map(|clock| clock.pop_due(streams));
        if due.is_none() {
            // What changed during a slow flush waits for the next one.
            self.flushes.under_way = false;
            self.flushes.next = self.subscriptions.iter().filter_map(Subscription::flush_at).min();
        }
        self.tally.flushed += u32::from(due.is_some());
        due
    }

    pub(super) fn is_conflated(&self, owner: u32) -> bool {
        let at = self.subscriptions.binary_search_by_key(&owner, |of| of.key);
        at.is_ok_and(|at| self.subscriptions.get(at).is_some_and(|of| of.conflation.is_some()))
    }
}

/// The clock of a subscription; they stand in the order of their keys.
pub(super) fn conflation_of(list: &mut [Subscription], owner: u32) -> Option<&mut Conflation> {
    let at = list.binary_search_by_key(&owner, |subscription| subscription.key).ok()?;
    list.get_mut(at)?.conflation.as_deref_mut()
}
