//! The recorder: a thread that carries the tape into the store, and nobody waits for it.
//!
//! It reads the journal, not what is live, so an outage of the database only makes it late: the
//! journal holds what is not stored, up to its bound of bytes, whatever its age. What goes beyond
//! that is a loss, which is written down and told.

use std::io;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

use tickwire_feeds::Nanos;
use tokio::sync::watch;
use tracing::error;
use tracing::info;
use tracing::warn;

use super::Settings;
use super::error::Error;
use super::opening::From;
use super::status::Shared;
use super::status::State;
use super::status::Status;
use super::writer::Writer;
use crate::clock;
use crate::event::Seq;
use crate::tape;
use crate::tape::Tape;

/// With this many events behind, batches follow each other without a pause.
const BUSY_EVENTS: u64 = 20_000;
/// First and longest wait before another attempt; it doubles each time.
const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(5);
/// A database of which nothing is asked is asked this often whether it is there.
const PING: Duration = Duration::from_secs(5);
/// How often old days are looked for, and days to come made.
const DAYS: Duration = Duration::from_secs(600);

/// Where anybody may see how a recorder stands.
#[derive(Debug, Clone)]
pub struct Watch {
    shared: Shared,
    tape: Tape,
}

impl Watch {
    /// How it stands.
    #[must_use]
    pub fn status(&self) -> Status {
        // In this order: what is stored meanwhile is not lost.
        let oldest = self.tape.oldest();
        let mut status = Status { head: self.tape.head(), ..self.shared.get() };
        status.note_oldest(oldest);
        status
    }
}

/// The recorder of one tape. Dropping it ends it at once; what is not stored then will be by the
/// next one.
#[derive(Debug)]
pub struct Recorder {
    watch: Watch,
    end: watch::Sender<End>,
    thread: Option<JoinHandle<()>>,
}

/// Whether and how it is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Not yet.
    No,
    /// When all that is on the tape is stored, but within this time.
    Within(Duration),
    /// Now.
    Now,
}

impl Recorder {
    /// Starts recording. The tape keeps from now on what is not stored.
    ///
    /// # Errors
    /// Those of starting a thread.
    pub fn start(tape: Tape, settings: Settings) -> io::Result<Self> {
        tape.hold_after(Seq::START);
        let shared = Shared::new(clock::now());
        let (end, is_to_end) = watch::channel(End::No);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let work = Work { tape: tape.clone(), settings, shared: shared.clone(), end: is_to_end };
        let thread = thread::Builder::new().name("recorder".into());
        let thread = thread.spawn(move || runtime.block_on(work.run()))?;
        Ok(Self { watch: Watch { shared, tape }, end, thread: Some(thread) })
    }

    /// How it stands.
    #[must_use]
    pub fn status(&self) -> Status {
        self.watch.status()
    }

    /// For others to see how it stands.
    #[must_use]
    pub fn watch(&self) -> Watch {
        self.watch.clone()
    }

    /// Whether its thread ended though nobody told it to: a bug.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Stores what is on the tape, if the database takes it within `grace`, and ends. Blocks.
    pub fn stop(mut self, grace: Duration) -> Status {
        self.end.send_replace(End::Within(grace));
        self.join();
        self.status()
    }

    fn join(&mut self) {
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            warn!("the recorder's thread panicked");
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.end.send_replace(End::Now);
            self.join();
        }
    }
}

/// What the thread has.
struct Work {
    tape: Tape,
    settings: Settings,
    shared: Shared,
    end: watch::Receiver<End>,
}

impl Work {
    async fn run(self) {
        let mut end = self.end.clone();
        tokio::select! {
            () = self.record() => {}
            () = cut_off(&mut end) => {}
        }
        self.shared.enter(State::Stopped, clock::now());
    }

