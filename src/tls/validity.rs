//! From when to when a certificate is valid, read from its bytes (RFC 5280 §4.1).
//!
//! Nobody is trusted for it: it is the operator's own certificate, and the answer is a warning.

/// A span of time in seconds since 1970 UTC, both ends within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// The first second.
    pub from: i64,
    /// The last second.
    pub until: i64,
}

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xA0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

impl Validity {
    /// Reads it from a certificate in DER; `None` if that is none.
    #[must_use]
    pub fn of(certificate: &[u8]) -> Option<Self> {
        let (inside, _) = element(certificate, SEQUENCE)?;
        let (mut rest, _) = element(inside, SEQUENCE)?;
        if rest.first() == Some(&VERSION) {
            rest = next(rest)?.2;
        }
        // Serial number, signature algorithm, issuer.
        for _ in 0..3 {
            rest = next(rest)?.2;
        }
        let (times, _) = element(rest, SEQUENCE)?;
        let (kind, from, rest) = next(times)?;
        let from = time(kind, from)?;
        let (kind, until, _) = next(rest)?;
        Some(Self { from, until: time(kind, until)? })
    }
}

/// What is in an element of this kind, and what follows it.
fn element(bytes: &[u8], kind: u8) -> Option<(&[u8], &[u8])> {
    let (found, inside, rest) = next(bytes)?;
    (found == kind).then_some((inside, rest))
}

/// The kind of the next element, what is in it, and what follows it.
fn next(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let [kind, length, rest @ ..] = bytes else { return None };
    let (length, rest) = match length {
        0..=0x7F => (usize::from(*length), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(length & 0x0F))?;
            let length = digits.iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
            (length, rest)
        }
        _ => return None,
    };
    let (inside, rest) = rest.split_at_checked(length)?;
    Some((*kind, inside, rest))
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`.
fn time(kind: u8, text: &[u8]) -> Option<i64> {
    let digits = text.strip_suffix(b"Z")?;
    let (year, rest) = match kind {
        UTC_TIME if digits.len() == 12 => {
            let year = number(digits.get(..2)?)?;
            (if year < 50 { 2000 + year } else { 1900 + year }, digits.get(2..)?)
        }
        GENERALIZED_TIME if digits.len() == 14 => (number(digits.get(..4)?)?, digits.get(4..)?),
        _ => return None,
    };
    let mut pairs = rest.chunks(2).map(number);
    let mut part = |most: i64| pairs.next().flatten().filter(|number| *number <= most);
    let (month, day) = (part(12)?, part(31)?);
    let (hour, minute, second) = (part(23)?, part(59)?, part(60)?);
    (month > 0 && day > 0).then_some(())?;
    Some(days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |sum, digit| {
        digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0'))
    })
}

/// Days since 1970-01-01 in the Gregorian calendar, counted in years that begin in March.
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_forms_of_a_time_are_read() {
        assert_eq!(time(UTC_TIME, b"700101000000Z"), Some(0));
        assert_eq!(time(UTC_TIME, b"491231235959Z"), Some(2_524_607_999));
        assert_eq!(time(UTC_TIME, b"500101000000Z"), Some(-631_152_000));
        assert_eq!(time(GENERALIZED_TIME, b"20240229120000Z"), Some(1_709_208_000));
        assert_eq!(time(GENERALIZED_TIME, b"99991231235959Z"), Some(253_402_300_799));
        for (kind, text) in [
            (UTC_TIME, &b"7001010000Z"[..]),
            (UTC_TIME, b"700101000000"),
            (UTC_TIME, b"701301000000Z"),
            (UTC_TIME, b"70010100000xZ"),
            (GENERALIZED_TIME, b"700101000000Z"),
            (2, b"700101000000Z"),
        ] {
            assert_eq!(time(kind, text), None, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn a_certificate_says_from_when_to_when() {
        let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2024, 2, 29);
        params.not_after = rcgen::date_time_ymd(2051, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let validity = Validity::of(certificate.der());
        assert_eq!(validity, Some(Validity { from: 1_709_164_800, until: 2_556_144_000 }));
        for length in 0..60 {
            assert_eq!(Validity::of(&certificate.der()[..length]), None);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _found = Validity::of(&bytes);
        }
    }
}
