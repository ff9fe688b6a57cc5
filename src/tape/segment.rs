//! A segment: one file of the tape, from its header and checkpoint to its last event.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Acquire;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::Ordering::Release;

use tickwire_feeds::Nanos;

use super::block::Blocks;
use super::block::Content;
use super::bytes::Reader;
use super::checkpoint;
use super::error::Error;
use crate::board::Board;
use crate::event::Seq;
use crate::event::SymbolId;

/// The first bytes of a segment.
const MAGIC: [u8; 8] = *b"TICKTAPE";
/// The format that is written, and the greatest that is read.
///
/// 1: no bars in checkpoints, and no links of theirs in statuses and gaps.
pub(super) const VERSION: u32 = 2;
/// Where the first block begins.
pub(super) const HEADER_BYTES: u64 = HEADER_LEN as u64;
const HEADER_LEN: usize = 80;
/// How far apart, in bytes, the places of the sparse index are: what a point read decodes at most.
const MARK_BYTES: u64 = 64 * 1024;

/// The name of a tape: eight characters.
pub(super) type EpochBytes = [u8; 8];

/// What stands at the head of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) epoch: EpochBytes,
    /// The least `seq` that may stand in it; its file is named so.
    pub(super) first: Seq,
    /// `first` of the segment before it; 0 if there was none.
    pub(super) prev_first: Seq,
    /// The last event before it, where its checkpoint stands.
    pub(super) prev_last: Seq,
    /// The greatest `recv` before it.
    pub(super) prev_recv: Nanos,
    /// What the state file reserved when it began.
    pub(super) ceiling: Seq,
    /// When it began.
    pub(super) begun: Nanos,
}

/// Why a header is none.
#[derive(Debug)]
pub(super) enum BadHeader {
    /// Damaged, or not a segment of this name.
    Damaged(&'static str),
    /// Of a later version.
    Later(u32),
    /// It could not be read.
    Io(io::Error),
}

impl Header {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let begun_at = out.len();
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&0_u32.to_le_bytes());
        out.extend_from_slice(&self.epoch);
        for seq in [self.first, self.prev_first, self.prev_last, self.ceiling] {
            out.extend_from_slice(&seq.0.to_le_bytes());
        }
        out.extend_from_slice(&self.prev_recv.0.to_le_bytes());
        out.extend_from_slice(&self.begun.0.to_le_bytes());
        out.extend_from_slice(&0_u32.to_le_bytes());
        let checksum = crc32fast::hash(out.get(begun_at..).unwrap_or_default());
        out.extend_from_slice(&checksum.to_le_bytes());
    }

    pub(super) fn read(file: &File) -> Result<Self, BadHeader> {
        let mut bytes = [0; HEADER_LEN];
        match file.read_exact_at(&mut bytes, 0) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(BadHeader::Damaged("the header is cut short"));
            }
            read => read.map_err(BadHeader::Io)?,
        }
        let mut reader = Reader::new(&bytes);
        if reader.array() != Some(MAGIC) {
            return Err(BadHeader::Damaged("it does not begin as a segment does"));
        }
        let version = reader.array().map_or(0, u32::from_le_bytes);
        if version > VERSION {
            return Err(BadHeader::Later(version));
        }
        Self::checked(&bytes).ok_or(BadHeader::Damaged("the header's checksum does not match"))
    }

    fn checked(bytes: &[u8]) -> Option<Self> {
        let (rest, checksum) = bytes.split_last_chunk()?;
        if crc32fast::hash(rest) != u32::from_le_bytes(*checksum) {
            return None;
        }
        let mut reader = Reader::new(rest.get(16..)?);
        let epoch = reader.array()?;
        let mut seq = || reader.array().map(u64::from_le_bytes).map(Seq);
        let (first, prev_first, prev_last, ceiling) = (seq()?, seq()?, seq()?, seq()?);
        let mut time = || reader.array().map(i64::from_le_bytes).map(Nanos);
        let (prev_recv, begun) = (time()?, time()?);
        Some(Self { epoch, first, prev_first, prev_last, prev_recv, ceiling, begun })
    }
}

/// The file of a segment.
pub(super) fn path(dir: &Path, first: Seq) -> PathBuf {
    dir.join(format!("{:016}.tape", first.0))
}

