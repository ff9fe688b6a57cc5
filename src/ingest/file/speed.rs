//! How fast a recording is played.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use tickwire_feeds::Error;
use tickwire_feeds::Nanos;
use tokio::time::Instant;

const PPM: u64 = 1_000_000;

/// A multiple of the recording's own speed, to six decimal places; 0 is as fast as it is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Speed {
    ppm: u64,
}

/// When the frames of a recording are due.
#[derive(Debug)]
pub(super) struct Pace {
    speed: Speed,
    base: Option<(Instant, Nanos)>,
}

impl Speed {
    /// As it happened.
    pub const AS_RECORDED: Self = Self { ppm: PPM };
    /// As fast as it is taken.
    pub const FULL: Self = Self { ppm: 0 };
}

impl FromStr for Speed {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || {
            let text = tickwire_feeds::error::quoted(text);
            Error::BadSetting(format!(
                "speed {text:?} must be a number from 0 to 1000000 with at most 6 decimal places"
            ))
        };
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| {
            !text.is_empty() && text.len() <= 7 && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !digits(whole) || !digits(fraction) || fraction.len() > 6 {
            return Err(bad());
        }
        let whole: u64 = whole.parse().map_err(|_| bad())?;
        let fraction: u64 = format!("{fraction:0<6}").parse().map_err(|_| bad())?;
        let ppm = whole * PPM + fraction;
        (ppm <= PPM * PPM).then_some(Self { ppm }).ok_or_else(bad)
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fraction = format!("{:06}", self.ppm % PPM);
        match fraction.trim_end_matches('0') {
            "" => write!(f, "{}", self.ppm / PPM),
            fraction => write!(f, "{}.{fraction}", self.ppm / PPM),
        }
    }
}

impl Pace {
    pub(super) const fn new(speed: Speed) -> Self {
        Self { speed, base: None }
    }

    /// When a frame of that time is due; `None` for at once. The first one is due now.
    pub(super) fn due(&mut self, time: Option<Nanos>, now: Instant) -> Option<Instant> {
        let time = time.filter(|_| self.speed != Speed::FULL)?;
        let (since, first) = *self.base.get_or_insert((now, time));
        let ahead = u128::try_from(i128::from(time.0) - i128::from(first.0)).ok()?;
        let ahead = ahead * u128::from(PPM) / u128::from(self.speed.ppm);
        // What is due after the end of all clocks is never due, and 100 years are as good.
        let ahead = Duration::from_nanos(u64::try_from(ahead).unwrap_or(u64::MAX / 6));
        Some(since + ahead).filter(|due| *due > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speed_is_a_decimal_number() {
        for (text, ppm) in
            [("1", PPM), ("0.5", PPM / 2), ("0", 0), ("0.000001", 1), ("2500", 2_500 * PPM)]
        {
            let speed: Speed = text.parse().unwrap();
            assert_eq!((speed.ppm, speed.to_string().as_str()), (ppm, text));
        }
        assert_eq!("2.50".parse::<Speed>().unwrap().to_string(), "2.5");
        assert_eq!("1000000".parse::<Speed>().unwrap().ppm, PPM * PPM);
    }

    #[test]
    fn what_is_no_speed_is_refused() {
        for text in ["", ".", "1.", ".5", "-1", "+1", "1e3", "0.0000001", "1000001", "99999999"] {
            assert!(text.parse::<Speed>().is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn frames_are_due_by_their_times_and_the_speed() {
        let now = Instant::now();
        let mut pace = Pace::new("0.5".parse().unwrap());
        assert_eq!(pace.due(Some(Nanos(1_000)), now), None);
        assert_eq!(pace.due(Some(Nanos(1_500)), now), Some(now + Duration::from_nanos(1_000)));
        assert_eq!(pace.due(Some(Nanos(500)), now), None, "a clock that stepped back");
        assert_eq!(pace.due(None, now), None);
        let far = pace.due(Some(Nanos(i64::MAX)), now).unwrap();
        assert!(far > now + Duration::from_secs(86_400 * 365));
        let mut pace = Pace::new(Speed::FULL);
        assert_eq!(pace.due(Some(Nanos(0)), now), None);
        assert_eq!(pace.due(Some(Nanos(i64::MAX)), now), None);
        let mut pace = Pace::new("0.000001".parse().unwrap());
        assert_eq!(pace.due(Some(Nanos(i64::MIN)), now), None);
        assert!(pace.due(Some(Nanos(i64::MAX)), now).is_some());
    }
}
