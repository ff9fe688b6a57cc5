//! What all drivers do around their feed, wherever its frames come from.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use tickwire_feeds::Feed;
use tickwire_feeds::Nanos;
use tickwire_feeds::Output;
use tickwire_feeds::Profile;
use tickwire_feeds::Tick;
use tickwire_feeds::tick::Cause;
use tickwire_feeds::tick::Covers;
use tickwire_feeds::tick::Gap;
use tickwire_feeds::tick::GapState;
use tickwire_feeds::tick::Scope;
use tickwire_feeds::tick::Status;

use crate::clock;
use crate::clock::Steady;
use crate::ingest::Past;
use crate::ingest::Settings;
use crate::ingest::health::Change;
use crate::ingest::health::Health;
use crate::ingest::rejects::Rejects;
use crate::ingest::stats::Stats;
use crate::sequencer::intake::Intake;
use crate::sequencer::intake::Offered;

/// More ticks than these are handed over before the next frame is decoded.
const WAITING_MAX: usize = 4_096;

/// A feed, and its ticks on their way to the sequencer.
///
/// The feed's own `now` is the steady clock, so that no step of the wall clock can start or stop
/// one of its timers; the `recv` of whatever it says is set here, from the wall clock.
pub(super) struct Driver<F: ?Sized = dyn Feed> {
    feed: Box<F>,
    profile: Profile,
    out: Output,
    waiting: VecDeque<Tick>,
    intake: Intake,
    stats: Arc<Stats>,
    health: Health,
    rejects: Rejects,
    garbage_ms_max: i64,
    steady: Steady,
}

/// What a call of the feed came to.
#[derive(Debug, Default, PartialEq, Eq)]
#[must_use]
pub(super) struct Outcome {
    /// The venue proved that it sends.
    pub(super) alive: bool,
    /// The connection is of no more use; why.
    pub(super) reconnect: Option<String>,
}

/// Whether there is still a sequencer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(super) enum Delivered {
    /// All ticks are in its hands.
    All,
    /// It is gone.
    Closed,
}

impl<F: Feed + ?Sized> Driver<F> {
    /// Takes a feed over and tells of its beginning.
    pub(super) fn new(
        feed: Box<F>,
        settings: &Settings,
        intake: Intake,
        stats: Arc<Stats>,
    ) -> Self {
        let steady = Steady::start();
        let (health, beginning) = Health::begin(steady.now(), settings.down_after_ms);
        let profile = feed.profile();
        let mut driver = Self {
            feed,
            profile,
            out: Output::default(),
            waiting: VecDeque::new(),
            intake,
            stats,
            health,
            rejects: Rejects::default(),
            garbage_ms_max: settings.garbage_ms_max,
            steady,
        };
        driver.tell(Some(beginning));
        if settings.past == Past::Resumed {
            driver.waiting.push_back(missed_meanwhile(clock::now()));
        }
        driver
    }

