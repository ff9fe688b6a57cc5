//! What a feed has done so far, for people and for monitoring.

use std::collections::HashMap;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use tickwire_feeds::Nanos;
use tickwire_feeds::Price;
use tickwire_feeds::Symbol;
use tickwire_feeds::tick::State;

use crate::sequencer::intake::Offered;

/// Stands for "not yet" and "none".
const NONE: i64 = i64::MIN;

/// The labels of [`tickwire_feeds::Error::reason`]; the last one takes those not listed.
const REASONS: [&str; 10] = [
    "bad_frame",
    "unknown_message",
    "unknown_instrument",
    "bad_number",
    "out_of_range",
    "bad_time",
    "bad_symbol",
    "venue_error",
    "bad_setting",
    "other",
];

/// Counters and last values of one feed. Written by its driver, read by anyone at any time; values
/// read together need not be of one moment.
#[derive(Debug)]
pub struct Stats {
    frames: AtomicU64,
    bytes: AtomicU64,
    ticks: AtomicU64,
    queued: AtomicU64,
    queue_full: AtomicU64,
    rejected: [AtomicU64; REASONS.len()],
    connects: AtomicU64,
    connected_since: AtomicI64,
    last_message: AtomicI64,
    lag_ms: AtomicI64,
    state: AtomicU8,
    state_since: AtomicI64,
    tick_sizes: RwLock<HashMap<Symbol, Price>>,
}

impl Stats {
    /// Of a feed that has not begun.
    pub(super) fn new() -> Self {
        Self {
            frames: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            ticks: AtomicU64::new(0),
            queued: AtomicU64::new(0),
            queue_full: AtomicU64::new(0),
            rejected: [const { AtomicU64::new(0) }; REASONS.len()],
            connects: AtomicU64::new(0),
            connected_since: AtomicI64::new(NONE),
            last_message: AtomicI64::new(NONE),
            lag_ms: AtomicI64::new(NONE),
            state: AtomicU8::new(code(State::Down)),
            state_since: AtomicI64::new(NONE),
            tick_sizes: RwLock::default(),
        }
    }

    /// Messages read from the venue, or records from a file, good and bad.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.frames.load(Relaxed)
    }

    /// Their payload, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    /// Ticks made of them, statuses and gaps included.
    #[must_use]
    pub fn ticks(&self) -> u64 {
        self.ticks.load(Relaxed)
    }

    /// Ticks that waited for the sequencer when some were last handed over.
    #[must_use]
    pub fn queued(&self) -> u64 {
        self.queued.load(Relaxed)
    }

    /// Times that no more ticks could be handed over.
    #[must_use]
    pub fn queue_full(&self) -> u64 {
        self.queue_full.load(Relaxed)
    }

    /// Frames refused, by the reason's label; only reasons that occurred.
    pub fn rejected(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.rejected.iter().map(|count| count.load(Relaxed));
        REASONS.into_iter().zip(counts).filter(|(_, count)| *count > 0)
    }

    /// Frames refused, for whatever reason.
    #[must_use]
    pub fn rejected_total(&self) -> u64 {
        self.rejected.iter().map(|count| count.load(Relaxed)).sum()
    }

    /// Connections made after the first one, planned rotations included.
    #[must_use]
    pub fn reconnects(&self) -> u64 {
        self.connects.load(Relaxed).saturating_sub(1)
    }

    /// When the present connection was made; `None` without one.
    #[must_use]
    pub fn connected_since(&self) -> Option<Nanos> {
        some(&self.connected_since)
    }

    /// When the last message was read.
    #[must_use]
    pub fn last_message(&self) -> Option<Nanos> {
        some(&self.last_message)
    }

    /// `recv` less `ts` of the last tick with a venue's time, in ms; negative if the venue's clock
    /// is ahead of ours.
    #[must_use]
    pub fn lag_ms(&self) -> Option<i64> {
        some(&self.lag_ms).map(|lag| lag.0)
    }

    /// Health of the feed; `down` before it begins.
    #[must_use]
    pub fn state(&self) -> State {
        let code = usize::from(self.state.load(Relaxed));
        State::ALL.get(code).copied().unwrap_or(State::Down)
    }

    /// Since when the feed is in this state; `None` before it begins.
    #[must_use]
    pub fn state_since(&self) -> Option<Nanos> {
        some(&self.state_since)
    }

    /// The step of a symbol's prices, if the venue has named it since this feed began.
    #[must_use]
    pub fn tick_size(&self, symbol: &Symbol) -> Option<Price> {
        self.tick_sizes.read().unwrap_or_else(PoisonError::into_inner).get(symbol).copied()
    }

    pub(super) fn note_tick_sizes(&self, sizes: impl Iterator<Item = (Symbol, Price)>) {
        self.tick_sizes.write().unwrap_or_else(PoisonError::into_inner).extend(sizes);
    }

    pub(super) fn count_frame(&self, bytes: usize, recv: Nanos) {
        self.frames.fetch_add(1, Relaxed);
        self.bytes.fetch_add(bytes as u64, Relaxed);
        self.last_message.store(recv.0, Relaxed);
    }

    pub(super) fn count_ticks(&self, count: usize) {
        self.ticks.fetch_add(count as u64, Relaxed);
    }

    pub(super) fn count_queue(&self, ticks: usize, offered: Offered) {
        self.queued.store(ticks as u64, Relaxed);
        self.queue_full.fetch_add(u64::from(offered == Offered::Full), Relaxed);
    }

    pub(super) fn count_rejected(&self, reason: &str) {
        let known = REASONS.iter().position(|known| *known == reason);
        if let Some(count) = known.map_or(self.rejected.last(), |index| self.rejected.get(index)) {
            count.fetch_add(1, Relaxed);
        }
    }

    pub(super) fn set_lag(&self, ms: i64) {
        self.lag_ms.store(ms, Relaxed);
    }

    pub(super) fn set_connected(&self, since: Nanos) {
        self.connects.fetch_add(1, Relaxed);
        self.connected_since.store(since.0, Relaxed);
    }

    pub(super) fn set_disconnected(&self) {
        self.connected_since.store(NONE, Relaxed);
    }

    pub(super) fn set_state(&self, state: State, since: Nanos) {
        self.state.store(code(state), Relaxed);
        self.state_since.store(since.0, Relaxed);
    }
}

