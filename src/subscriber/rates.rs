//! How many messages each stream has had of late, and how long they are: what `plan` tells.

use std::time::Duration;
use std::time::Instant;

use crate::event::Channel;
use crate::event::SymbolId;

/// The window holds the present step and the one before it.
const STEP: Duration = Duration::from_secs(5);
/// What began just now is taken to have gone on for so long.
const WINDOW_MS_MIN: u128 = 1_000;
/// One message in so many has its length taken.
const MEASURE_EVERY: u64 = 64;
/// Lengths beyond so many weigh half at each step.
const LENGTHS_KEPT: u64 = 32;

/// Messages of each stream within the last 5 to 10 s, or since the beginning if that is shorter.
/// Messages of a whole feed (its statuses and gaps) are not counted.
#[derive(Debug)]
pub struct Rates {
    /// By channel and symbol.
    counts: [Vec<Count>; Channel::ALL.len()],
    lengths: [Lengths; Channel::ALL.len()],
    began: Instant,
    before_began: Instant,
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    now: u32,
    before: u32,
}

#[derive(Debug, Clone, Copy, Default)]
struct Lengths {
    noted: u64,
    count: u64,
    sum: u64,
}

/// Whether a message's length is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Measure {
    /// Tell it.
    Yes,
    /// Not this one's.
    No,
}

impl Rates {
    /// No message yet.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        let (counts, lengths) = Default::default();
        Self { counts, lengths, began: now, before_began: now }
    }

    /// A stream has a message.
    #[expect(clippy::indexing_slicing, reason = "a channel's index is below their number")]
    pub fn note(&mut self, channel: Channel, symbol: SymbolId) -> Measure {
        let counts = &mut self.counts[channel.index()];
        match counts.get_mut(symbol.index()) {
            Some(count) => count.now = count.now.saturating_add(1),
            None => {
                counts.resize(symbol.index() + 1, Count::default());
                counts[symbol.index()].now = 1;
            }
        }
        let lengths = &mut self.lengths[channel.index()];
        lengths.noted += 1;
        if lengths.noted % MEASURE_EVERY == 1 { Measure::Yes } else { Measure::No }
    }

    /// How long the noted message is, if that was to be told.
    #[expect(clippy::indexing_slicing, reason = "a channel's index is below their number")]
    pub fn measure(&mut self, channel: Channel, length: usize) {
        let lengths = &mut self.lengths[channel.index()];
        lengths.count += 1;
        lengths.sum += length as u64;
    }

    /// Time went on.
    pub fn tick(&mut self, now: Instant) {
        if now.saturating_duration_since(self.began) < STEP {
            return;
        }
        for count in self.counts.iter_mut().flatten() {
            *count = Count { now: 0, before: count.now };
        }
        for lengths in self.lengths.iter_mut().filter(|lengths| lengths.count > LENGTHS_KEPT) {
            let half = lengths.count / 2;
            (lengths.count, lengths.sum) = (half, lengths.sum * half / lengths.count);
        }
        (self.before_began, self.began) = (self.began, now);
    }

    /// Messages of one stream in 1,000 s.
    #[must_use]
    pub fn per_1000_s(&self, channel: Channel, symbol: SymbolId, now: Instant) -> u64 {
        let counts = self.counts.get(channel.index());
        let count = counts.and_then(|counts| counts.get(symbol.index()));
        let count = count.map_or(0, |count| u128::from(count.now) + u128::from(count.before));
        let window_ms = now.saturating_duration_since(self.before_began).as_millis();
        let rate = count * 1_000_000 / window_ms.max(WINDOW_MS_MIN);
        u64::try_from(rate).unwrap_or(u64::MAX)
    }

    /// Mean length of the messages of a channel, in bytes; 0 if it never had one.
    #[must_use]
    pub fn bytes(&self, channel: Channel) -> u64 {
        let lengths = self.lengths.get(channel.index());
        lengths.map_or(0, |lengths| lengths.sum.checked_div(lengths.count).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: SymbolId = SymbolId(3);

    #[test]
    fn a_rate_is_that_of_the_last_seconds() {
        let start = crate::clock::monotonic();
        let at = |ms| start + Duration::from_millis(ms);
        let mut rates = Rates::new(start);
        let run = |rates: &mut Rates, ms: std::ops::Range<u64>, every: usize| {
            for ms in ms.step_by(every) {
                rates.tick(at(ms));
                if rates.note(Channel::Trades, A) == Measure::Yes {
                    rates.measure(Channel::Trades, 201);
                }
            }
        };
        run(&mut rates, 0..500, 10);
        assert_eq!(rates.per_1000_s(Channel::Trades, A, at(500)), 50_000, "at least 1 s");
        run(&mut rates, 500..4_000, 10);
        assert_eq!(rates.per_1000_s(Channel::Trades, A, at(4_000)), 100_000);
        run(&mut rates, 4_000..20_000, 10);
        assert_eq!(rates.per_1000_s(Channel::Trades, A, at(20_000)), 100_000);
        run(&mut rates, 20_000..40_000, 100);
        assert_eq!(rates.per_1000_s(Channel::Trades, A, at(40_000)), 10_000);
        assert_eq!(rates.bytes(Channel::Trades), 201);
        rates.tick(at(45_000));
        rates.tick(at(50_000));
        assert_eq!(rates.per_1000_s(Channel::Trades, A, at(50_000)), 0);
        assert_eq!(rates.per_1000_s(Channel::Ticker, A, at(50_000)), 0);
        assert_eq!(rates.per_1000_s(Channel::Trades, SymbolId(9_999), at(50_000)), 0);
        assert_eq!(rates.bytes(Channel::Ticker), 0);
    }
}