    /// The part of symbols before the colon.
    pub(super) fn venue(&self) -> &'static str {
        self.profile.venue
    }

    /// When to call [`Driver::timeout`]; `None` for never.
    pub(super) fn feed_timeout(&self) -> Option<Instant> {
        self.feed.poll_timeout().map(|at| self.steady.instant(at))
    }

    /// When to call [`Driver::give_up`]; `None` for never.
    pub(super) fn down_at(&self) -> Option<Instant> {
        self.health.down_at().map(|at| self.steady.instant(at))
    }

    /// A connection was made in place of one that is gone.
    pub(super) fn open(&mut self) -> Outcome {
        let change = self.health.connected();
        self.tell(change);
        self.open_another()
    }

    /// A connection was made while the one before it still serves.
    pub(super) fn open_another(&mut self) -> Outcome {
        self.stats.set_connected(clock::now());
        self.rejects.forgive();
        self.feed.on_open(self.steady.now(), &mut self.out);
        let mut outcome = self.take();
        // What a feed says of itself on opening is no sign of life of the venue.
        outcome.alive = false;
        outcome
    }

    /// The connection is gone, with all that it means.
    pub(super) fn close(&mut self, reason: &str) {
        tracing::info!(venue = self.profile.venue, reason, "feed disconnected");
        self.fail(reason);
        self.feed.on_close(self.steady.now(), &mut self.out);
        self.out.reconnect = None;
        self.out.send.clear();
        self.take_ticks(clock::now());
    }

    /// An attempt to connect failed.
    pub(super) fn fail(&mut self, reason: &str) {
        self.stats.set_disconnected();
        let change = self.health.failed(reason, self.steady.now());
        self.tell(change);
    }

    /// There will be no connection any more.
    pub(super) fn abandon(&mut self, reason: &str) {
        tracing::warn!(venue = self.profile.venue, reason, "feed given up");
        self.stats.set_disconnected();
        let change = self.health.abandon(reason);
        self.tell(change);
    }

    /// The time of [`Driver::down_at`] may have come.
    pub(super) fn give_up(&mut self) {
        let change = self.health.give_up(self.steady.now());
        self.tell(change);
    }

    /// Hands in one message of the venue.
    pub(super) fn frame(&mut self, frame: &mut [u8]) -> Outcome {
        self.stats.count_frame(frame.len(), clock::now());
        let now = self.steady.now();
        let read = self.feed.on_frame(frame, now, &mut self.out);
        let mut outcome = self.take();
        match read {
            Ok(()) => self.rejects.good(),
            Err(error) => {
                self.stats.count_rejected(error.reason());
                self.rejects.bad(self.profile.venue, &error, now);
                let ms = self.garbage_ms_max;
                if outcome.reconnect.is_none() && self.rejects.is_all_garbage(ms, now) {
                    outcome.reconnect = Some(format!("nothing but bad frames, last: {error}"));
                }
            }
        }
        outcome
    }

    /// The time of [`Driver::feed_timeout`] has come.
    pub(super) fn timeout(&mut self) -> Outcome {
        self.feed.on_timeout(self.steady.now(), &mut self.out);
        self.take()
    }

    /// The feed itself.
    pub(super) fn feed(&self) -> &F {
        &self.feed
    }

    /// Calls what only some feeds have.
    pub(super) fn finish(&mut self, last: fn(&mut F, Nanos, &mut Output)) {
        last(&mut self.feed, self.steady.now(), &mut self.out);
        self.take_ticks(clock::now());
    }

    /// What the feed wants to send, in order; taken by this call.
    pub(super) fn sends(&mut self) -> impl Iterator<Item = String> {
        self.out.send.drain(..)
    }

    /// Says what no feed can.
    pub(super) fn say(&mut self, tick: Tick) {
        self.stats.count_ticks(1);
        self.waiting.push_back(tick);
    }

    /// Whether the ticks waiting are enough to hand them over before more are made.
    pub(super) fn is_laden(&self) -> bool {
        self.waiting.len() >= WAITING_MAX
    }

    /// Hands over as many ticks as are taken, without waiting.
    pub(super) fn offer(&mut self) -> Offered {
        if self.waiting.is_empty() {
            return Offered::All;
        }
        let offered = self.intake.offer(&mut self.waiting);
        self.stats.count_queue(self.intake.len(), offered);
        offered
    }

    /// Waits until there may be room again.
    ///
    /// # Cancel safety
    /// Nothing is lost if the future is dropped.
    pub(super) async fn room(&mut self) {
        self.intake.room().await;
    }

    /// Hands over all ticks, however long that takes.
    ///
    /// # Cancel safety
    /// Ticks not taken wait for the next call.
    pub(super) async fn deliver(&mut self) -> Delivered {
        loop {
            match self.offer() {
                Offered::All => return Delivered::All,
                Offered::Closed => return Delivered::Closed,
                Offered::Full => self.room().await,
            }
        }
    }

    /// Takes what a call of the feed left in its output.
    fn take(&mut self) -> Outcome {
        let reconnect = self.out.reconnect.take();
        let data = |tick: &Tick| matches!(tick, Tick::Trade(_) | Tick::Quote(_));
        let alive = std::mem::take(&mut self.out.alive) || self.out.ticks.iter().any(data);
        if alive {
            let change = self.health.delivered();
            self.tell(change);
        }
        if !self.out.ticks.is_empty() {
            self.take_ticks(clock::now());
        }
        if !self.out.tick_sizes.is_empty() {
            let sizes = std::mem::take(&mut self.out.tick_sizes);
            self.stats.note_tick_sizes(sizes.into_iter());
        }
        Outcome { alive, reconnect }
    }

    fn take_ticks(&mut self, recv: Nanos) {
        self.stats.count_ticks(self.out.ticks.len());
        let mut ts = None;
        self.waiting.extend(self.out.ticks.drain(..).map(|mut tick| {
            ts = stamp(&mut tick, recv).or(ts);
            tick
        }));
        if let Some(ts) = ts {
            self.stats.set_lag(recv.millis_since(ts));
        }
    }

    fn tell(&mut self, change: Option<Change>) {
        let Some(Change { state, reason }) = change else { return };
        let recv = clock::now();
        self.stats.set_state(state, recv);
        let scope = Scope::Feed;
        self.say(Tick::Status(Status { scope, recv, state, trading: None, reason }));
    }
}

/// Sets the time of receipt, and gives the venue's own time back.
fn stamp(tick: &mut Tick, now: Nanos) -> Option<Nanos> {
    let (recv, ts) = match tick {
        Tick::Trade(trade) => (&mut trade.recv, trade.ts),
        Tick::Quote(quote) => (&mut quote.recv, quote.ts),
        Tick::Status(status) => (&mut status.recv, None),
        Tick::Gap(gap) => (&mut gap.recv, None),
        Tick::Listed(listing) => (&mut listing.recv, None),
        Tick::AllListed => return None,
    };
    *recv = now;
    ts
}

/// Between two lives of the process nobody listened.
fn missed_meanwhile(recv: Nanos) -> Tick {
    Tick::Gap(Gap {
        scope: Scope::Feed,
        recv,
        covers: Covers::All,
        cause: Cause::VenueDisconnect,
        missing: None,
        state: GapState::Open,
        settles_disconnect: false,
    })
}