/// What [`path`] made; `None` for a foreign file.
pub(super) fn first_of(name: &str) -> Option<Seq> {
    let digits = name.strip_suffix(".tape").filter(|digits| digits.len() == 16)?;
    let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| all_digits).map(Seq)
}

/// One file of the tape, as the writer and all readers see it.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) header: Header,
    pub(super) path: PathBuf,
    /// Up to where whole blocks stand.
    end: AtomicU64,
    /// The last event; that before the segment if it has none.
    last: AtomicU64,
    /// The greatest `recv` so far.
    newest: AtomicI64,
    sealed: AtomicBool,
    dropped: AtomicBool,
    index: Mutex<Option<Index>>,
}

/// Some of a segment's blocks.
#[derive(Debug)]
struct Index {
    /// Behind the checkpoint.
    events_at: u64,
    marks: Vec<Mark>,
}

/// A block that holds events.
#[derive(Debug, Clone, Copy)]
struct Mark {
    first: Seq,
    offset: u64,
    /// The greatest `recv` before it.
    newest: Nanos,
}

impl Segment {
    /// One that was just begun, with nothing but a checkpoint.
    pub(super) fn begun(header: Header, path: PathBuf, end: u64) -> Self {
        Self {
            path,
            end: AtomicU64::new(end),
            last: AtomicU64::new(header.prev_last.0),
            newest: AtomicI64::new(header.prev_recv.0),
            sealed: AtomicBool::new(false),
            dropped: AtomicBool::new(false),
            index: Mutex::new(Some(Index { events_at: end, marks: Vec::new() })),
            header,
        }
    }

    /// One of which only the header was read.
    pub(super) fn found(header: Header, path: PathBuf, file_bytes: u64) -> Self {
        let segment = Self::begun(header, path, file_bytes);
        *segment.index() = None;
        segment
    }

    /// Sets what the header of the next segment tells of this one.
    pub(super) fn set_last(&self, last: Seq, newest: Nanos) {
        self.last.store(last.0, Relaxed);
        self.newest.store(newest.0, Relaxed);
    }

    /// What the next segment's header says of this one.
    pub(super) fn next_header(&self, first: Seq, ceiling: Seq, begun: Nanos) -> Header {
        Header {
            epoch: self.header.epoch,
            first,
            prev_first: self.header.first,
            prev_last: self.last(),
            prev_recv: self.newest(),
            ceiling,
            begun,
        }
    }

    pub(super) fn end(&self) -> u64 {
        self.end.load(Acquire)
    }

    pub(super) fn last(&self) -> Seq {
        Seq(self.last.load(Relaxed))
    }

    pub(super) fn newest(&self) -> Nanos {
        Nanos(self.newest.load(Relaxed))
    }

    pub(super) fn has_events(&self) -> bool {
        self.last() > self.header.prev_last
    }

    /// Whether nothing will be appended any more. Ask before [`Segment::end`].
    pub(super) fn is_sealed(&self) -> bool {
        self.sealed.load(Acquire)
    }

    pub(super) fn seal(&self) {
        self.sealed.store(true, Release);
    }

    pub(super) fn is_dropped(&self) -> bool {
        self.dropped.load(Relaxed)
    }

    /// Says that its file is gone, or soon will be.
    pub(super) fn drop_from_tape(&self) {
        self.dropped.store(true, Relaxed);
    }

    /// Lets readers see what was written up to `end`.
    pub(super) fn publish(&self, end: u64, last: Seq, newest: Nanos) {
        self.newest.fetch_max(newest.0, Relaxed);
        self.last.store(last.0, Relaxed);
        self.end.store(end, Release);
    }

    /// Notes a block, if it is far enough from the one noted last.
    pub(super) fn mark(&self, first: Seq, offset: u64, newest: Nanos) {
        if let Some(index) = self.index().as_mut() {
            index.mark(Mark { first, offset, newest });
        }
    }

    /// Where the checkpoint ends.
    pub(super) fn events_at(&self) -> u64 {
        self.index().as_ref().map_or(HEADER_BYTES, |index| index.events_at)
    }

    /// Sets where the checkpoint ends; the index is as yet empty.
    pub(super) fn set_events_at(&self, events_at: u64) {
        *self.index() = Some(Index { events_at, marks: Vec::new() });
    }

