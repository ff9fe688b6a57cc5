//! A connection from its opening to its end, and its planned replacement.
//!
//! During a rotation both connections are open, and the new one runs behind the old one (see
//! [`Newcomer`]) until it delivers.

use std::time::Duration;
use std::time::Instant;

use crate::clock;
use crate::ingest::End;
use crate::ingest::Stop;
use crate::ingest::driver::Driver;
use crate::ingest::driver::Outcome;
use crate::ingest::link::Arrival;
use crate::ingest::link::Link;
use crate::ingest::newcomer::Newcomer;
use crate::ingest::pause;
use crate::ingest::socket::Attempt;
use crate::ingest::socket::Dialer;
use crate::sequencer::intake::Offered;

/// Most frames between two offers to the sequencer.
const BATCH_FRAMES: usize = 256;
/// Waking later than this means that the process stood still: what came meanwhile is read first.
const OVERSLEPT: Duration = Duration::from_secs(1);

/// An open connection at work.
pub(super) struct Serving<'d> {
    driver: &'d mut Driver,
    dialer: &'d mut Dialer,
    link: Link,
    next: Next,
    silence: Duration,
    /// When the feed is stale, unless it delivers before.
    silent_at: Instant,
    /// When to open the next connection; `None` for never, or while that is being done.
    rotate_at: Option<Instant>,
    /// No judgement about the venue's silence before this.
    grace_until: Instant,
    scratch: Vec<u8>,
}

/// The connection that is to replace the present one.
enum Next {
    None,
    Coming(Attempt),
    Open(Newcomer),
}

/// Which of two connections.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Serving,
    Next,
}

enum Event {
    Stop,
    Arrived(Which, Arrival),
    Made(Result<Link, String>),
    Due,
}

impl<'d> Serving<'d> {
    /// Takes a new connection into service.
    pub(super) fn new(driver: &'d mut Driver, dialer: &'d mut Dialer, link: Link) -> Self {
        let now = clock::monotonic();
        let silence = Duration::from_millis(dialer.settings.silence_ms);
        let rotate_after = dialer.settings.rotate_after_ms.map(Duration::from_millis);
        Self {
            driver,
            dialer,
            link,
            next: Next::None,
            silence,
            silent_at: now + silence,
            rotate_at: rotate_after.map(|after| now + after),
            grace_until: now,
            scratch: Vec::new(),
        }
    }

    /// Serves until the end of the last connection.
    pub(super) async fn run(mut self, stop: &mut Stop) -> End {
        let outcome = self.driver.open();
        self.link.queue(self.driver.sends());
        let end = match outcome.reconnect {
            Some(reason) => End::Broken(reason),
            None => self.serve(stop).await,
        };
        self.close(&end).await;
        end
    }

    async fn serve(&mut self, stop: &mut Stop) -> End {
        loop {
            if let Some(end) = self.deliver(stop).await {
                return end;
            }
            let done = match self.event(stop).await {
                Event::Stop => return End::Stopped,
                Event::Arrived(which, arrival) => self.batch(which, arrival),
                Event::Made(made) => self.made(made),
                Event::Due => Ok(()),
            };
            // Also after a batch: a venue that never pauses must not stop the timers.
            let looked = match done {
                Ok(()) => self.look(clock::monotonic()).await,
                Err(reason) => Err(reason),
            };
            if let Err(reason) = looked {
                return End::Broken(reason);
            }
        }
    }

    /// Hands the ticks over. While the queue is full, nothing is read, and pings are answered.
    async fn deliver(&mut self, stop: &mut Stop) -> Option<End> {
        let mut began = None;
        loop {
            match self.driver.offer() {
                Offered::All => break,
                Offered::Closed => return Some(End::Stopped),
                Offered::Full => {
                    began.get_or_insert_with(clock::monotonic);
                    self.link.flush();
                    tokio::select! {
                        biased;
                        () = stop.asked() => return Some(End::Stopped),
                        () = self.driver.room() => {}
                    }
                }
            }
        }
        if let Some(began) = began {
            // The silence was ours.
            let now = clock::monotonic();
            self.silent_at += now - began;
            self.grace_until = now + OVERSLEPT;
        }
        None
    }

    async fn event(&mut self, stop: &mut Stop) -> Event {
        let due = self.due();
        let event = tokio::select! {
            biased;
            () = stop.asked() => Event::Stop,
            arrival = self.link.next() => Event::Arrived(Which::Serving, arrival),
            event = self.next.event() => event,
            () = pause::until(Some(due)) => Event::Due,
        };
        let now = clock::monotonic();
        if now > due + OVERSLEPT {
            self.grace_until = now + OVERSLEPT;
        }
        event
    }

    /// When there is something to do, if nothing happens before.
    fn due(&self) -> Instant {
        let feed = self.driver.feed_timeout();
        let judged = feed.map_or(self.silent_at, |feed| feed.min(self.silent_at));
        let newcomer = match &self.next {
            Next::Open(newcomer) => Some(newcomer),
            _ => None,
        };
        let sends = [self.link.send_at(), newcomer.and_then(Newcomer::send_at)];
        let others = [self.rotate_at, newcomer.map(Newcomer::silent_at)];
        let times = sends.into_iter().chain(others).flatten();
        times.fold(judged.max(self.grace_until), Instant::min)
    }

