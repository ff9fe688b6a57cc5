//! The driver of one replay, on the threads that read history.
//!
//! What the client sends comes through a bounded queue, and what it gets leaves through another:
//! while that is full, nothing more is read of the tape.

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use bytes::Bytes;
use tickwire_feeds::Nanos;
use tokio::sync::mpsc;
use tracing::debug;

use super::Errand;
use super::Moment;
use super::Next;
use super::Office;
use super::Replay;
use super::Seat;
use super::finding;
use crate::access::Pass;
use crate::clock;
use crate::event::Event;
use crate::event::Seq;
use crate::history::Events;
use crate::history::Filter;
use crate::history::History;
use crate::history::Volume;
use crate::hub::Hub;
use crate::hub::Trouble;
use crate::hub::ring::Reader;
use crate::subscriber::Rules;
use crate::tape::Tape;
use crate::wire::Close;
use crate::wire::Code;
use crate::wire::Form;
use crate::wire::Reject;
use crate::wire::answer::Answer;
use crate::wire::answer::Time;

/// How long a client may take to answer a close.
const CLOSE_WAIT: Duration = Duration::from_secs(3);
/// Longest sleep.
const SLEEP_MAX: Duration = Duration::from_millis(500);

/// What a client does.
#[derive(Debug)]
pub enum Heard {
    /// It was let in, with what it showed before.
    Entered(Pass),
    /// It sent a text message.
    Text(Bytes),
    /// It sent a binary message, and may.
    Packed(Bytes),
    /// It sent a ping.
    Ping(Bytes),
    /// It answered one.
    Pong,
    /// The connection is to be closed: why, and what was wrong before that.
    Fail(Close, Option<Reject>),
    /// Nothing more comes from it.
    HungUp,
}

/// What a replay sees of its server.
#[derive(Debug, Clone)]
pub struct World {
    /// All that was.
    pub history: History,
    /// Wakes those who follow the tape.
    pub hub: Arc<Hub>,
    /// The tape that grows.
    pub tape: Tape,
    /// The rules of subscribers.
    pub rules: Arc<Rules>,
    /// Where seats are counted.
    pub office: Arc<Office>,
    /// How messages reach the client.
    pub form: Form,
}

/// Whether the client is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Present {
    Yes,
    No,
}

/// One replay and its client.
#[derive(Debug)]
struct Driver {
    world: World,
    /// From `open` on at the latest: who has shown nothing yet takes nobody's seat.
    seat: Option<Seat>,
    replay: Replay,
    hearing: mpsc::Receiver<Heard>,
    sending: mpsc::Sender<Bytes>,
    /// What was heard and waits for an errand to end.
    put_off: Option<Heard>,
    hung_up: bool,
    /// Nothing more is read from the client, as there was something wrong with it or it closed.
    is_deaf: bool,
    reading: Option<Reading>,
    /// Of the hub's troubles, what the client was told of.
    troubles: u64,
    drained: bool,
}

/// Where the tape is read.
#[derive(Debug)]
struct Reading {
    volume: Volume,
    events: Events,
    batch: Vec<Event>,
    /// Rings when the tape grows, if what is live is to follow.
    ring: Option<Reader>,
}

/// Serves a client until either end is over. Without a seat, one is taken when it opens a replay.
pub async fn run(
    world: World,
    seat: Option<Seat>,
    hearing: mpsc::Receiver<Heard>,
    sending: mpsc::Sender<Bytes>,
) {
    let manner = (Arc::clone(&world.rules), world.form);
    let replay = Replay::new(manner, world.tape.clone(), world.moment());
    let mut driver = Driver {
        replay,
        world,
        seat,
        hearing,
        sending,
        put_off: None,
        hung_up: false,
        is_deaf: false,
        reading: None,
        troubles: 0,
        drained: false,
    };
    while driver.turn().await == Present::Yes {}
}

