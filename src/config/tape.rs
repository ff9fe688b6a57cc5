//! `[tape]`: where the tape lies on disk, and how much of it is kept.

use std::path::PathBuf;

use crate::config::error::Error;
use crate::config::quantity::ByteSize;
use crate::config::quantity::Span;
use crate::config::section::Section;

/// The tape on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tape {
    /// Directory of the segment files, made if missing.
    pub dir: PathBuf,
    /// Most bytes kept, 2 segments at least; beyond it the oldest segment goes.
    pub retention_bytes: ByteSize,
    /// Greatest age kept, 1 minute to 10 years; an older segment goes.
    pub retention_age: Span,
    /// Size of one preallocated segment file, 1 MiB to 4 GiB.
    pub segment_bytes: ByteSize,
    /// Time between two flushes to the disk's medium, in ms, 10..=60,000.
    pub sync_ms: u32,
}

impl Tape {
    pub(crate) fn read(section: &Section<'_>) -> Result<Self, Error> {
        let segment_bytes = section.bytes("segment_bytes", 1 << 20..=1 << 32)?;
        let retention_least = segment_bytes.bytes().saturating_mul(2);
        Ok(Self {
            dir: section.parsed("dir", "a directory", |text| {
                (!text.is_empty()).then(|| PathBuf::from(text))
            })?,
            retention_bytes: section.bytes("retention_bytes", retention_least..=1 << 50)?,
            retention_age: section.span("retention_age", 60_000..=315_360_000_000)?,
            segment_bytes,
            sync_ms: section.number("sync_ms", 10..=60_000)?,
        })
    }
}