    /// Does whatever is due.
    ///
    /// # Errors
    /// Why the connection is of no more use.
    async fn look(&mut self, now: Instant) -> Result<(), String> {
        self.link.send(now).await?;
        if let Next::Open(newcomer) = &mut self.next {
            let sent = newcomer.send(now).await;
            let silent = now >= newcomer.silent_at().max(self.grace_until);
            if let Err(reason) = sent {
                self.lose(Which::Next, reason)?;
            } else if silent {
                self.lose(Which::Next, "no message on the new connection".to_owned())?;
            }
        }
        if self.rotate_at.is_some_and(|at| now >= at) {
            self.rotate_at = None;
            self.next = Next::Coming(self.dialer.attempt(Duration::ZERO));
        }
        if now < self.grace_until {
            return Ok(());
        }
        if self.driver.feed_timeout().is_some_and(|at| now >= at) {
            let outcome = self.driver.timeout();
            let newest = self.next.which();
            self.settle(newest, outcome, now)?;
        }
        if now >= self.silent_at {
            return Err(self.dialer.settings.silence_reason());
        }
        Ok(())
    }

    /// Takes what has come on a connection, up to a batch of it.
    ///
    /// # Errors
    /// Why the connection is of no more use.
    fn batch(&mut self, which: Which, first: Arrival) -> Result<(), String> {
        let now = clock::monotonic();
        self.arrived(which, first, now)?;
        for _ in 1..BATCH_FRAMES {
            if which == Which::Next || self.driver.is_laden() {
                break;
            }
            let Some(following) = self.link.next_ready() else { break };
            self.arrived(which, following, now)?;
        }
        Ok(())
    }

    fn arrived(&mut self, which: Which, arrival: Arrival, now: Instant) -> Result<(), String> {
        match arrival {
            Arrival::Message(bytes) => {
                self.scratch.clear();
                self.scratch.extend_from_slice(&bytes);
                let outcome = self.driver.frame(&mut self.scratch);
                self.settle(which, outcome, now)
            }
            Arrival::Control => Ok(()),
            Arrival::Gone(reason) => self.lose(which, reason),
        }
    }

    /// Acts on what the feed made of a frame or a timeout.
    fn settle(&mut self, which: Which, outcome: Outcome, now: Instant) -> Result<(), String> {
        let Outcome { alive, reconnect } = outcome;
        match (&mut self.next, which) {
            (Next::Open(newcomer), Which::Next) => newcomer.queue(self.driver.sends()),
            _ => self.link.queue(self.driver.sends()),
        }
        if alive {
            self.silent_at = now + self.silence;
            self.dialer.reset();
        }
        match reconnect {
            Some(reason) => self.lose(which, reason),
            None if alive && which == Which::Next => {
                self.promote();
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn made(&mut self, made: Result<Link, String>) -> Result<(), String> {
        match made {
            Ok(mut link) => {
                let outcome = self.driver.open_another();
                link.queue(self.driver.sends());
                let now = clock::monotonic();
                self.next = Next::Open(Newcomer::new(link, self.silence));
                self.settle(Which::Next, outcome, now)
            }
            Err(reason) => {
                tracing::info!(venue = self.driver.venue(), reason, "rotation failed");
                self.next = Next::None;
                self.rotate_at = Some(clock::monotonic() + self.dialer.backoff());
                Ok(())
            }
        }
    }

    /// A connection is of no more use.
    ///
    /// # Errors
    /// Its end is the feed's, for there is no other.
    fn lose(&mut self, which: Which, reason: String) -> Result<(), String> {
        match (which, std::mem::replace(&mut self.next, Next::None)) {
            (Which::Serving, Next::Open(newcomer)) => {
                tracing::info!(venue = self.driver.venue(), reason, "old connection is gone");
                self.take_over(newcomer);
                Ok(())
            }
            (Which::Serving, _) => Err(reason),
            (Which::Next, next) => {
                tracing::info!(venue = self.driver.venue(), reason, "rotation failed");
                if let Next::Open(newcomer) = next {
                    tokio::spawn(newcomer.into_link().close());
                }
                self.rotate_at = Some(clock::monotonic() + self.dialer.backoff());
                Ok(())
            }
        }
    }

    /// The new connection delivers: the old one has done its work.
    fn promote(&mut self) {
        match std::mem::replace(&mut self.next, Next::None) {
            Next::Open(newcomer) => self.take_over(newcomer),
            other => self.next = other,
        }
    }

    fn take_over(&mut self, newcomer: Newcomer) {
        let old = std::mem::replace(&mut self.link, newcomer.into_link());
        // Its farewell must not hold up the new one.
        tokio::spawn(old.close());
        let rotate_after = self.dialer.settings.rotate_after_ms.map(Duration::from_millis);
        let now = clock::monotonic();
        self.rotate_at = rotate_after.map(|after| now + after);
        self.silent_at = now + self.silence;
    }

    async fn close(self, end: &End) {
        let mut links = vec![self.link];
        if let Next::Open(newcomer) = self.next {
            links.push(newcomer.into_link());
        }
        for link in links {
            match end {
                End::Stopped => link.close().await,
                // The next attempt to connect does not wait for a farewell.
                End::Broken(_) => drop(tokio::spawn(link.close())),
            }
        }
    }
}

impl Next {
    async fn event(&mut self) -> Event {
        match self {
            Self::None => std::future::pending().await,
            Self::Coming(attempt) => Event::Made(attempt.await),
            Self::Open(newcomer) => Event::Arrived(Which::Next, newcomer.next().await),
        }
    }

    /// The connection that was opened last.
    const fn which(&self) -> Which {
        match self {
            Self::None | Self::Coming(_) => Which::Serving,
            Self::Open(_) => Which::Next,
        }
    }
}