    /// Its blocks from `offset` on.
    pub(super) fn blocks(&self, offset: u64) -> Result<Blocks, Error> {
        let file = File::open(&self.path).map_err(Error::doing("open", &self.path))?;
        Ok(Blocks::new(file, self.path.clone(), offset))
    }

    /// Its blocks from a place at or before the first event above `cursor`.
    pub(super) fn blocks_after(&self, cursor: Seq) -> Result<Blocks, Error> {
        self.ensure_index()?;
        let offset = self.index().as_ref().map_or(HEADER_BYTES, |index| index.before(cursor));
        self.blocks(offset)
    }

    /// The cursor before its first event whose `recv` is at or after a time; `None` if there is
    /// none.
    pub(super) fn before(&self, at: Nanos) -> Result<Option<Seq>, Error> {
        if self.header.prev_recv >= at {
            return Ok(Some(self.header.prev_last));
        }
        self.ensure_index()?;
        let offset = self.index().as_ref().map_or(HEADER_BYTES, |index| index.before_time(at));
        let (mut blocks, end) = (self.blocks(offset)?, self.end());
        while let Some(block) = blocks.next(end)? {
            if block.content != Content::Events {
                continue;
            }
            for entry in blocks.entries(&block) {
                let (seq, recv) = entry.map_err(|what| blocks.unreadable(block.offset, what))?;
                if recv >= at && seq <= self.header.first {
                    return Ok(Some(self.header.prev_last));
                } else if recv >= at {
                    return Ok(Some(Seq(seq.0 - 1)));
                }
            }
        }
        Ok(None)
    }

    /// The board at its beginning.
    pub(super) fn checkpoint(&self) -> Result<Board, Error> {
        checkpoint::decode(&mut self.blocks(HEADER_BYTES)?, self.end(), None)
    }

    /// Some symbols of the board at its beginning.
    pub(super) fn checkpoint_of(&self, symbols: &BTreeSet<SymbolId>) -> Result<Board, Error> {
        checkpoint::decode(&mut self.blocks(HEADER_BYTES)?, self.end(), Some(symbols))
    }

    /// Looks at all blocks, once. Two threads may do so at once; both find the same.
    fn ensure_index(&self) -> Result<(), Error> {
        if self.index().is_some() {
            return Ok(());
        }
        let mut blocks = self.blocks(HEADER_BYTES)?;
        let end = self.end();
        let mut newest = self.header.prev_recv;
        let mut index = Index { events_at: HEADER_BYTES, marks: Vec::new() };
        loop {
            match blocks.next(end) {
                Ok(Some(block)) if block.content == Content::Events => {
                    index.mark(Mark { first: block.seq, offset: block.offset, newest });
                    for (_, recv) in blocks.entries(&block).flatten() {
                        newest = newest.max(recv);
                    }
                }
                Ok(Some(_)) => index.events_at = blocks.offset(),
                // What is behind the damage can still be found; who reads the damage is told.
                Err(Error::Corrupt { .. }) if blocks.skip(end) => {}
                Ok(None) | Err(Error::Corrupt { .. }) => break,
                Err(error) => return Err(error),
            }
        }
        *self.index() = Some(index);
        Ok(())
    }

    fn index(&self) -> MutexGuard<'_, Option<Index>> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Index {
    fn mark(&mut self, mark: Mark) {
        if self.marks.last().is_none_or(|last| mark.offset >= last.offset + MARK_BYTES) {
            self.marks.push(mark);
        }
    }

    /// Where to look for the first event whose `recv` is at or after a time.
    fn before_time(&self, at: Nanos) -> u64 {
        let behind = self.marks.partition_point(|mark| mark.newest < at);
        let mark = behind.checked_sub(1).and_then(|at| self.marks.get(at));
        mark.map_or(self.events_at, |mark| mark.offset)
    }

    fn before(&self, cursor: Seq) -> u64 {
        let after = Seq(cursor.0.saturating_add(1));
        let behind = self.marks.partition_point(|mark| mark.first <= after);
        let mark = behind.checked_sub(1).and_then(|at| self.marks.get(at));
        mark.map_or(self.events_at, |mark| mark.offset)
    }
}
