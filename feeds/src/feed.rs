//! The seam between a venue's protocol and the sockets: frames in, ticks and frames out.

use crate::decimal::Price;
use crate::error::Error;
use crate::symbol::Symbol;
use crate::tick::{Tick, TradeId};
use crate::time::Nanos;

/// A venue's protocol as a state machine without I/O and without a clock.
///
/// The driver owns the socket: it calls [`Feed::on_open`] for each connection that it made, hands
/// in each text or binary message by [`Feed::on_frame`], tells of the end by [`Feed::on_close`],
/// and comes back by [`Feed::on_timeout`] when [`Feed::poll_timeout`] says so. Whatever a call
/// produced stands in [`Output`] when it returns, also after an error.
///
/// `now` never steps: it is for timers. The driver may set `recv` of what was produced to the wall
/// clock's time.
pub trait Feed: Send {
    /// What the driver must know of the venue.
    fn profile(&self) -> Profile;

    /// Continues a symbol where the tape ends, so that a trade is not counted twice and one that
    /// was missed while nobody listened is noticed.
    fn resume_after(&mut self, symbol: &Symbol, last_trade: &TradeId);

    /// A connection was opened: subscribe. During a planned rotation the one before it may still
    /// be open, and its frames still come in.
    fn on_open(&mut self, now: Nanos, out: &mut Output);

    /// Decodes one message of the venue. The bytes may be overwritten by the parser.
    ///
    /// # Errors
    /// Whatever of the frame could not be accepted; ticks read before it stand in `out`.
    fn on_frame(&mut self, frame: &mut [u8], now: Nanos, out: &mut Output) -> Result<(), Error>;

    /// The only open connection is gone.
    fn on_close(&mut self, now: Nanos, out: &mut Output);

    /// When [`Feed::on_timeout`] wants to be called; `None` for never.
    fn poll_timeout(&self) -> Option<Nanos>;

    /// The time of [`Feed::poll_timeout`] has come.
    fn on_timeout(&mut self, now: Nanos, out: &mut Output);
}

/// What one call of a [`Feed`] produced; the driver empties it and hands it in again.
#[derive(Debug, Default)]
pub struct Output {
    /// In the venue's order.
    pub ticks: Vec<Tick>,
    /// Steps of prices that the venue has named, each with its symbol; off the tape, as they say
    /// what may be ordered now and nothing of what was traded.
    pub tick_sizes: Vec<(Symbol, Price)>,
    /// Text messages to send to the venue, in order.
    pub send: Vec<String>,
    /// The venue proved that it still sends: data, or its own heartbeat in place of data.
    pub alive: bool,
    /// The connection is of no more use; why.
    pub reconnect: Option<String>,
}

/// Facts of a venue that its driver needs.
#[derive(Debug, Clone, Copy)]
pub struct Profile {
    /// The part of a symbol before the colon.
    pub venue: &'static str,
    /// Where to connect unless configured otherwise; empty for a feed without a socket.
    pub url: &'static str,
    /// Longest time without a sign of life before the feed is stale, in ms.
    pub silence_ms: i64,
    /// How long a connection may live before the venue cuts it, less a margin, in ms.
    pub rotate_after_ms: Option<i64>,
    /// Least time between two messages to the venue, in ms.
    pub send_gap_ms: u64,
    /// Least time between two attempts to connect, in ms.
    pub connect_gap_ms: u64,
    /// Largest message accepted, in bytes.
    pub frame_bytes_max: usize,
    /// How far the venue's numbering proves that nothing was missed: `exact` or `none`.
    pub trade_continuity: &'static str,
}
