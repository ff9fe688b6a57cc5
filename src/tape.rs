//! The tape: the one ordered log of everything accepted, as segment files on the disk.
//!
//! One [`Journal`] writes; any number of readers hold a [`Tape`]. What [`Journal::append`] was
//! given is in the operating system's hands when it returns, so it survives the end of the
//! process; it survives a power failure once it was synced, each [`Settings::sync_ms`].
//!
//! # The directory
//! - `0000000000000001.tape`, …: segments, named by the least `seq` that may stand in them.
//! - `state`: which places were promised, in two slots that are written in turn.
//! - `lock`: held while there is a writer.
//! - `prepared.tmp`: what will be the next segment. `*.tape.bad`: damaged, set aside for people.
//!
//! A sealed segment never changes: to copy those is a backup. Anything else is let be.
//!
//! # Format, version 2
//! Version 1 has no bars in its checkpoints; it is read, and continued in version 2.
//!
//! Integers are little-endian. A *varint* has seven bits a byte, the lowest first; a *signed* one
//! is 0, -1, 1, -2, … as 0, 1, 2, 3, …. A *text* is its length as a varint, then UTF-8. An *option*
//! is a byte, 0 or 1, then what is there. A *decimal* is a byte, scale + 32·wide, then the digits
//! without the point as a varint, or as 16 bytes if wide. All arithmetic wraps.
//!
//! **Segment**: header, blocks of a checkpoint, blocks of events, preallocated zeros.
//!
//! | header byte | |
//! |---|---|
//! | 0 | `TICKTAPE` |
//! | 8 | version, u32 |
//! | 12 | 0, u32 |
//! | 16 | epoch, 8 characters |
//! | 24 | `first`: least `seq` of this segment, u64 |
//! | 32 | `first` of the segment before it, 0 if there was none, u64 |
//! | 40 | last `seq` before it, u64: between that and `first` lies what a crash may have lost |
//! | 48 | `ceiling` reserved when it began, u64 |
//! | 56 | greatest `recv` before it, i64 |
//! | 64 | when it began, i64 |
//! | 72 | 0, u32 |
//! | 76 | CRC-32 of bytes 0..76, u32 |
//!
//! **Block**: length of what follows the checksum, u32, where 0 is the end; CRC-32 of that, begun
//! with the length in place of 0, u32; 1 for events or 2 for a checkpoint; base `seq`, varint;
//! base `recv`, signed; entries. A batch is one block, split once a block has 256 KiB.
//!
//! **Entry**: kind + 32·jumps + 64·has ts + 128·has symbol; length of the rest, varint; if jumps,
//! distance from the `seq` before it (from the base less one for the first), varint, else it is 1;
//! symbol id, varint; `recv` less the base, signed; `ts` less `recv`, signed; body. Kinds: 1 trade,
//! 2 quote, 3 book snapshot, 4 book delta, 5 status, 6 gap, 7 amend, 8 clock, 9 symbol,
//! 10 checkpoint. 3, 4 and 7 are not written yet, and an error where they are met. Bodies and
//! checkpoint entries are as `tape/body.rs` and `tape/checkpoint.rs` write them.
//!
//! **State** slot, at 0 and at 4096: `TICKSTAT`, version u32, 0 u32, epoch, generation u64,
//! ceiling u64, 1 if the end was clean u64, last `seq` then u64, 0 u32, CRC-32 u32. The greater
//! generation is right.
//!
//! # Ends
//! A life of the tape that ended well is continued right behind its last `seq`. After any other
//! end the next `seq` lies above the ceiling, so that none is ever given twice; the torn tail of
//! the last segment is cut at its last whole block, and a new segment is begun.

mod bars;
mod block;
mod body;
mod bytes;
mod checkpoint;
mod checkup;
mod copying;
mod cursor;
mod entry;
mod error;
mod housekeeper;
mod inventory;
mod journal;
mod looking;
mod opening;
pub mod packed;
mod recovery;
mod segment;
mod state;

use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Acquire;
use std::sync::atomic::Ordering::Release;

use tickwire_feeds::Nanos;

use crate::board::Board;
use crate::event::Event;
use crate::event::Seq;
use crate::event::SymbolId;
use segment::Segment;

pub use checkup::Checkup;
pub use checkup::Finding;
pub use checkup::Gravity;
pub use checkup::check;
pub use copying::Copied;
pub use copying::copy;
pub use cursor::Cursor;
pub use entry::Kind;
pub use entry::Peek;
pub use error::Error;
pub use inventory::Piece;
pub use journal::Journal;
pub use looking::look;
pub use opening::Opened;
pub use opening::open;

