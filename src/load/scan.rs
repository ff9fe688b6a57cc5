//! What a measuring client reads of a message: kind, stream, place and time, by the fixed order of
//! the fields, and nothing more.

mod packed;

use tickwire_feeds::Nanos;

/// Digits of the greatest place, 2^53 − 1.
const DIGITS_MAX: usize = 16;
const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// A message, as far as it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard<'a> {
    /// A message of a stream.
    Data(Data<'a>),
    /// The answer to a subscription; the symbols that it refused, as they stand there.
    Subscribed {
        /// `[]` if there are none.
        rejected: &'a [u8],
    },
    /// An operation failed.
    Error,
    /// Anything else.
    Other,
}

/// A message of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Data<'a> {
    /// Its symbol's name.
    pub symbol: &'a [u8],
    /// Its place.
    pub seq: u64,
    /// What it follows; `None` for a snapshot, which follows nothing.
    pub prev: Option<u64>,
    /// When the server read what it tells; not every message has it.
    pub recv: Option<Stamp<'a>>,
}

/// A point in time as a message has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp<'a> {
    /// As RFC 3339.
    Text(&'a [u8]),
    /// As a number.
    Time(Nanos),
}

/// Reads a message. What is not understood is [`Heard::Other`].
#[inline]
#[must_use]
pub fn scan(message: &[u8]) -> Heard<'_> {
    if message.first() != Some(&b'{') {
        return packed::scan(message);
    }
    let Some(rest) = message.strip_prefix(b"{\"type\":\"") else { return Heard::Other };
    let Some((kind, rest)) = until_quote(rest) else { return Heard::Other };
    match kind {
        b"subscribed" => Heard::Subscribed { rejected: rejected(rest) },
        b"error" => Heard::Error,
        _ => data(kind, rest).map_or(Heard::Other, Heard::Data),
    }
}

/// Whether a message is of a stream, by one byte of it: cheap enough for every frame. It takes the
/// answers to operations for data, of which there are few.
#[inline]
#[must_use]
pub fn looks_like_data(message: &[u8]) -> bool {
    let at = if message.first() == Some(&b'{') { 9 } else { packed::type_at(message) };
    !matches!(message.get(at), None | Some(b'h' | b'w' | b'p' | b'e'))
}

#[inline]
fn data<'a>(kind: &[u8], rest: &'a [u8]) -> Option<Data<'a>> {
    let rest = rest.strip_prefix(b",\"channel\":\"")?;
    let (_, rest) = until_quote(rest)?;
    let rest = rest.strip_prefix(b",\"symbol\":\"")?;
    let (symbol, rest) = until_quote(rest)?;
    let (seq, rest) = number(rest.strip_prefix(b",\"seq\":")?)?;
    let (prev, rest) = match rest.strip_prefix(b",\"prev\":") {
        Some(rest) => {
            let (prev, rest) = number(rest)?;
            (Some(prev), rest)
        }
        None => (None, rest),
    };
    if prev.is_none() && kind != b"snapshot" {
        return None;
    }
    let rest = match rest.strip_prefix(b",\"ts\":\"") {
        Some(rest) => until_quote(rest)?.1,
        None => rest,
    };
    let recv = rest.strip_prefix(b",\"recv\":\"").and_then(until_quote);
    let recv = recv.map(|(recv, _)| Stamp::Text(recv));
    Some(Data { symbol, seq, prev, recv })
}

/// What the answer to a subscription says of refused symbols: `[]`, or the list's beginning.
fn rejected(rest: &[u8]) -> &[u8] {
    const KEY: &[u8] = b",\"rejected\":";
    let at = rest.windows(KEY.len()).position(|window| window == KEY);
    let list = at.and_then(|at| rest.get(at + KEY.len()..)).unwrap_or(b"[]");
    let end = list.iter().position(|byte| *byte == b']').map_or(list.len(), |end| end + 1);
    list.get(..end.min(200)).unwrap_or(list)
}

#[inline]
fn until_quote(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'"')?;
    let (word, rest) = bytes.split_at_checked(end)?;
    Some((word, rest.get(1..)?))
}

#[inline]
fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0;
    let mut rest = bytes;
    while let [digit @ b'0'..=b'9', after @ ..] = rest {
        number = number * 10 + u64::from(digit - b'0');
        rest = after;
        if bytes.len() - rest.len() > DIGITS_MAX {
            return None;
        }
    }
    (rest.len() < bytes.len()).then_some((number, rest))
}

/// Reads times that mostly fall into the same minute: its beginning is parsed once.
#[derive(Debug, Default)]
pub struct Times {
    /// As `2026-11-21T03:30:`.
    minute: [u8; 17],
    begins: Nanos,
}

impl Times {
    /// The point in time of a message.
    #[inline]
    pub fn read(&mut self, stamp: Stamp<'_>) -> Option<Nanos> {
        match stamp {
            Stamp::Text(text) => self.parse(text),
            Stamp::Time(time) => Some(time),
        }
    }

