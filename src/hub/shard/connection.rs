//! The connections of a shard.

use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::Notify;
use tracing::warn;

use crate::board::Board;
use crate::event::Body;
use crate::event::Event;
use crate::event::FeedId;
use crate::event::Scope;
use crate::event::Seq;
use crate::hub::back;
use crate::hub::back::Back;
use crate::hub::gauge::Gauge;
use crate::hub::past;
use crate::hub::past::WayBack;
use crate::hub::shard::Line;
use crate::hub::stats::ShardStats;
use crate::subscriber::Fed;
use crate::subscriber::Subscriber;
use crate::tape::Cursor;
use crate::tape::Error;
use crate::tape::Kind;
use crate::tape::Peek;
use crate::tape::Tape;

/// Most bytes handed to the response body at once: the rest stays where it can be counted.
const CHUNK_BYTES: usize = 32 * 1024;
/// An outbox that holds more is written before the flush.
const HEAVY_BYTES: usize = 64 * 1024;
/// How long a client may take to answer a close.
const CLOSE_WAIT: Duration = Duration::from_secs(3);
/// Events looked at before those that concern the client are handed on: they wait decoded.
const BATCH: usize = if cfg!(test) { 16 } else { 512 };
/// What an event costs that is decoded and encoded, in looks at one that is passed over.
const EVENT_WORK: usize = 16;
/// What a step back along the tape costs, in the same.
const STEP_WORK: usize = if cfg!(test) { 16 } else { 350 };

/// A connection of one shard; never given to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId {
    index: u32,
    round: u32,
}

impl ConnectionId {
    /// As an index of a list with one entry a connection that lives.
    pub(super) const fn index(self) -> usize {
        self.index as usize
    }

    /// The first connection at an index.
    #[cfg(test)]
    pub(super) const fn at(index: u32) -> Self {
        Self { index, round: 0 }
    }
}

/// One client. In this order in memory: a flush looks at what comes before the subscriber, and at
/// the beginning of that.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Connection {
    /// Of the response body, while it has nothing to send.
    pub(super) waker: Option<Waker>,
    /// Its socket, if that can be written to without the response body.
    line: Option<Rc<Line>>,
    pub(super) dirty: bool,
    /// Whether it got more than bytes since it was last looked after.
    pub(super) is_unsettled: bool,
    pub(super) hungry: bool,
    /// Whether it stands in the shard's list of those with an operation that waits.
    pub(super) waits: bool,
    /// Nothing more will be read from it.
    pub(super) hung_up: bool,
    was_polled: bool,
    pub(super) subscriber: Subscriber,
    /// Told when the client's next operation may be read, if somebody ever waited for that.
    notice: Option<Rc<Notify>>,
    /// The earliest timer set for it.
    pub(super) timeout: Instant,
    /// When it is cut, if it does not answer a close.
    pub(super) cut_at: Option<Instant>,
    /// In a box: most clients never read the tape, nor walk back along it.
    reading: Option<Box<Reading>>,
    way_back: Option<Box<WayBack>>,
    /// Counts back for streams of bars that begin some messages ago.
    back: Option<Box<Back>>,
    /// Where it is shown how the client does, if somebody wants to know.
    pub(super) gauge: Option<Arc<Gauge>>,
}

/// Where a client reads the tape.
#[derive(Debug)]
struct Reading {
    after: Seq,
    /// The streams that the client had begun when it was read: it was read for those alone.
    begun: u32,
    cursor: Cursor,
    /// Events read and not taken yet, the next one last.
    ready: Vec<Event>,
    /// If bars are read: the board of their symbols, at the event that was taken last. It begins
    /// at a checkpoint, so the first events are for it alone.
    past: Option<Board>,
}

/// What may be done for one client at once, so that it holds up nobody else; in looks at an event.
#[derive(Debug)]
pub(super) struct Work {
    most: usize,
    done: usize,
}

impl Work {
    pub(super) const fn new(most: usize) -> Self {
        Self { most, done: 0 }
    }

    pub(super) const fn done(&self) -> usize {
        self.done
    }