/// Where a tape is kept, and how much of it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its directory; made if there is none.
    pub dir: PathBuf,
    /// A segment is full at this length, in bytes; one with a small checkpoint is at 16 MiB. A
    /// restart reads one segment whole.
    pub segment_bytes: u64,
    /// The oldest segments go while all together are longer than this, in bytes.
    pub retention_bytes: u64,
    /// A segment goes when its newest event is older than this, in milliseconds.
    pub retention_age_ms: i64,
    /// How often what was appended is synced, in milliseconds: what a power failure may cost.
    pub sync_ms: u64,
}

impl Settings {
    /// Settings for a directory: segments of 64 MiB, 4 GiB and 7 days kept, synced each second.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            segment_bytes: 64 << 20,
            retention_bytes: 4 << 30,
            retention_age_ms: 7 * 86_400_000,
            sync_ms: 1_000,
        }
    }
}

/// Whether everything after a cursor can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resume {
    /// It can.
    Yes,
    /// Some of it is gone: retention has overtaken it, or a crash lost what came before it.
    Expired,
    /// The tape does not reach so far.
    Ahead,
}

/// The tape as its readers see it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tape {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    epoch: Box<str>,
    head: AtomicU64,
    oldest: AtomicU64,
    /// What is above it is still wanted by somebody, whatever its age.
    held: AtomicU64,
    /// Locked when a segment begins or goes, and when a reader enters one.
    segments: Mutex<VecDeque<Arc<Segment>>>,
}

