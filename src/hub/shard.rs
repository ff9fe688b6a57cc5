//! A shard: the board, the connections and the subscribers of one worker thread.
//!
//! It applies events and takes snapshots in one thread, so "a snapshot, then every change after it"
//! needs no protocol. Nothing of it is shared with another thread but the ring.

mod asking;
mod connection;
mod flush;
mod line;
mod listeners;
mod pump;

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::task::Waker;
use std::time::Instant;

use bytes::Bytes;
use tickwire_feeds::Nanos;
use tokio::sync::Notify;

use crate::board::Board;
use crate::clock;
use crate::hub::Hub;
use crate::hub::Shared;
use crate::hub::Trouble;
use crate::hub::gauge::Gauge;
use crate::hub::ring::Knocker;
use crate::hub::ring::Reader;
use crate::hub::shard::connection::Connections;
use crate::hub::shard::flush::Flush;
use crate::hub::shard::listeners::Listeners;
use crate::hub::stats::ShardStats;
use crate::subscriber::Pace;
use crate::subscriber::Rates;
use crate::subscriber::Rules;
use crate::subscriber::Snapshots;
use crate::subscriber::Subscriber;
use crate::subscriber::View;
use crate::tape::Cursor;
use crate::tape::Error;
use crate::tape::Tape;
use crate::wire::Close;
use crate::wire::Form;
use crate::wire::answer::Answer;
use crate::wire::answer::Time;

pub use asking::Asked;
pub use connection::ConnectionId;
pub use flush::FlushRule;
pub use line::Line;
pub use pump::keep_up;
pub use pump::run;

/// Most bytes of encoded snapshots that are kept for other clients; few in tests, which are small.
const SNAPSHOT_BYTES: usize = if cfg!(test) { 4_000 } else { 4 << 20 };

/// What one worker thread owns.
#[derive(Debug)]
pub struct Shard {
    hub: Arc<Hub>,
    tape: Tape,
    board: Board,
    rates: Rates,
    snapshots: Snapshots,
    rules: Arc<Rules>,
    ring: Reader,
    knocker: Knocker,
    /// An event whose forerunners have to be read from the journal first.
    held: Option<Arc<Shared>>,
    catching_up: Option<Cursor>,
    /// When it was last seen to be where the tape is.
    level_at: Instant,
    connections: Connections,
    listeners: Listeners,
    timers: BinaryHeap<Reverse<(Instant, ConnectionId)>>,
    /// Connections that got something to send.
    dirty: Vec<ConnectionId>,
    flush: Flush,
    /// Connections that could go on reading the tape, the next one first.
    hungry: VecDeque<ConnectionId>,
    /// Connections with an operation that waits for this shard to move on.
    waiting: Vec<ConnectionId>,
    /// What clients were last told of: the hub's count of troubles, and this shard's pace.
    troubles: (u64, Pace),
    census_at: Instant,
    drained: bool,
    trouble: Option<Trouble>,
    stats: Arc<ShardStats>,
}

/// A shard as the handlers of its thread share it.
pub type SharedShard = Rc<RefCell<Shard>>;

impl Shard {
    /// Joins the hub with the board as the newest checkpoint has it; the pump brings it up to date.
    ///
    /// # Errors
    /// If the tape cannot be read.
    pub fn join(
        (hub, tape): (Arc<Hub>, Tape),
        (rules, flush): (Arc<Rules>, FlushRule),
        now: Instant,
    ) -> Result<Self, Error> {
        let ring = hub.join();
        let board = tape.checkpoint()?;
        let stats = Arc::new(ShardStats::default());
        hub.show(Arc::clone(&stats));
        let mut shard = Self {
            knocker: ring.sleeper().knocker(),
            ring,
            hub,
            tape,
            rules,
            held: None,
            catching_up: None,
            level_at: now,
            connections: Connections::default(),
            listeners: Listeners::default(),
            timers: BinaryHeap::new(),
            dirty: Vec::new(),
            flush: Flush::new(flush, now),
            hungry: VecDeque::new(),
            waiting: Vec::new(),
            troubles: (0, Pace::Keeping),
            census_at: now,
            drained: false,
            trouble: None,
            stats,
            board,
            rates: Rates::new(now),
            snapshots: Snapshots::new(SNAPSHOT_BYTES),
        };
        while shard.board.seq() < shard.tape.head() {
            shard.catch_up_to(shard.tape.head())?;
        }
        // What was caught up with did not happen just now.
        shard.rates = Rates::new(clock::monotonic());
        Ok(shard)
    }

