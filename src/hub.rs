//! The hub: from the sequencer to every reader, without a lock and without waiting for anyone.
//!
//! The sequencer offers each event to a bounded ring per reader. A reader whose ring was full
//! finds out by [`Shared::after`] and catches up from the journal.

pub mod back;
pub mod gauge;
pub mod past;
pub mod ring;
pub mod shard;
pub mod shared;
pub mod stats;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tickwire_feeds::Nanos;

use crate::event::Seq;
use crate::hub::ring::Reader;
use crate::hub::ring::Writer;
use crate::hub::stats::ShardStats;
use crate::subscriber::Rules;

pub use shared::Shared;

/// What the sequencer and all readers share.
#[derive(Debug)]
pub struct Hub {
    started: Instant,
    ring_events: usize,
    /// Rings that the sequencer has not taken over yet.
    joining: Mutex<Vec<Writer>>,
    joined: AtomicU64,
    published: AtomicU64,
    alive_ms: AtomicU64,
    trouble: Mutex<Option<Trouble>>,
    troubles: AtomicU64,
    draining: AtomicBool,
    /// The rules of clients that come from now on, if they are not those of the start.
    rules: Mutex<Option<Arc<Rules>>>,
    stats: Mutex<Vec<Arc<ShardStats>>>,
}

/// Something that keeps this server from doing its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Why, for people.
    pub reason: String,
    /// Since when.
    pub since: Nanos,
}

/// The sequencer's end.
#[derive(Debug)]
pub struct Publisher {
    hub: Arc<Hub>,
    rings: Vec<Writer>,
    joined: u64,
}

impl Hub {
    /// A hub whose rings hold at most `ring_events` each.
    #[must_use]
    pub fn new(ring_events: usize, now: Instant) -> Self {
        Self {
            started: now,
            ring_events,
            joining: Mutex::default(),
            joined: AtomicU64::new(0),
            published: AtomicU64::new(0),
            alive_ms: AtomicU64::new(0),
            trouble: Mutex::default(),
            troubles: AtomicU64::new(0),
            draining: AtomicBool::new(false),
            rules: Mutex::default(),
            stats: Mutex::default(),
        }
    }

    /// A new reader. It gets what is published from about now on, and finds the rest in the
    /// journal.
    pub fn join(&self) -> Reader {
        self.join_with(self.ring_events)
    }

    /// A reader that is only rung for: it holds no event but the first since it looked last, and
    /// finds all of them in the journal.
    pub fn listen(&self) -> Reader {
        self.join_with(1)
    }

    fn join_with(&self, events: usize) -> Reader {
        let (writer, reader) = ring::ring(events);
        self.joining.lock().unwrap_or_else(PoisonError::into_inner).push(writer);
        self.joined.fetch_add(1, Ordering::Release);
        reader
    }

    /// The last event that was offered to all rings.
    #[must_use]
    pub fn published(&self) -> Seq {
        Seq(self.published.load(Ordering::SeqCst))
    }

    /// Since the sequencer's last sign of life, in ms.
    #[must_use]
    pub fn age_ms(&self, now: Instant) -> u64 {
        self.uptime_ms(now).saturating_sub(self.alive_ms.load(Ordering::Relaxed))
    }

    /// The present trouble, if any.
    #[must_use]
    pub fn trouble(&self) -> Option<Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts the changes of [`Hub::trouble`].
    #[must_use]
    pub fn troubles(&self) -> u64 {
        self.troubles.load(Ordering::Acquire)
    }

    /// Notes or clears a trouble.
    pub fn set_trouble(&self, trouble: Option<Trouble>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
        self.troubles.fetch_add(1, Ordering::Release);
    }

    /// Asks every shard to send its clients away.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Whether clients shall be sent away.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Clients that come from now on are under these rules.
    pub fn set_rules(&self, rules: Rules) {
        *self.rules.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(rules));
    }

    /// The rules that were set, if any were.
    #[must_use]
    pub fn rules(&self) -> Option<Arc<Rules>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Shows a shard's counters from now on.
    pub fn show(&self, stats: Arc<ShardStats>) {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner).push(stats);
    }

    /// The counters of all shards.
    #[must_use]
    pub fn stats(&self) -> Vec<Arc<ShardStats>> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn uptime_ms(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.started).as_millis()).unwrap_or(u64::MAX)
    }
}

impl Publisher {
    /// The one publisher of a hub.
    #[must_use]
    pub const fn new(hub: Arc<Hub>) -> Self {
        Self { hub, rings: Vec::new(), joined: 0 }
    }

    /// The hub that it publishes to.
    #[must_use]
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// The sequencer is alive.
    pub fn alive(&self, now: Instant) {
        self.hub.alive_ms.store(self.hub.uptime_ms(now), Ordering::Relaxed);
    }

    /// Offers events, which the journal has, to every ring, then wakes the readers that sleep.
    pub fn publish(&mut self, events: Vec<Shared>) {
        self.take_over();
        let Some(last) = events.last().map(|shared| shared.event.seq) else { return };
        for shared in events {
            let shared = Arc::new(shared);
            for ring in &mut self.rings {
                ring.offer(&shared);
            }
        }
        // A reader that goes to sleep looks at this after it said so; the writer wakes after this.
        self.hub.published.store(last.0, Ordering::SeqCst);
        self.rings.retain(Writer::wake);
    }

    fn take_over(&mut self) {
        let joined = self.hub.joined.load(Ordering::Acquire);
        if joined != self.joined {
            self.joined = joined;
            let mut joining = self.hub.joining.lock().unwrap_or_else(PoisonError::into_inner);
            self.rings.append(&mut joining);
        }
    }
}
