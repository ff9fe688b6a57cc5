//! A replay: a private shard that follows a part of the tape for one client, at a pace of its own.
//!
//! The core does no I/O and reads no clock. Its driver hands in what the client sent and the events
//! of the tape in order, and asks what to do next. Streams, messages and their order are those of
//! the live shards: the same board, the same [`Subscriber`], the same encoding.

mod acting;
mod desk;
mod finding;
mod office;
mod pace;
mod playing;
mod slots;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use bytes::Bytes;
use tickwire_feeds::Nanos;

use crate::board::Board;
use crate::event::Event;
use crate::event::Seq;
use crate::subscriber::Coming;
use crate::subscriber::Pace as Keeping;
use crate::subscriber::Rates;
use crate::subscriber::Rules;
use crate::subscriber::Snapshots;
use crate::subscriber::Subscriber;
use crate::subscriber::View;
use crate::tape::Tape;
use crate::wire::Close;
use crate::wire::Form;
use crate::wire::Reject;
use crate::wire::answer::Answer;
use crate::wire::answer::Id;
use crate::wire::answer::Opened;
use crate::wire::answer::Place;
use crate::wire::answer::Time;
use crate::wire::op;
use crate::wire::op::Op;
use crate::wire::op::Open;
use crate::wire::op::Pause;
use crate::wire::op::Point;
use crate::wire::op::Speed;
use crate::wire::op::Then;

use pace::Pace;
use slots::Slots;

pub use desk::Heard;
pub use desk::World;
pub use desk::run;
pub use office::Office;
pub use office::Seat;

/// Most bytes of encoded snapshots that are kept: hardly one is sent twice.
const SNAPSHOT_BYTES: usize = 16 * 1024;
/// Between two positions while it plays; a second is promised.
const TELL: Duration = Duration::from_millis(900);

/// When something happens.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// For pacing and timeouts.
    pub now: Instant,
    /// For people.
    pub wall: Nanos,
    /// Since the sequencer's last sign of life, in ms.
    pub age_ms: u64,
}

/// What the driver has to find out for an operation.
#[derive(Debug)]
pub enum Errand {
    /// The tape, the places and the board for an `open`: [`Replay::open`].
    Open(Option<Id>, Box<Open>),
    /// The place and the board for a `seek`: [`Replay::seek`].
    Seek(Option<Id>, Point),
    /// Which symbols of a subscription come later: [`Replay::subscribe`].
    Subscribe(Option<Id>, op::Subscribe),
}

/// What to play.
#[derive(Debug, Clone)]
pub struct Range {
    /// Name of the tape.
    pub epoch: Box<str>,
    /// What comes after this is played.
    pub from: Seq,
    /// Up to here.
    pub to: Seq,
    /// Where it begins and ends in time, as far as it was asked for by that.
    pub times: (Option<Nanos>, Option<Nanos>),
}

/// Where to go on.
#[derive(Debug)]
pub struct Spot {
    /// The place.
    pub seq: Seq,
    /// Its time, if it was asked for by that.
    pub at: Option<Nanos>,
    /// The board there.
    pub board: Board,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Next {
    /// Send what waits, then ask again.
    More,
    /// Hand in the next events.
    Read,
    /// Nothing before this time.
    At(Instant),
    /// Nothing before the client took something.
    Room,
    /// Nothing before the tape has grown.
    Tape,
    /// Nothing before the client asks for something.
    Rest,
}

/// A replay of one client.
#[derive(Debug)]
pub struct Replay {
    subscriber: Subscriber,
    tape: Tape,
    board: Board,
    rates: Rates,
    snapshots: Snapshots,
    slots: Slots,
    /// Where it is: the board may stand a little before, as places have jumps.
    seq: Seq,
    range: Option<Range>,
    then: Then,
    state: State,
    pace: Pace,
    /// Events that are not played yet.
    ready: VecDeque<Event>,
    /// What comes after them.
    rest: Rest,
    /// Operations whose position is told once the snapshots are out.
    untold: VecDeque<Option<Id>>,
    told_at: Instant,
    played: u64,
    message: Vec<u8>,
}

/// What is known of the events after those that are ready.
#[derive(Debug)]
enum Rest {
    /// Nothing: they are to be read.
    Unread,
    /// There were none when it was last looked.
    Dry,
    /// They cannot be read, which is still to be told.
    Unreadable(Reject),
    /// They cannot be read, as was told. The client may have it tried again.
    Barred,
}

#[derive(Debug, Clone, PartialEq)]
enum State {
    Closed,
    Paused,
    Playing,
    /// So many events to go, for an operation.
    Stepping(u64, Option<Id>),
    Ended,
    Live,
}

impl State {
    const fn word(&self) -> &'static str {
        match self {
            Self::Closed | Self::Paused => "paused",
            Self::Playing | Self::Stepping(..) => "playing",
            Self::Ended => "ended",
            Self::Live => "live",
        }
    }
}

