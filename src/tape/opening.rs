//! Opening: how a life of the tape begins.

use std::fs;
use std::fs::File;
use std::fs::TryLockError;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tickwire_feeds::Nanos;
use tracing::info;
use tracing::warn;

use super::Settings;
use super::Tape;
use super::error::Error;
use super::housekeeper::Active;
use super::housekeeper::Duties;
use super::housekeeper::Housekeeper;
use super::housekeeper::prepare;
use super::housekeeper::sync_dir;
use super::journal::Beginning;
use super::journal::Journal;
use super::journal::RESERVED;
use super::journal::begin_segment;
use super::journal::go_on_in;
use super::recovery;
use super::recovery::Found;
use super::recovery::new_epoch;
use super::recovery::recover;
use super::segment::EpochBytes;
use super::segment::Header;
use super::segment::Segment;
use super::state::Ending;
use super::state::State;
use super::state::StateFile;
use crate::board::Board;
use crate::event::Seq;

/// Reserved above the last event if the state file was lost: more than was ever reserved ahead.
const LOST_STATE: u64 = 16 * RESERVED;

/// A tape that has been opened.
#[derive(Debug)]
pub struct Opened {
    /// Its one writer.
    pub journal: Journal,
    /// For its readers.
    pub tape: Tape,
    /// The board after its last event.
    pub board: Board,
}

/// Opens the tape in a directory, or begins one.
///
/// # Errors
/// [`Error::Locked`] if it has a writer already, [`Error::Version`] if a later version wrote it,
/// [`Error::Unreadable`] if its last segment holds what only a later version can read,
/// [`Error::NoSpace`] and [`Error::Io`] if the disk refuses.
pub fn open(settings: &Settings, now: Nanos) -> Result<Opened, Error> {
    let dir = &settings.dir;
    fs::create_dir_all(dir).map_err(Error::doing("create", dir))?;
    let lock = lock(dir)?;
    let (mut state_file, state) = StateFile::open(dir)?;
    let Found { mut segments, board } = recover(dir)?;
    let epoch = segments.last().map_or_else(new_epoch, |last| last.header.epoch);
    let next = next_seq(state.filter(|state| state.epoch == epoch), &segments, board.seq());
    let ceiling = Seq(next.0 + 2 * RESERVED);
    let state = State { epoch, ceiling, ending: Ending::Unclean };
    state_file.write(&state)?;
    let header = Header { ceiling, begun: now, ..first_header(epoch, next) };
    let active = begin(settings, &mut segments, header, &board)?;
    sync_dir(dir)?;
    let epoch = String::from_utf8_lossy(&epoch).into();
    let tape = Tape::new(epoch, board.seq(), segments);
    info!(
        epoch = tape.epoch(),
        head = tape.head().0,
        next = next.0,
        segments = tape.segments_count(),
        size_bytes = tape.bytes(),
        "opened the tape"
    );
    let housekeeper = Housekeeper::start(Duties {
        dir: dir.clone(),
        segment_bytes: settings.segment_bytes,
        sync_every: Duration::from_millis(settings.sync_ms.max(1)),
        state,
        state_file,
        active: active.clone(),
    })?;
    let (settings, tape_of_journal) = (settings.clone(), tape.clone());
    let journal = Journal::new(Beginning {
        tape: tape_of_journal,
        settings,
        active,
        housekeeper,
        next,
        ceiling,
        lock,
    });
    Ok(Opened { journal, tape, board })
}

fn lock(dir: &Path) -> Result<File, Error> {
    let path = dir.join("lock");
    let mut options = File::options();
    let options = options.read(true).write(true).create(true).truncate(false);
    let file = options.open(&path).map_err(Error::doing("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Locked { dir: dir.into() }),
        Err(TryLockError::Error(source)) => Err(Error::io(source, "lock", &path)),
    }
}

/// Behind the last event after a clean end, above all that was promised after any other.
fn next_seq(state: Option<State>, segments: &[Arc<Segment>], last: Seq) -> Seq {
    let Some(newest) = segments.last() else { return Seq::START.next() };
    match state {
        Some(State { ending: Ending::Clean(end), .. }) if end == last => last.next(),
        Some(State { ceiling, .. }) => ceiling.max(last).next(),
        None => {
            warn!("the state file of the tape is lost");
            Seq(newest.header.ceiling.max(last).0 + LOST_STATE).next()
        }
    }
}

fn first_header(epoch: EpochBytes, first: Seq) -> Header {
    Header {
        epoch,
        first,
        prev_first: Seq::START,
        prev_last: Seq::START,
        prev_recv: Nanos(i64::MIN),
        ceiling: Seq::START,
        begun: Nanos(0),
    }
}

/// Begins the segment of this life, or goes on in one that has no events yet.
fn begin(
    settings: &Settings,
    segments: &mut Vec<Arc<Segment>>,
    header: Header,
    board: &Board,
) -> Result<Active, Error> {
    let Header { first, ceiling, begun, .. } = header;
    let (mut header, mut blank) = (header, None);
    if let Some(last) = segments.last() {
        if last.has_events() {
            header = last.next_header(first, ceiling, begun);
            last.seal();
        } else if last.header.first == first {
            return go_on_in(Arc::clone(last), settings.segment_bytes);
        } else {
            // Else a crash loop would fill the disk with checkpoints.
            header = Header { first, ceiling, begun, ..last.header };
            blank = segments.pop();
        }
    }
    // A nearly full disk may have room for a start, if not for a whole segment.
    let prepared =
        prepare(&settings.dir, settings.segment_bytes).or_else(|_| prepare(&settings.dir, 1))?;
    let active = begin_segment(prepared, header, board)?;
    active.file.sync_all().map_err(Error::doing("sync", &active.segment.path))?;
    segments.push(Arc::clone(&active.segment));
    if let Some(blank) = blank {
        recovery::remove(&blank.path);
    }
    Ok(active)
}
