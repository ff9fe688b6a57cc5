//! Blocks: entries under a length and a checksum, written together and read together.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use tickwire_feeds::Nanos;

use super::bytes::Reader;
use super::bytes::put_signed;
use super::bytes::put_varint;
use super::entry;
use super::entry::Base;
use super::entry::Entry;
use super::entry::Undecodable;
use super::error::Error;
use crate::event::Event;
use crate::event::Seq;

/// Length and checksum.
pub(super) const PREFIX_BYTES: usize = 8;
/// A block is ended once it is this long: what a reader must hold at once.
const BLOCK_BYTES: usize = 256 * 1024;
/// Read at once from the file.
const CHUNK_BYTES: usize = 128 * 1024;

/// What a block holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// Events.
    Events = 1,
    /// A part of a board.
    Checkpoint = 2,
}

impl Content {
    const fn of(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Events),
            2 => Some(Self::Checkpoint),
            _ => None,
        }
    }
}

/// Splits entries into blocks.
pub(super) struct Encoder<'a> {
    out: &'a mut Vec<u8>,
    content: Content,
    base: Base,
    begun_at: usize,
}

impl<'a> Encoder<'a> {
    /// Begins a first block.
    pub(super) fn begin(out: &'a mut Vec<u8>, content: Content, seq: Seq, recv: Nanos) -> Self {
        let mut encoder = Self { out, content, base: Base::new(seq, recv), begun_at: 0 };
        encoder.begin_block(seq, recv);
        encoder
    }

    /// Appends an event.
    pub(super) fn event(&mut self, event: &Event) {
        if self.is_full() {
            self.end_block();
            self.begin_block(event.seq, event.recv);
        }
        entry::put_event(self.out, event, &mut self.base);
    }

    /// Appends a part of a checkpoint.
    pub(super) fn checkpoint_part(&mut self, put: impl FnOnce(&mut Vec<u8>)) {
        if self.is_full() {
            self.end_block();
            self.begin_block(Seq(self.base.before.wrapping_add(1)), self.base.recv);
        }
        entry::put_checkpoint_part(self.out, put);
    }

    /// Ends the last block.
    pub(super) fn end(mut self) {
        self.end_block();
    }

    fn is_full(&self) -> bool {
        self.out.len() - self.begun_at >= BLOCK_BYTES
    }

    fn begin_block(&mut self, seq: Seq, recv: Nanos) {
        self.base = Base::new(seq, recv);
        self.begun_at = self.out.len();
        self.out.extend_from_slice(&[0; PREFIX_BYTES]);
        self.out.push(self.content as u8);
        put_varint(self.out, seq.0);
        put_signed(self.out, recv.0);
    }

    fn end_block(&mut self) {
        let Some(block) = self.out.get_mut(self.begun_at..) else { return };
        let Some((prefix, rest)) = block.split_first_chunk_mut::<PREFIX_BYTES>() else { return };
        #[expect(clippy::cast_possible_truncation, reason = "an entry is far below 4 GiB")]
        let length = rest.len() as u32;
        let [a, b, c, d] = length.to_le_bytes();
        let [e, f, g, h] = checksum(rest, length).to_le_bytes();
        *prefix = [a, b, c, d, e, f, g, h];
    }
}

/// The length too, so that a block of another length can not pass.
fn checksum(bytes: &[u8], length: u32) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(length);
    hasher.update(bytes);
    hasher.finalize()
}

/// Takes the next block of what an [`Encoder`] wrote: what it holds, its places, its entries.
pub(super) fn take<'a>(from: &mut Reader<'a>) -> Option<(Content, Seq, Nanos, Reader<'a>)> {
    let length = u32::from_le_bytes(from.array()?);
    let expected = u32::from_le_bytes(from.array()?);
    let bytes = from.take(length as usize)?;
    if checksum(bytes, length) != expected {
        return None;
    }
    let mut reader = Reader::new(bytes);
    let content = Content::of(reader.byte()?)?;
    Some((content, Seq(reader.varint()?), Nanos(reader.signed()?), reader))
}

/// A block that was read.
#[derive(Debug, Clone)]
pub(super) struct Block {
    /// Where it stands in the file.
    pub(super) offset: u64,
    pub(super) content: Content,
    /// Its first event; that of the board for a checkpoint.
    pub(super) seq: Seq,
    pub(super) recv: Nanos,
    /// Where its entries stand in the buffer of the [`Blocks`], until the next call.
    pub(super) entries: Range<usize>,
}

/// The blocks of a file, one after the other.
#[derive(Debug)]
pub(super) struct Blocks {
    file: File,
    path: PathBuf,
    buffer: Vec<u8>,
    /// Where the buffer stands in the file.
    start: u64,
    /// How much of it holds bytes of the file.
    filled: usize,
    /// How much of it has been read.
    at: usize,
}

impl Blocks {
    /// Reads on from `offset`, where a block must begin.
    pub(super) const fn new(file: File, path: PathBuf, offset: u64) -> Self {
        Self { file, path, buffer: Vec::new(), start: offset, filled: 0, at: 0 }
    }

    /// Where the next block begins.
    pub(super) const fn offset(&self) -> u64 {
        self.start + self.at as u64
    }

