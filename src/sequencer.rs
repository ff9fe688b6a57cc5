//! The sequencer: the one thread that writes the tape.
//!
//! It drains the feeds' queues in turn, gives each tick its place, appends the batch to the journal
//! with one write, and only then offers it to the readers. It never waits for a reader; while the
//! journal cannot be written it waits, and the feeds wait with it.

pub mod intake;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tickwire_feeds::Nanos;
use tickwire_feeds::Tick;
use tickwire_feeds::tick;
use tickwire_feeds::tick::State;
use tracing::error;
use tracing::info;
use tracing::warn;

use crate::board::Board;
use crate::board::Refused;
use crate::clock;
use crate::event::Event;
use crate::event::FeedId;
use crate::event::Registry;
use crate::event::Seq;
use crate::event::SymbolId;
use crate::hub::Publisher;
use crate::hub::Shared;
use crate::hub::Trouble;
use crate::sequencer::intake::Bell;
use crate::sequencer::intake::Queue;
use crate::tape;
use crate::tape::Journal;

/// Ticks taken from one feed before the next one's turn.
const TURN_TICKS: usize = 1_024;
/// Events appended by one write, unless one turn brings more.
const BATCH_EVENTS: usize = 4_096;
/// Between two attempts to append while the journal cannot be written.
const RETRY: Duration = Duration::from_millis(200);
/// Longest sleep, so that a second is noticed soon after it began.
const SLEEP_MAX: Duration = Duration::from_millis(50);

/// Counters of the sequencer, read by `/metrics`.
#[derive(Debug, Default)]
pub struct Stats {
    /// Events appended.
    pub events: AtomicU64,
    /// Batches appended.
    pub batches: AtomicU64,
    /// Ticks that got no place because their symbol was never listed.
    pub unknown: AtomicU64,
    /// Ticks that got no place because they said what was known.
    pub repeated: AtomicU64,
}

/// The single writer.
#[derive(Debug)]
pub struct Sequencer {
    journal: Journal,
    board: Board,
    publisher: Publisher,
    bell: Arc<Bell>,
    inputs: Vec<Input>,
    events: Vec<Event>,
    next: Seq,
    /// The last one that was published, or found on the tape.
    last: Seq,
    tended_at: Nanos,
    stats: Arc<Stats>,
}

#[derive(Debug)]
struct Input {
    feed: FeedId,
    queue: Queue,
    /// Symbols that it named in this life of the process; `None` once it has named all.
    listed: Option<HashSet<SymbolId>>,
}

impl Sequencer {
    /// Continues a tape whose board has been recovered. To be called in the thread that runs it,
    /// whose bell it is.
    #[must_use]
    pub fn new(journal: Journal, board: Board, publisher: Publisher, bell: Arc<Bell>) -> Self {
        Self {
            next: journal.next_seq(),
            last: board.seq(),
            journal,
            board,
            publisher,
            bell,
            inputs: Vec::new(),
            events: Vec::new(),
            tended_at: Nanos::default(),
            stats: Arc::default(),
        }
    }

    /// The counters.
    #[must_use]
    pub fn stats(&self) -> Arc<Stats> {
        Arc::clone(&self.stats)
    }

    /// The board as it stands.
    #[must_use]
    pub const fn board(&self) -> &Board {
        &self.board
    }

    /// Adds a feed, known by its name from an earlier life or new.
    pub fn add(&mut self, name: &str, venue: &str, queue: Queue) {
        let feed = self.board.feed_id(name).unwrap_or_else(|| {
            let id = FeedId(u32::try_from(self.board.feeds().count()).unwrap_or(u32::MAX));
            let change = Registry::Feed { id, name: name.into(), venue: venue.into() };
            self.register(change, clock::now());
            id
        });
        self.inputs.push(Input { feed, queue, listed: Some(HashSet::new()) });
    }

    /// Ends the symbols of feeds that are on the tape and were not added.
    pub fn retire_others(&mut self) {
        let gone: Vec<FeedId> = self.board.feeds().map(|(id, _)| id).collect();
        for feed in gone {
            if self.inputs.iter().any(|input| input.feed == feed) {
                continue;
            }
            self.stamp(feed, down("no longer configured"));
            self.unlist(feed, &HashSet::new());
        }
    }

    /// Runs until told to stop, then drains the queues once more and closes the journal well.
    pub fn run(mut self, stop: &AtomicBool) {
        self.commit(stop);
        while !stop.load(Ordering::Acquire) {
            self.publisher.alive(clock::monotonic());
            let took = self.turn(stop);
            self.tick_clock();
            self.commit(stop);
            self.tend();
            if !took {
                let inputs = &self.inputs;
                let busy = || inputs.iter().any(|input| !input.queue.is_empty());
                self.bell.sleep(SLEEP_MAX, busy);
            }
        }
        self.turn(stop);
        self.commit(stop);
        match self.journal.close(&self.board) {
            Ok(()) => info!(seq = self.board.seq().0, "the tape is closed"),
            Err(error) => error!(%error, "the tape could not be closed well; nothing is lost"),
        }
    }

