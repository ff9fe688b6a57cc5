//! Channels: what clients subscribe to; and the intervals of bars.

use tickwire_feeds::Nanos;

/// What clients subscribe to; in the order in which the messages of one `seq` go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// Best bid and ask, last trade and day figures: a state.
    Ticker,
    /// Each print: events.
    Trades,
    /// Bars of a second: a state, as all bars are.
    Bars1s,
    /// Bars of a minute.
    Bars1m,
    /// Bars of five minutes.
    Bars5m,
    /// Bars of an hour.
    Bars1h,
    /// Bars of a UTC day.
    Bars1d,
}

impl Channel {
    /// All channels that are served.
    pub const ALL: [Self; 7] = [
        Self::Ticker,
        Self::Trades,
        Self::Bars1s,
        Self::Bars1m,
        Self::Bars5m,
        Self::Bars1h,
        Self::Bars1d,
    ];

    /// The word on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ticker => "ticker",
            Self::Trades => "trades",
            Self::Bars1s => "bars.1s",
            Self::Bars1m => "bars.1m",
            Self::Bars5m => "bars.5m",
            Self::Bars1h => "bars.1h",
            Self::Bars1d => "bars.1d",
        }
    }

    /// The channel of that name, if it is served.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.word() == word)
    }

    /// As an index of a list with one entry a channel.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// How long its bars are; `None` if it has none.
    #[must_use]
    pub const fn interval(self) -> Option<Interval> {
        match self {
            Self::Ticker | Self::Trades => None,
            Self::Bars1s => Some(Interval::Second),
            Self::Bars1m => Some(Interval::Minute),
            Self::Bars5m => Some(Interval::FiveMinutes),
            Self::Bars1h => Some(Interval::Hour),
            Self::Bars1d => Some(Interval::Day),
        }
    }

    /// Whether each of its messages counts for itself, so that none may be conflated.
    #[must_use]
    pub const fn is_events(self) -> bool {
        matches!(self, Self::Trades)
    }
}

/// How long a bar is. Bars begin at whole multiples of their interval since 1970 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Interval {
    /// 1 s.
    Second,
    /// 1 min.
    Minute,
    /// 5 min.
    FiveMinutes,
    /// 1 h.
    Hour,
    /// A UTC day.
    Day,
}

impl Interval {
    /// All of them, the shortest first.
    pub const ALL: [Self; 5] =
        [Self::Second, Self::Minute, Self::FiveMinutes, Self::Hour, Self::Day];

    /// The channel of its bars.
    #[must_use]
    pub const fn channel(self) -> Channel {
        match self {
            Self::Second => Channel::Bars1s,
            Self::Minute => Channel::Bars1m,
            Self::FiveMinutes => Channel::Bars5m,
            Self::Hour => Channel::Bars1h,
            Self::Day => Channel::Bars1d,
        }
    }

    /// As an index of a list with one entry an interval.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Its length in nanoseconds.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        const SECOND: i64 = 1_000_000_000;
        match self {
            Self::Second => SECOND,
            Self::Minute => 60 * SECOND,
            Self::FiveMinutes => 300 * SECOND,
            Self::Hour => 3_600 * SECOND,
            Self::Day => 86_400 * SECOND,
        }
    }

    /// Where the bar begins in which a time falls.
    #[must_use]
    pub const fn start_of(self, at: Nanos) -> Nanos {
        let length = self.nanos();
        Nanos(at.0.div_euclid(length).saturating_mul(length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_interval_has_its_channel() {
        for interval in Interval::ALL {
            assert_eq!(interval.channel().interval(), Some(interval));
        }
        let with_bars = Channel::ALL.iter().filter(|channel| channel.interval().is_some());
        assert_eq!(with_bars.count(), Interval::ALL.len());
        for (index, channel) in Channel::ALL.into_iter().enumerate() {
            assert_eq!(channel.index(), index);
            assert_eq!(Channel::parse(channel.word()), Some(channel));
        }
    }

    #[test]
    fn a_bar_begins_at_a_whole_multiple_also_before_1970() {
        let second = 1_000_000_000;
        for (at, start) in [(0, 0), (second - 1, 0), (second, second), (-1, -second)] {
            assert_eq!(Interval::Second.start_of(Nanos(at)), Nanos(start));
        }
        let day = Nanos::parse_rfc3339("2026-11-21T23:59:59.999999999Z").unwrap();
        assert_eq!(Interval::Day.start_of(day), day.day().start());
        assert_eq!(Interval::Day.start_of(Nanos(i64::MIN)), Nanos(i64::MIN));
    }
}