    /// The point in time that an RFC 3339 text in UTC names.
    #[inline]
    pub fn parse(&mut self, text: &[u8]) -> Option<Nanos> {
        let (minute, rest) = text.split_first_chunk::<17>()?;
        if *minute != self.minute {
            let whole = std::str::from_utf8(text.get(..17)?).ok()?;
            self.begins = Nanos::parse_rfc3339(&format!("{whole}00Z")).ok()?;
            self.minute = *minute;
        }
        let [tens @ b'0'..=b'5', ones @ b'0'..=b'9', rest @ ..] = rest else { return None };
        let seconds = i64::from(tens - b'0') * 10 + i64::from(ones - b'0');
        let part = match rest {
            [b'Z'] => 0,
            [b'.', digits @ .., b'Z'] if (1..=9).contains(&digits.len()) => fraction(digits)?,
            _ => return None,
        };
        Some(Nanos(self.begins.0 + seconds * NANOS_PER_SECOND + part))
    }
}

#[inline]
fn fraction(digits: &[u8]) -> Option<i64> {
    let mut part = 0;
    let mut unit = NANOS_PER_SECOND;
    for digit in digits {
        unit /= 10;
        part += i64::from(digit.checked_sub(b'0').filter(|digit| *digit <= 9)?) * unit;
    }
    Some(part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DELTA: &str = concat!(
        r#"{"type":"delta","channel":"ticker","symbol":"sim:A","seq":9007199254740991,"prev":7,"#,
        r#""ts":"2026-11-21T03:30:00Z","recv":"2026-11-21T03:30:01.5Z","bid":"1"}"#,
    );

    fn data(text: &str) -> Data<'_> {
        match scan(text.as_bytes()) {
            Heard::Data(data) => data,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn the_messages_of_the_protocols_page_are_read() {
        let page = include_str!("../../PROTOCOL.md");
        let mut data = 0;
        for line in page.lines().filter(|line| line.starts_with("{\"type\":")) {
            let line = line.replace('…', "0");
            let value: serde_json::Value = serde_json::from_str(&line).unwrap();
            match scan(line.as_bytes()) {
                Heard::Data(read) => {
                    data += 1;
                    assert_eq!(value["symbol"], std::str::from_utf8(read.symbol).unwrap());
                    assert_eq!(value["seq"], read.seq);
                    assert_eq!(value["prev"].as_u64(), read.prev);
                    assert_eq!(value["type"] == "snapshot", read.prev.is_none());
                    assert!(looks_like_data(line.as_bytes()), "{line}");
                }
                Heard::Subscribed { rejected } => {
                    assert_eq!(value["type"], "subscribed");
                    assert_eq!(
                        rejected != b"[]",
                        !value["rejected"].as_array().unwrap().is_empty()
                    );
                }
                Heard::Error => assert_eq!(value["type"], "error"),
                Heard::Other => {
                    assert!(value.get("seq").is_none() || value.get("symbol").is_none(), "{line}");
                }
            }
        }
        assert!(data >= 7, "{data}");
    }

    #[test]
    fn a_delta_and_its_time_are_read() {
        let read = data(DELTA);
        assert_eq!((read.seq, read.prev), (9_007_199_254_740_991, Some(7)));
        let expected = Nanos::parse_rfc3339("2026-11-21T03:30:01.5Z").unwrap();
        assert_eq!(Times::default().read(read.recv.unwrap()), Some(expected));
        let text =
            r#"{"type":"delta","channel":"ticker","symbol":"sim:A","seq":2,"prev":1,"recv":"x"}"#;
        assert_eq!(data(text).recv, Some(Stamp::Text(b"x")));
    }

    #[test]
    fn what_is_no_message_of_a_stream_is_none() {
        for text in [
            "",
            "{}",
            "{\"type\":\"",
            r#"{"type":"heartbeat","seq":5,"age_ms":1,"now":""}"#,
            r#"{"type":"delta","channel":"ticker","symbol":"sim:A","seq":,"prev":1}"#,
            r#"{"type":"delta","channel":"ticker","symbol":"sim:A","seq":99999999999999999,"prev":1}"#,
            r#"{"type":"delta","channel":"ticker","symbol":"sim:A","seq":5}"#,
        ] {
            assert_eq!(scan(text.as_bytes()), Heard::Other, "{text}");
        }
        assert!(!looks_like_data(br#"{"type":"heartbeat","seq":5}"#));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let whole = [b"{\"type\":\"", &bytes[..]].concat();
            prop_assert_eq!(scan(&bytes), Heard::Other);
            prop_assert_eq!(scan(&whole), Heard::Other);
            prop_assert_eq!(Times::default().parse(&bytes), None);
        }

        #[test]
        fn a_broken_message_is_read_without_a_panic(
            cut in 0usize..200, at in 0usize..200, byte in any::<u8>(),
        ) {
            let mut text = DELTA.as_bytes().to_vec();
            if let Some(old) = text.get_mut(at) {
                *old = byte;
            }
            text.truncate(cut);
            if let Heard::Data(data) = scan(&text) {
                let read = data.recv.and_then(|recv| Times::default().read(recv));
                prop_assert!(read.is_none_or(|time| time > Nanos(0)));
            }
        }

        #[test]
        fn every_time_is_read_as_the_other_parser_reads_it(
            nanos in prop::collection::vec(0i64..4_000_000_000_000_000_000, 1..5),
        ) {
            let mut times = Times::default();
            for nanos in nanos {
                for nanos in [nanos, nanos + 1, nanos / 1_000 * 1_000] {
                    let text = Nanos(nanos).to_string();
                    prop_assert_eq!(times.parse(text.as_bytes()), Some(Nanos(nanos)));
                }
            }
        }
    }
}