impl World {
    fn moment(&self) -> Moment {
        let now = clock::monotonic();
        Moment { now, wall: clock::now(), age_ms: self.hub.age_ms(now) }
    }
}

impl Driver {
    async fn turn(&mut self) -> Present {
        self.replay.on_timeout(self.world.moment());
        self.watch_hub();
        if self.replay.closing().is_some() {
            return self.say_goodbye().await;
        }
        while self.replay.takes_operations()
            && let Some(heard) = self.put_off.take().or_else(|| self.hearing.try_recv().ok())
        {
            if self.on_heard(heard).await == Present::No {
                return Present::No;
            }
        }
        if self.is_deaf {
            return self.say_goodbye().await;
        }
        if self.hung_up {
            // It may still read what it asked for.
            let _its_last: Present = self.send_now();
            return Present::No;
        }
        let next = self.replay.advance(self.world.moment());
        if self.send_now() == Present::No {
            return Present::No;
        }
        match next {
            Next::More => tokio::task::yield_now().await,
            Next::Read => self.read().await,
            Next::Tape if self.has_grown() => self.read().await,
            next => return self.wait(next).await,
        }
        Present::Yes
    }

    async fn on_heard(&mut self, heard: Heard) -> Present {
        let moment = self.world.moment();
        let errand = match heard {
            Heard::Text(text) => self.replay.on_text(&text, moment),
            Heard::Packed(bytes) => self.replay.on_packed(&bytes, moment),
            other => {
                self.on_control(other);
                None
            }
        };
        match errand {
            Some(errand) => self.run_errand(errand).await,
            None => Present::Yes,
        }
    }

    /// What can be dealt with while an errand is under way.
    fn on_control(&mut self, heard: Heard) {
        match heard {
            Heard::Text(_) | Heard::Packed(_) => {}
            Heard::Entered(pass) => self.replay.let_in(pass, self.world.moment()),
            Heard::Ping(payload) => {
                self.replay.subscriber().on_ping(&payload, clock::monotonic());
            }
            Heard::Pong => self.replay.subscriber().on_pong(clock::monotonic()),
            Heard::Fail(close, reject) => {
                self.is_deaf = true;
                self.replay.subscriber().fail(close, reject.as_ref());
            }
            Heard::HungUp => self.hung_up = true,
        }
    }

    async fn run_errand(&mut self, errand: Errand) -> Present {
        let world = self.world.clone();
        match errand {
            Errand::Open(id, open) => {
                if let Err(reject) = self.take_seat() {
                    self.replay.refuse(id, &reject);
                    return Present::Yes;
                }
                let finding = finding::open(&world.history, world.tape.epoch(), &open);
                let Some(found) = self.meanwhile(finding).await else { return self.presence() };
                match found {
                    Ok(found) => {
                        let (place, coming) = ((found.range, found.spot), found.coming);
                        let moment = world.moment();
                        self.replay.open((id, &open), place, coming, moment);
                        self.read_from(found.volume);
                    }
                    Err(reject) => self.replay.refuse(id, &reject),
                }
            }
            Errand::Seek(id, point) => {
                let Some((volume, range, then)) = self.opened() else { return Present::Yes };
                let finding = finding::seek(&volume, (&range, then), &point);
                let Some(found) = self.meanwhile(finding).await else { return self.presence() };
                match found {
                    Ok(spot) => {
                        self.replay.seek(id, spot);
                        self.read_from(volume);
                    }
                    Err(reject) => self.replay.refuse(id, &reject),
                }
            }
            Errand::Subscribe(id, op) => {
                let Some((volume, range, then)) = self.opened() else { return Present::Yes };
                let board = self.replay.board().clone();
                let place = (&board, self.replay.seq(), range.to);
                let finding = finding::coming(&volume, &op, place, then);
                let Some(found) = self.meanwhile(finding).await else { return self.presence() };
                match found {
                    Ok(coming) => self.replay.subscribe((id, op), coming, world.moment()),
                    Err(reject) => self.replay.refuse(id, &reject),
                }
            }
        }
        Present::Yes
    }