/// What a subscriber sees, borrowing only the fields that it needs.
macro_rules! view {
    ($replay:ident, $moment:expr) => {
        View {
            board: &$replay.board,
            tape: &$replay.tape,
            rates: &$replay.rates,
            snapshots: &$replay.snapshots,
            now: $moment.now,
            wall: $moment.wall,
            age_ms: $moment.age_ms,
            pace: Keeping::Keeping,
        }
    };
}
use view;

impl Replay {
    /// A client of a server with this tape has connected; `welcome` is the first message.
    #[must_use]
    pub fn new(rules: Arc<Rules>, tape: Tape, moment: Moment) -> Self {
        let board = Board::default();
        let (rates, snapshots) = (Rates::new(moment.now), Snapshots::new(SNAPSHOT_BYTES));
        let view = View {
            board: &board,
            tape: &tape,
            rates: &rates,
            snapshots: &snapshots,
            now: moment.now,
            wall: moment.wall,
            age_ms: moment.age_ms,
            pace: Keeping::Keeping,
        };
        let subscriber = Subscriber::for_replay(rules, Form::Text, &view, tape.head());
        Self {
            subscriber,
            tape,
            board,
            rates,
            snapshots,
            slots: Slots::default(),
            seq: Seq::START,
            range: None,
            then: Then::End,
            state: State::Closed,
            pace: Pace::new(Speed::as_it_happened(), None, moment.now),
            ready: VecDeque::new(),
            rest: Rest::Unread,
            untold: VecDeque::new(),
            told_at: moment.now,
            played: 0,
            message: Vec::new(),
        }
    }

    /// What is being played, once it is open.
    #[must_use]
    pub const fn range(&self) -> Option<&Range> {
        self.range.as_ref()
    }

    /// Where it is.
    #[must_use]
    pub const fn seq(&self) -> Seq {
        self.seq
    }

    /// The board where it is.
    #[must_use]
    pub const fn board(&self) -> &Board {
        &self.board
    }

    /// What comes at the end of the range.
    #[must_use]
    pub const fn then(&self) -> Then {
        self.then
    }

    /// Up to where the tape is to be read for it.
    #[must_use]
    pub fn upto(&self) -> Seq {
        let to = self.range.as_ref().map_or(Seq::START, |range| range.to);
        if self.then == Then::Live { Seq::MAX } else { to }
    }

    /// Whether it goes on with what is live.
    #[must_use]
    pub fn joins_live(&self) -> bool {
        self.range.is_some() && self.then == Then::Live
    }

    /// Events played since the last call.
    pub fn take_played(&mut self) -> u64 {
        std::mem::take(&mut self.played)
    }

    /// Why the connection is being closed, if it is.
    #[must_use]
    pub const fn closing(&self) -> Option<Close> {
        self.subscriber.outbox().closing()
    }

    /// Whether bytes wait for the client.
    #[must_use]
    pub fn has_bytes(&self) -> bool {
        !self.subscriber.outbox().is_empty()
    }

    /// Whether another operation may be handed in.
    #[must_use]
    pub fn takes_operations(&self) -> bool {
        let outbox = self.subscriber.outbox();
        outbox.len() < outbox.bound() && !self.subscriber.is_busy()
    }

    /// All bytes that wait for the client: whole frames.
    pub fn take_bytes(&mut self) -> Bytes {
        self.subscriber.outbox_mut().take_all()
    }

    /// The subscriber, for what concerns the connection and no streams.
    pub const fn subscriber(&mut self) -> &mut Subscriber {
        &mut self.subscriber
    }

    /// An [`Errand`] came to nothing.
    pub fn refuse(&mut self, id: Option<Id>, reject: &Reject) {
        self.subscriber.reject(id, reject);
    }

    /// The tape cannot be read on: once what was handed in has been played, it says why, and stands
    /// still.
    pub fn on_unreadable(&mut self, reject: Reject) {
        self.rest = Rest::Unreadable(reject);
    }

