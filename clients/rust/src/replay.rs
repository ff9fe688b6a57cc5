//! Playing what was.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use futures_util::Stream;
use serde_json::Value;
use serde_json::json;
use tokio::sync::mpsc;

use crate::client::Client;
use crate::cursor::Cursor;
use crate::error::Error;
use crate::event::Event;
use crate::player::Player;
use crate::player::Tape;
use crate::presses::Control;
use crate::subscription::QUEUE;
use crate::subscription::Running;
use crate::subscription::send;

/// A place of a tape: a time (RFC 3339) or a cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// `2026-11-20T14:30:00Z`.
    Time(String),
    /// The state after it.
    Cursor(Cursor),
}

/// What to play, before it begins.
#[derive(Debug, Clone)]
#[must_use = "nothing is played before `start`"]
pub struct Play {
    client: Client,
    tape: Tape,
    queue: usize,
}

/// What is played: a stream of events, until it is dropped or closed. Nothing is dropped or
/// conflated for a slow reader: it gets everything later.
#[derive(Debug)]
pub struct Replay {
    running: Running<Control>,
    last: Arc<AtomicU64>,
}

/// The buttons of a [`Replay`], while somebody else reads it. Each press gives a number, which
/// comes
/// back in [`Position::id`](crate::Position::id), when what it caused was sent, or in
/// [`Error::Refused`]. What a lost connection did not answer is pressed again on the next one.
///
/// Each may fail: [`Error::Busy`] while 64 presses wait, [`Error::Ended`] after the end.
#[derive(Debug, Clone)]
pub struct Controls {
    commands: mpsc::Sender<Control>,
    last: Arc<AtomicU64>,
}

impl From<&str> for Place {
    /// A time.
    fn from(time: &str) -> Self {
        Self::Time(time.to_owned())
    }
}

impl From<Cursor> for Place {
    fn from(cursor: Cursor) -> Self {
        Self::Cursor(cursor)
    }
}

impl Place {
    fn into_json(self) -> Value {
        match self {
            Self::Time(time) => json!(time),
            Self::Cursor(cursor) => json!(cursor),
        }
    }
}

impl Play {
    pub(crate) fn new(client: Client, names: Vec<String>) -> Self {
        let mut tape = Tape { speed: 1.0, ..Tape::default() };
        tape.request.names = names.into_iter().collect();
        Self { client, tape, queue: QUEUE }
    }

    /// One of the channels to play: `ticker` (if nothing is said), `trades`, `bars.1m`, …
    pub fn channel(mut self, channel: &str) -> Self {
        if !self.tape.request.channels.iter().any(|it| it == channel) {
            self.tape.request.channels.push(channel.to_owned());
        }
        self
    }

    /// Where it begins. It has to be said.
    pub fn from(mut self, place: impl Into<Place>) -> Self {
        self.tape.from = place.into().into_json();
        self
    }

    /// Where it ends; now, if nothing is said.
    pub fn to(mut self, place: impl Into<Place>) -> Self {
        self.tape.to = Some(place.into().into_json());
        self
    }

    /// Which tape, if it is not the live one and no cursor names it.
    pub fn epoch(mut self, epoch: &str) -> Self {
        self.tape.epoch = Some(epoch.to_owned());
        self
    }

    /// So many times as fast as it happened, 0.001 to 1,000,000; 0: as fast as it is read.
    pub const fn speed(mut self, speed: f64) -> Self {
        self.tape.speed = speed;
        self
    }

    /// Waits for [`Controls::play`] after the first snapshots.
    pub const fn paused(mut self) -> Self {
        self.tape.paused = true;
        self
    }

    /// Goes on into what is live, without a gap or a repeat.
    pub const fn then_live(mut self) -> Self {
        self.tape.then_live = true;
        self
    }

    /// Stays at the end, for [`Controls::seek`], in place of ending there.
    pub const fn stay_at_end(mut self) -> Self {
        self.tape.stays = true;
        self
    }

    /// Silence that would last longer here is shortened to this.
    pub fn max_idle(mut self, time: Duration) -> Self {
        self.tape.max_idle_ms = Some(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// At most one snapshot in this time of each stream.
    pub fn conflate(mut self, time: Duration) -> Self {
        self.tape.request.conflate_ms = u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
        self
    }

    /// Events between connection and reader, 1024 by default, at least 1.
    pub const fn queue(mut self, events: usize) -> Self {
        self.queue = events;
        self
    }

    /// Begins, as a task of the tokio runtime that this is called in.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(mut self) -> Replay {
        if self.tape.request.channels.is_empty() {
            self.tape.request.channels.push("ticker".to_owned());
        }
        let machine = Player::new(self.tape);
        let running = Running::start(&self.client, "/v1/replay", machine, self.queue);
        Replay { running, last: Arc::default() }
    }
}

impl Replay {
    /// The next event; `None` after [`State::Closed`](crate::State::Closed).
    ///
    /// # Cancel safety
    /// Nothing is lost if it is not waited for to its end.
    pub async fn next(&mut self) -> Option<Event> {
        self.running.next().await
    }

    /// Its buttons.
    #[must_use]
    pub fn controls(&self) -> Controls {
        Controls { commands: self.running.commands.clone(), last: Arc::clone(&self.last) }
    }

    /// Ends the connection with a goodbye, and waits for that. Events that were not read are gone.
    pub async fn close(self) {
        self.running.close().await;
    }
}

impl Stream for Replay {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        self.running.poll_next(context)
    }
}

#[expect(clippy::missing_errors_doc, reason = "all fail alike, as the type says")]
impl Controls {
    /// Plays on.
    pub fn play(&self) -> Result<u64, Error> {
        self.press(Control::Play)
    }

    /// Stands still.
    pub fn pause(&self) -> Result<u64, Error> {
        self.press(Control::Pause)
    }

    /// Plays so many times as fast as it happened; 0: as fast as it is read.
    pub fn speed(&self, speed: f64) -> Result<u64, Error> {
        self.press(|id| Control::Speed(id, speed))
    }

    /// Goes to another place of the range. Messages from before it, that are still on their way,
    /// are
    /// dropped; snapshots of that place come first.
    pub fn seek(&self, place: impl Into<Place>) -> Result<u64, Error> {
        let place = place.into().into_json();
        self.press(|id| Control::Seek(id, place))
    }

    /// Goes on by so many events, and stands still.
    pub fn step(&self, count: u32) -> Result<u64, Error> {
        self.press(|id| Control::Step(id, count))
    }

    fn press(&self, control: impl FnOnce(u64) -> Control) -> Result<u64, Error> {
        let id = self.last.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        send(&self.commands, control(id))?;
        Ok(id)
    }
}
