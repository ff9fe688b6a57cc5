//! The connection that is to replace another one before the venue cuts that.
//!
//! Its first message is put back, and it is not read for [`OVERLAP`]; the old one goes on. So
//! whatever it tells was told by the old one up to somewhere: a trade that is only late on one
//! connection is not taken for lost because the other one was faster.

use std::time::Duration;
use std::time::Instant;

use crate::clock;
use crate::ingest::link::Arrival;
use crate::ingest::link::Link;
use crate::ingest::pause;

/// How far a new connection runs behind the old one until it takes over.
const OVERLAP: Duration = Duration::from_secs(1);

/// A connection that is open and has not taken over.
pub(super) struct Newcomer {
    link: Link,
    turn: Turn,
    silence: Duration,
    silent_at: Instant,
}

/// What it is waiting for.
#[derive(Clone, Copy)]
enum Turn {
    /// The first message.
    First,
    /// The time to read on.
    Wait(Instant),
    /// Nothing.
    Read,
}

impl Newcomer {
    /// Has to deliver within the time that a venue may be silent.
    pub(super) fn new(link: Link, silence: Duration) -> Self {
        Self { link, turn: Turn::First, silence, silent_at: clock::monotonic() + silence }
    }

    /// Waits for what comes next.
    ///
    /// # Cancel safety
    /// Nothing is lost if the future is dropped.
    pub(super) async fn next(&mut self) -> Arrival {
        match self.turn {
            Turn::First => match self.link.next().await {
                Arrival::Message(first) => {
                    self.link.hold(first);
                    let read_at = clock::monotonic() + OVERLAP;
                    self.turn = Turn::Wait(read_at);
                    self.silent_at = read_at + self.silence;
                    Arrival::Control
                }
                other => other,
            },
            Turn::Wait(until) => {
                pause::until(Some(until)).await;
                self.turn = Turn::Read;
                Arrival::Control
            }
            Turn::Read => self.link.next().await,
        }
    }

    /// See [`Link::queue`].
    pub(super) fn queue(&mut self, messages: impl Iterator<Item = String>) {
        self.link.queue(messages);
    }

    /// See [`Link::send_at`].
    pub(super) fn send_at(&self) -> Option<Instant> {
        self.link.send_at()
    }

    /// See [`Link::send`].
    pub(super) async fn send(&mut self, now: Instant) -> Result<(), String> {
        self.link.send(now).await
    }

    /// When it is given up, unless it delivers before.
    pub(super) const fn silent_at(&self) -> Instant {
        self.silent_at
    }

    /// The connection, to take over.
    pub(super) fn into_link(self) -> Link {
        self.link
    }
}
