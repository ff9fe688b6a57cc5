//! Recovery: what a life of the tape finds of the one before it.

use std::fs;
use std::fs::File;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use tracing::info;
use tracing::warn;

use super::block::Blocks;
use super::block::Content;
use super::bytes::Reader;
use super::checkpoint;
use super::entry::Base;
use super::entry::Entry;
use super::error::Error;
use super::segment;
use super::segment::BadHeader;
use super::segment::EpochBytes;
use super::segment::HEADER_BYTES;
use super::segment::Header;
use super::segment::Segment;
use super::segment::VERSION;
use crate::board::Board;
use crate::event::Seq;

/// What was found: segments that follow each other, the last one whole.
#[derive(Debug)]
pub(super) struct Found {
    /// From the oldest on; empty if there is no tape.
    pub(super) segments: Vec<Arc<Segment>>,
    /// The board after the last event.
    pub(super) board: Board,
}

/// Reads the headers of all segments, and the whole of the last one. Cuts its torn tail.
pub(super) fn recover(dir: &Path) -> Result<Found, Error> {
    let (mut segments, superseded) = segments_of(dir, set_aside)?;
    superseded.iter().for_each(|path| remove(path));
    let mut board = Board::default();
    while let Some(last) = segments.last() {
        match read_whole(last) {
            Ok(read) => {
                board = read;
                break;
            }
            Err(Error::Corrupt { offset, what, .. }) => {
                // It was being begun when the power failed: all before it stands in the others.
                set_aside(&last.path, offset, what)?;
                segments.pop();
            }
            Err(error) => return Err(error),
        }
    }
    link(&segments);
    Ok(Found { segments: segments.into_iter().map(Arc::new).collect(), board })
}

/// The first segment from which on none is missing.
pub(super) fn whole_from(segments: &[Arc<Segment>]) -> usize {
    let follows = |pair: &[Arc<Segment>]| match pair {
        [before, next] => next.header.prev_first == before.header.first,
        _ => true,
    };
    segments.windows(2).rposition(|pair| !follows(pair)).map_or(0, |at| at + 1)
}