    const fn left(&self) -> usize {
        self.most.saturating_sub(self.done)
    }
}

impl Connection {
    /// When it must be looked after next.
    pub(super) fn next_timeout(&self) -> Instant {
        self.cut_at.unwrap_or_else(|| self.subscriber.poll_timeout())
    }

    /// Whether an operator wants it to end.
    pub(super) fn is_dismissed(&self) -> bool {
        self.gauge.as_deref().is_some_and(Gauge::is_dismissed)
    }

    /// Once it is closing, nothing is due any more but its end.
    pub(super) fn limit_closing(&mut self, now: Instant) {
        if self.subscriber.outbox().closing().is_some() && self.cut_at.is_none() {
            self.cut_at = Some(now + CLOSE_WAIT);
        }
    }

    /// Makes room for a message, if the socket takes something.
    pub(super) fn relieve(&mut self, length: usize, stats: &ShardStats) {
        let outbox = self.subscriber.outbox();
        if outbox.len() + length > HEAVY_BYTES || !outbox.has_room(length) {
            self.write(stats);
        }
    }

    /// Sends what waits: the socket gets what it takes at once, the response body the rest.
    pub(super) fn write(&mut self, stats: &ShardStats) {
        if self.waker.is_none() {
            return;
        }
        if let Some(line) = &self.line {
            let outbox = self.subscriber.outbox_mut();
            let was_full = !outbox.has_room(0);
            let written = line.write(outbox.bytes());
            outbox.advance(written);
            stats.writes.add(1);
            stats.written_bytes.add(written as u64);
            self.notice_room(was_full);
        }
        if self.hung_up || self.subscriber.outbox().has_news() {
            self.wake();
        }
    }

    /// Whether its socket can be written to once the response body has been polled this time.
    pub(super) fn is_first_poll(&mut self) -> bool {
        self.line.is_some() && !std::mem::replace(&mut self.was_polled, true)
    }

    /// The next bytes for the response body, which writes them later.
    pub(super) fn hand_over(&mut self) -> Bytes {
        let outbox = self.subscriber.outbox_mut();
        let was_full = !outbox.has_room(0);
        let bytes = outbox.take(CHUNK_BYTES);
        self.notice_room(was_full);
        if let Some(line) = &self.line {
            line.take();
        }
        bytes
    }

    /// Has the response body polled.
    pub(super) fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// For who waits until the client's next operation may be read.
    pub(super) fn notice(&mut self) -> Rc<Notify> {
        Rc::clone(self.notice.get_or_insert_default())
    }

    /// The client's next operation may be read.
    pub(super) fn notify(&self) {
        if let Some(notice) = &self.notice {
            notice.notify_one();
        }
    }

    /// Bytes left the outbox: there may be room for answers again.
    fn notice_room(&self, was_full: bool) {
        if was_full && self.subscriber.outbox().has_room(0) {
            self.notify();
        }
    }

    /// Walks back for streams that begin in the past, and reads on for those that follow the tape,
    /// up to the shard's own place.
    pub(super) fn read_tape(
        &mut self,
        board: &Board,
        tape: &Tape,
        work: &mut Work,
    ) -> Result<(), Error> {
        self.walk_back(board, tape, work);
        if let Err(error) = self.count_back(board, tape, work) {
            warn!(%error, "cannot count back along the tape for a client");
            for trace in self.subscriber.bars_traces(usize::MAX) {
                self.subscriber.on_trace_lost(trace, board);
            }
        }
        while work.left() > 0
            && let Some(after) = self.subscriber.wants_tape()
        {
            let begun = self.subscriber.begun();
            let reads_bars = self.subscriber.reads_bars();
            let mut reading = match self.reading.take() {
                Some(reading)
                    if (reading.after, reading.begun) == (after, begun)
                        && (reading.past.is_some() || !reads_bars) =>
                {
                    reading
                }
                _ => Box::new(Reading::begin((after, begun), &self.subscriber, tape)?),
            };
            if reading.ready.is_empty() {
                let subscriber = &self.subscriber;
                let keep = |peek: Peek| peek.symbol.is_none_or(|symbol| subscriber.follows(symbol));
                let is_for_bars = |peek: Peek| peek.seq > after || peek.kind != Kind::Quote;
                let keep = |peek: Peek| is_for_bars(peek) && keep(peek);
                let looks = reading.cursor.next_where(BATCH, &mut reading.ready, keep)?;
                work.done += looks.max(1);
                reading.ready.reverse();
                let passed = reading.cursor.seq();
                if reading.ready.is_empty() && after < passed && passed < board.seq() {
                    self.subscriber.on_tape_passed(passed);
                    reading.after = passed;
                }
            }
            self.take_ready(&mut reading, (board, tape), work)?;
            let is_beyond = reading.ready.last().is_some_and(|event| event.seq > board.seq());
            let is_empty = reading.ready.is_empty() && reading.cursor.seq() >= board.seq();
            if is_beyond || is_empty {
                self.subscriber.on_tape_end(board);
            } else {
                self.reading = Some(reading);
            }
        }
        Ok(())
    }

