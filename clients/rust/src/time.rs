//! An instant as the server wrote it.

use std::fmt;

use serde::Deserialize;
use serde::Serialize;

const NANOS: i64 = 1_000_000_000;

/// An instant in UTC, up to nanoseconds, in the server's own digits: `2026-11-21T03:30:00.5Z`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(Box<str>);

impl Time {
    /// The text, RFC 3339.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Nanoseconds since 1970 UTC; `None` if the text is no time in UTC of the years 1678 to 2261.
    #[must_use]
    pub fn unix_nanos(&self) -> Option<i64> {
        let text = self.0.strip_suffix('Z')?;
        let (date, clock) = text.split_once('T')?;
        let (whole, fraction) = clock.split_once('.').unwrap_or((clock, ""));
        let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
        let [hour, minute, second] = numbers(whole, ':', [2, 2, 2])?;
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) || fraction.len() > 9 {
            return None;
        }
        if hour > 23 || minute > 59 || second > 60 || clock.ends_with('.') {
            return None;
        }
        let nanos = digits(&format!("{fraction:0<9}"))?;
        let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
        seconds.checked_mul(NANOS)?.checked_add(nanos)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Three numbers of fixed width between marks.
fn numbers(text: &str, mark: char, widths: [usize; 3]) -> Option<[i64; 3]> {
    let mut parts = text.split(mark);
    let mut numbers = [0; 3];
    for (number, width) in numbers.iter_mut().zip(widths) {
        let part = parts.next().filter(|part| part.len() == width)?;
        *number = digits(part)?;
    }
    parts.next().is_none().then_some(numbers)
}

fn digits(text: &str) -> Option<i64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Days from 1970-01-01 of a day in the Gregorian calendar: years that begin in March have their
/// leap day last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = if month <= 2 { month + 9 } else { month - 3 };
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    365 * year + leaps + (153 * month + 2) / 5 + day - 719_469
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nanos(text: &str) -> Option<i64> {
        Time(text.into()).unix_nanos()
    }

    #[test]
    fn a_time_is_its_nanoseconds() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T00:00:00.000000001Z", 1),
            ("1969-12-31T23:59:59.5Z", -500_000_000),
            ("2000-02-29T12:00:00Z", 951_825_600 * NANOS),
            ("2026-11-21T03:30:00.5Z", 1_795_231_800 * NANOS + 500_000_000),
            ("2100-03-01T00:00:00Z", 4_107_542_400 * NANOS),
        ] {
            assert_eq!(nanos(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_in_utc_has_none() {
        for text in [
            "",
            "Z",
            "2026-11-21",
            "2026-11-21T03:30:00",
            "2026-11-21T03:30:00+01:00",
            "2026-13-21T03:30:00Z",
            "2026-11-21T24:30:00Z",
            "2026-11-21T03:30:00.Z",
            "2026-11-21T03:30:00.0123456789Z",
            "2026-1-21T03:30:00Z",
            "9999-11-21T03:30:00Z",
            "2026-11-21T03:30:+1Z",
        ] {
            assert_eq!(nanos(text), None, "{text}");
        }
    }
}
