//! The same of messages of MessagePack.

use tickwire_feeds::Nanos;

use super::Data;
use super::Heard;
use super::Stamp;

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// Reads a message. What is not understood is [`Heard::Other`].
#[inline]
pub(super) fn scan(message: &[u8]) -> Heard<'_> {
    heard(message).unwrap_or(Heard::Other)
}

/// Where the first letter of a message's type stands.
#[inline]
pub(super) const fn type_at(message: &[u8]) -> usize {
    // A map of more than 15 fields has a longer head.
    if let [0xde, ..] = message { 9 } else { 7 }
}

#[inline]
fn heard(message: &[u8]) -> Option<Heard<'_>> {
    let ([0x80..=0x8F, rest @ ..] | [0xde, _, _, rest @ ..]) = message else { return None };
    let (kind, rest) = text(rest.strip_prefix(b"\xa4type")?)?;
    Some(match kind {
        b"subscribed" => Heard::Subscribed { rejected: rejected(rest) },
        b"error" => Heard::Error,
        _ => Heard::Data(data(kind, rest)?),
    })
}

#[inline]
fn data<'a>(kind: &[u8], rest: &'a [u8]) -> Option<Data<'a>> {
    let (_, rest) = text(rest.strip_prefix(b"\xa7channel")?)?;
    let (symbol, rest) = text(rest.strip_prefix(b"\xa6symbol")?)?;
    let (seq, rest) = number(rest.strip_prefix(b"\xa3seq")?)?;
    let (prev, rest) = match rest.strip_prefix(b"\xa4prev") {
        Some(rest) => number(rest).map(|(prev, rest)| (Some(prev), rest))?,
        None => (None, rest),
    };
    if prev.is_none() && kind != b"snapshot" {
        return None;
    }
    let rest = match rest.strip_prefix(b"\xa2ts") {
        Some(rest) => time(rest)?.1,
        None => rest,
    };
    let recv = rest.strip_prefix(b"\xa4recv").and_then(time).map(|(recv, _)| Stamp::Time(recv));
    Some(Data { symbol, seq, prev, recv })
}

fn rejected(rest: &[u8]) -> &[u8] {
    const KEY: &[u8] = b"\xa8rejected";
    let at = rest.windows(KEY.len()).position(|window| window == KEY);
    match at.and_then(|at| rest.get(at + KEY.len()..)) {
        None | Some([0x90, ..]) => b"[]",
        Some(list) => list.get(..200).unwrap_or(list),
    }
}

#[inline]
fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    match bytes {
        [head @ 0xa0..=0xbf, rest @ ..] => rest.split_at_checked(usize::from(head & 0x1F)),
        [0xd9, length, rest @ ..] => rest.split_at_checked(usize::from(*length)),
        _ => None,
    }
}

#[inline]
fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (head, rest) = bytes.split_first()?;
    let length = match head {
        0..=0x7F => return Some(((*head).into(), rest)),
        0xcc..=0xcf => 1 << (head - 0xcc),
        _ => return None,
    };
    let (number, rest) = rest.split_at_checked(length)?;
    Some((number.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)), rest))
}

#[inline]
fn time(bytes: &[u8]) -> Option<(Nanos, &[u8])> {
    let (seconds, part, rest) = match bytes {
        [0xd6, 0xff, rest @ ..] => {
            let (seconds, rest) = rest.split_first_chunk()?;
            (u32::from_be_bytes(*seconds).into(), 0, rest)
        }
        [0xd7, 0xff, rest @ ..] => {
            let (both, rest) = rest.split_first_chunk()?;
            let both = u64::from_be_bytes(*both);
            (both & ((1 << 34) - 1), both >> 34, rest)
        }
        _ => return None,
    };
    let nanos = i64::try_from(seconds).ok()?.checked_mul(NANOS_PER_SECOND)?;
    Some((Nanos(nanos.checked_add(i64::try_from(part).ok()?)?), rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::msgpack;

    fn packed(json: &str) -> Vec<u8> {
        let mut out = Vec::new();
        msgpack::pack(&mut out, json.as_bytes());
        out
    }

    #[test]
    fn the_messages_of_the_protocols_page_are_read_as_in_json() {
        let page = include_str!("../../../PROTOCOL.md");
        let mut data = 0;
        for line in page.lines().filter(|line| line.starts_with("{\"type\":")) {
            let line = line.replace('…', "2026-11-21T03:30:01.5Z");
            let bytes = packed(&line);
            let packed = super::super::scan(&bytes);
            match (super::super::scan(line.as_bytes()), packed) {
                (Heard::Data(json), Heard::Data(packed)) => {
                    assert_eq!(
                        (json.symbol, json.seq, json.prev),
                        (packed.symbol, packed.seq, packed.prev)
                    );
                    let mut times = super::super::Times::default();
                    let time = |stamp: Option<Stamp<'_>>| stamp.map(|stamp| times.read(stamp));
                    let (json, packed) = [json.recv, packed.recv].map(time).into();
                    assert_eq!(json, packed, "{line}");
                    data += 1;
                }
                (Heard::Subscribed { rejected: json }, Heard::Subscribed { rejected: packed }) => {
                    assert_eq!(json == b"[]", packed == b"[]", "{line}");
                }
                (json, packed) => assert_eq!(json, packed, "{line}"),
            }
            assert_eq!(
                super::super::looks_like_data(line.as_bytes()),
                super::super::looks_like_data(&bytes),
                "{line}"
            );
        }
        assert!(data >= 7, "{data}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let whole = [b"\x85\xa4type\xa5delta\xa7channel", &bytes[..]].concat();
            prop_assert_eq!(scan(&whole), Heard::Other);
            let _read: Heard<'_> = scan(&bytes);
        }
    }
}
