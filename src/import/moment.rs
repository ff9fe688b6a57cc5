//! Moments: times as files write them.

use tickwire_feeds::Nanos;

/// What a whole number of a time counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Seconds since 1970.
    Seconds,
    /// Milliseconds since 1970.
    Millis,
    /// Microseconds since 1970.
    Micros,
    /// Nanoseconds since 1970.
    Nanos,
}

impl Unit {
    /// As the end of a column's name says, or a word of a user.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        let end = name.rsplit(['_', ' ', '-', '.']).next().unwrap_or_default();
        [
            ("ns", Self::Nanos),
            ("nanos", Self::Nanos),
            ("us", Self::Micros),
            ("micros", Self::Micros),
            ("ms", Self::Millis),
            ("millis", Self::Millis),
            ("s", Self::Seconds),
            ("sec", Self::Seconds),
            ("seconds", Self::Seconds),
        ]
        .into_iter()
        .find(|(word, _)| end.eq_ignore_ascii_case(word))
        .map(|(_, unit)| unit)
    }

    /// What a number must count to be a time of our age: the four are a thousand apart, so each
    /// number between 1973 and 5138 is one of one unit only.
    const fn of_number(number: i64) -> Self {
        match number.unsigned_abs() {
            0..100_000_000_000 => Self::Seconds,
            100_000_000_000..100_000_000_000_000 => Self::Millis,
            100_000_000_000_000..100_000_000_000_000_000 => Self::Micros,
            _ => Self::Nanos,
        }
    }

    const fn nanos(self) -> i64 {
        match self {
            Self::Seconds => 1_000_000_000,
            Self::Millis => 1_000_000,
            Self::Micros => 1_000,
            Self::Nanos => 1,
        }
    }
}

/// Reads a whole or decimal number of some unit, or RFC 3339, where a time without an offset is
/// one of UTC. What is finer than a nanosecond is cut.
pub(super) fn parse(text: &str, unit: Option<Unit>) -> Option<Nanos> {
    if let Ok(number) = text.parse::<i64>()
        && !text.starts_with('+')
    {
        let unit = unit.unwrap_or_else(|| Unit::of_number(number));
        return number.checked_mul(unit.nanos()).map(Nanos);
    }
    match text.split_once('.') {
        Some((whole, fraction)) if !whole.contains(':') => decimal((whole, fraction), unit),
        _ => civil(text),
    }
}

fn decimal((whole, fraction): (&str, &str), unit: Option<Unit>) -> Option<Nanos> {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !is_digits(whole.strip_prefix('-').unwrap_or(whole)) || !is_digits(fraction) {
        return None;
    }
    let number: i64 = whole.parse().ok()?;
    let unit = unit.unwrap_or_else(|| Unit::of_number(number));
    let (mut nanos, mut place) = (0_i64, unit.nanos());
    for digit in fraction.bytes() {
        place /= 10;
        nanos += i64::from(digit - b'0') * place;
    }
    let nanos = if whole.starts_with('-') { -nanos } else { nanos };
    number.checked_mul(unit.nanos())?.checked_add(nanos).map(Nanos)
}

fn civil(text: &str) -> Option<Nanos> {
    /// `2024-08-08 23:54:14` and what may follow it.
    const SECOND: usize = 19;
    let rest = text.get(SECOND..)?;
    if rest.contains(['Z', 'z', '+', '-']) {
        return Nanos::parse_rfc3339(text).ok();
    }
    Nanos::parse_rfc3339(&format!("{text}Z")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: i64 = 1_723_161_254_024_619_568;

    #[track_caller]
    fn check(text: &str, nanos: i64) {
        assert_eq!(parse(text, None), Some(Nanos(nanos)), "{text}");
    }

    #[test]
    fn a_number_says_by_its_size_what_it_counts() {
        check("1723161254024619568", AT);
        check("1723161254024619", AT - AT % 1_000);
        check("1723161254024", AT - AT % 1_000_000);
        check("1723161254", AT - AT % 1_000_000_000);
        check("1723161254.024619568", AT);
        check("1723161254.0246195689", AT);
        check("1723161254024.619568", AT);
        check("-1.5", -1_500_000_000);
        check("0", 0);
    }

    #[test]
    fn a_unit_that_is_named_holds() {
        assert_eq!(parse("5", Some(Unit::Nanos)), Some(Nanos(5)));
        assert_eq!(parse("5.25", Some(Unit::Micros)), Some(Nanos(5_250)));
        assert_eq!(parse("9223372036854775807", Some(Unit::Millis)), None);
        for (name, unit) in [
            ("time_ns", Some(Unit::Nanos)),
            ("exch_ts_ms", Some(Unit::Millis)),
            ("t (us)", None),
            ("Time S", Some(Unit::Seconds)),
            ("ms", Some(Unit::Millis)),
            ("times", None),
            ("ts", None),
        ] {
            assert_eq!(Unit::of_name(name), unit, "{name}");
        }
    }

    #[test]
    fn dates_are_read_and_are_utc_unless_they_say_otherwise() {
        check("2024-08-08T23:54:14.024619568Z", AT);
        check("2024-08-09T01:54:14.024619568+02:00", AT);
        check("2024-08-08 23:54:14.024619568", AT);
        check("2024-08-08T23:54:14", AT - AT % 1_000_000_000);
        for text in [
            "",
            "x",
            "-",
            ".",
            "1.",
            ".5",
            "1e9",
            "+5",
            "1 ",
            "2024-08-08",
            "2024-13-08T23:54:14Z",
            "99999999999999999999",
            "é2024-08-08T23:54:14",
            "1.2.3",
            "NaN",
        ] {
            assert_eq!(parse(text, None), None, "{text}");
        }
    }
}
