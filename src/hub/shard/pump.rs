//! The pump: what a shard does when it is woken, and when it sleeps.

use std::cmp::Reverse;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use tracing::error;
use tracing::warn;

use crate::board::Reach;
use crate::clock;
use crate::event::Body;
use crate::event::Channel;
use crate::event::Event;
use crate::event::FeedId;
use crate::event::Seq;
use crate::event::SymbolId;
use crate::hub::Shared;
use crate::hub::shard::ConnectionId;
use crate::hub::shard::Shard;
use crate::hub::shard::SharedShard;
use crate::hub::shard::connection::Connections;
use crate::hub::shard::connection::Work;
use crate::hub::shard::listeners::Listener;
use crate::hub::shard::service;
use crate::hub::stats::ShardStats;
use crate::subscriber::Got;
use crate::subscriber::Measure;
use crate::subscriber::Subscriber;
use crate::subscriber::View;
use crate::tape::Error;
use crate::wire::Message;
use crate::wire::Print;
use crate::wire::json;
use crate::wire::json::StreamName;

use super::pace;
use super::view;

/// Events taken from the ring before sockets get their turn; few in tests, which are small.
const RING_BATCH: usize = if cfg!(test) { 3 } else { 2_048 };
/// Events read from the journal before sockets get their turn.
const JOURNAL_BATCH: usize = if cfg!(test) { 5 } else { 4_096 };
/// Work for those who read the tape before sockets get their turn; 1 is about 0.06 µs.
const WORK_MAX: usize = if cfg!(test) { 30 } else { 16_384 };
/// The least for one of them, so that many do not open the tape for nothing.
const WORK_SHARE_MIN: usize = if cfg!(test) { 20 } else { 2_048 };
/// Between two counts over all connections.
const CENSUS: Duration = Duration::from_secs(1);
/// Between two looks after one connection.
const TIMER_MIN: Duration = Duration::from_millis(1);
/// Longest sleep.
const SLEEP_MAX: Duration = Duration::from_millis(500);

/// What a subscriber does with a message.
type Take = fn(&mut Subscriber, u32, Seq, Message<'_>) -> Got;

/// Whether there is more to do at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    More,
    Idle,
    /// Only the next flush.
    Rest,
    /// What comes next cannot be read, for now.
    Stuck,
}

/// Runs a shard until its handle is dropped elsewhere or its runtime ends.
pub async fn run(shard: SharedShard) {
    let sleeper = shard.borrow().ring.sleeper();
    let weak = Rc::downgrade(&shard);
    drop(shard);
    while let Some(shard) = weak.upgrade() {
        let turn = shard.borrow_mut().turn();
        let until = match turn {
            Turn::Rest => shard.borrow().flush.next(),
            Turn::More | Turn::Idle => shard.borrow().next_timer(),
            Turn::Stuck => clock::monotonic() + SLEEP_MAX,
        };
        let (hub, at) = (Arc::clone(shard.borrow().hub()), shard.borrow().board().seq());
        drop(shard);
        match turn {
            Turn::More => tokio::task::yield_now().await,
            Turn::Rest | Turn::Stuck => tokio::time::sleep_until(until.into()).await,
            Turn::Idle => sleeper.sleep(until, || hub.published() > at).await,
        }
    }
}

/// Lets a shard do what is due, in the midst of other work of its thread.
///
/// The runtime has a shard wait for all tasks that were ready before it, and each may be about to
/// read what a client sent: those who are served would wait for those who ask.
pub fn keep_up(shard: &SharedShard) {
    if let Ok(mut shard) = shard.try_borrow_mut()
        && !shard.ring.is_empty()
        && shard.flush.next() <= clock::monotonic()
    {
        // What is left to do is the pump's, which was rung for the same events.
        let _left = shard.turn();
    }
}

impl Shard {
    pub(super) fn turn(&mut self) -> Turn {
        let mut turn = self.drain_ring();
        self.on_troubles();
        self.on_drain();
        self.retry_waiting();
        self.on_timers();
        if self.feed_hungry() == Turn::More {
            turn = Turn::More;
        }
        self.show_stats();
        let rest = self.flush_when_due();
        if turn == Turn::Idle { rest } else { turn }
    }

