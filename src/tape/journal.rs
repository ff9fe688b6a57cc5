//! The journal: the one writer of the tape.

use std::fs;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use tickwire_feeds::Nanos;
use tracing::warn;

use super::Settings;
use super::Tape;
use super::block::Content;
use super::block::Encoder;
use super::checkpoint;
use super::error::Error;
use super::housekeeper::Active;
use super::housekeeper::Answer;
use super::housekeeper::Housekeeper;
use super::housekeeper::Job;
use super::housekeeper::Prepared;
use super::housekeeper::preallocate;
use super::housekeeper::prepare;
use super::housekeeper::seal;
use super::housekeeper::sync_dir;
use super::segment;
use super::segment::Header;
use super::segment::Segment;
use super::state::Ending;
use super::state::State;
use crate::board::Board;
use crate::event::Event;
use crate::event::Seq;

/// Places are reserved this many at a time, and as many are kept ahead: several seconds' worth at
/// full speed, so that the writer never waits for the disk.
pub(super) const RESERVED: u64 = 1 << 20;
/// What may be gone through to find the board of a place: some 70 ms.
const SEEK_BYTES: u64 = 16 << 20;
/// A segment is at least so many times as long as its checkpoint, unless `segment_bytes` forbids.
const CHECKPOINT_SHARE: u64 = 64;
/// After a segment could not be prepared.
const RETRY_MS: i64 = 1_000;

/// The one writer of the tape. Dropping it without [`Journal::close`] is an unclean end.
#[derive(Debug)]
pub struct Journal {
    tape: Tape,
    pub(super) settings: Settings,
    active: Active,
    housekeeper: Housekeeper,
    next: Seq,
    /// Places up to here are reserved, on the disk.
    ceiling: Seq,
    reservation: Request,
    preparation: Request,
    prepared: Option<Prepared>,
    retry_at: Nanos,
    /// A failed write may have left bytes behind the end.
    tail: Tail,
    buffer: Vec<u8>,
    /// Held as long as there is a writer.
    _lock: File,
}

/// Whether the housekeeper has been asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Request {
    No,
    Pending,
}

/// What stands behind the last whole block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tail {
    Blank,
    Torn,
}

/// What a journal begins with.
pub(super) struct Beginning {
    pub(super) tape: Tape,
    pub(super) settings: Settings,
    pub(super) active: Active,
    pub(super) housekeeper: Housekeeper,
    pub(super) next: Seq,
    pub(super) ceiling: Seq,
    pub(super) lock: File,
}

impl Journal {
    pub(super) fn new(beginning: Beginning) -> Self {
        let Beginning { tape, settings, active, housekeeper, next, ceiling, lock } = beginning;
        Self {
            tape,
            settings,
            active,
            housekeeper,
            next,
            ceiling,
            reservation: Request::No,
            preparation: Request::No,
            prepared: None,
            retry_at: Nanos(i64::MIN),
            tail: Tail::Blank,
            buffer: Vec::new(),
            _lock: lock,
        }
    }

    /// The least place that the next event may take.
    #[must_use]
    pub const fn next_seq(&self) -> Seq {
        self.next
    }

