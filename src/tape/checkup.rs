//! A checkup: a tape read from end to end, and everything compared that says the same twice.

use std::cell::RefCell;
use std::fmt;
use std::path::Path;
use std::path::PathBuf;

use tickwire_feeds::Nanos;

use super::block::Block;
use super::block::Blocks;
use super::block::Content;
use super::bytes::Reader;
use super::checkpoint;
use super::entry::Base;
use super::entry::Entry;
use super::error::Error;
use super::recovery;
use super::segment::HEADER_BYTES;
use super::segment::Segment;
use super::state::Ending;
use super::state::State;
use crate::board::Board;
use crate::event::Seq;

/// Findings that are kept; of more only the number is.
const FINDINGS_MAX: usize = 1_000;
/// Reading the end of a tape with a writer, a block may be seen half written.
const LOOKS_AT_END: usize = 3;

/// What a checkup found.
#[derive(Debug, Clone, Default)]
pub struct Checkup {
    /// The name of the tape.
    pub epoch: String,
    /// Files that were read.
    pub segments: usize,
    /// Bytes that were read.
    pub bytes: u64,
    /// Events that were read.
    pub events: u64,
    /// The first event, and the last one.
    pub range: Option<(Seq, Seq)>,
    /// The first findings, in the order of the tape.
    pub findings: Vec<Finding>,
    /// How many of all findings are damage.
    pub damages: u64,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where: the file.
    pub path: PathBuf,
    /// Where in it, in bytes.
    pub offset: u64,
    /// The last event that was read before it.
    pub after: Seq,
    /// What it is.
    pub what: String,
    /// What it means.
    pub gravity: Gravity,
}

/// What a finding means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gravity {
    /// Part of a life that did not end well: nothing that was ever told to anybody is lost.
    Note,
    /// Something is lost, or is not what was written.
    Damage,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, offset, after, what, .. } = self;
        write!(f, "{} at byte {offset}, after seq {after}: {what}", path.display())
    }
}

/// Reads all of the tape in a directory and compares what it says of itself: checksums, the order
/// of the events and what they follow, each checkpoint with the board that the events before it
/// make. Nothing is changed, and it may have a writer. `None` if there is no tape. `on` is told how
/// many bytes of how many are read, and says whether to go on.
///
/// # Errors
/// [`Error::Version`] if a later version wrote it, [`Error::Io`] if the disk refuses;
/// [`Error::Abandoned`] if `on` said no.
pub fn check(dir: &Path, mut on: impl FnMut(u64, u64) -> bool) -> Result<Option<Checkup>, Error> {
    let bad = RefCell::new(Vec::new());
    let (segments, _) = recovery::segments_of(dir, |path, offset, what| {
        bad.borrow_mut().push((path.to_owned(), offset, what));
        Ok(())
    })?;
    let bad = bad.into_inner();
    if segments.is_empty() && bad.is_empty() {
        return Ok(None);
    }
    let mut walk = Walk { total: segments.iter().map(Segment::end).sum(), ..Walk::default() };
    for (path, offset, what) in bad {
        walk.found(&path, offset, what.to_owned(), Gravity::Damage);
    }
    for (at, segment) in segments.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| segments.get(at));
        let place = if at + 1 == segments.len() { Place::End } else { Place::Within };
        walk.segment(segment, before, place, &mut on)?;
    }
    walk.end(dir, segments.last());
    Ok(Some(walk.checkup))
}

/// Where a segment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Within,
    End,
}

/// A checkup that goes on.
#[derive(Debug, Default)]
struct Walk {
    checkup: Checkup,
    total: u64,
    /// The board that the events make; `None` behind damage, until the next checkpoint.
    board: Option<Board>,
    last: Seq,
    newest: Option<Nanos>,
}

