//! `[ingest]`: the queue between a feed and the sequencer, and how feeds come back.

use crate::config::error::Error;
use crate::config::section::Section;

/// How feeds are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ingest {
    /// Ticks between one feed and the sequencer, 64..=1,048,576.
    pub queue_ticks: usize,
    /// Longest time to open a connection to a venue, in ms, 100..=600,000.
    pub connect_timeout_ms: u32,
    /// Wait before the first attempt to come back, in ms, 10..=60,000; it doubles each time.
    pub reconnect_ms_min: u32,
    /// Longest wait between two attempts, in ms, from `reconnect_ms_min` to 3,600,000.
    pub reconnect_ms_max: u32,
}

impl Ingest {
    pub(crate) fn read(section: &Section<'_>) -> Result<Self, Error> {
        let reconnect_ms_min = section.number("reconnect_ms_min", 10..=60_000)?;
        Ok(Self {
            queue_ticks: section.number("queue_ticks", 64..=1 << 20)?,
            connect_timeout_ms: section.number("connect_timeout_ms", 100..=600_000)?,
            reconnect_ms_min,
            reconnect_ms_max: section.number("reconnect_ms_max", reconnect_ms_min..=3_600_000)?,
        })
    }
}