    /// Records until it is to end and all is stored.
    async fn record(&self) {
        let (mut retry, mut from, mut was_losing) = (RETRY_MIN, From::Stored, false);
        while let Err(error) = self.follow(from, &mut retry).await {
            from = match error {
                Error::Tape(tape::Error::Corrupt { .. }) => From::BehindDamage,
                _ => From::Stored,
            };
            let now = clock::now();
            let before = self.shared.get();
            self.shared.fail(&error, now);
            if before.last_error.as_deref() != Some(error.to_string().as_str())
                || before.state == State::Recording
            {
                warn!(%error, "history is not recorded; the tape holds it until it can be");
            }
            let is_losing = before.stored.is_some_and(|stored| stored < self.tape.oldest());
            if is_losing && !was_losing {
                error!("the journal is full and gives up what is not stored: that is lost");
            }
            was_losing = is_losing;
            let span = u64::try_from(retry.as_micros()).unwrap_or(u64::MAX);
            // Half of it by chance, so that several do not return together.
            let wait = span / 2 + rand::random_range(0..=span / 2);
            tokio::time::sleep(Duration::from_micros(wait)).await;
            retry = (retry * 2).min(RETRY_MAX);
        }
    }

    /// Connects, and follows the tape until it is to end or something fails.
    async fn follow(&self, from: From, retry: &mut Duration) -> Result<(), Error> {
        let mut writer = Writer::open(&self.settings, &self.tape, from, clock::now()).await?;
        self.note_opening(&writer);
        let (mut tended_at, mut heard_at) = (None, clock::monotonic());
        loop {
            let written = writer.write().await?;
            *retry = RETRY_MIN;
            let (now, instant) = (clock::now(), clock::monotonic());
            if written.events > 0 {
                heard_at = instant;
                self.tape.hold_after(writer.stored());
                self.shared.update(|status| {
                    status.stored = Some(writer.stored());
                    status.stored_at = now;
                    status.events += written.events;
                    status.batches += 1;
                    status.bytes += written.bytes;
                    status.checkpoints += written.checkpoints;
                });
            } else if *self.end.borrow() != End::No {
                return Ok(());
            } else if instant.saturating_duration_since(heard_at) >= PING {
                writer.ping().await?;
                heard_at = instant;
            }
            if tended_at.is_none_or(|at| instant.saturating_duration_since(at) >= DAYS) {
                self.tend(&mut writer, now).await?;
                tended_at = Some(instant);
            }
            if writer.head().0.saturating_sub(writer.stored().0) < BUSY_EVENTS {
                self.pause().await;
            }
        }
    }

    fn note_opening(&self, writer: &Writer) {
        let now = clock::now();
        self.tape.hold_after(writer.stored());
        self.shared.enter(State::Recording, now);
        self.shared.update(|status| {
            status.stored = Some(writer.stored());
            if let Some(lost) = writer.lost() {
                status.losses += 1;
                status.lost = Some(lost);
            }
        });
        info!(
            epoch = self.tape.epoch(),
            stored = writer.stored().0,
            head = self.tape.head().0,
            "recording history"
        );
    }

    /// Drops old days and makes coming ones.
    async fn tend(&self, writer: &mut Writer, now: Nanos) -> Result<(), Error> {
        writer.make_days_ahead(now).await?;
        let first = now.plus_millis(-self.settings.retention_age_ms).day();
        let dropped = writer.retire(first).await?;
        if dropped > 0 {
            info!(days = dropped, before = %first, "dropped old history");
            self.shared.update(|status| status.days_dropped += dropped);
        }
        Ok(())
    }

    /// Lets events gather, unless it is to end.
    async fn pause(&self) {
        let mut end = self.end.clone();
        let wait = Duration::from_millis(self.settings.batch_ms.into());
        // Both outcomes are the same: what there is is written now.
        drop(tokio::time::timeout(wait, end.wait_for(|end| *end != End::No)).await);
    }
}

/// Comes back when it is to end whatever is still to be done.
async fn cut_off(end: &mut watch::Receiver<End>) {
    // Without a sender nobody wants it any more.
    let Ok(grace) = end.wait_for(|end| *end != End::No).await.map(|end| *end) else { return };
    if let End::Within(grace) = grace {
        tokio::time::sleep(grace).await;
    }
}