    fn flush_when_due(&mut self) -> Turn {
        if self.flush.next() <= clock::monotonic() && !self.dirty.is_empty() {
            self.flush();
        }
        if self.flush.next() > clock::monotonic() {
            // Also with nothing to send yet: waking for what cannot leave would be in vain.
            return Turn::Rest;
        }
        if self.dirty.is_empty() { Turn::Idle } else { Turn::More }
    }

    pub(super) fn next_timer(&self) -> Instant {
        let latest = clock::monotonic() + SLEEP_MAX;
        self.timers.peek().map_or(latest, |Reverse((at, _))| latest.min(*at))
    }

    fn drain_ring(&mut self) -> Turn {
        for _ in 0..RING_BATCH {
            let Some(shared) = self.held.take().or_else(|| self.ring.next()) else {
                return self.on_empty_ring();
            };
            if shared.after > self.board.seq() {
                self.lap_begins();
                let until = shared.after;
                self.held = Some(shared);
                return self.catch_up(until);
            }
            self.catching_up = None;
            self.apply(&shared);
        }
        Turn::More
    }

    fn on_empty_ring(&mut self) -> Turn {
        let published = self.hub.published();
        if self.board.seq() >= published {
            self.level_at = clock::monotonic();
            return Turn::Idle;
        }
        if self.ring.is_empty() {
            self.lap_begins();
            return self.catch_up(published);
        }
        Turn::More
    }

    fn lap_begins(&mut self) {
        if self.catching_up.is_none() {
            self.stats.laps.add(1);
        }
    }

    fn catch_up(&mut self, until: Seq) -> Turn {
        if let Err(error) = self.catch_up_to(until) {
            self.catching_up = None;
            error!(%error, "cannot catch up from the journal; starting from its checkpoint");
            if let Err(error) = self.start_over() {
                warn!(%error, "the checkpoint cannot be read either; trying again");
                return Turn::Stuck;
            }
        }
        Turn::More
    }

    /// Applies a batch of the journal, not beyond `until`.
    pub(super) fn catch_up_to(&mut self, until: Seq) -> Result<(), Error> {
        let mut cursor = match self.catching_up.take() {
            Some(cursor) => cursor,
            None => self.tape.read_after(self.board.seq())?,
        };
        let mut events = Vec::new();
        cursor.next_batch(JOURNAL_BATCH, &mut events)?;
        let mut beyond = false;
        for event in events {
            beyond |= event.seq > until;
            if !beyond {
                let after = self.board.seq();
                self.apply(&Shared::new(event, after));
            }
        }
        if !beyond {
            self.catching_up = Some(cursor);
        }
        Ok(())
    }

    /// The journal no longer holds what comes next: every stream begins anew.
    fn start_over(&mut self) -> Result<(), Error> {
        let lost = self.board.seq();
        self.board = self.tape.board_at(self.tape.head())?;
        self.snapshots.clear();
        for id in self.connections.ids() {
            let board = &self.board;
            if let Some(connection) = self.connections.get_mut(id) {
                connection.subscriber.on_board_lost(lost, board);
            }
            self.mark(id);
        }
        let listed = self.board.symbols().filter(|(_, symbol)| symbol.listed_at > lost);
        let listed: Vec<SymbolId> = listed.map(|(id, _)| id).collect();
        for id in listed {
            self.on_listed(id);
        }
        Ok(())
    }

    fn apply(&mut self, shared: &Shared) {
        let event = &shared.event;
        if event.seq <= self.board.seq() {
            return;
        }
        self.board.apply(event);
        self.stats.events.add(1);
        match self.board.reach(event) {
            Reach::Nobody => {}
            Reach::Streams(symbol, channels) => {
                channels.for_each(|channel| self.deliver(channel, symbol, shared));
            }
            Reach::Closed => self.deliver_closed(event.seq),
            Reach::Feed(feed) => self.deliver_feed(feed, event),
            Reach::Listed(symbol) => self.on_listed(symbol),
        }
    }

    fn deliver(&mut self, channel: Channel, symbol: SymbolId, shared: &Shared) {
        let measure = self.rates.note(channel, symbol);
        let listeners = self.listeners.of(channel, symbol);
        if listeners.is_empty() && measure == Measure::No {
            return;
        }
        let Some(board) = self.board.symbol(symbol) else { return };
        let stream = StreamName { channel, id: symbol, symbol: board.symbol.as_str() };
        let print = shared.message(stream, &self.board, &self.stats.encoded);
        let Some(print) = print else { return };
        if measure == Measure::Yes {
            self.rates.measure(channel, print.len());
        }
        let is_trade = matches!(shared.event.body, Body::Trade(_));
        let is_final = is_trade && self.board.is_final_bar(channel, symbol);
        let take: Take = if is_final { Subscriber::on_final } else { Subscriber::on_message };
        let crowd = (&mut self.connections, &mut self.dirty);
        hand_out((shared.event.seq, print, take), listeners, crowd, &self.stats);
    }