    /// Appends events: all of them or none, with one write. Readers see them when it returns.
    ///
    /// After an error nothing was appended, and the same events can be appended again.
    ///
    /// # Errors
    /// [`Error::NoSpace`] while the disk is full, [`Error::OutOfOrder`] if a `seq` is not above
    /// the one before it, [`Error::Io`] for what else the disk may refuse.
    pub fn append(&mut self, events: &[Event]) -> Result<(), Error> {
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return Ok(()) };
        self.check_order(events)?;
        self.reserve(last.seq)?;
        self.buffer.clear();
        let mut newest = first.recv;
        let mut encoder = Encoder::begin(&mut self.buffer, Content::Events, first.seq, first.recv);
        for event in events {
            newest = newest.max(event.recv);
            encoder.event(event);
        }
        encoder.end();
        let begun_at = self.active.segment.end();
        self.write(begun_at)?;
        self.next = last.seq.next();
        let segment = &self.active.segment;
        let before = segment.newest();
        segment.publish(begun_at + self.buffer.len() as u64, last.seq, newest);
        segment.mark(first.seq, begun_at, before);
        self.tape.set_head(last.seq);
        Ok(())
    }

    /// Looks after the tape: begins a new segment when the last one is full, drops old ones,
    /// reserves places. To be called after each append, and each second while there is none.
    ///
    /// `board` must stand at the last event appended. A disk too full for a new segment is no
    /// error: the tape goes on in the old one.
    ///
    /// # Errors
    /// [`Error::OutOfOrder`] if the board stands elsewhere; [`Error::Io`] if what was appended
    /// could not be brought to the disk, or no places can be reserved.
    pub fn tend(&mut self, board: &Board, now: Nanos) -> Result<(), Error> {
        while let Some(answer) = self.housekeeper.answer() {
            self.heed(answer, now)?;
        }
        self.ask_for_places();
        let (segment, full) = (&self.active.segment, self.full_bytes());
        let end = segment.end();
        if end < full / 2 || end - segment.events_at() < full / 2 {
            // A checkpoint alone does not fill a segment.
        } else if self.prepared.is_none() {
            self.ask_for_file(now);
        } else if end >= full {
            self.rotate(board, now)?;
        }
        self.retire(now);
        Ok(())
    }

    /// Ends the tape's life well: the next one goes on right behind the last event.
    ///
    /// # Errors
    /// [`Error`] if the disk refuses; the end is unclean then, and nothing is lost.
    pub fn close(mut self, board: &Board) -> Result<(), Error> {
        let Some(mut duties) = self.housekeeper.stop() else { return Err(Error::Abandoned) };
        seal(&self.active)?;
        if self.active.segment.has_events() && board.seq() == self.tape.head() {
            // Only to make the next start fast, so a disk too full for it does not matter.
            let now = board.clock;
            match self.begin_last(board, now) {
                Ok(()) | Err(Error::NoSpace { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let ending = Ending::Clean(self.tape.head());
        duties.state_file.write(&State { ending, ..duties.state })
    }

    /// Where the present segment is full. One whose checkpoint is small next to it is full sooner:
    /// who wants the board of a place has to go through half a segment, as a mean.
    fn full_bytes(&self) -> u64 {
        let by_checkpoint = self.active.segment.events_at().saturating_mul(CHECKPOINT_SHARE);
        self.settings.segment_bytes.min(by_checkpoint.max(SEEK_BYTES))
    }

    fn check_order(&self, events: &[Event]) -> Result<(), Error> {
        let mut next = self.next;
        for event in events {
            if event.seq < next || event.seq > Seq::MAX {
                return Err(Error::OutOfOrder { given: event.seq, next });
            }
            next = event.seq.next();
        }
        Ok(())
    }

    /// Waits only if the places reserved ahead are used up.
    fn reserve(&mut self, last: Seq) -> Result<(), Error> {
        while last > self.ceiling {
            if self.reservation == Request::No {
                let ceiling = Seq(last.0 + 2 * RESERVED);
                if !self.housekeeper.ask(Job::Reserve(ceiling)) {
                    return Err(Error::Abandoned);
                }
                self.reservation = Request::Pending;
            }
            let answer = self.housekeeper.wait()?;
            self.heed(answer, Nanos(i64::MIN))?;
        }
        Ok(())
    }

    fn write(&mut self, offset: u64) -> Result<(), Error> {
        let Active { segment, file } = &self.active;
        if self.tail == Tail::Torn {
            file.set_len(offset).map_err(Error::doing("cut", &segment.path))?;
            self.tail = Tail::Blank;
        }
        file.write_all_at(&self.buffer, offset).map_err(|error| {
            // No byte of what failed may be left: a shorter block could follow in its place.
            let cut = file.set_len(offset);
            self.tail = if cut.is_ok() { Tail::Blank } else { Tail::Torn };
            Error::io(error, "append to", &segment.path)
        })
    }

    fn heed(&mut self, answer: Answer, now: Nanos) -> Result<(), Error> {
        match answer {
            Answer::Reserved(ceiling) => {
                self.reservation = Request::No;
                self.ceiling = ceiling;
            }
            Answer::NotReserved(error) => {
                self.reservation = Request::No;
                return Err(error);
            }
            Answer::Prepared(prepared) => {
                self.preparation = Request::No;
                self.prepared = Some(prepared);
            }
            Answer::NotPrepared(error) => {
                self.preparation = Request::No;
                self.put_off(&error, now);
            }
            Answer::NotSynced(error) => return Err(error),
        }
        Ok(())
    }

    fn put_off(&mut self, error: &Error, now: Nanos) {
        self.retry_at = now.plus_millis(RETRY_MS);
        warn!(%error, "no new segment yet, the tape goes on in the old one");
    }

    fn ask_for_places(&mut self) {
        let is_low = self.ceiling.0 - self.next.0.min(self.ceiling.0) < RESERVED;
        if is_low && self.reservation == Request::No {
            let ceiling = Seq(self.next.0 + 2 * RESERVED);
            if self.housekeeper.ask(Job::Reserve(ceiling)) {
                self.reservation = Request::Pending;
            }
        }
    }

    fn ask_for_file(&mut self, now: Nanos) {
        let is_due = self.preparation == Request::No && now >= self.retry_at;
        if is_due && self.housekeeper.ask(Job::Prepare) {
            self.preparation = Request::Pending;
        }
    }

    fn rotate(&mut self, board: &Board, now: Nanos) -> Result<(), Error> {
        let head = self.tape.head();
        if board.seq() != head {
            return Err(Error::OutOfOrder { given: board.seq(), next: head });
        }
        let Some(prepared) = self.prepared.take() else { return Ok(()) };
        let header = self.active.segment.next_header(self.next, self.ceiling, now);
        match begin_segment(prepared, header, board) {
            Ok(active) => self.go_on(active),
            Err(error) => self.put_off(&error, now),
        }
        Ok(())
    }

    fn go_on(&mut self, active: Active) {
        let before = std::mem::replace(&mut self.active, active);
        self.tape.push(Arc::clone(&self.active.segment));
        before.segment.seal();
        if !self.housekeeper.ask(Job::Begun(self.active.clone())) {
            warn!("the housekeeping thread of the tape does not take its jobs");
        }
    }

    fn begin_last(&self, board: &Board, now: Nanos) -> Result<(), Error> {
        let header = self.active.segment.next_header(self.next, self.ceiling, now);
        let active = begin_segment(prepare(&self.settings.dir, 1)?, header, board)?;
        seal(&active)?;
        sync_dir(&self.settings.dir)
    }

    /// Drops the oldest segments while there is too much, or they are too old.
    fn retire(&self, now: Nanos) {
        while self.housekeeper.is_at_leisure()
            && let Some(path) = self.tape.drop_oldest(self.settings.retention_bytes, |newest| {
                now.millis_since(newest) > self.settings.retention_age_ms
            })
        {
            if !self.housekeeper.ask(Job::Delete(path)) {
                return;
            }
        }
    }
}

/// Makes a file a segment. No sync: the caller decides whether there is time for it.
pub(super) fn begin_segment(
    prepared: Prepared,
    header: Header,
    board: &Board,
) -> Result<Active, Error> {
    let Prepared { file, path: from } = prepared;
    let dir = from.parent().unwrap_or(&from);
    let path = segment::path(dir, header.first);
    let mut bytes = Vec::new();
    header.encode(&mut bytes);
    checkpoint::encode(board, &mut bytes);
    let begun = file.write_all_at(&bytes, 0).and_then(|()| fs::rename(&from, &path));
    begun.map_err(Error::doing("begin", &path))?;
    let segment = Segment::begun(header, path, bytes.len() as u64);
    Ok(Active { segment: Arc::new(segment), file: Arc::new(file) })
}

/// Opens a segment that has no events yet, to go on in it.
pub(super) fn go_on_in(segment: Arc<Segment>, bytes: u64) -> Result<Active, Error> {
    let opened = File::options().read(true).write(true).open(&segment.path);
    let file = opened.map_err(Error::doing("open", &segment.path))?;
    file.set_len(segment.end()).map_err(Error::doing("cut", &segment.path))?;
    if let Err(error) = preallocate(&file, bytes) {
        warn!(path = %segment.path.display(), %error, "could not preallocate");
    }
    Ok(Active { segment, file: Arc::new(file) })
}
