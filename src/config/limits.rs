//! `[limits]`: what one client, one address and all clients together may take.

use crate::config::error::Error;
use crate::config::layers::Origin;
use crate::config::section::Section;

/// Whether connections from this machine count towards `connections_per_ip`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loopback {
    /// They do not: a proxy or a load test on this machine is many clients at one address.
    Exempt,
    /// They do, as somebody set `connections_per_ip`.
    Counted,
}

/// Bounds of what clients may do; the names are those of the protocol's `welcome`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Streams of one connection, 1..=1,000,000.
    pub symbols: usize,
    /// Bytes of one client message, 1,024..=16,777,216.
    pub message_bytes: usize,
    /// Bytes of one client frame, 1,024..=16,777,216; no more than `message_bytes`.
    pub frame_bytes: usize,
    /// Frames of one client message, 1..=65,536.
    pub fragments: usize,
    /// Operations of one connection in one second, 1..=100,000.
    pub ops_per_s: u32,
    /// Bytes waiting for one connection before its `slow` policy acts, 16,384..=1 GiB.
    pub buffer_bytes: usize,
    /// Connections of all clients, 1..=1,000,000.
    pub connections: usize,
    /// Connections of one address, 1..=1,000,000.
    pub connections_per_ip: usize,
    /// Whether `connections_per_ip` holds for this machine too.
    pub loopback: Loopback,
    /// Connections of one subject of tokens or API keys, 1..=1,000,000.
    pub connections_per_subject: usize,
    /// Replays of all clients at once, 0..=1,024.
    pub replays: usize,
}

impl Limits {
    pub(crate) fn read(section: &Section<'_>) -> Result<Self, Error> {
        let message_bytes = section.number("message_bytes", 1_024..=1 << 24)?;
        Ok(Self {
            symbols: section.number("symbols", 1..=1_000_000)?,
            message_bytes,
            frame_bytes: section.number("frame_bytes", 1_024..=message_bytes)?,
            fragments: section.number("fragments", 1..=65_536)?,
            ops_per_s: section.number("ops_per_s", 1..=100_000)?,
            buffer_bytes: section.number("buffer_bytes", 16_384..=1 << 30)?,
            connections: section.number("connections", 1..=1_000_000)?,
            connections_per_ip: section.number("connections_per_ip", 1..=1_000_000)?,
            loopback: match section.origin("connections_per_ip") {
                Origin::Default => Loopback::Exempt,
                Origin::File(_) | Origin::Env(_) | Origin::Flag => Loopback::Counted,
            },
            connections_per_subject: section.number("connections_per_subject", 1..=1_000_000)?,
            replays: section.number("replays", 0..=1_024)?,
        })
    }
}