    /// The bars that a clock event made final: each is encoded once for all who hear it.
    fn deliver_closed(&mut self, seq: Seq) {
        for (channel, symbol) in self.board.closed() {
            let _lengths_are_those_of_trades = self.rates.note(*channel, *symbol);
        }
        let listeners = &self.listeners;
        let hears = |channel, symbol| !listeners.of(channel, symbol).is_empty();
        for (channel, symbol) in self.board.closed_for(hears) {
            let mut message = Vec::new();
            json::write_bar(&mut message, (channel, symbol), None, &self.board);
            let print = Print::new(message);
            self.stats.encoded.add(1);
            let listeners = self.listeners.of(channel, symbol);
            let crowd = (&mut self.connections, &mut self.dirty);
            hand_out((seq, &print, Subscriber::on_final), listeners, crowd, &self.stats);
        }
    }

    fn deliver_feed(&mut self, feed: FeedId, event: &Event) {
        for id in self.connections.ids() {
            if let Some(connection) = self.connections.get_mut(id) {
                connection.subscriber.on_feed_event(feed, event, &self.board);
            }
            self.mark(id);
        }
    }

    fn on_listed(&mut self, symbol: SymbolId) {
        let Some(listed) = self.board.symbol(symbol) else { return };
        let mut ids = self.connections.ids();
        ids.retain(|id| {
            let connection = self.connections.get(*id);
            connection.is_some_and(|of| of.subscriber.may_have(&listed.symbol))
        });
        for id in ids {
            self.with(id, |subscriber, view| subscriber.on_listed(symbol, view));
        }
    }

    /// Tells every client when this server gets into trouble, or out of it.
    fn on_troubles(&mut self) {
        let pace = pace(&self.board, &self.hub, (self.level_at, clock::monotonic()));
        let troubles = (self.hub.troubles(), pace);
        if troubles == self.troubles {
            return;
        }
        self.troubles = troubles;
        self.trouble = self.hub.trouble();
        let message = self.service().unwrap_or_else(|| service("ok", None, clock::now())).to_json();
        for id in self.connections.ids() {
            self.with(id, |subscriber, _| subscriber.on_service(&message));
        }
    }

    fn retry_waiting(&mut self) {
        for id in std::mem::take(&mut self.waiting) {
            if let Some(connection) = self.connections.get_mut(id) {
                connection.waits = false;
            }
            self.with(id, Subscriber::retry);
            if let Some(connection) = self.connections.get(id)
                && !connection.subscriber.is_waiting()
            {
                connection.notify();
            }
        }
    }

    fn on_timers(&mut self) {
        let now = clock::monotonic();
        self.rates.tick(now);
        while let Some(Reverse((at, id))) = self.timers.peek().copied()
            && at <= now
        {
            self.timers.pop();
            let view: View<'_> = view!(self, now);
            let Some(connection) = self.connections.get_mut(id) else { continue };
            if connection.timeout != at {
                continue;
            }
            if connection.cut_at.is_some_and(|cut_at| cut_at <= now) {
                self.cut(id);
                continue;
            }
            let was_busy = connection.subscriber.is_busy();
            connection.subscriber.on_timeout(&view);
            if was_busy && !connection.subscriber.is_busy() {
                connection.notify();
            }
            connection.limit_closing(now);
            connection.timeout = connection.next_timeout().max(now + TIMER_MIN);
            let next = connection.timeout;
            self.timers.push(Reverse((next, id)));
            self.after(id);
        }
    }