    /// The next block that ends at or before `end`; `None` if there is none, which is so at a
    /// length of zero too: there the preallocated space begins.
    ///
    /// # Errors
    /// [`Error::Corrupt`], and the same again when asked again.
    pub(super) fn next(&mut self, end: u64) -> Result<Option<Block>, Error> {
        let offset = self.offset();
        let Some(length) = self.length(end)? else { return Ok(None) };
        let expected = self.buffer.get(self.at + 4..).and_then(|bytes| bytes.first_chunk());
        let expected = expected.map_or(0, |bytes| u32::from_le_bytes(*bytes));
        let whole = self.at..self.at + PREFIX_BYTES + length as usize;
        let payload = whole.start + PREFIX_BYTES..whole.end;
        let bytes = self.buffer.get(payload.clone()).unwrap_or_default();
        if checksum(bytes, length) != expected {
            return Err(self.corrupt("a checksum does not match"));
        }
        let mut reader = Reader::new(bytes);
        let Some(content) = reader.byte().and_then(Content::of) else {
            return Err(self.unreadable(offset, "an unknown kind of block"));
        };
        let (Some(seq), Some(recv)) = (reader.varint(), reader.signed()) else {
            return Err(self.unreadable(offset, "the head of a block"));
        };
        let entries = payload.end - reader.len()..payload.end;
        self.at = whole.end;
        Ok(Some(Block { offset, content, seq: Seq(seq), recv: Nanos(recv), entries }))
    }

    /// Goes on behind a damaged block, if its length leads anywhere.
    pub(super) fn skip(&mut self, end: u64) -> bool {
        let Ok(Some(length)) = self.length(end) else { return false };
        self.at += PREFIX_BYTES + length as usize;
        true
    }

    /// The entries of the block that was read last.
    pub(super) fn bytes(&self, block: &Block) -> &[u8] {
        self.slice(&block.entries)
    }

    /// The places and times of the events of the block that was read last.
    pub(super) fn entries(
        &self,
        block: &Block,
    ) -> impl Iterator<Item = Result<(Seq, Nanos), Undecodable>> {
        let mut base = Base::new(block.seq, block.recv);
        let mut reader = Reader::new(self.bytes(block));
        std::iter::from_fn(move || {
            if reader.is_empty() {
                return None;
            }
            let entry = Entry::take(&mut reader, &mut base);
            let told = entry.and_then(|entry| Ok((entry.peek.seq, entry.recv()?)));
            if told.is_err() {
                reader = Reader::new(&[]);
            }
            Some(told)
        })
    }

    /// A part of the block that was read last.
    pub(super) fn slice(&self, range: &Range<usize>) -> &[u8] {
        self.buffer.get(range.clone()).unwrap_or_default()
    }

    /// Damage where the next block begins.
    pub(super) fn corrupt(&self, what: &'static str) -> Error {
        Error::Corrupt { path: self.path.clone(), offset: self.offset(), what }
    }

    pub(super) fn unreadable(&self, offset: u64, what: &'static str) -> Error {
        Error::Unreadable { path: self.path.clone(), offset, what }
    }

    /// The length of the next block behind its prefix. The whole block is in the buffer then.
    fn length(&mut self, end: u64) -> Result<Option<u32>, Error> {
        let room = end.saturating_sub(self.offset());
        let least = usize::try_from(room).unwrap_or(usize::MAX).min(PREFIX_BYTES);
        self.fill(least, end)?;
        let prefix = self.buffer.get(self.at..self.at + least).unwrap_or_default();
        let Some(length) = prefix.first_chunk::<4>().filter(|_| least == PREFIX_BYTES) else {
            // What is too short for a block is preallocated space, or the rest of one.
            let blank = prefix.iter().all(|byte| *byte == 0);
            return if blank { Ok(None) } else { Err(self.corrupt("a block is cut short")) };
        };
        let length = u32::from_le_bytes(*length);
        if length == 0 {
            return Ok(None);
        }
        let whole = PREFIX_BYTES as u64 + u64::from(length);
        if whole > room {
            return Err(self.corrupt("a block reaches beyond the end"));
        }
        self.fill(PREFIX_BYTES + length as usize, end)?;
        Ok(Some(length))
    }

    /// Has at least `count` bytes in the buffer behind `at`.
    fn fill(&mut self, count: usize, end: u64) -> Result<(), Error> {
        if self.filled - self.at >= count {
            return Ok(());
        }
        self.buffer.copy_within(self.at..self.filled, 0);
        self.start += self.at as u64;
        self.filled -= self.at;
        self.at = 0;
        let room = usize::try_from(end.saturating_sub(self.start)).unwrap_or(usize::MAX);
        let wanted = count.max(CHUNK_BYTES.min(room));
        if self.buffer.len() < wanted {
            self.buffer.resize(wanted, 0);
        }
        while self.filled < count {
            let free = self.buffer.get_mut(self.filled..wanted).unwrap_or_default();
            match self.file.read_at(free, self.start + self.filled as u64) {
                Ok(0) => return Err(self.corrupt("the file is cut short")),
                Ok(read) => self.filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io(error, "read", &self.path)),
            }
        }
        Ok(())
    }
}