    /// Opens a range.
    pub fn open(
        &mut self,
        (id, open): (Option<Id>, &Open),
        (range, spot): (Range, Spot),
        coming: Coming,
        moment: Moment,
    ) {
        self.subscriber.await_symbols(coming);
        self.sit(spot);
        let opened = |of: crate::wire::answer::Subscribed<'_>| {
            let place = |seq: Seq| Place { epoch: &range.epoch, seq: seq.0 };
            let opened = Opened {
                id: id.clone(),
                from: place(range.from),
                to: place(range.to),
                events: range.to.0.saturating_sub(range.from.0),
                channel: of.channel,
                symbols: of.symbols,
                patterns: of.patterns,
                pending: of.pending,
                rejected: of.rejected,
            };
            Answer::Opened(opened).to_json()
        };
        let view = view!(self, moment);
        if let Err(reject) = self.subscriber.open(&open.streams, &view, opened) {
            return self.refuse(id, &reject);
        }
        self.range = Some(range);
        self.then = open.then;
        let at = self.pace.time(moment.now, None);
        self.pace = Pace::new(open.speed.clone(), open.max_idle, moment.now);
        self.pace.place(at);
        self.state = if open.pause == Pause::Yes { State::Paused } else { State::Playing };
        self.untold.push_back(id);
    }

    /// Goes on from another place.
    pub fn seek(&mut self, id: Option<Id>, spot: Spot) {
        self.sit(spot);
        self.subscriber.reseat(&self.board);
        if matches!(self.state, State::Ended | State::Live) {
            self.state = State::Playing;
        }
        self.untold.push_back(id);
    }

    /// Subscribes, now that it is known which of the symbols come later.
    pub fn subscribe(
        &mut self,
        (id, op): (Option<Id>, op::Subscribe),
        coming: Coming,
        moment: Moment,
    ) {
        self.subscriber.await_symbols(coming);
        self.act(id, Op::Subscribe(op), moment);
    }

    /// The next events of the tape; `is_end` if there are no more now.
    pub fn hand_in(&mut self, events: &mut Vec<Event>, is_end: bool) {
        self.ready.extend(events.drain(..));
        self.rest = if is_end { Rest::Dry } else { Rest::Unread };
    }

    /// When [`Replay::on_timeout`] wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Instant {
        let timeout = self.subscriber.poll_timeout();
        if self.state.word() == "playing" { timeout.min(self.told_at + TELL) } else { timeout }
    }

    /// The time of [`Replay::poll_timeout`] may have come.
    pub fn on_timeout(&mut self, moment: Moment) {
        if moment.now >= self.subscriber.poll_timeout() {
            let view = view!(self, moment);
            self.subscriber.on_timeout(&view);
            if self.closing().is_none() {
                self.check_history();
            }
        }
        let is_due = moment.now >= self.told_at + TELL && self.state.word() == "playing";
        if is_due && self.untold.is_empty() {
            self.tell(None, moment);
        }
    }

    /// Stands at a spot, with nothing read from there.
    fn sit(&mut self, spot: Spot) {
        self.ready.clear();
        self.rest = Rest::Unread;
        self.snapshots.clear();
        (self.seq, self.board) = (spot.seq, spot.board);
        self.pace.place(spot.at);
    }

    fn next_recv(&self) -> Option<Nanos> {
        self.ready.front().map(|event| event.recv)
    }

    /// Says where it is.
    fn tell(&mut self, id: Option<Id>, moment: Moment) {
        self.told_at = moment.now;
        let Some(range) = &self.range else { return };
        let behind = self.seq.0.saturating_sub(range.from.0);
        let length = range.to.0.saturating_sub(range.from.0);
        let at = self.pace.time(moment.now, self.next_recv());
        let position = Answer::Position {
            id,
            seq: self.seq.0,
            at: Time(at.unwrap_or_else(|| self.board.clock())),
            speed: self.pace.speed().number(),
            state: self.state.word(),
            done: if self.state == State::Live { 1.0 } else { part(behind, length) },
        };
        self.subscriber.say(&position);
    }
}

/// A part of a whole, to four places.
fn part(of: u64, whole: u64) -> f64 {
    let parts = u128::from(of) * 10_000 / u128::from(whole.max(1));
    let parts = parts.min(10_000);
    // By way of its digits: nothing is reckoned in floating point.
    format!("{}.{:04}", parts / 10_000, parts % 10_000).parse().unwrap_or(0.0)
}

#[cfg(test)]
mod tests;
