//! Messages of `tickwire.v1.msgpack` as the JSON that they stand for.

use rmpv::ValueRef;
use serde_json::Map;
use serde_json::Value;

use crate::error::Error;

/// Deepest nesting that the protocol has.
const DEPTH_MAX: usize = 16;
/// The extension type of times.
const TIMESTAMP: i8 = -1;
const SECONDS_A_DAY: i64 = 86_400;

/// The JSON of a message.
///
/// # Errors
/// [`Error::Protocol`] if it is none.
pub(crate) fn to_json(mut bytes: &[u8]) -> Result<String, Error> {
    let broken = |what: &dyn std::fmt::Display| Error::Protocol(format!("MessagePack: {what}"));
    let value = rmpv::decode::read_value_ref_with_max_depth(&mut bytes, DEPTH_MAX)
        .map_err(|error| broken(&error))?;
    if !bytes.is_empty() {
        return Err(broken(&"bytes after the message"));
    }
    let json = convert(&value).ok_or_else(|| broken(&"what has no place in a message"))?;
    Ok(json.to_string())
}

fn convert(value: &ValueRef<'_>) -> Option<Value> {
    Some(match value {
        ValueRef::Nil => Value::Null,
        ValueRef::Boolean(it) => Value::Bool(*it),
        ValueRef::Integer(it) => match it.as_u64() {
            Some(number) => number.into(),
            None => it.as_i64()?.into(),
        },
        ValueRef::F64(it) => Value::Number(serde_json::Number::from_f64(*it)?),
        ValueRef::String(it) => it.as_str()?.into(),
        ValueRef::Array(items) => Value::Array(items.iter().map(convert).collect::<Option<_>>()?),
        ValueRef::Map(pairs) => {
            let pair = |(key, value): &(ValueRef<'_>, ValueRef<'_>)| {
                let ValueRef::String(key) = key else { return None };
                Some((key.as_str()?.to_owned(), convert(value)?))
            };
            Value::Object(pairs.iter().map(pair).collect::<Option<Map<_, _>>>()?)
        }
        ValueRef::Ext(TIMESTAMP, bytes) => time(bytes)?.into(),
        ValueRef::F32(_) | ValueRef::Binary(_) | ValueRef::Ext(..) => return None,
    })
}

/// A timestamp in the server's digits.
fn time(bytes: &[u8]) -> Option<String> {
    let (seconds, nanos) = match bytes.len() {
        4 => (i64::from(u32::from_be_bytes(bytes.try_into().ok()?)), 0),
        8 => {
            let both = u64::from_be_bytes(bytes.try_into().ok()?);
            (i64::try_from(both & ((1 << 34) - 1)).ok()?, u32::try_from(both >> 34).ok()?)
        }
        12 => {
            let (nanos, seconds) = bytes.split_first_chunk::<4>()?;
            (i64::from_be_bytes(seconds.try_into().ok()?), u32::from_be_bytes(*nanos))
        }
        _ => return None,
    };
    if nanos >= 1_000_000_000 || !(-377_705_116_800..253_402_300_800).contains(&seconds) {
        return None;
    }
    let (days, second) = (seconds.div_euclid(SECONDS_A_DAY), seconds.rem_euclid(SECONDS_A_DAY));
    let [year, month, day] = date(days);
    let clock = format!("{:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60);
    let whole = format!("{year:04}-{month:02}-{day:02}T{clock}");
    if nanos == 0 {
        return Some(format!("{whole}Z"));
    }
    let fraction = format!("{nanos:09}");
    Some(format!("{whole}.{}Z", fraction.trim_end_matches('0')))
}

/// The day of the Gregorian calendar that is so many days after 1970-01-01; eras of 400 years begin
/// in March, so that the leap day is the last of its year.
fn date(days: i64) -> [i64; 3] {
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    [era * 400 + year + i64::from(month <= 2), month, day]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_the_json_that_it_stands_for() {
        let mut bytes = vec![0x84, 0xA4];
        bytes.extend(b"type\xA5trade\xA3seq\xCD\x01\x00\xA2ts\xD7\xFF");
        bytes.extend((500_000_000_u64 << 34 | 1_795_231_800).to_be_bytes());
        bytes.extend(b"\xA4late\xC3");
        let json = r#"{"type":"trade","seq":256,"ts":"2026-11-21T03:30:00.5Z","late":true}"#;
        assert_eq!(to_json(&bytes).unwrap(), json);
    }

    #[test]
    fn a_time_is_written_as_the_server_writes_it() {
        let of = |seconds: i64, nanos: u32| {
            time(&[&nanos.to_be_bytes()[..], &seconds.to_be_bytes()[..]].concat())
        };
        for (seconds, nanos, expected) in [
            (0, 0, "1970-01-01T00:00:00Z"),
            (-1, 999_999_999, "1969-12-31T23:59:59.999999999Z"),
            (951_825_600, 0, "2000-02-29T12:00:00Z"),
            (4_107_542_400, 120_000, "2100-03-01T00:00:00.00012Z"),
        ] {
            assert_eq!(of(seconds, nanos).as_deref(), Some(expected));
        }
        assert_eq!(time(&[0, 0, 0, 1]).as_deref(), Some("1970-01-01T00:00:01Z"));
        for (seconds, nanos) in [(i64::MAX, 0), (i64::MIN, 0), (0, 1_000_000_000)] {
            assert_eq!(of(seconds, nanos), None);
        }
        assert_eq!(time(&[1, 2, 3]), None);
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let deep = [vec![0x91; 1_000], vec![0xC0]].concat();
        for bytes in [
            &b""[..],
            b"\x81",
            b"\x81\x01\x01",
            b"\xC4\x01a",
            b"\xC0\xC0",
            b"\xDD\xFF\xFF\xFF\xFF",
            b"\xDB\xFF\xFF\xFF\xFFabc",
            b"\xD6\x05aaaa",
            b"\xA2\xFF\xFE",
            &deep,
        ] {
            assert!(to_json(bytes).is_err(), "{bytes:?}");
        }
    }
}
