//! A cursor: reads the tape in order, and follows it as it grows.

use std::ops::Range;
use std::sync::Arc;

use super::Tape;
use super::block::Blocks;
use super::block::Content;
use super::bytes::Reader;
use super::entry::Base;
use super::entry::Entry;
use super::entry::Peek;
use super::error::Error;
use super::segment::Segment;
use crate::event::Event;
use crate::event::Seq;

/// A sequential reader of the tape.
#[derive(Debug)]
pub struct Cursor {
    tape: Tape,
    segment: Arc<Segment>,
    blocks: Blocks,
    /// The block that has been read in part.
    open: Option<Open>,
    /// The last event that was looked at.
    seq: Seq,
}

/// Entries of a block that have not been looked at.
#[derive(Debug)]
struct Open {
    offset: u64,
    rest: Range<usize>,
    base: Base,
}

impl Cursor {
    pub(super) fn new(tape: Tape, segment: Arc<Segment>, seq: Seq) -> Result<Self, Error> {
        let blocks = open(&tape, &segment, seq, Segment::blocks_after)?;
        Ok(Self { tape, segment, blocks, open: None, seq })
    }

    /// Everything up to here has been looked at.
    #[must_use]
    pub const fn seq(&self) -> Seq {
        self.seq
    }

    /// Appends the next events, at most `events_max`, and returns how many. 0 is the head of the
    /// tape; ask again when it has grown.
    ///
    /// # Errors
    /// [`Error::Expired`] once retention has overtaken the cursor, [`Error::Corrupt`] at damage.
    /// Events before the damage have been appended; asked again, it is the same error.
    pub fn next_batch(&mut self, events_max: usize, out: &mut Vec<Event>) -> Result<usize, Error> {
        self.next_where(events_max, out, |_| true)
    }

    /// Looks at the next events, at most `looks_max`, appends those that `keep` wants, and returns
    /// how many it looked at. 0 is the head of the tape. What is not wanted is not decoded.
    ///
    /// # Errors
    /// As [`Cursor::next_batch`].
    pub fn next_where(
        &mut self,
        looks_max: usize,
        out: &mut Vec<Event>,
        mut keep: impl FnMut(Peek) -> bool,
    ) -> Result<usize, Error> {
        if self.segment.is_dropped() {
            return Err(self.tape.expired(self.seq));
        }
        let mut looks = 0;
        while looks < looks_max {
            let Some(open) = &mut self.open else {
                if self.open_block()? {
                    continue;
                }
                break;
            };
            let bytes = self.blocks.slice(&open.rest);
            let mut reader = Reader::new(bytes);
            let mut failed = None;
            while looks < looks_max && !reader.is_empty() {
                let (before, base) = (reader, open.base);
                let taken = Entry::take(&mut reader, &mut open.base).and_then(|entry| {
                    if entry.peek.seq <= self.seq {
                        return Ok(0);
                    }
                    if keep(entry.peek) {
                        out.push(entry.decode()?);
                    }
                    self.seq = entry.peek.seq;
                    Ok(1)
                });
                match taken {
                    Ok(look) => looks += look,
                    Err(what) => {
                        (reader, open.base) = (before, base);
                        failed = Some(what);
                        break;
                    }
                }
            }
            open.rest.start = open.rest.end - reader.len();
            if let Some(what) = failed {
                return Err(self.blocks.unreadable(open.offset, what));
            }
            if open.rest.is_empty() {
                self.open = None;
            }
        }
        Ok(looks)
    }

    /// Reads the next block of events; `false` at the head of the tape.
    fn open_block(&mut self) -> Result<bool, Error> {
        loop {
            // In this order: what is sealed does not grow.
            let is_sealed = self.segment.is_sealed();
            match self.blocks.next(self.segment.end())? {
                Some(block) if block.content == Content::Events => {
                    self.open = Some(Open {
                        offset: block.offset,
                        base: Base::new(block.seq, block.recv),
                        rest: block.entries,
                    });
                    return Ok(true);
                }
                Some(_) => {}
                None if !is_sealed => return Ok(false),
                None => self.next_segment()?,
            }
        }
    }

    fn next_segment(&mut self) -> Result<(), Error> {
        if self.seq < self.segment.last() {
            return Err(self.blocks.corrupt("it ends before its last event"));
        }
        let first = self.segment.header.first;
        let next = self.tape.segment_after(first).ok_or_else(|| self.tape.expired(self.seq))?;
        if next.header.prev_first > first {
            return Err(self.tape.expired(self.seq));
        }
        self.blocks = open(&self.tape, &next, self.seq, Segment::blocks_after)?;
        self.segment = next;
        Ok(())
    }
}

/// Opens a segment, which may have been deleted a moment ago.
fn open(
    tape: &Tape,
    segment: &Segment,
    seq: Seq,
    open: fn(&Segment, Seq) -> Result<Blocks, Error>,
) -> Result<Blocks, Error> {
    open(segment, seq).map_err(|error| match error {
        Error::Io { .. } if segment.is_dropped() => tape.expired(seq),
        error => error,
    })
}
