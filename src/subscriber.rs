//! The subscriber: the state machine of one client. Operations and events in, frames out.
//!
//! It does no I/O and reads no clock. Its driver hands in what the client sent, the events of the
//! streams that it joined, and parts of the tape when it asks for them; what the client gets stands
//! in its [`Outbox`].

mod acting;
mod allowance;
mod asking;
mod ending;
mod finals;
mod flush;
mod names;
mod naming;
mod plan;
mod pulse;
mod rates;
mod replaying;
mod rules;
mod slow;
mod snapshots;
mod standing;
mod stream;
mod subscribing;
mod subscription;
mod tally;
mod tape;
mod trace;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use tickwire_feeds::Nanos;
use tickwire_feeds::Symbol;

use crate::board::Board;
use crate::event::Channel;
use crate::event::Event;
use crate::event::FeedId;
use crate::event::Seq;
use crate::event::SymbolId;
use crate::outbox::Outbox;
use crate::tape::Tape;
use crate::wire::Code;
use crate::wire::Form;
use crate::wire::Message;
use crate::wire::Reject;
use crate::wire::answer::Answer;
use crate::wire::answer::Id;
use crate::wire::answer::Time;
use crate::wire::json;
use crate::wire::op;

use acting::BEATS_PER_OP;
use allowance::Allowance;
use asking::Page;
use finals::Finals;
use finals::Room;
use flush::Flushes;
use flush::conflation_of;
use pulse::Pulse;
use slow::Dropped;
use slow::Said;
use standing::Standing;
use stream::Due;
use stream::Phase;
use stream::Streams;
use subscription::Subscription;

pub use asking::Patience;
pub use rates::Measure;
pub use rates::Rates;
pub use replaying::Coming;
pub use replaying::Horizon;
pub use rules::Rules;
pub use snapshots::Snapshots;
pub use snapshots::Uses;
pub use tally::Tally;
use tape::Unheld;

pub use tape::Fed;
pub use trace::Trace;

/// How long a cursor that this shard has not reached is waited for.
const CURSOR_WAIT: Duration = Duration::from_secs(5);

/// What a subscriber sees of the world during one call.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The state at this shard's place on the tape.
    pub board: &'a Board,
    /// Names the tape and what it keeps.
    pub tape: &'a Tape,
    /// What each stream had of late.
    pub rates: &'a Rates,
    /// Encoded snapshots of the board.
    pub snapshots: &'a Snapshots,
    /// For timeouts.
    pub now: Instant,
    /// For people.
    pub wall: Nanos,
    /// Since the sequencer's last sign of life, in ms.
    pub age_ms: u64,
    /// Whether this shard keeps up with the tape.
    pub pace: Pace,
}

/// Whether a shard keeps up with the tape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// At most 1 s behind.
    Keeping,
    /// Further behind: no new subscriptions.
    Lagging,
}

/// What a message was to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Got {
    /// Nothing to do: a snapshot is due already, or the tape will be read.
    Nothing,
    /// Bytes to send.
    Bytes,
    /// More than bytes: a timer to set, a wish for the tape, or an end.
    Consequences,
}

/// A stream that the driver must deliver from now on, or no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Deliver its events to this slot.
    Joined(Channel, SymbolId, u32),
    /// Deliver no more.
    Left(Channel, SymbolId, u32),
}

