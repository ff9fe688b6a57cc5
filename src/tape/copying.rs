//! Copying: a backup of a tape, which may have a writer meanwhile.

use std::fs;
use std::fs::File;
use std::io;
use std::io::Read as _;
use std::path::Path;
use std::path::PathBuf;

use super::Tape;
use super::error::Error;
use super::housekeeper::sync_dir;
use super::looking::look;
use super::segment::Segment;
use super::state::Ending;
use super::state::State;
use super::state::StateFile;
use crate::event::Seq;

/// Places that a copy leaves to the tape that it was made of: whoever goes on from the copy gives
/// none that was given since. At a million events a second these are twelve days, at twenty
/// thousand almost two years; and a tape can be put back eight thousand times.
const LEFT: u64 = 1 << 40;
/// Copied between two calls of who watches.
const CHUNK_BYTES: u64 = 8 << 20;

/// What was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The name of the tape.
    pub epoch: String,
    /// The least cursor after which every event is in the copy.
    pub oldest: Seq,
    /// The last event of the copy.
    pub head: Seq,
    /// Segments.
    pub segments: usize,
    /// Their length.
    pub bytes: u64,
}

/// Copies the tape in a directory into a new one, up to its last whole block; `None` if there is no
/// tape. `to` must be there and empty. `on` is told how many bytes of how many are copied, and
/// says whether to go on.
///
/// # Errors
/// [`Error::NoSpace`], [`Error::Io`]; [`Error::Abandoned`] if `on` said no; as [`look`].
pub fn copy(
    from: &Path,
    to: &Path,
    mut on: impl FnMut(u64, u64) -> bool,
) -> Result<Option<Copied>, Error> {
    let Some(tape) = look(from)? else { return Ok(None) };
    let segments: Vec<_> = tape.segments().iter().cloned().collect();
    let total = tape.bytes();
    let (mut done, mut kept) = (0, Vec::new());
    for segment in &segments {
        match copy_segment(segment, to, &mut |bytes| on(done + bytes, total)) {
            Ok(path) => kept.push((path, segment)),
            // Retention was faster: the copy begins behind it.
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                for (path, _) in kept.drain(..) {
                    fs::remove_file(&path).map_err(Error::doing("delete", &path))?;
                }
            }
            Err(error) => return Err(error),
        }
        done += segment.end();
    }
    write_state(&tape, to)?;
    sync_dir(to)?;
    let oldest = kept.first().map_or(tape.head(), |(_, first)| first.header.prev_last);
    Ok(Some(Copied {
        epoch: tape.epoch().to_owned(),
        oldest: oldest.max(tape.oldest()),
        head: tape.head(),
        segments: kept.len(),
        bytes: kept.iter().map(|(_, segment)| segment.end()).sum(),
    }))
}

fn copy_segment(
    segment: &Segment,
    to: &Path,
    on: &mut dyn FnMut(u64) -> bool,
) -> Result<PathBuf, Error> {
    let path = to.join(segment.path.file_name().unwrap_or_default());
    let mut from = File::open(&segment.path).map_err(Error::doing("open", &segment.path))?;
    let mut file = File::create_new(&path).map_err(Error::doing("create", &path))?;
    let (mut done, end) = (0, segment.end());
    while done < end {
        let mut chunk = from.by_ref().take(CHUNK_BYTES.min(end - done));
        let copied = io::copy(&mut chunk, &mut file).map_err(Error::doing("copy to", &path))?;
        if copied == 0 {
            let what = "the file is cut short";
            return Err(Error::Corrupt { path: segment.path.clone(), offset: done, what });
        }
        done += copied;
        if !on(done) {
            return Err(Error::Abandoned);
        }
    }
    file.sync_all().map_err(Error::doing("sync", &path))?;
    Ok(path)
}

/// Whoever opens the copy to write goes on far above.
fn write_state(tape: &Tape, to: &Path) -> Result<(), Error> {
    let Some(last) = tape.segments().back().cloned() else { return Ok(()) };
    let ceiling = Seq(tape.head().max(last.header.ceiling).0.saturating_add(LEFT).min(Seq::MAX.0));
    let state = State { epoch: last.header.epoch, ceiling, ending: Ending::Unclean };
    StateFile::open(to)?.0.write(&state)
}