    fn take_seat(&mut self) -> Result<(), Reject> {
        if self.seat.is_none() {
            self.seat = self.world.office.enter();
        }
        let has_seat = self.seat.is_some().then_some(());
        has_seat.ok_or_else(|| Reject::new(Code::Unavailable, self.world.office.crowded()))
    }

    fn count(&self, events: u64, bytes: u64) {
        if let Some(seat) = &self.seat {
            seat.count(events, bytes);
        }
    }

    /// Does something that may take its time; the client is served meanwhile, as far as it can be.
    /// `None` if it is gone.
    async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = std::pin::pin!(work);
        let sending = self.sending.clone();
        loop {
            self.replay.on_timeout(self.world.moment());
            if self.send_now() == Present::No || self.replay.closing().is_some() {
                return None;
            }
            let until = self.wake_at(None);
            tokio::select! {
                done = &mut work => return Some(done),
                () = tokio::time::sleep_until(until.into()) => {}
                heard = self.hearing.recv(), if self.put_off.is_none() && !self.hung_up => {
                    match heard {
                        Some(op @ (Heard::Text(_) | Heard::Packed(_))) => self.put_off = Some(op),
                        Some(other) => self.on_control(other),
                        None => return None,
                    }
                }
                permit = sending.reserve(), if self.replay.has_bytes() => {
                    permit.ok()?.send(self.replay.take_bytes());
                }
            }
        }
    }

    /// Whether the client is there, if only to be told that the connection is being closed.
    fn presence(&self) -> Present {
        let is_there = self.replay.closing().is_some() && !self.sending.is_closed();
        if is_there { Present::Yes } else { Present::No }
    }

    fn opened(&self) -> Option<(Volume, super::Range, crate::wire::op::Then)> {
        let volume = self.reading.as_ref()?.volume.clone();
        Some((volume, self.replay.range()?.clone(), self.replay.then()))
    }

    /// Reads on from where the replay is.
    fn read_from(&mut self, volume: Volume) {
        if self.replay.range().is_none() {
            return;
        }
        let events = volume.read(self.replay.seq(), self.replay.upto(), Filter::default());
        let before = self.reading.take();
        let ring = before.and_then(|reading| reading.ring);
        let ring = ring.or_else(|| self.replay.joins_live().then(|| self.world.hub.listen()));
        self.reading = Some(Reading { volume, events, batch: Vec::new(), ring });
    }

    /// Whether the tape has grown since it was read last.
    fn has_grown(&self) -> bool {
        let read = self.reading.as_ref().map_or(Seq::MAX, |reading| reading.events.seq());
        self.world.hub.published() > read
    }

    async fn read(&mut self) {
        let Some(mut reading) = self.reading.take() else { return };
        let mut batch = std::mem::take(&mut reading.batch);
        let read = self.meanwhile(reading.events.next_batch(&mut batch)).await;
        match read {
            Some(Ok(more)) => self.replay.hand_in(&mut batch, !more),
            Some(Err(error)) => {
                debug!(%error, "a replay cannot read on");
                self.replay.hand_in(&mut batch, false);
                self.replay.on_unreadable(finding::reject(&error));
            }
            None => {}
        }
        reading.batch = batch;
        self.reading = Some(reading);
    }

    /// Sends what waits, if there is room for it.
    fn send_now(&mut self) -> Present {
        let played = self.replay.take_played();
        if !self.replay.has_bytes() {
            self.count(played, 0);
            return Present::Yes;
        }
        match self.sending.try_reserve() {
            Ok(permit) => {
                let bytes = self.replay.take_bytes();
                self.count(played, bytes.len() as u64);
                permit.send(bytes);
                Present::Yes
            }
            Err(mpsc::error::TrySendError::Full(())) => {
                self.count(played, 0);
                Present::Yes
            }
            Err(mpsc::error::TrySendError::Closed(())) => Present::No,
        }
    }

    /// Waits for the client, for the time, or for the tape.
    async fn wait(&mut self, next: Next) -> Present {
        let until = self.wake_at(Some(next));
        let ring = self.reading.as_ref().and_then(|reading| reading.ring.as_ref());
        let ring = ring.filter(|_| next == Next::Tape);
        // What rang before is known.
        while ring.is_some_and(|ring| ring.next().is_some()) {}
        let read = self.reading.as_ref().map_or(Seq::MAX, |reading| reading.events.seq());
        let hub = Arc::clone(&self.world.hub);
        let sleeper = ring.map(Reader::sleeper);
        let growing = async {
            match &sleeper {
                Some(sleeper) => sleeper.sleep(until, || hub.published() > read).await,
                None => tokio::time::sleep_until(until.into()).await,
            }
        };
        tokio::select! {
            () = growing => {}
            heard = self.hearing.recv(), if self.put_off.is_none() => match heard {
                Some(heard) => self.put_off = Some(heard),
                None => return Present::No,
            },
            permit = self.sending.reserve(), if self.replay.has_bytes() => match permit {
                Ok(permit) => {
                    let bytes = self.replay.take_bytes();
                    self.count(0, bytes.len() as u64);
                    permit.send(bytes);
                }
                Err(_) => return Present::No,
            },
            () = self.sending.closed() => return Present::No,
        }
        Present::Yes
    }

    fn wake_at(&self, next: Option<Next>) -> Instant {
        let latest = clock::monotonic() + SLEEP_MAX;
        let until = latest.min(self.replay.poll_timeout());
        if let Some(Next::At(at)) = next { until.min(at) } else { until }
    }

    /// Tells the client of this server's troubles, and of its end.
    fn watch_hub(&mut self) {
        let hub = &self.world.hub;
        let troubles = hub.troubles();
        if troubles != self.troubles {
            let trouble = hub.trouble();
            if trouble.is_some() || self.troubles > 0 {
                let message = service(trouble.as_ref(), clock::now());
                self.replay.subscriber().on_service(&message);
            }
            self.troubles = troubles;
        }
        if hub.is_draining() && !self.drained {
            self.drained = true;
            let spread = self.world.rules.reconnect_spread.as_millis();
            let spread_ms = u64::try_from(spread).unwrap_or(0);
            self.replay.subscriber().shut_down(rand::random_range(0..=spread_ms));
        }
    }

    /// The connection is being closed: sends what waits, and gives the client a moment to answer.
    async fn say_goodbye(&mut self) -> Present {
        let deadline = clock::monotonic() + CLOSE_WAIT;
        let bytes = self.replay.take_bytes();
        let sent = tokio::time::timeout_at(deadline.into(), self.sending.send(bytes)).await;
        if !matches!(sent, Ok(Ok(()))) || self.is_deaf {
            return Present::No;
        }
        let ended = async {
            loop {
                match self.hearing.recv().await {
                    None | Some(Heard::HungUp | Heard::Fail(..)) => return,
                    Some(
                        Heard::Text(_)
                        | Heard::Packed(_)
                        | Heard::Entered(_)
                        | Heard::Ping(_)
                        | Heard::Pong,
                    ) => {}
                }
            }
        };
        // Who does not answer is cut.
        drop(tokio::time::timeout_at(deadline.into(), ended).await);
        Present::No
    }
}

fn service(trouble: Option<&Trouble>, now: Nanos) -> Vec<u8> {
    let answer = match trouble {
        Some(Trouble { reason, since }) => {
            Answer::Service { state: "degraded", reason: Some(reason), since: Time(*since) }
        }
        None => Answer::Service { state: "ok", reason: None, since: Time(now) },
    };
    answer.to_json()
}