/// The segments of the newest tape in a directory, from the oldest on, and the files of those that
/// had no events and were begun again under another name. `bad` is told of what is no segment.
pub(super) fn segments_of(
    dir: &Path,
    bad: impl Fn(&Path, u64, &'static str) -> Result<(), Error>,
) -> Result<(Vec<Segment>, Vec<PathBuf>), Error> {
    let mut segments = read_headers(dir, bad)?;
    keep_one_epoch(&mut segments);
    let superseded = take_superseded(&mut segments);
    Ok((segments, superseded))
}

fn read_headers(
    dir: &Path,
    bad: impl Fn(&Path, u64, &'static str) -> Result<(), Error>,
) -> Result<Vec<Segment>, Error> {
    let mut segments = Vec::new();
    for (first, path) in names(dir)? {
        let file = File::open(&path).map_err(Error::doing("open", &path))?;
        let bytes = file.metadata().map_err(Error::doing("look at", &path))?.len();
        match Header::read(&file) {
            Ok(header) if header.first == first => {
                segments.push(Segment::found(header, path, bytes));
            }
            Ok(_) => bad(&path, 0, "it was written under another name")?,
            Err(BadHeader::Damaged(what)) => bad(&path, 0, what)?,
            Err(BadHeader::Later(version)) => {
                return Err(Error::Version { path, version, known: VERSION });
            }
            Err(BadHeader::Io(source)) => return Err(Error::io(source, "read", &path)),
        }
    }
    Ok(segments)
}

/// The segment files, from the oldest on. What else lies there is let be.
fn names(dir: &Path) -> Result<Vec<(Seq, PathBuf)>, Error> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(Error::doing("list", dir))? {
        let entry = entry.map_err(Error::doing("list", dir))?;
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if let Some(first) = entry.file_name().to_str().and_then(segment::first_of)
            && is_file
        {
            names.push((first, entry.path()));
        }
    }
    names.sort();
    Ok(names)
}

/// The newest segment says which tape this is.
fn keep_one_epoch(segments: &mut Vec<Segment>) {
    let Some(epoch) = segments.last().map(|segment| segment.header.epoch) else { return };
    segments.retain(|segment| {
        let own = segment.header.epoch == epoch;
        if !own {
            warn!(path = %segment.path.display(), "a segment of another tape is let be");
        }
        own
    });
}

/// A segment that the next one does not follow, but the one before it, had no events.
fn take_superseded(segments: &mut Vec<Segment>) -> Vec<PathBuf> {
    let mut superseded = Vec::new();
    let mut follows = Seq::MAX;
    let mut at = segments.len();
    while let Some(segment) = at.checked_sub(1).and_then(|at| segments.get(at)) {
        at -= 1;
        if segment.header.first > follows {
            superseded.push(segments.remove(at).path);
        } else {
            follows = segment.header.prev_first;
        }
    }
    superseded
}

/// Reads and applies all that a segment holds.
///
/// # Errors
/// [`Error::Corrupt`] if not even its checkpoint is whole.
fn read_whole(segment: &Segment) -> Result<Board, Error> {
    let mut blocks = segment.blocks(HEADER_BYTES)?;
    let end = segment.end();
    let mut board = checkpoint::decode(&mut blocks, end, None)?;
    segment.set_events_at(blocks.offset());
    let mut newest = segment.header.prev_recv;
    loop {
        match blocks.next(end) {
            Ok(Some(block)) if block.content == Content::Events => {
                segment.mark(block.seq, block.offset, newest);
                let mut base = Base::new(block.seq, block.recv);
                let mut reader = Reader::new(blocks.bytes(&block));
                while !reader.is_empty() {
                    let event = Entry::take(&mut reader, &mut base).and_then(Entry::decode);
                    let event = event.map_err(|what| blocks.unreadable(block.offset, what))?;
                    newest = newest.max(event.recv);
                    board.apply(&event);
                }
            }
            Ok(Some(block)) => return Err(blocks.unreadable(block.offset, "a second checkpoint")),
            Ok(None) => break,
            Err(Error::Corrupt { offset, what, .. }) => {
                let bytes = end - offset;
                warn!(path = %segment.path.display(), offset, bytes, what, "cut a torn tail");
                break;
            }
            Err(error) => return Err(error),
        }
    }
    cut(segment, &blocks)?;
    segment.publish(blocks.offset(), board.seq(), newest);
    Ok(board)
}

/// What was cut must never come back.
fn cut(segment: &Segment, blocks: &Blocks) -> Result<(), Error> {
    if blocks.offset() == segment.end() {
        return Ok(());
    }
    let file = File::options().write(true).open(&segment.path);
    let cut = file.and_then(|file| {
        file.set_len(blocks.offset())?;
        file.sync_all()
    });
    cut.map_err(Error::doing("cut", &segment.path))
}

/// Tells each segment what the header of the next one knows of it.
pub(super) fn link(segments: &[Segment]) {
    for pair in segments.windows(2) {
        if let [before, next] = pair {
            before.seal();
            let Header { prev_first, prev_last, prev_recv, .. } = next.header;
            if prev_first == before.header.first {
                before.set_last(prev_last, prev_recv);
            } else {
                let (missing, path) = (prev_first.0, before.path.display());
                warn!(%path, missing, "a segment is missing behind this one");
                before.set_last(before.header.prev_last, next.header.begun);
            }
        }
    }
}

fn set_aside(path: &Path, offset: u64, what: &'static str) -> Result<(), Error> {
    let aside = path.with_extension("tape.bad");
    warn!(path = %path.display(), offset, what, "set aside a damaged segment");
    fs::rename(path, aside).map_err(Error::doing("rename", path))
}

/// Removes a segment that has no events.
pub(super) fn remove(path: &Path) {
    match fs::remove_file(path) {
        Ok(()) => info!(path = %path.display(), "removed a segment without events"),
        Err(error) => warn!(path = %path.display(), %error, "could not remove a segment"),
    }
}

/// A name for a new tape. No letters that look alike.
pub(super) fn new_epoch() -> EpochBytes {
    const LETTERS: [u8; 32] = *b"abcdefghijkmnpqrstuvwxyz23456789";
    let random: EpochBytes = rand::random();
    random.map(|byte| LETTERS.get(usize::from(byte % 32)).copied().unwrap_or(b'a'))
}