/// The state machine of one client.
///
/// In this order in memory: each message looks at the first of these, and what it finds far apart
/// costs it more than all it does.
#[derive(Debug)]
#[repr(C)]
pub struct Subscriber {
    outbox: Outbox,
    /// The streams in [`Phase::Tape`] have everything up to here.
    tape_at: Option<Seq>,
    /// If it is to get but one answer.
    page: Option<Box<Page>>,
    /// Oldest first, so in the order of their keys.
    subscriptions: Vec<Subscription>,
    streams: Streams,
    rules: Arc<Rules>,
    subscriptions_made: u32,
    changes: Vec<Change>,
    /// Streams whose first snapshot is due.
    starting: stream::Queue,
    /// Streams that begin some messages back.
    tracing: stream::Queue,
    /// Streams of bars that do.
    tracing_bars: stream::Queue,
    /// Streams that were not taken in time and are due a fresh snapshot.
    behind: stream::Queue,
    /// Streams that drop what comes, until there is room to say so.
    dropping: stream::Queue,
    /// By slot, what was dropped and not said yet.
    dropped: BTreeMap<u32, Dropped>,
    finals: Finals,
    flushes: Flushes,
    /// Streams of bars that need the board of the place where they begin.
    unheld: Vec<Unheld>,
    /// In a box, being large and rare.
    waiting: Option<Box<Waiting>>,
    /// Symbols that a replay will meet; they are waited for.
    coming: Option<Box<Coming>>,
    allowance: Allowance,
    /// The same of pings and pongs.
    beats: Allowance,
    pulse: Pulse,
    tally: Tally,
    /// In a box: where there is no gate, none is needed.
    standing: Option<Box<Standing>>,
}

#[derive(Debug)]
struct Waiting {
    id: Option<Id>,
    op: op::Subscribe,
    deadline: Instant,
}

impl Subscriber {
    /// A client that has just connected; its `welcome` is the first message.
    #[must_use]
    pub fn new(rules: Arc<Rules>, form: Form, view: &View<'_>) -> Self {
        let outbox = Outbox::new(form, rules.limits.buffer_bytes);
        let mut subscriber = Self::silent(rules, outbox, view.now);
        subscriber.welcome(view, view.board.seq());
        subscriber
    }

    fn silent(rules: Arc<Rules>, outbox: Outbox, now: Instant) -> Self {
        Self {
            outbox,
            streams: Streams::default(),
            subscriptions: Vec::new(),
            subscriptions_made: 0,
            changes: Vec::new(),
            starting: stream::Queue::default(),
            tracing: stream::Queue::default(),
            tracing_bars: stream::Queue::default(),
            behind: stream::Queue::default(),
            dropping: stream::Queue::default(),
            dropped: BTreeMap::new(),
            finals: Finals::default(),
            flushes: Flushes::default(),
            unheld: Vec::new(),
            tape_at: None,
            waiting: None,
            coming: None,
            page: None,
            allowance: Allowance::new(rules.limits.ops_per_s, now),
            beats: Allowance::new(rules.limits.ops_per_s.saturating_mul(BEATS_PER_OP), now),
            pulse: Pulse::new(&rules, now),
            tally: Tally::default(),
            standing: rules.gate.as_ref().map(|gate| Standing::outside(gate, now)),
            rules,
        }
    }

    /// What waits for the client.
    #[must_use]
    pub const fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// What waits for the client, to take from it.
    pub const fn outbox_mut(&mut self) -> &mut Outbox {
        &mut self.outbox
    }

