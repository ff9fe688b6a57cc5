//! Looking: a tape as it stands on the disk, for those who only read it.

use std::path::Path;
use std::sync::Arc;

use super::Tape;
use super::block::Content;
use super::error::Error;
use super::recovery;
use super::segment::HEADER_BYTES;
use super::segment::Segment;

/// The tape in a directory as it stands now. Nothing there is changed, and it may have a writer;
/// what that appends afterwards is not seen. `None` if there is no tape.
///
/// # Errors
/// [`Error::Version`] if a later version wrote it, [`Error::Unreadable`] if its last segment holds
/// what only a later version can read, [`Error::Io`] if the disk refuses.
pub fn look(dir: &Path) -> Result<Option<Tape>, Error> {
    let (mut segments, _) = recovery::segments_of(dir, |_, _, _| Ok(()))?;
    while let Some(last) = segments.last() {
        if find_end(last)? {
            break;
        }
        segments.pop();
    }
    recovery::link(&segments);
    let Some(last) = segments.last() else { return Ok(None) };
    let (epoch, head) = (String::from_utf8_lossy(&last.header.epoch).into(), last.last());
    Ok(Some(Tape::new(epoch, head, segments.into_iter().map(Arc::new).collect())))
}

/// Finds where the whole blocks of the last segment end; says whether it has its checkpoint.
fn find_end(segment: &Segment) -> Result<bool, Error> {
    let mut blocks = segment.blocks(HEADER_BYTES)?;
    let (mut last, mut newest) = (segment.header.prev_last, segment.header.prev_recv);
    match segment.checkpoint() {
        Err(Error::Corrupt { .. }) => return Ok(false),
        checkpoint => drop(checkpoint?),
    }
    loop {
        match blocks.next(segment.end()) {
            Ok(Some(block)) if block.content == Content::Events => {
                for entry in blocks.entries(&block) {
                    let (seq, recv) =
                        entry.map_err(|what| blocks.unreadable(block.offset, what))?;
                    (last, newest) = (seq, newest.max(recv));
                }
            }
            Ok(Some(_)) => {}
            Ok(None) | Err(Error::Corrupt { .. }) => break,
            Err(error) => return Err(error),
        }
    }
    segment.publish(blocks.offset(), last, newest);
    Ok(true)
}
