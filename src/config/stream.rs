//! `[stream]`: the times that keep a client's connection alive, or end it.

use crate::config::error::Error;
use crate::config::section::Section;

/// Timing of client connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stream {
    /// Longest time between two heartbeats of a connection, in ms, 100..=60,000.
    pub heartbeat_ms: u32,
    /// Time between two pings to a client, in ms, 100..=600,000.
    pub ping_ms: u32,
    /// Longest time for the answer to a ping, in ms, 100..=600,000.
    pub pong_ms: u32,
    /// Longest time that one write may stand still before the connection is cut, in ms,
    /// 100..=600,000.
    pub write_deadline_ms: u32,
}

impl Stream {
    pub(crate) fn read(section: &Section<'_>) -> Result<Self, Error> {
        Ok(Self {
            heartbeat_ms: section.number("heartbeat_ms", 100..=60_000)?,
            ping_ms: section.number("ping_ms", 100..=600_000)?,
            pong_ms: section.number("pong_ms", 100..=600_000)?,
            write_deadline_ms: section.number("write_deadline_ms", 100..=600_000)?,
        })
    }
}