    /// Gives each feed its turn; says whether there was anything.
    fn turn(&mut self, stop: &AtomicBool) -> bool {
        let mut took = false;
        for index in 0..self.inputs.len() {
            let Some(input) = self.inputs.get(index) else { continue };
            let feed = input.feed;
            let ticks: Vec<Tick> = input.queue.drain(TURN_TICKS).collect();
            input.queue.make_room();
            took |= !ticks.is_empty();
            for tick in ticks {
                self.accept(index, feed, tick);
            }
            if self.events.len() >= BATCH_EVENTS {
                self.commit(stop);
            }
        }
        took
    }

    fn accept(&mut self, index: usize, feed: FeedId, tick: Tick) {
        let listing =
            if let Tick::Listed(listing) = &tick { Some(listing.symbol.clone()) } else { None };
        let named_all = tick == Tick::AllListed;
        self.stamp(feed, tick);
        if let Some(symbol) = listing {
            let id = self.board.id(symbol.as_str());
            let input = self.inputs.get_mut(index);
            if let (Some(id), Some(listed)) = (id, input.and_then(|input| input.listed.as_mut())) {
                listed.insert(id);
            }
        } else if named_all
            && let Some(listed) = self.inputs.get_mut(index).and_then(|input| input.listed.take())
        {
            self.unlist(feed, &listed);
        }
    }

    /// Ends the symbols of a feed that it no longer names.
    fn unlist(&mut self, feed: FeedId, named: &HashSet<SymbolId>) {
        let of_feed =
            self.board.symbols().filter(|(_, symbol)| symbol.feed == feed && symbol.listed);
        let gone: Vec<SymbolId> =
            of_feed.map(|(id, _)| id).filter(|id| !named.contains(id)).collect();
        for id in gone {
            self.register(Registry::Unlisted { id }, clock::now());
        }
    }

    fn register(&mut self, change: Registry, now: Nanos) {
        let event = self.board.stamp_registry(change, now, self.next);
        self.push(event);
    }

    fn stamp(&mut self, feed: FeedId, tick: Tick) {
        match self.board.stamp(feed, tick, self.next) {
            Ok(event) => {
                let read_at = event.recv;
                self.push(event);
                if self.board.is_clock_overdue(read_at) {
                    self.write_clock(clock::now().max(read_at));
                }
            }
            Err(Refused::UnknownSymbol) => {
                self.stats.unknown.fetch_add(1, Ordering::Relaxed);
            }
            Err(Refused::Repeated) => {
                self.stats.repeated.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn push(&mut self, event: Event) {
        self.next = event.seq.next();
        self.events.push(event);
    }

    /// Each second, while anything depends on it.
    fn tick_clock(&mut self) {
        let now = clock::now();
        let is_new_second =
            now.0.div_euclid(1_000_000_000) != self.board.clock().0.div_euclid(1_000_000_000);
        if is_new_second {
            self.write_clock(now);
        }
    }

    /// Writes that time went on, if that makes a bar final: once for each bar of a stream that is
    /// due, as a stream has one message a place.
    fn write_clock(&mut self, now: Nanos) {
        while self.board.is_clock_due(now) {
            let event = self.board.stamp_clock(now, self.next);
            self.push(event);
        }
    }

    /// Appends what was stamped, however long that takes, then publishes it.
    fn commit(&mut self, stop: &AtomicBool) {
        if self.events.is_empty() {
            return;
        }
        let mut stopped = false;
        while let Err(error) = self.journal.append(&self.events) {
            if !stopped {
                error!(%error, "the tape has stopped: the journal cannot be written");
                let reason = told(&error).to_owned();
                self.publisher.hub().set_trouble(Some(Trouble { reason, since: clock::now() }));
                stopped = true;
            }
            if stop.load(Ordering::Acquire) {
                warn!(events = self.events.len(), "stopping with events that nobody has seen");
                self.events.clear();
                return;
            }
            std::thread::sleep(RETRY);
        }
        if stopped {
            info!("the tape goes on");
            self.publisher.hub().set_trouble(None);
        }
        self.stats.batches.fetch_add(1, Ordering::Relaxed);
        self.stats.events.fetch_add(self.events.len() as u64, Ordering::Relaxed);
        let shared = self.events.drain(..).map(|event| {
            let after = std::mem::replace(&mut self.last, event.seq);
            Shared::new(event, after)
        });
        let shared = shared.collect();
        self.publisher.publish(shared);
    }

    fn tend(&mut self) {
        let now = clock::now();
        if let Err(error) = self.journal.tend(&self.board, now)
            && now.millis_since(self.tended_at) > 10_000
        {
            self.tended_at = now;
            warn!(%error, "the journal could not be looked after");
        }
    }
}

/// What everybody may know of it; where the files lie stands in the log.
const fn told(error: &tape::Error) -> &'static str {
    match error {
        tape::Error::NoSpace { .. } => "journal: no space left",
        _ => "journal: it cannot be written",
    }
}

fn down(reason: &str) -> Tick {
    Tick::Status(tick::Status {
        scope: tick::Scope::Feed,
        recv: clock::now(),
        state: State::Down,
        trading: None,
        reason: Some(reason.into()),
    })
}