impl Tape {
    fn new(epoch: Box<str>, head: Seq, segments: Vec<Arc<Segment>>) -> Self {
        let from = recovery::whole_from(&segments);
        let oldest = segments.get(from).map_or(head, |segment| segment.header.prev_last);
        let shared = Shared {
            epoch,
            head: AtomicU64::new(head.0),
            oldest: AtomicU64::new(oldest.0),
            held: AtomicU64::new(u64::MAX),
            segments: Mutex::new(segments.into()),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The name of the tape.
    #[must_use]
    pub fn epoch(&self) -> &str {
        &self.shared.epoch
    }

    /// The last event appended; 0 if there is none.
    #[must_use]
    pub fn head(&self) -> Seq {
        Seq(self.shared.head.load(Acquire))
    }

    /// The least cursor after which every event is kept.
    #[must_use]
    pub fn oldest(&self) -> Seq {
        Seq(self.shared.oldest.load(Acquire))
    }

    /// Whether everything after a cursor can be had.
    #[must_use]
    pub fn resumable(&self, cursor: Seq) -> Resume {
        if cursor < self.oldest() {
            return Resume::Expired;
        }
        let segments = self.segments();
        let behind = segments.partition_point(|segment| segment.header.prev_last < cursor);
        let segment = behind.checked_sub(1).and_then(|at| segments.get(at));
        match segment {
            Some(segment) if cursor < segment.header.first => Resume::Expired,
            _ if cursor > self.head() => Resume::Ahead,
            _ => Resume::Yes,
        }
    }

    /// Reads the events after a cursor, which may stand between events and above the head.
    ///
    /// # Errors
    /// [`Error::Expired`] for a cursor below [`Tape::oldest`]; [`Error::Io`].
    pub fn read_after(&self, cursor: Seq) -> Result<Cursor, Error> {
        Cursor::new(self.clone(), self.segment_before(cursor)?, cursor)
    }

    /// Reads one event; `None` if the tape has none of that `seq`.
    ///
    /// # Errors
    /// [`Error::Expired`] if it is too old; [`Error::Corrupt`]; [`Error::Io`].
    pub fn get(&self, seq: Seq) -> Result<Option<Event>, Error> {
        let Some(before) = seq.0.checked_sub(1).filter(|_| seq <= self.head()) else {
            return Ok(None);
        };
        let mut events = Vec::with_capacity(1);
        self.read_after(Seq(before))?.next_batch(1, &mut events)?;
        Ok(events.pop().filter(|event| event.seq == seq))
    }

    /// The newest checkpoint. Read on from its [`Board::seq`].
    ///
    /// # Errors
    /// [`Error::Corrupt`]; [`Error::Io`].
    pub fn checkpoint(&self) -> Result<Board, Error> {
        let newest = self.segments().back().cloned();
        newest.ok_or_else(|| self.expired(Seq::START))?.checkpoint()
    }

    /// The newest checkpoint at or before `seq`, of no more than some symbols. Read on from its
    /// [`Board::seq`].
    ///
    /// # Errors
    /// [`Error::Expired`] for a `seq` below [`Tape::oldest`]; [`Error::Corrupt`]; [`Error::Io`].
    pub fn board_before(&self, seq: Seq, symbols: &BTreeSet<SymbolId>) -> Result<Board, Error> {
        self.segment_before(seq)?.checkpoint_of(symbols)
    }

    /// The board as it stood after the last event up to `seq`.
    ///
    /// # Errors
    /// [`Error::Expired`] for a `seq` below [`Tape::oldest`]; [`Error::Corrupt`]; [`Error::Io`].
    pub fn board_at(&self, seq: Seq) -> Result<Board, Error> {
        /// Enough for the cost of a call not to matter.
        const EVENTS: usize = 1024;
        let mut board = self.segment_before(seq)?.checkpoint()?;
        let mut cursor = self.read_after(board.seq())?;
        let mut events = Vec::new();
        while board.seq() < seq {
            let read = cursor.next_batch(EVENTS, &mut events);
            for event in events.drain(..) {
                if event.seq > seq {
                    return Ok(board);
                }
                board.apply(&event);
            }
            // Damage behind `seq` is nothing to it.
            if board.seq() < seq && read? == 0 {
                break;
            }
        }
        Ok(board)
    }

    /// The cursor that stands before the first event, in the order of the tape, whose `recv` is at
    /// or after a time; the head if there is none, [`Tape::oldest`] if that event may be gone.
    ///
    /// # Errors
    /// [`Error::Corrupt`]; [`Error::Io`].
    pub fn before(&self, at: Nanos) -> Result<Seq, Error> {
        loop {
            let segment = self.segments().iter().find(|of| of.newest() >= at).cloned();
            let Some(segment) = segment else { return Ok(self.head()) };
            match segment.before(at) {
                Ok(Some(before)) => return Ok(before.max(self.oldest())),
                // What was appended a moment ago is seen in the next look.
                Ok(None) if !segment.is_sealed() => return Ok(self.head()),
                Ok(None) => return Ok(segment.last().max(self.oldest())),
                Err(Error::Io { .. }) if segment.is_dropped() => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Says that events above a cursor are still wanted: a segment that has some does not go for
    /// its age, only for the bytes of all. There is one such reader at most.
    pub fn hold_after(&self, cursor: Seq) {
        self.shared.held.store(cursor.0, Release);
    }

    /// Where the segment begins that follows the one of a cursor: the least place above it at which
    /// there is a checkpoint. `None` if it is in the last segment. So one may go on behind damage.
    #[must_use]
    pub fn beyond(&self, cursor: Seq) -> Option<Seq> {
        let segments = self.segments();
        let mut begins = segments.iter().map(|segment| segment.header.prev_last);
        begins.find(|begins| *begins > cursor)
    }

    /// The length of all segments, without preallocated space.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.segments().iter().map(|segment| segment.end()).sum()
    }

    /// The number of segments.
    #[must_use]
    pub fn segments_count(&self) -> usize {
        self.segments().len()
    }

    fn set_head(&self, head: Seq) {
        self.shared.head.store(head.0, Release);
    }

    fn push(&self, segment: Arc<Segment>) {
        self.segments().push_back(segment);
    }

    /// Drops the oldest segment if it is not the one being written, and if all have more than
    /// `bytes_max`, or its newest `recv` is due and nobody wants it. Returns its file.
    fn drop_oldest(&self, bytes_max: u64, is_due: impl FnOnce(Nanos) -> bool) -> Option<PathBuf> {
        let mut segments = self.segments();
        let [oldest, next] = [segments.front()?, segments.get(1)?];
        let bytes: u64 = segments.iter().map(|segment| segment.end()).sum();
        let is_wanted = next.header.prev_last.0 > self.shared.held.load(Acquire);
        if bytes <= bytes_max && (is_wanted || !is_due(oldest.newest())) {
            return None;
        }
        self.shared.oldest.fetch_max(next.header.prev_last.0, Release);
        oldest.drop_from_tape();
        segments.pop_front().map(|segment| segment.path.clone())
    }

    /// The segment in which the events after a cursor begin.
    fn segment_before(&self, cursor: Seq) -> Result<Arc<Segment>, Error> {
        let segments = self.segments();
        let behind = segments.partition_point(|segment| segment.header.prev_last <= cursor);
        let segment = behind.checked_sub(1).and_then(|at| segments.get(at)).cloned();
        segment.filter(|_| cursor >= self.oldest()).ok_or_else(|| self.expired(cursor))
    }

    /// The segment that follows the one that begins with `first`.
    fn segment_after(&self, first: Seq) -> Option<Arc<Segment>> {
        let segments = self.segments();
        let behind = segments.partition_point(|segment| segment.header.first <= first);
        segments.get(behind).cloned()
    }

    fn expired(&self, cursor: Seq) -> Error {
        Error::Expired { cursor, oldest: self.oldest() }
    }

    fn segments(&self) -> MutexGuard<'_, VecDeque<Arc<Segment>>> {
        self.shared.segments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
