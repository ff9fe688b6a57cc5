//! Points in time as nanoseconds since 1970 UTC, and their RFC 3339 form.

use std::fmt;

use crate::error::Error;

const NANOS_PER_SECOND: i64 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
/// 0001-01-01T00:00:00Z would not fit 64 bits of nanoseconds; venues that send it mean "none".
const YEAR_MIN: i64 = 1678;
const YEAR_MAX: i64 = 2261;

/// Nanoseconds since 1970-01-01T00:00:00Z, negative before. Spans the years 1678 to 2261.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Nanos(pub i64);

/// A UTC calendar day, counted from 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Day(pub i32);

impl Nanos {
    /// From whole milliseconds; saturates at the ends of the range.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// From whole microseconds; saturates at the ends of the range.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros.saturating_mul(1_000))
    }

    /// `millis` milliseconds later; saturates.
    #[must_use]
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis.saturating_mul(1_000_000)))
    }

    /// Whole milliseconds from `earlier` to here, negative if it is later.
    #[must_use]
    pub const fn millis_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0) / 1_000_000
    }

    /// The UTC day this falls in.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "2^63 ns are 106,751 days")]
    pub const fn day(self) -> Day {
        Day(self.0.div_euclid(NANOS_PER_SECOND * SECONDS_PER_DAY) as i32)
    }

    /// Parses RFC 3339 (`2021-04-17T16:43:37.123456789+02:00`); digits beyond nanoseconds are cut.
    ///
    /// # Errors
    /// [`Error::BadTime`] for anything else, an impossible date, or a year outside 1678..=2261.
    pub fn parse_rfc3339(text: &str) -> Result<Self, Error> {
        let within = |time: &Civil| (YEAR_MIN..=YEAR_MAX).contains(&time.year);
        let time = Civil::parse(text.as_bytes()).filter(within);
        time.and_then(Civil::nanos).ok_or_else(|| Error::bad_time(text))
    }

    /// Parses the end of a range, where `9999-12-31T23:59:59Z` means for ever: a year outside
    /// 1678..=2261 is the first or the last second within.
    ///
    /// # Errors
    /// [`Error::BadTime`] for anything that is no RFC 3339, or an impossible date.
    pub fn parse_bound(text: &str) -> Result<Self, Error> {
        let time = Civil::parse(text.as_bytes()).map(|time| match time.year {
            ..YEAR_MIN => Civil { seconds: seconds_of(YEAR_MIN), fraction: 0, ..time },
            YEAR_MIN..=YEAR_MAX => time,
            _ => Civil { seconds: seconds_of(YEAR_MAX + 1) - 1, fraction: 0, ..time },
        });
        time.and_then(Civil::nanos).ok_or_else(|| Error::bad_time(text))
    }

    /// Appends the RFC 3339 form in UTC, trailing zeros of the fraction trimmed.
    pub fn write_rfc3339(self, out: &mut Vec<u8>) {
        self.day().write(out);
        let in_day = self.0.rem_euclid(NANOS_PER_SECOND * SECONDS_PER_DAY);
        let (second, mut fraction) = (in_day / NANOS_PER_SECOND, in_day % NANOS_PER_SECOND);
        out.push(b'T');
        push_digits(out, second / 3600, 2);
        out.push(b':');
        push_digits(out, second / 60 % 60, 2);
        out.push(b':');
        push_digits(out, second % 60, 2);
        if fraction != 0 {
            let mut digits = 9;
            while fraction % 10 == 0 {
                fraction /= 10;
                digits -= 1;
            }
            out.push(b'.');
            push_digits(out, fraction, digits);
        }
        out.push(b'Z');
    }
}

impl Day {
    /// The first instant of the day.
    #[must_use]
    pub const fn start(self) -> Nanos {
        Nanos((self.0 as i64).saturating_mul(SECONDS_PER_DAY * NANOS_PER_SECOND))
    }

    /// Appends `YYYY-MM-DD`.
    pub fn write(self, out: &mut Vec<u8>) {
        let (year, month, day) = civil_from_days(i64::from(self.0));
        push_digits(out, year, 4);
        out.push(b'-');
        push_digits(out, month, 2);
        out.push(b'-');
        push_digits(out, day, 2);
    }
}

impl fmt::Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::with_capacity(30);
        self.write_rfc3339(&mut out);
        f.write_str(&String::from_utf8_lossy(&out))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::with_capacity(10);
        self.write(&mut out);
        f.write_str(&String::from_utf8_lossy(&out))
    }
}

/// A point in time of any year that four digits can tell.
struct Civil {
    /// As it was written; an offset may lead into the next or the last one.
    year: i64,
    /// Since 1970 UTC.
    seconds: i64,
    /// In ns.
    fraction: i64,
}

