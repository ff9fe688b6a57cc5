//! A bounded ring from the sequencer to one reader.
//!
//! The writer never waits: what does not fit is left out, and the reader catches up from the
//! journal. The reader sleeps in its own runtime and is woken at most once a batch.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crossbeam_channel::Receiver;
use crossbeam_channel::Sender;
use crossbeam_channel::TrySendError;
use tokio::sync::Notify;

use crate::hub::Shared;

/// The sequencer's end.
#[derive(Debug)]
pub struct Writer {
    events: Sender<Arc<Shared>>,
    doorbell: Arc<Doorbell>,
    gone: bool,
}

/// The reader's end.
#[derive(Debug)]
pub struct Reader {
    events: Receiver<Arc<Shared>>,
    doorbell: Arc<Doorbell>,
}

#[derive(Debug, Default)]
struct Doorbell {
    asleep: AtomicBool,
    rung: Notify,
    left_out: AtomicU64,
}

/// Two ends of a ring of `bound` events.
#[must_use]
pub fn ring(bound: usize) -> (Writer, Reader) {
    let (sender, receiver) = crossbeam_channel::bounded(bound);
    let doorbell = Arc::new(Doorbell::default());
    let writer = Writer { events: sender, doorbell: Arc::clone(&doorbell), gone: false };
    (writer, Reader { events: receiver, doorbell })
}

impl Writer {
    /// Puts an event in, if there is room.
    pub fn offer(&mut self, shared: &Arc<Shared>) {
        match self.events.try_send(Arc::clone(shared)) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                self.doorbell.left_out.fetch_add(1, Ordering::Relaxed);
            }
            Err(TrySendError::Disconnected(_)) => self.gone = true,
        }
    }

    /// Wakes the reader if it sleeps; says whether it is still there.
    #[must_use]
    pub fn wake(&self) -> bool {
        let asleep = &self.doorbell.asleep;
        if asleep.load(Ordering::SeqCst) && asleep.swap(false, Ordering::SeqCst) {
            self.doorbell.rung.notify_one();
        }
        !self.gone
    }
}

impl Reader {
    /// The next event, if there is one.
    #[must_use]
    pub fn next(&self) -> Option<Arc<Shared>> {
        self.events.try_recv().ok()
    }

    /// Events waiting.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Events that did not fit, ever.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.doorbell.left_out.load(Ordering::Relaxed)
    }

    /// A handle to sleep by without holding the ring.
    #[must_use]
    pub fn sleeper(&self) -> Sleeper {
        Sleeper { events: self.events.clone(), doorbell: Arc::clone(&self.doorbell) }
    }
}

/// Waits for the ring to have something.
#[derive(Debug)]
pub struct Sleeper {
    events: Receiver<Arc<Shared>>,
    doorbell: Arc<Doorbell>,
}

impl Sleeper {
    /// Sleeps until there is an event, somebody knocks, or the time has come. Not at all if
    /// `missed` finds that an event was left out before the writer could see the sleeper.
    ///
    /// # Cancel safety
    /// Nothing is lost if the future is dropped.
    pub async fn sleep(&self, until: Instant, missed: impl FnOnce() -> bool) {
        self.doorbell.asleep.store(true, Ordering::SeqCst);
        if self.events.is_empty() && !missed() {
            let rung = self.doorbell.rung.notified();
            // Either way there is something to look at.
            drop(tokio::time::timeout_at(until.into(), rung).await);
        }
        self.doorbell.asleep.store(false, Ordering::SeqCst);
    }

    /// A handle to wake it by from its own thread.
    #[must_use]
    pub fn knocker(&self) -> Knocker {
        Knocker(Arc::clone(&self.doorbell))
    }
}

/// Wakes a [`Sleeper`] for another reason than an event.
#[derive(Debug)]
pub struct Knocker(Arc<Doorbell>);

impl Knocker {
    /// Wakes it, or keeps it from falling asleep once.
    pub fn knock(&self) {
        self.0.rung.notify_one();
    }
}