    /// Streams that were joined and left since the last call.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// Whether an operation waits for this shard to move on.
    #[must_use]
    pub const fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// Whether an operation waits for anything; hand in no other one meanwhile.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.is_waiting() || self.standing.as_ref().is_some_and(|standing| standing.is_asking())
    }

    /// The shard moved on: takes up an operation that waited for it.
    pub fn retry(&mut self, view: &View<'_>) {
        if let Some(waiting) = self.waiting.take() {
            let Waiting { id, op, deadline } = *waiting;
            if view.now < deadline {
                self.attempt(id, op, view, deadline);
            } else {
                let message = "this server has not reached that cursor yet";
                self.refuse(id, &Reject::new(Code::Unavailable, message));
            }
        }
    }

    /// An event became a message of one of the joined streams.
    pub fn on_message(&mut self, slot: u32, seq: Seq, message: Message<'_>) -> Got {
        let Some(stream) = self.streams.get_mut(slot) else { return Got::Nothing };
        let has_room = match &self.page {
            None => self.outbox.has_room(message.len()),
            Some(page) => page.takes(seq),
        };
        match stream.phase {
            // Each message of a single subscription is a cursor, so they come in the order of the
            // tape: not while something before this one is still to be read.
            Phase::Live if self.tape_at.is_some() && self.subscriptions.len() == 1 => {
                stream.phase = Phase::Tape { after: Seq(seq.0.saturating_sub(1)) };
                Got::Nothing
            }
            Phase::Live if has_room => {
                stream.held = Some(seq);
                self.outbox.send(message);
                self.page.iter_mut().for_each(|page| page.note(seq));
                Got::Bytes
            }
            Phase::Live => {
                self.overflow(slot, seq);
                Got::Consequences
            }
            Phase::Settled => {
                stream.phase = Phase::Changed;
                let due = Due { slot, round: stream.round, seq };
                let owner = stream.owner;
                if let Some(clock) = conflation_of(&mut self.subscriptions, owner) {
                    clock.changed.push(due, &self.streams);
                    self.flushes.expect(clock.flush_at());
                }
                Got::Consequences
            }
            Phase::Dropping => {
                self.drop_message(slot, seq);
                Got::Nothing
            }
            Phase::Starting
            | Phase::Tracing(_)
            | Phase::Changed
            | Phase::Tape { .. }
            | Phase::Finals { .. } => Got::Nothing,
        }
    }

    /// An event became a message of every stream of a feed.
    pub fn on_feed_event(&mut self, feed: FeedId, event: &Event, board: &Board) {
        let mut message = Vec::new();
        for slot in self.streams_of(feed, board) {
            let Some(stream) = self.streams.get(slot) else { continue };
            let Some(symbol) = board.symbol(stream.symbol) else { continue };
            if !event.concerns(stream.channel) {
                continue;
            }
            message.clear();
            if stream.phase == Phase::Live {
                let prev = stream.held.unwrap_or_default();
                json::write_event(&mut message, stream.name(&symbol.symbol), event, prev);
            }
            let _marked_anyway = self.on_message(slot, event.seq, message[..].into());
        }
    }

    /// Whether [`Subscriber::on_listed`] may do anything: venues list symbols by the ten thousand,
    /// and most clients asked for none of them.
    #[must_use]
    pub fn may_have(&self, symbol: &Symbol) -> bool {
        let named = |of: &Subscription| !of.patterns.is_empty() || of.exact.contains(symbol);
        self.subscriptions.iter().any(named)
    }

    /// A symbol appeared: joins it where it was asked for. Streams that it had begin anew.
    pub fn on_listed(&mut self, symbol: SymbolId, view: &View<'_>) {
        let has = self.cursor(view.board);
        for channel in Channel::ALL {
            if let Some(slot) = self.streams.slot(channel, symbol) {
                self.start_over(slot, has);
            }
        }
        self.grow(symbol, view);
    }

    /// Produces what is due and has room: first snapshots, and what a slow client is due.
    pub fn fill(&mut self, board: &Board, snapshots: &Snapshots) {
        while self.outbox.wants_more() {
            let due = self.starting.pop(&self.streams, Phase::Starting);
            let due = due.or_else(|| self.pop_slow());
            let Some(due) = due.or_else(|| self.pop_overdue()) else { return };
            if self.say_dropped(due.slot, board) == Said::All {
                continue;
            }
            if self.send_finals(due) == Room::TooLittle {
                return;
            }
            let Some(stream) = self.streams.get(due.slot) else { continue };
            let name = (stream.channel, stream.symbol);
            let form = self.outbox.form();
            snapshots.with(name, (form, board), |message| {
                self.push_snapshot(due.slot, board, message);
            });
        }
    }

    /// This server is in trouble, or no longer: a `service` message.
    pub fn on_service(&mut self, service: &[u8]) {
        let before = self.outbox.len();
        self.outbox.push(service);
        self.set_aside(self.outbox.len() - before);
    }

    /// When [`Subscriber::on_timeout`] wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Instant {
        let waiting = self.waiting.as_ref().map(|waiting| waiting.deadline);
        let standing = self.standing.as_ref().filter(|_| self.page.is_none());
        let standing = standing.and_then(|standing| standing.poll_timeout());
        let others = self.flushes.next.into_iter().chain(waiting).chain(standing);
        others.fold(self.pulse.poll_timeout(), Instant::min)
    }

    /// The time of [`Subscriber::poll_timeout`] has come.
    pub fn on_timeout(&mut self, view: &View<'_>) {
        self.tick_standing(view);
        if self.waiting.as_ref().is_some_and(|waiting| waiting.deadline <= view.now) {
            self.retry(view);
        }
        self.strike(view.now, view.board.seq());
        self.fill(view.board, view.snapshots);
        if self.page.is_some() {
            // It lives no longer than its request may wait.
            return self.pulse.skip(&self.rules, view.now);
        }
        match self.pulse.on_timeout(&self.rules, &mut self.outbox, view.now) {
            pulse::Beat::Nothing => {}
            pulse::Beat::Heartbeat => {
                self.heartbeat(view);
                self.grow_older();
            }
            pulse::Beat::Dead(close) => self.close(close),
        }
    }

    /// Everything up to here, of every stream of this client, is in the outbox or before it.
    #[must_use]
    pub fn cursor(&mut self, board: &Board) -> Seq {
        let mut cursor = board.seq().min(self.tape_at.unwrap_or(Seq::MAX)).min(self.finals_at());
        let streams = &self.streams;
        let conflated = self.subscriptions.iter_mut().filter_map(|of| of.conflation.as_mut());
        let queues = [&mut self.starting, &mut self.tracing, &mut self.tracing_bars];
        let queues = queues.into_iter().chain([&mut self.behind, &mut self.dropping]);
        for queue in queues.chain(conflated.map(|clock| &mut clock.changed)) {
            if let Some(due) = queue.front(streams) {
                cursor = cursor.min(Seq(due.seq.0.saturating_sub(1)));
            }
        }
        cursor
    }

    fn welcome(&mut self, view: &View<'_>, head: Seq) {
        let welcome = Answer::Welcome {
            protocol: "tickwire.v1",
            version: env!("CARGO_PKG_VERSION"),
            epoch: view.tape.epoch(),
            seq: head.0,
            oldest: view.tape.oldest().0,
            heartbeat_ms: u64::try_from(self.rules.heartbeat.as_millis()).unwrap_or(u64::MAX),
            auth: self.rules.gate.as_ref().map_or("none", |gate| gate.word()),
            limits: self.rules.limits,
        };
        self.push(&welcome);
    }

    fn heartbeat(&mut self, view: &View<'_>) {
        let seq = self.cursor(view.board).0;
        self.push(&Answer::Heartbeat { seq, age_ms: view.age_ms, now: Time(view.wall) });
    }

    fn push(&mut self, answer: &Answer<'_>) {
        self.outbox.push(&answer.to_json());
    }

    fn refuse(&mut self, id: Option<Id>, reject: &Reject) {
        self.push(&Answer::error(id, reject));
    }

    fn push_snapshot(&mut self, slot: u32, board: &Board, message: Message<'_>) {
        let Some(stream) = self.streams.get(slot) else { return };
        let (channel, symbol, owner) = (stream.channel, stream.symbol, stream.owner);
        self.outbox.send(message);
        let conflated = self.is_conflated(owner);
        let held = board.symbol(symbol).map(|symbol| board.last(channel, symbol));
        if let Some(stream) = self.streams.get_mut(slot) {
            stream.held = held;
            stream.phase = if conflated { Phase::Settled } else { Phase::Live };
        }
    }

    fn set_phase(&mut self, slot: u32, phase: Phase) {
        if let Some(stream) = self.streams.get_mut(slot) {
            stream.phase = phase;
        }
    }

    /// The slots of a feed's streams, by channel and then by symbol bytewise.
    fn streams_of(&self, feed: FeedId, board: &Board) -> Vec<u32> {
        let named = self.streams.iter().filter_map(|(slot, stream)| {
            let symbol = board.symbol(stream.symbol)?;
            (symbol.feed == feed).then_some((stream.channel, symbol.symbol.as_str(), slot))
        });
        let mut named: Vec<_> = named.collect();
        named.sort_unstable();
        named.into_iter().map(|(_, _, slot)| slot).collect()
    }
}