    /// Ends a connection whose client does not answer a close.
    fn cut(&mut self, id: ConnectionId) {
        let waker = self.connections.get_mut(id).and_then(|connection| connection.waker.take());
        self.disconnect(id);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Once, when the server stops: every client is told to come back, at a time of its own.
    fn on_drain(&mut self) {
        if self.drained || !self.hub.is_draining() {
            return;
        }
        self.drained = true;
        for id in self.connections.ids() {
            self.send_away(id);
        }
    }

    /// Tells a client to come back, as the server stops.
    pub(super) fn send_away(&mut self, id: ConnectionId) {
        let spread_ms = u64::try_from(self.rules.reconnect_spread.as_millis()).unwrap_or(0);
        let reconnect_ms = rand::random_range(0..=spread_ms);
        self.with(id, |subscriber, _| subscriber.shut_down(reconnect_ms));
    }

    /// Reads the tape for those who need it, each in its turn, and no more than a turn may cost.
    fn feed_hungry(&mut self) -> Turn {
        let mut queue = std::mem::take(&mut self.hungry);
        let share = (WORK_MAX / queue.len().max(1)).max(WORK_SHARE_MIN);
        let mut left = WORK_MAX;
        while left > 0
            && let Some(id) = queue.pop_front()
        {
            if let Some(connection) = self.connections.get_mut(id) {
                connection.hungry = false;
                let mut work = Work::new(share.min(left));
                if let Err(error) = connection.read_tape(&self.board, &self.tape, &mut work) {
                    error!(%error, "cannot read the tape for a client");
                    connection.subscriber.on_tape_lost(&self.board);
                }
                left = left.saturating_sub(work.done().max(1));
                // Not with the next flush: who catches up would get one outbox an interval.
                connection.write(&self.stats);
                self.after(id);
            }
        }
        // Who had no turn has the next one.
        queue.append(&mut self.hungry);
        self.hungry = queue;
        if self.hungry.is_empty() { Turn::Idle } else { Turn::More }
    }

    fn show_stats(&mut self) {
        self.stats.connections.set(self.connections.len() as u64);
        self.stats.streams.set(self.listeners.count() as u64);
        self.stats.seq.set(self.board.seq().0);
        self.stats.ring.set(self.ring.len() as u64);
        let now = clock::monotonic();
        if now >= self.census_at {
            self.census_at = now + CENSUS;
            self.follow_rules();
            self.take_census();
            self.dismiss();
        }
    }

    /// Ends connections that an operator wants to end.
    fn dismiss(&mut self) {
        if !self.connections.iter_mut().any(|connection| connection.is_dismissed()) {
            return;
        }
        for id in self.connections.ids() {
            if self.connections.get_mut(id).is_some_and(|connection| connection.is_dismissed()) {
                self.with(id, |subscriber, _| subscriber.dismiss());
            }
        }
    }

    /// What would cost too much to follow at each message.
    fn take_census(&mut self) {
        let (mut bytes, mut most, mut following) = (0, 0, 0);
        for connection in self.connections.iter_mut() {
            let tally = connection.subscriber.take_tally();
            self.stats.count(&tally);
            let waiting = connection.subscriber.outbox().len() as u64;
            if let Some(gauge) = &connection.gauge {
                gauge.waiting_bytes.set(waiting);
                gauge.streams.set(connection.subscriber.stream_count() as u64);
                gauge.skipped.add(tally.dropped + u64::from(tally.conflated));
            }
            bytes += waiting;
            most = most.max(waiting);
            following += u64::from(connection.subscriber.follows_tape());
            connection.subscriber.outbox_mut().trim();
        }
        self.stats.outbox_bytes.set(bytes);
        self.stats.outbox_bytes_max.set(most);
        self.stats.following.set(following);
        let uses = self.snapshots.uses();
        self.stats.snapshot_hits.set(uses.hits);
        self.stats.snapshot_misses.set(uses.misses);
    }
}

/// Gives one message to all who listen.
fn hand_out(
    (seq, print, take): (Seq, &Print, Take),
    listeners: &[Listener],
    (connections, dirty): (&mut Connections, &mut Vec<ConnectionId>),
    stats: &ShardStats,
) {
    for listener in listeners {
        let Some(connection) = connections.get_mut(listener.connection) else { continue };
        let message = print.in_form(connection.subscriber.outbox().form());
        connection.relieve(message.len(), stats);
        let got = take(&mut connection.subscriber, listener.slot, seq, message);
        connection.is_unsettled |= got == Got::Consequences;
        if got != Got::Nothing && !connection.dirty {
            connection.dirty = true;
            dirty.push(listener.connection);
        }
    }
    stats.delivered.add(listeners.len() as u64);
}