    /// The board at this shard's place.
    #[must_use]
    pub const fn board(&self) -> &Board {
        &self.board
    }

    /// The tape that it reads.
    #[must_use]
    pub const fn tape(&self) -> &Tape {
        &self.tape
    }

    /// The hub that it belongs to.
    #[must_use]
    pub const fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// The rules of its subscribers.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Where it is shown from now on how a client does.
    pub fn gauge(&mut self, id: ConnectionId) -> Option<Arc<Gauge>> {
        let connection = self.connections.get_mut(id)?;
        Some(Arc::clone(connection.gauge.get_or_insert_default()))
    }

    /// Connections now.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.len()
    }

    /// A client connected; `line` is its socket, if that can be written to.
    pub fn connect(&mut self, line: Option<Rc<Line>>, form: Form) -> ConnectionId {
        let now = clock::monotonic();
        self.follow_rules();
        let mut subscriber = Subscriber::new(Arc::clone(&self.rules), form, &self.view(now));
        if let Some(service) = self.service() {
            subscriber.on_service(&service.to_json());
        }
        self.seat(subscriber, line)
    }

    /// The rules may have changed for those who come from now on.
    fn follow_rules(&mut self) {
        if let Some(rules) = self.hub.rules() {
            self.rules = rules;
        }
    }

    /// A client is gone.
    pub fn disconnect(&mut self, id: ConnectionId) {
        if let Some(mut connection) = self.connections.remove(id) {
            self.stats.count(&connection.subscriber.take_tally());
            connection.subscriber.end_all();
            let changes = connection.subscriber.take_changes();
            self.listeners.apply(id, &changes);
            self.listeners.forget(id);
            // Whoever reads from the client must not wait for it any more.
            connection.notify();
        }
    }

    /// Does something with a client's subscriber, then everything that follows from it.
    pub fn with(&mut self, id: ConnectionId, act: impl FnOnce(&mut Subscriber, &View<'_>)) {
        let now = clock::monotonic();
        let view = view!(self, now);
        let Some(connection) = self.connections.get_mut(id) else { return };
        act(&mut connection.subscriber, &view);
        self.after(id);
    }

    /// Whether an operation of the client waits; the notice tells when to look again.
    #[must_use]
    pub fn waits(&mut self, id: ConnectionId) -> Option<Rc<Notify>> {
        let connection = self.connections.get_mut(id)?;
        if connection.subscriber.is_busy() { Some(connection.notice()) } else { self.is_full(id) }
    }

    /// Whether the client does not take what it gets; the notice tells when to look again.
    #[must_use]
    pub fn is_full(&mut self, id: ConnectionId) -> Option<Rc<Notify>> {
        let connection = self.connections.get_mut(id)?;
        (!connection.subscriber.outbox().has_room(0)).then(|| connection.notice())
    }

    /// Whether a client is closed for sending without an end: nothing more of it is read.
    #[must_use]
    pub fn gives_up(&self, id: ConnectionId) -> bool {
        let closing = self.connections.get(id).map(|of| of.subscriber.outbox().closing());
        closing.flatten() == Some(Close::TooManyOps)
    }

    /// The next bytes for a client's socket; the waker is woken when there are more.
    pub fn poll_bytes(&mut self, id: ConnectionId, waker: &Waker) -> Poll<Option<Bytes>> {
        self.settle(id);
        let Some(connection) = self.connections.get_mut(id) else { return Poll::Ready(None) };
        if connection.is_first_poll() {
            // The library writes the head of its answer first, then the shard may write.
            connection.waker = Some(waker.clone());
            self.mark(id);
            return Poll::Pending;
        }
        if !connection.subscriber.outbox().is_empty() {
            connection.subscriber.tell(self.tape.epoch(), &self.board);
            self.stats.handed_over.add(1);
            return Poll::Ready(Some(connection.hand_over()));
        }
        if connection.hung_up || connection.subscriber.outbox().is_over() {
            return Poll::Ready(None);
        }
        connection.waker = Some(waker.clone());
        Poll::Pending
    }

    /// Nothing more will be read from the client: the connection ends when its bytes have left.
    pub fn hung_up(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        connection.hung_up = true;
        self.mark(id);
    }

    fn seat(&mut self, subscriber: Subscriber, line: Option<Rc<Line>>) -> ConnectionId {
        let timeout = subscriber.poll_timeout();
        let id = self.connections.insert((subscriber, line), timeout);
        self.timers.push(Reverse((timeout, id)));
        if self.drained {
            // It was let in before, and is late.
            self.send_away(id);
        }
        id
    }

    fn view(&self, now: Instant) -> View<'_> {
        view!(self, now)
    }

    /// What a subscriber did has consequences, bytes to send among them.
    fn after(&mut self, id: ConnectionId) {
        self.settle(id);
        self.mark(id);
    }

    /// Streams joined and left, snapshots due, a wish for the tape, an operation that waits.
    fn settle(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        let changes = connection.subscriber.take_changes();
        if !changes.is_empty() {
            self.listeners.apply(id, &changes);
        }
        connection.subscriber.fill(&self.board, &self.snapshots);
        if connection.subscriber.is_hungry() && !connection.hungry {
            connection.hungry = true;
            self.hungry.push_back(id);
            self.knocker.knock();
        }
        if connection.subscriber.is_waiting() && !connection.waits {
            connection.waits = true;
            self.waiting.push(id);
        }
    }

    /// What keeps this server from doing its work, if anything does.
    fn service(&self) -> Option<Answer<'_>> {
        match (&self.trouble, self.troubles.1) {
            (Some(Trouble { reason, since }), _) => Some(service("degraded", Some(reason), *since)),
            (None, Pace::Lagging) => {
                Some(service("lagging", Some("this server is catching up"), clock::now()))
            }
            (None, Pace::Keeping) => None,
        }
    }

    /// Something happened to a connection.
    fn mark(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        connection.is_unsettled = true;
        if !connection.dirty {
            connection.dirty = true;
            self.dirty.push(id);
            self.knocker.knock();
        }
    }

    /// Sends what waits for each connection that got something.
    fn flush(&mut self) {
        let began = clock::monotonic();
        let mut dirty = std::mem::take(&mut self.dirty);
        for id in &dirty {
            self.look_after(*id, began);
        }
        // One after the other with nothing between: a client that reads them on another core has
        // no time to fall asleep, and need not be woken for each.
        for id in dirty.drain(..) {
            let Some(connection) = self.connections.get_mut(id) else { continue };
            connection.dirty = false;
            let wanted_more = connection.subscriber.outbox().wants_more();
            connection.write(&self.stats);
            if !wanted_more && connection.subscriber.outbox().wants_more() {
                self.mark(id);
            }
        }
        dirty.append(&mut self.dirty);
        self.dirty = dirty;
        let ended = clock::monotonic();
        self.flush.done(began, ended);
        let wait = self.flush.next().saturating_duration_since(ended).as_micros();
        self.stats.flush_wait_us.set(u64::try_from(wait).unwrap_or(u64::MAX));
        self.stats.flushes.add(1);
    }

    /// Does what follows from what a connection got besides bytes, and sets its timer.
    fn look_after(&mut self, id: ConnectionId, now: Instant) {
        let connection = self.connections.get_mut(id);
        if !connection.is_some_and(|of| std::mem::take(&mut of.is_unsettled)) {
            return;
        }
        self.settle(id);
        let Some(connection) = self.connections.get_mut(id) else { return };
        connection.limit_closing(now);
        let timeout = connection.next_timeout();
        if timeout < connection.timeout {
            connection.timeout = timeout;
            self.timers.push(Reverse((timeout, id)));
        }
    }
}

fn pace(board: &Board, hub: &Hub, (level_at, now): (Instant, Instant)) -> Pace {
    let behind = board.seq() < hub.published();
    let late = now.saturating_duration_since(level_at).as_secs() >= 1;
    if behind && late { Pace::Lagging } else { Pace::Keeping }
}

/// What a subscriber sees now, borrowing only the fields that it needs.
macro_rules! view {
    ($shard:ident, $now:ident) => {
        View {
            board: &$shard.board,
            tape: &$shard.tape,
            rates: &$shard.rates,
            snapshots: &$shard.snapshots,
            now: $now,
            wall: clock::now(),
            age_ms: $shard.hub.age_ms($now),
            pace: pace(&$shard.board, &$shard.hub, ($shard.level_at, $now)),
        }
    };
}
use view;

fn service<'a>(state: &'a str, reason: Option<&'a str>, since: Nanos) -> Answer<'a> {
    Answer::Service { state, reason, since: Time(since) }
}

#[cfg(test)]
mod tests;