    /// Hands on what was read, as far as there is room for it.
    fn take_ready(
        &mut self,
        reading: &mut Reading,
        (board, tape): (&Board, &Tape),
        work: &mut Work,
    ) -> Result<(), Error> {
        while work.left() > 0
            && !self.subscriber.is_page_full()
            && let Some(event) = reading.ready.pop_if(|event| event.seq <= board.seq())
        {
            work.done += EVENT_WORK;
            for stream in self.subscriber.unbegun(&event, board) {
                if !self.subscriber.outbox().wants_more() {
                    reading.ready.push(event);
                    return Ok(());
                }
                if let Some((message, seq)) = past::snapshot_before(&event, stream, board, tape)? {
                    self.subscriber.begin_with(stream.0, (&message, seq));
                }
            }
            if self.follow_bars(&event, reading) == Fed::Full {
                reading.ready.push(event);
                return Ok(());
            }
            if event.seq <= reading.after {
                continue;
            }
            if let Some(feed) = feed_wide(&event) {
                let streams = self.subscriber.unplaced(feed, &event, board);
                for (slot, link) in past::placed(&event, &streams, board, tape)? {
                    self.subscriber.place(slot, link.prev);
                }
            }
            let past = reading.past.as_ref().unwrap_or(board);
            if self.subscriber.on_tape(&event, (board, past)) == Fed::Full {
                reading.ready.push(event);
                return Ok(());
            }
            reading.after = event.seq;
        }
        Ok(())
    }

    /// Walks back for streams that begin in the past, one after the other.
    fn walk_back(&mut self, board: &Board, tape: &Tape, work: &mut Work) {
        while work.left() > 0
            && let Some(trace) = self.subscriber.next_trace()
        {
            let begun = self.way_back.take().filter(|way| way.trace() == trace);
            let mut way = begun.unwrap_or_else(|| Box::new(WayBack::new(trace, board)));
            let steps = (work.left() / STEP_WORK).max(1);
            let snapshot = way.walk(steps, tape).and_then(|walked| {
                work.done += walked.steps.max(1) * STEP_WORK;
                walked.is_whole.then(|| way.snapshot(board, tape)).transpose()
            });
            match snapshot {
                Ok(None) => self.way_back = Some(way),
                Ok(Some((message, seq))) => {
                    self.subscriber.on_traced(trace, (&message, seq), (board, tape));
                }
                Err(error) => {
                    warn!(%error, "cannot go back along the tape for a client");
                    self.subscriber.on_trace_lost(trace, board);
                }
            }
        }
    }