fn some(cell: &AtomicI64) -> Option<Nanos> {
    Some(cell.load(Relaxed)).filter(|value| *value != NONE).map(Nanos)
}

/// The place in [`State::ALL`].
const fn code(state: State) -> u8 {
    match state {
        State::Live => 0,
        State::Stale => 1,
        State::Resyncing => 2,
        State::Down => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_known_before_the_beginning() {
        let stats = Stats::new();
        assert_eq!((stats.frames(), stats.reconnects(), stats.rejected().count()), (0, 0, 0));
        assert_eq!(stats.connected_since().or(stats.last_message()).or(stats.state_since()), None);
        assert_eq!((stats.lag_ms(), stats.state()), (None, State::Down));
    }

    #[test]
    fn every_state_comes_back() {
        let stats = Stats::new();
        for state in State::ALL {
            stats.set_state(*state, Nanos(7));
            assert_eq!((stats.state(), stats.state_since()), (*state, Some(Nanos(7))));
        }
    }

    #[test]
    fn refusals_are_counted_by_reason_and_unknown_reasons_too() {
        let stats = Stats::new();
        for reason in ["bad_frame", "bad_time", "bad_frame", "unheard_of"] {
            stats.count_rejected(reason);
        }
        let counts: Vec<_> = stats.rejected().collect();
        assert_eq!(counts, [("bad_frame", 2), ("bad_time", 1), ("other", 1)]);
        assert_eq!(stats.rejected_total(), 4);
    }

    #[test]
    fn every_reason_of_a_feed_has_its_own_counter() {
        let error = tickwire_feeds::Error::BadSetting(String::new());
        assert!(REASONS.contains(&error.reason()));
    }

    #[test]
    fn the_tick_size_that_was_named_last_holds() {
        let stats = Stats::new();
        let symbol = |name| Symbol::parse(name).unwrap();
        let named = |step| (symbol("here:A"), Price::parse(step).unwrap());
        assert_eq!(stats.tick_size(&symbol("here:A")), None);
        stats.note_tick_sizes([named("0.5")].into_iter());
        stats.note_tick_sizes([named("0.05")].into_iter());
        assert_eq!(stats.tick_size(&symbol("here:A")), Some(Price::parse("0.05").unwrap()));
        assert_eq!(stats.tick_size(&symbol("here:B")), None);
    }

    #[test]
    fn the_first_connection_is_no_reconnect() {
        let stats = Stats::new();
        stats.set_connected(Nanos(1));
        assert_eq!(stats.reconnects(), 0);
        stats.set_disconnected();
        stats.set_connected(Nanos(2));
        assert_eq!((stats.reconnects(), stats.connected_since()), (1, Some(Nanos(2))));
    }
}
