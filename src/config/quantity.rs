//! Quantities as people write them: sizes (`64MiB`), spans of time (`7d`) and speeds (`0.5`).

use std::fmt;

/// Units of size, greatest first; a bare number is bytes.
const SIZE_UNITS: &[(&str, u64)] = &[
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

/// Units of time in ms, greatest first; a bare number is refused, as nobody can tell its unit.
/// `ms` stands before `m` and `s`, which end it.
const SPAN_UNITS: &[(&str, u64)] =
    &[("d", 86_400_000), ("h", 3_600_000), ("ms", 1), ("m", 60_000), ("s", 1_000)];

/// Thousandths in one.
const MILLI: u32 = 1_000;

/// An amount of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(u64);

/// A span of time, in whole milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(u64);

/// How fast recorded time passes: 1 as it happened, 2 twice as fast, 0 without waiting at all.
/// Kept in thousandths, 0 to 1,000,000.000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Speed(u32);

impl ByteSize {
    /// From a number of bytes.
    #[must_use]
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// Reads `4GiB`, `500MB`, `65536`; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        with_unit(text, SIZE_UNITS).or_else(|| whole(text)).map(Self)
    }

    /// The number of bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl Span {
    /// From a number of milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Reads `7d`, `12h`, `90m`, `30s`, `250ms`; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        with_unit(text, SPAN_UNITS).map(Self)
    }

    /// The number of milliseconds.
    #[must_use]
    pub const fn millis(self) -> u64 {
        self.0
    }
}

impl Speed {
    /// As it happened.
    pub const AS_IT_HAPPENED: Self = Self(MILLI);
    /// Without waiting.
    pub const UNPACED: Self = Self(0);

    /// Reads `0`, `1`, `0.5`, `12.25`: at most three digits after the point, at most a million.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (ones, fraction) = text.split_once('.').unwrap_or((text, "0"));
        if fraction.is_empty() || fraction.len() > 3 {
            return None;
        }
        let ones = u32::try_from(whole(ones)?).ok().filter(|ones| *ones <= 1_000_000)?;
        let fraction = u32::try_from(whole(&format!("{fraction:0<3}"))?).ok()?;
        Some(Self(ones.checked_mul(MILLI)?.checked_add(fraction)?))
    }

    /// In thousandths of the speed at which it happened.
    #[must_use]
    pub const fn thousandths(self) -> u32 {
        self.0
    }

    /// How long to wait, in ns, for what took `nanos` when it happened; a step back in time, and
    /// anything at [`Speed::UNPACED`], takes no time.
    #[must_use]
    pub fn pace(self, nanos: i64) -> i64 {
        if self.0 == 0 || nanos <= 0 {
            return 0;
        }
        let paced = i128::from(nanos) * i128::from(MILLI) / i128::from(self.0);
        i64::try_from(paced).unwrap_or(i64::MAX)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_in_unit(f, self.0, SIZE_UNITS)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_in_unit(f, self.0, SPAN_UNITS)
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ones, thousandths) = (self.0 / MILLI, self.0 % MILLI);
        if thousandths == 0 {
            return write!(f, "{ones}");
        }
        let digits = format!("{thousandths:03}");
        write!(f, "{ones}.{}", digits.trim_end_matches('0'))
    }
}

fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (digits, factor) = units
        .iter()
        .find_map(|(unit, factor)| text.strip_suffix(unit).map(|digits| (digits, factor)))?;
    whole(digits)?.checked_mul(*factor)
}

/// A plain whole number: digits alone, where `str::parse` would take a sign too.
fn whole(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// In the unit that needs the fewest digits without losing any.
fn write_in_unit(f: &mut fmt::Formatter<'_>, amount: u64, units: &[(&str, u64)]) -> fmt::Result {
    let exact = units.iter().filter(|(_, factor)| amount.is_multiple_of(*factor));
    match exact.max_by_key(|(_, factor)| *factor) {
        Some((unit, factor)) if amount != 0 => write!(f, "{}{unit}", amount / factor),
        _ => write!(f, "{amount}{}", units.iter().min_by_key(|(_, by)| *by).map_or("", |u| u.0)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_read_in_either_kind_of_unit() {
        for (text, bytes) in [
            ("0", 0),
            ("65536", 65_536),
            ("64MiB", 64 << 20),
            ("4GiB", 4 << 30),
            ("1kB", 1_000),
            ("12B", 12),
            ("2TB", 2_000_000_000_000),
        ] {
            assert_eq!(ByteSize::parse(text).map(ByteSize::bytes), Some(bytes), "{text}");
        }
        assert_eq!(ByteSize::from_bytes(64 << 20).to_string(), "64MiB");
        assert_eq!(ByteSize::from_bytes(0).to_string(), "0B");
        assert_eq!(ByteSize::from_bytes(1_025).to_string(), "1025B");
    }

    #[test]
    fn spans_are_read_with_their_unit() {
        for (text, millis) in
            [("250ms", 250), ("30s", 30_000), ("90m", 5_400_000), ("12h", 43_200_000), ("0s", 0)]
        {
            assert_eq!(Span::parse(text).map(Span::millis), Some(millis), "{text}");
        }
        assert_eq!(Span::parse("7d").unwrap().to_string(), "7d");
        assert_eq!(Span::from_millis(1_500).to_string(), "1500ms");
        assert_eq!(Span::from_millis(0).to_string(), "0ms");
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for text in
            ["", "B", "MiB", "-1", "+1", "1.5GiB", "4 GiB", "4gib", "99999999999999GiB", "4G", "١"]
        {
            assert_eq!(ByteSize::parse(text), None, "{text}");
        }
        for text in ["", "d", "7", "7 d", "-7d", "1.5h", "7w", "99999999999999999d"] {
            assert_eq!(Span::parse(text), None, "{text}");
        }
        for text in ["", ".", "1.", ".5", "-1", "+1", "1.2345", "1000001", "x", "1e3", "1.2.3"] {
            assert_eq!(Speed::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_speed_shortens_waiting() {
        let speed = |text| Speed::parse(text).unwrap();
        assert_eq!(speed("1"), Speed::AS_IT_HAPPENED);
        assert_eq!(speed("0"), Speed::UNPACED);
        assert_eq!(speed("1").pace(1_000), 1_000);
        assert_eq!(speed("10").pace(1_000), 100);
        assert_eq!(speed("0.5").pace(1_000), 2_000);
        assert_eq!(speed("0").pace(1_000), 0);
        assert_eq!(speed("1").pace(-1_000), 0);
        assert_eq!(speed("0.001").pace(i64::MAX), i64::MAX);
        assert_eq!(speed("12.250").to_string(), "12.25");
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(amount: u64, thousandths in 0_u32..=1_000_000_000) {
            prop_assert_eq!(ByteSize::parse(&ByteSize(amount).to_string()), Some(ByteSize(amount)));
            prop_assert_eq!(Span::parse(&Span(amount).to_string()), Some(Span(amount)));
            let speed = Speed(thousandths);
            prop_assert_eq!(Speed::parse(&speed.to_string()), Some(speed));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,12}") {
            let _ = (ByteSize::parse(&text), Span::parse(&text), Speed::parse(&text));
        }
    }
}