impl Walk {
    fn segment(
        &mut self,
        segment: &Segment,
        before: Option<&Segment>,
        place: Place,
        on: &mut impl FnMut(u64, u64) -> bool,
    ) -> Result<(), Error> {
        let mut blocks = match segment.blocks(HEADER_BYTES) {
            Ok(blocks) => blocks,
            Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                self.note(segment, 0, "it went while the tape was read");
                self.board = None;
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        self.checkup.epoch = String::from_utf8_lossy(&segment.header.epoch).into_owned();
        self.checkup.segments += 1;
        self.join(segment, before);
        self.checkpoint(segment, &mut blocks, place)?;
        let read_before = self.checkup.bytes;
        loop {
            let end = segment.end();
            match blocks.next(end) {
                Ok(Some(block)) if block.content == Content::Events => {
                    self.events(segment, &blocks, &block);
                }
                Ok(Some(block)) => {
                    self.damage(segment, block.offset, "a second checkpoint");
                }
                Ok(None) => break,
                Err(Error::Corrupt { what, .. }) => {
                    if !self.corrupt(segment, &mut blocks, (place, what))? {
                        break;
                    }
                }
                Err(Error::Unreadable { offset, what, .. }) => {
                    self.damage(segment, offset, &format!("{what} of a later version"));
                    self.board = None;
                    if !blocks.skip(end) {
                        break;
                    }
                }
                Err(error) => return Err(error),
            }
            self.checkup.bytes = read_before + blocks.offset();
            if !on(self.checkup.bytes, self.total) {
                return Err(Error::Abandoned);
            }
        }
        self.checkup.bytes = read_before + blocks.offset();
        Ok(())
    }

    /// What a segment's header says of the one before it.
    fn join(&mut self, segment: &Segment, before: Option<&Segment>) {
        let header = &segment.header;
        let Some(before) = before else {
            (self.last, self.newest) = (header.prev_last, Some(header.prev_recv));
            return;
        };
        if header.prev_first != before.header.first {
            let what = format!("the segment that began with seq {} is missing", header.prev_first);
            self.damage(segment, 0, &what);
            self.board = None;
            self.newest = None;
        } else if header.prev_last != self.last {
            let (says, last) = (header.prev_last, self.last);
            let what = format!("it says that seq {says} was the last one before it, not {last}");
            self.damage(segment, 0, &what);
        } else if self.newest.is_some_and(|newest| newest != header.prev_recv) {
            self.damage(segment, 0, "it says another greatest time of all before it");
        }
        self.last = self.last.max(header.prev_last);
        self.newest = Some(header.prev_recv);
    }

    fn checkpoint(
        &mut self,
        segment: &Segment,
        blocks: &mut Blocks,
        place: Place,
    ) -> Result<(), Error> {
        let read = checkpoint::decode(blocks, segment.end(), None);
        match (read, &self.board) {
            (Ok(found), computed) => {
                if found.seq() != segment.header.prev_last {
                    self.damage(segment, HEADER_BYTES, "its checkpoint stands at another place");
                } else if let Some(computed) = computed
                    && *computed != found
                    && without_bars(computed, &found).is_none_or(|computed| computed != found)
                {
                    let what = "its checkpoint is not the board that the events before it make";
                    self.damage(segment, HEADER_BYTES, what);
                }
                self.board = Some(found);
            }
            (Err(Error::Corrupt { .. }), _) if place == Place::End => {
                self.note(segment, blocks.offset(), "it was being begun when the process ended");
            }
            (Err(Error::Corrupt { what, .. } | Error::Unreadable { what, .. }), _) => {
                self.damage(segment, blocks.offset(), &format!("its checkpoint: {what}"));
                blocks.skip(segment.end());
            }
            (Err(error), _) => return Err(error),
        }
        Ok(())
    }

    fn events(&mut self, segment: &Segment, blocks: &Blocks, block: &Block) {
        let mut base = Base::new(block.seq, block.recv);
        let mut reader = Reader::new(blocks.bytes(block));
        while !reader.is_empty() {
            let event = match Entry::take(&mut reader, &mut base).and_then(Entry::decode) {
                Ok(event) => event,
                Err(what) => {
                    self.damage(segment, block.offset, &format!("can not be read: {what}"));
                    self.board = None;
                    return;
                }
            };
            let breach = match &self.board {
                Some(board) => board.breach(&event),
                None if event.seq <= self.last => Some("its place is not above the one before it"),
                None => None,
            };
            if let Some(what) = breach {
                self.damage(segment, block.offset, &format!("seq {}: {what}", event.seq));
            }
            if let Some(board) = &mut self.board {
                board.apply(&event);
            }
            self.last = self.last.max(event.seq);
            self.newest = Some(self.newest.map_or(event.recv, |newest| newest.max(event.recv)));
            self.checkup.events += 1;
            let (first, last) = self.checkup.range.unwrap_or((event.seq, event.seq));
            self.checkup.range = Some((first, last.max(event.seq)));
        }
    }

    /// A block that is not whole. Says whether there is anything to go on with behind it.
    fn corrupt(
        &mut self,
        segment: &Segment,
        blocks: &mut Blocks,
        (place, what): (Place, &'static str),
    ) -> Result<bool, Error> {
        let (offset, end) = (blocks.offset(), segment.end());
        for _ in 0..if place == Place::End { LOOKS_AT_END } else { 0 } {
            let mut again = segment.blocks(offset)?;
            if matches!(again.next(end), Ok(Some(_))) {
                *blocks = segment.blocks(offset)?;
                return Ok(true);
            }
        }
        let follows = blocks.skip(end) && matches!(self.peek(segment, blocks), Ok(true));
        if place == Place::End && !follows {
            self.note(
                segment,
                offset,
                "no whole block: it is being written, or the next start cuts it",
            );
            return Ok(false);
        }
        self.damage(segment, offset, what);
        self.board = None;
        Ok(follows)
    }

    /// Whether a whole block comes next.
    fn peek(&self, segment: &Segment, blocks: &Blocks) -> Result<bool, Error> {
        let mut ahead = segment.blocks(blocks.offset())?;
        Ok(ahead.next(segment.end())?.is_some())
    }

    /// What the state file says of the end.
    fn end(&mut self, dir: &Path, last: Option<&Segment>) {
        let Some(last) = last else { return };
        let state = State::read(dir).filter(|state| state.epoch == last.header.epoch);
        if let Some(State { ending: Ending::Clean(end), .. }) = state
            && self.last < end
        {
            let what = format!("the tape ended well with seq {end}, which is not here any more");
            self.damage(last, last.end(), &what);
        }
    }

    fn note(&mut self, segment: &Segment, offset: u64, what: &str) {
        self.found(&segment.path, offset, what.to_owned(), Gravity::Note);
    }

    fn damage(&mut self, segment: &Segment, offset: u64, what: &str) {
        self.found(&segment.path, offset, what.to_owned(), Gravity::Damage);
    }

    fn found(&mut self, path: &Path, offset: u64, what: String, gravity: Gravity) {
        let checkup = &mut self.checkup;
        checkup.damages += u64::from(gravity == Gravity::Damage);
        if checkup.findings.len() < FINDINGS_MAX {
            let path = path.to_owned();
            checkup.findings.push(Finding { path, offset, after: self.last, what, gravity });
        }
    }
}

/// What version 1 would have kept of a board, if a checkpoint is such a one: it had no bars.
fn without_bars(computed: &Board, found: &Board) -> Option<Board> {
    if found.symbols().any(|(_, symbol)| symbol.bars.is_some()) {
        return None;
    }
    let mut computed = computed.clone();
    let ids: Vec<_> = computed.symbols().map(|(id, _)| id).collect();
    for id in ids {
        computed.symbols.get_mut(id)?.bars = None;
    }
    Some(computed)
}
