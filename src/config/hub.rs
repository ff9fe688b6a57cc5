//! `[hub]`: the rings between the sequencer and the clients' threads.

use crate::config::error::Error;
use crate::config::section::Section;

/// How events reach the clients' threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hub {
    /// Events between the sequencer and one shard, 64..=16,777,216.
    pub ring_events: usize,
}

impl Hub {
    pub(crate) fn read(section: &Section<'_>) -> Result<Self, Error> {
        Ok(Self { ring_events: section.number("ring_events", 64..=1 << 24)? })
    }
}