    /// Looks for the places where streams of bars begin that begin some messages ago.
    fn count_back(&mut self, board: &Board, tape: &Tape, work: &mut Work) -> Result<(), Error> {
        while work.left() > 0 {
            let mut back = match self.back.take() {
                Some(back) => back,
                None => {
                    let traces = self.subscriber.bars_traces(back::STREAMS_MAX);
                    if traces.is_empty() {
                        return Ok(());
                    }
                    Box::new(Back::begin(traces, board, tape)?)
                }
            };
            let counted = back.step(tape)?;
            work.done += counted.looks.max(1);
            match counted.found {
                Some(found) => {
                    for (trace, after) in found {
                        self.subscriber.on_counted(trace, after, board);
                    }
                }
                None => self.back = Some(back),
            }
        }
        Ok(())
    }

    /// Has the past of bars follow an event; streams begin that need it as it stood before.
    fn follow_bars(&mut self, event: &Event, reading: &mut Reading) -> Fed {
        let Some(past) = &mut reading.past else { return Fed::Taken };
        while let Some(slot) = self.subscriber.next_unheld(event.seq) {
            if self.subscriber.begin_from(slot, past) == Fed::Full {
                return Fed::Full;
            }
        }
        past.apply(event);
        Fed::Taken
    }
}

impl Reading {
    fn begin((after, begun): (Seq, u32), of: &Subscriber, tape: &Tape) -> Result<Self, Error> {
        let past =
            of.reads_bars().then(|| tape.board_before(after, &of.with_bars())).transpose()?;
        let cursor = tape.read_after(past.as_ref().map_or(after, Board::seq))?;
        Ok(Self { after, begun, cursor, ready: Vec::new(), past })
    }
}

/// The feed that an event concerns as a whole.
fn feed_wide(event: &Event) -> Option<FeedId> {
    let (Body::Status(crate::event::Status { scope, .. })
    | Body::Gap(crate::event::Gap { scope, .. })) = &event.body
    else {
        return None;
    };
    if let Scope::Feed(feed, _) = scope { Some(*feed) } else { None }
}

/// All connections of a shard, each at an index that stays the same while it lives.
#[derive(Debug, Default)]
pub(super) struct Connections {
    /// In boxes: a list of thousands of them would stand still to grow, and leave its old place.
    list: Vec<(u32, Option<Box<Connection>>)>,
    free: Vec<u32>,
}

impl Connections {
    pub(super) fn len(&self) -> usize {
        self.list.len() - self.free.len()
    }

    pub(super) fn insert(
        &mut self,
        (subscriber, line): (Subscriber, Option<Rc<Line>>),
        timeout: Instant,
    ) -> ConnectionId {
        let connection = Box::new(Connection {
            subscriber,
            waker: None,
            line,
            notice: None,
            timeout,
            was_polled: false,
            dirty: false,
            is_unsettled: false,
            hungry: false,
            waits: false,
            hung_up: false,
            cut_at: None,
            reading: None,
            way_back: None,
            back: None,
            gauge: None,
        });
        if let Some(index) = self.free.pop()
            && let Some((round, place)) = self.list.get_mut(index as usize)
        {
            *round = round.wrapping_add(1);
            *place = Some(connection);
            return ConnectionId { index, round: *round };
        }
        let index = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        self.list.push((0, Some(connection)));
        ConnectionId { index, round: 0 }
    }

    pub(super) fn remove(&mut self, id: ConnectionId) -> Option<Box<Connection>> {
        let (round, place) = self.list.get_mut(id.index as usize)?;
        let connection = place.take_if(|_| *round == id.round)?;
        self.free.push(id.index);
        Some(connection)
    }

    pub(super) fn get(&self, id: ConnectionId) -> Option<&Connection> {
        let (round, connection) = self.list.get(id.index as usize)?;
        connection.as_deref().filter(|_| *round == id.round)
    }

    pub(super) fn get_mut(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        let (round, connection) = self.list.get_mut(id.index as usize)?;
        connection.as_deref_mut().filter(|_| *round == id.round)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Connection> {
        self.list.iter_mut().filter_map(|(_, connection)| connection.as_deref_mut())
    }

    pub(super) fn ids(&self) -> Vec<ConnectionId> {
        let indexed = (0..).zip(&self.list).filter(|(_, (_, connection))| connection.is_some());
        indexed.map(|(index, (round, _))| ConnectionId { index, round: *round }).collect()
    }
}