impl Civil {
    fn nanos(self) -> Option<Nanos> {
        self.seconds.checked_mul(NANOS_PER_SECOND)?.checked_add(self.fraction).map(Nanos)
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T' | b't' | b' ', rest @ ..] = text
        else {
            return None;
        };
        let [h1, h2, b':', n1, n2, b':', s1, s2, rest @ ..] = rest else { return None };
        let year = digits(&[*y1, *y2, *y3, *y4])?;
        let (month, day) = (digits(&[*m1, *m2])?, digits(&[*d1, *d2])?);
        let (hour, minute, second) =
            (digits(&[*h1, *h2])?, digits(&[*n1, *n2])?, digits(&[*s1, *s2])?);
        if !(1..=12).contains(&month)
            || day < 1
            || day > days_in_month(year, month)
            || hour > 23
            || minute > 59
            || second > 60
        {
            return None;
        }
        let (fraction, rest) = parse_fraction(rest)?;
        let offset_minutes = parse_offset(rest)?;
        let seconds = days_from_civil(year, month, day) * SECONDS_PER_DAY
            + hour * 3600
            + (minute - offset_minutes) * 60
            + second;
        Some(Self { year, seconds, fraction })
    }
}

/// Where a year begins.
fn seconds_of(year: i64) -> i64 {
    days_from_civil(year, 1, 1) * SECONDS_PER_DAY
}

/// The nanoseconds of `.123`, and what follows them.
fn parse_fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let Some((b'.', rest)) = text.split_first() else { return Some((0, text)) };
    let count = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    let (fraction, rest) = rest.split_at_checked(count)?;
    let kept = fraction.get(..9).unwrap_or(fraction);
    if kept.is_empty() {
        return None;
    }
    let scale = (kept.len()..9).fold(1, |scale, _| scale * 10);
    Some((digits(kept)? * scale, rest))
}

/// Minutes east of UTC of `Z`, `+02:00` or `-0330`.
fn parse_offset(text: &[u8]) -> Option<i64> {
    let (sign, h1, h2, m1, m2) = match *text {
        [b'Z' | b'z'] => return Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] | [sign @ (b'+' | b'-'), h1, h2, m1, m2] => {
            (sign, h1, h2, m1, m2)
        }
        _ => return None,
    };
    let (hours, minutes) = (digits(&[h1, h2])?, digits(&[m1, m2])?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    let total = hours * 60 + minutes;
    Some(if sign == b'-' { -total } else { total })
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0_i64, |sum, byte| {
        byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0'))
    })
}

#[expect(clippy::cast_sign_loss, reason = "0..=9 fits a byte")]
fn push_digits(out: &mut Vec<u8>, value: i64, width: u32) {
    for place in (0..width).rev() {
        out.push(b'0' + (value / 10_i64.pow(place) % 10) as u8);
    }
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar, by counting 400-year
/// eras of years that begin in March.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The inverse of [`days_from_civil`]: year, month, day.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, nanos: i64, canonical: &str) {
        let parsed = Nanos::parse_rfc3339(text).unwrap();
        assert_eq!(parsed, Nanos(nanos));
        assert_eq!(parsed.to_string(), canonical);
    }

    #[test]
    fn times_are_read_and_written() {
        check("1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z");
        check("2021-04-17T16:43:37.5Z", 1_618_677_817_500_000_000, "2021-04-17T16:43:37.5Z");
        check(
            "2000-02-29T23:59:59.000000001Z",
            951_868_799_000_000_001,
            "2000-02-29T23:59:59.000000001Z",
        );
        check("2021-04-17T18:43:37.500+02:00", 1_618_677_817_500_000_000, "2021-04-17T16:43:37.5Z");
        check("1969-12-31T23:59:59.25Z", -750_000_000, "1969-12-31T23:59:59.25Z");
        check(
            "2021-04-17T16:43:37.1234567899Z",
            1_618_677_817_123_456_789,
            "2021-04-17T16:43:37.123456789Z",
        );
    }

    #[test]
    fn the_end_of_a_range_may_be_for_ever() {
        for (text, canonical) in [
            ("9999-12-31T23:59:59Z", "2261-12-31T23:59:59Z"),
            ("2262-01-01T00:00:00Z", "2261-12-31T23:59:59Z"),
            ("0001-01-01T00:00:00Z", "1678-01-01T00:00:00Z"),
            ("0000-01-01T00:00:00+23:59", "1678-01-01T00:00:00Z"),
            ("2021-04-17T18:43:37.5+02:00", "2021-04-17T16:43:37.5Z"),
        ] {
            assert_eq!(Nanos::parse_bound(text).unwrap().to_string(), canonical, "{text}");
        }
        for text in ["", "9999", "9999-13-01T00:00:00Z", "99999-01-01T00:00:00Z"] {
            assert!(Nanos::parse_bound(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2021",
            "2021-04-17",
            "2021-02-29T00:00:00Z",
            "2021-13-01T00:00:00Z",
            "2021-04-17T24:00:00Z",
            "2021-04-17T00:60:00Z",
            "2021-04-17T00:00:00",
            "0001-01-01T00:00:00Z",
            "2021-04-17T00:00:00.Z",
            "2021-04-17T00:00:00+25:00",
            "2021-04-17T00:00:00é",
        ] {
            assert!(Nanos::parse_rfc3339(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_time_comes_back(nanos in any::<i64>()) {
            let time = Nanos(nanos);
            let year: i64 = time.to_string()[..4].parse().unwrap();
            if (YEAR_MIN..=YEAR_MAX).contains(&year) {
                prop_assert_eq!(Nanos::parse_rfc3339(&time.to_string()).unwrap(), time);
            }
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            prop_assert!(Nanos::parse_rfc3339(&text).is_err() || text.len() >= 20);
        }
    }
}
