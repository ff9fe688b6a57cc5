//! `[limits]`: what one client, one address and all clients together may take.

use crate::config::error::Error;
use crate::config::layers::Origin;
use crate::config::section::Section;

/// Whether this machine is counted where addresses are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loopback {
    /// It is not: a proxy or a load test on this machine is many clients at one address.
    Exempt,
    /// It is, as somebody set the limit.
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
    /// Replays of one address at once, 1..=1,024.
    pub replays_per_ip: usize,
    /// Whether `replays_per_ip` holds for this machine too.
    pub loopback_replays: Loopback,
    /// Requests of one address in one second, WebSockets among them, 1..=1,000,000.
    pub requests_per_s: u32,
    /// Whether `requests_per_s` holds for this machine too.
    pub loopback_requests: Loopback,
    /// Requests for history that are answered at once, 1..=1,024.
    pub queries: usize,
    /// Bytes of a request's head, 1,024..=65,536.
    pub head_bytes: usize,
    /// Seconds after which a connection without a subscription is closed, 0..=86,400; 0 for never.
    pub idle_s: u32,
    /// Seconds after which any connection is closed, 0..=31,536,000; 0 for never.
    pub life_s: u32,
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
            loopback: Loopback::of(section, "connections_per_ip"),
            connections_per_subject: section.number("connections_per_subject", 1..=1_000_000)?,
            replays: section.number("replays", 0..=1_024)?,
            replays_per_ip: section.number("replays_per_ip", 1..=1_024)?,
            loopback_replays: Loopback::of(section, "replays_per_ip"),
            requests_per_s: section.number("requests_per_s", 1..=1_000_000)?,
            loopback_requests: Loopback::of(section, "requests_per_s"),
            queries: section.number("queries", 1..=1_024)?,
            head_bytes: section.number("head_bytes", 1_024..=65_536)?,
            idle_s: section.number("idle_s", 0..=86_400)?,
            life_s: section.number("life_s", 0..=31_536_000)?,
        })
    }
}

impl Loopback {
    fn of(section: &Section<'_>, key: &str) -> Self {
        match section.origin(key) {
            Origin::Default => Self::Exempt,
            Origin::File(_) | Origin::Env(_) | Origin::Flag => Self::Counted,
        }
    }
}
