//! The inventory: which files a tape consists of.

use std::path::PathBuf;

use tickwire_feeds::Nanos;

use super::Tape;
use crate::event::Seq;

/// One file of a tape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Which.
    pub path: PathBuf,
    /// The last event before it, where its checkpoint stands.
    pub after: Seq,
    /// Its last event; `after` if it has none.
    pub last: Seq,
    /// When it began.
    pub begun: Nanos,
    /// The greatest `recv` so far; meaningful if there was any event.
    pub newest: Nanos,
    /// Up to where whole blocks stand in it.
    pub bytes: u64,
}

impl Tape {
    /// Its files, from the oldest on.
    #[must_use]
    pub fn pieces(&self) -> Vec<Piece> {
        let segments = self.segments();
        let piece = |segment: &super::Segment| Piece {
            path: segment.path.clone(),
            after: segment.header.prev_last,
            last: segment.last(),
            begun: segment.header.begun,
            newest: segment.newest(),
            bytes: segment.end(),
        };
        segments.iter().map(|segment| piece(segment)).collect()
    }
}
