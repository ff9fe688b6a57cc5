//! Ingest: one task a feed, which brings the venue's frames to it and its ticks to the sequencer.
//!
//! - Connections are made again for ever: exponential backoff with full jitter, begun anew by data.
//! - The feed's health goes onto the tape in order with its data, as feed-wide statuses. Silence
//!   is measured on data: a ping proves a socket, not a market.
//! - Where a venue limits the life of a connection, the next one is opened before, and serves
//!   before the old one is given up.
//! - When the feed's queue is full its socket is not read, so TCP pushes back on the venue; no
//!   tick is dropped here, and no other feed is touched.
//! - A feed's timers follow the steady clock. `recv` is the wall clock when a frame was read.

mod backoff;
pub(crate) mod capture;
mod driver;
pub mod file;
mod health;
mod link;
mod newcomer;
pub(crate) mod pause;
mod rejects;
mod serving;
mod socket;
mod socketless;
mod stats;

use std::sync::Arc;
use std::time::Duration;

use tickwire_feeds::Feed;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use stats::Stats;

use crate::ingest::backoff::Backoff;
use crate::ingest::driver::Driver;
use crate::sequencer::intake::Intake;

/// How a feed is driven. Made by [`Settings::of`], then changed where needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where to connect: `wss://…`, or `ws://…` to this machine; empty for a feed without a
    /// socket.
    pub url: String,
    /// Longest time without data or the venue's own heartbeat, in ms.
    pub silence_ms: u64,
    /// Upper end of the first wait before connecting again, in ms.
    pub backoff_ms_min: u64,
    /// Upper end of the longest wait before connecting again, in ms.
    pub backoff_ms_max: u64,
    /// Least time between the beginnings of two attempts to connect, in ms.
    pub connect_gap_ms: u64,
    /// Longest time for TCP, TLS and the WebSocket handshake together, in ms.
    pub connect_ms_max: u64,
    /// Least time between two messages to the venue, in ms.
    pub send_gap_ms: u64,
    /// How long a connection serves until the next one is opened, in ms; `None` for ever.
    pub rotate_after_ms: Option<u64>,
    /// Largest message accepted, in bytes.
    pub frame_bytes_max: usize,
    /// How long the feed may be without a connection until it is down, in ms.
    pub down_after_ms: i64,
    /// How long nothing but bad frames may come on a connection, in ms.
    pub garbage_ms_max: i64,
    /// What the tape knows of the feed.
    pub past: Past,
}

/// What a tape knows of a feed that begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Past {
    /// Nothing.
    New,
    /// It has ticks of an earlier life of the process; what came since then was missed.
    Resumed,
}

/// A running feed. It stops when this is dropped.
#[derive(Debug)]
pub struct Handle {
    stats: Arc<Stats>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Why a driver left its feed's connection.
#[derive(Debug)]
enum End {
    /// Told to, or the sequencer is gone.
    Stopped,
    /// It is of no more use; why.
    Broken(String),
}

/// The driver's end of [`Handle::stop`].
#[derive(Debug, Clone)]
struct Stop(watch::Receiver<bool>);

impl Settings {
    /// The settings that a feed's venue asks for.
    #[must_use]
    pub fn of(feed: &dyn Feed) -> Self {
        let profile = feed.profile();
        Self {
            url: profile.url.to_owned(),
            silence_ms: u64::try_from(profile.silence_ms).unwrap_or(0),
            backoff_ms_min: 250,
            backoff_ms_max: 30_000,
            connect_gap_ms: profile.connect_gap_ms,
            connect_ms_max: 10_000,
            send_gap_ms: profile.send_gap_ms,
            rotate_after_ms: profile.rotate_after_ms.and_then(|ms| u64::try_from(ms).ok()),
            frame_bytes_max: profile.frame_bytes_max,
            down_after_ms: 10_000,
            garbage_ms_max: 10_000,
            past: Past::New,
        }
    }

    fn backoff(&self) -> Backoff {
        let millis = Duration::from_millis;
        Backoff::new(millis(self.backoff_ms_min), millis(self.backoff_ms_max))
    }

    fn silence_reason(&self) -> String {
        let (seconds, ms) = (self.silence_ms / 1_000, self.silence_ms % 1_000);
        match ms {
            0 => format!("no message for {seconds} s"),
            _ => format!("no message for {} ms", self.silence_ms),
        }
    }
}

/// Drives a feed in a task of its own, on the tokio runtime that this is called in.
///
/// # Panics
/// Outside of a tokio runtime.
#[must_use]
pub fn spawn(feed: Box<dyn Feed>, settings: Settings, intake: Intake) -> Handle {
    let stats = Arc::new(Stats::new());
    let (stop, stopped) = watch::channel(false);
    let driver = Driver::new(feed, &settings, intake, Arc::clone(&stats));
    let task = if settings.url.is_empty() {
        tokio::spawn(socketless::run(driver, settings, Stop(stopped)))
    } else {
        // An error means that another part of the process has chosen one, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        tokio::spawn(socket::run(driver, settings, Stop(stopped)))
    };
    Handle { stats, stop, task }
}

impl Handle {
    /// What the feed has done so far.
    #[must_use]
    pub fn stats(&self) -> Arc<Stats> {
        Arc::clone(&self.stats)
    }

    /// Ends the feed; its socket is closed as the protocol wants it.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits until the feed has ended: after [`Handle::stop`], or when the sequencer is gone.
    ///
    /// # Errors
    /// If the feed panicked, which is a bug.
    pub async fn ended(self) -> Result<(), tokio::task::JoinError> {
        self.task.await
    }
}

impl Stop {
    /// Waits until the feed shall end.
    ///
    /// # Cancel safety
    /// Nothing is lost if the future is dropped.
    async fn asked(&mut self) {
        // An error means that the handle was dropped, which asks for the same.
        drop(self.0.wait_for(|stopped| *stopped).await);
    }
}
