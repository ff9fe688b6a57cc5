//! JSON that this server wrote, as MessagePack, in one pass and without a tree.

use tickwire_feeds::Nanos;

use super::DEPTH_MAX;
use super::NANOS_PER_SECOND;

const NIL: u8 = 0xc0;
const FALSE: u8 = 0xc2;
const TRUE: u8 = 0xc3;
/// The extension type of a timestamp, −1.
const TIMESTAMP: u8 = 0xff;

/// Heads of maps: with the count in them, with one of 16 bits, with one of 32 bits.
const MAP: [u8; 3] = [0x80, 0xde, 0xdf];
/// Heads of lists, likewise.
const LIST: [u8; 3] = [0x90, 0xdc, 0xdd];

/// Appends a message. Decimals stay strings; the fields that PROTOCOL.md has as times become
/// timestamps. What is no JSON without blanks is nil from there on.
pub fn pack(out: &mut Vec<u8>, json: &[u8]) {
    out.reserve(json.len());
    Packer { rest: json, out }.value(Meaning::Plain, 0);
}

/// What a string under a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Plain,
    Time,
}

impl Meaning {
    /// Of the keys of the server's messages, those whose strings are points in time.
    fn of(key: &[u8]) -> Self {
        match key {
            b"ts" | b"recv" | b"since" | b"start" | b"now" | b"at" | b"day_from" => Self::Time,
            _ => Self::Plain,
        }
    }
}

struct Packer<'a> {
    rest: &'a [u8],
    out: &'a mut Vec<u8>,
}

impl<'a> Packer<'a> {
    fn value(&mut self, meaning: Meaning, depth: usize) {
        match self.rest.split_first() {
            Some((b'"', rest)) => {
                self.rest = rest;
                self.string(meaning);
            }
            Some((b'{', rest)) if depth < DEPTH_MAX => {
                self.rest = rest;
                self.map(depth + 1);
            }
            Some((b'[', rest)) if depth < DEPTH_MAX => {
                self.rest = rest;
                self.list(depth + 1);
            }
            Some((b'-' | b'0'..=b'9', _)) => self.number(),
            _ => self.word(),
        }
    }

    fn map(&mut self, depth: usize) {
        let (start, mut count) = (self.out.len(), 0_usize);
        self.out.push(NIL);
        while let Some(rest) = self.next_of(b'}') {
            let key = self.out.len();
            self.rest = rest.strip_prefix(b"\"").unwrap_or_default();
            let word = self.string(Meaning::Plain).unwrap_or_default();
            debug_assert!(key < self.out.len());
            self.rest = self.rest.strip_prefix(b":").unwrap_or_default();
            self.value(Meaning::of(word), depth);
            count += 1;
        }
        self.put_count(start, count, MAP);
    }

    fn list(&mut self, depth: usize) {
        let (start, mut count) = (self.out.len(), 0_usize);
        self.out.push(NIL);
        while let Some(rest) = self.next_of(b']') {
            self.rest = rest;
            self.value(Meaning::Plain, depth);
            count += 1;
        }
        self.put_count(start, count, LIST);
    }

    /// Where the next element begins, unless the end has come.
    fn next_of(&mut self, end: u8) -> Option<&'a [u8]> {
        match self.rest.split_first() {
            Some((b',', rest)) => Some(rest),
            Some((byte, rest)) if *byte == end => {
                self.rest = rest;
                None
            }
            Some(_) => Some(self.rest),
            None => None,
        }
    }

    /// Puts a head before what was written since, where one byte is kept for it.
    #[expect(clippy::cast_possible_truncation, reason = "each count is checked by its range")]
    fn put_count(&mut self, start: usize, count: usize, [small, short, long]: [u8; 3]) {
        let with = |head: u8, count: &[u8]| {
            std::iter::once(head).chain(count.iter().copied()).collect::<Vec<u8>>()
        };
        let head = match count {
            0..=15 => {
                if let Some(place) = self.out.get_mut(start) {
                    *place = small | count as u8;
                }
                return;
            }
            16..=0xFFFF => with(short, &(count as u16).to_be_bytes()),
            _ => with(long, &(count as u32).to_be_bytes()),
        };
        self.out.splice(start..=start, head);
    }

    /// Packs a string whose first quote is behind; gives it if it holds no escapes.
    fn string(&mut self, meaning: Meaning) -> Option<&'a [u8]> {
        let end = self.rest.iter().position(|byte| matches!(byte, b'"' | b'\\'));
        let end = end.unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(end);
        if rest.first() == Some(&b'\\') {
            self.escaped();
            return None;
        }
        self.rest = rest.get(1..).unwrap_or_default();
        let time = match meaning {
            Meaning::Time => time(text),
            Meaning::Plain => None,
        };
        match time {
            Some(time) => self.put_time(time),
            None => self.put_text(text),
        }
        Some(text)
    }

    /// A string with escapes, as few have: a quote or a line feed that somebody else wrote.
    fn escaped(&mut self) {
        let mut end = 0;
        while let Some(byte) = self.rest.get(end).filter(|byte| **byte != b'"') {
            end += if *byte == b'\\' { 2 } else { 1 };
        }
        let (text, rest) = self.rest.split_at(end.min(self.rest.len()));
        self.rest = rest.get(1..).unwrap_or_default();
        let text = serde_json::from_slice::<String>(&[b"\"", text, b"\""].concat());
        self.put_text(text.unwrap_or_default().as_bytes());
    }

    fn number(&mut self) {
        let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let end = self.rest.iter().position(|byte| !is_digit(byte)).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        let text = std::str::from_utf8(text).unwrap_or_default();
        if let Ok(number) = text.parse::<u64>() {
            self.put_natural(number);
        } else if let Ok(number) = text.parse::<i64>() {
            self.put_negative(number);
        } else if let Ok(number) = text.parse::<f64>() {
            self.out.push(0xcb);
            self.out.extend_from_slice(&number.to_be_bytes());
        } else {
            self.out.push(NIL);
        }
    }

    fn word(&mut self) {
        for (word, byte) in [(&b"true"[..], TRUE), (b"false", FALSE), (b"null", NIL)] {
            if let Some(rest) = self.rest.strip_prefix(word) {
                self.rest = rest;
                self.out.push(byte);
                return;
            }
        }
        self.rest = &[];
        self.out.push(NIL);
    }

    #[expect(clippy::cast_possible_truncation, reason = "each number is checked by its range")]
    fn put_natural(&mut self, number: u64) {
        match number {
            0..=0x7F => self.out.push(number as u8),
            0x80..=0xFF => self.out.extend_from_slice(&[0xcc, number as u8]),
            0x100..=0xFFFF => self.put(0xcd, &(number as u16).to_be_bytes()),
            0x1_0000..=0xFFFF_FFFF => self.put(0xce, &(number as u32).to_be_bytes()),
            _ => self.put(0xcf, &number.to_be_bytes()),
        }
    }

    fn put_negative(&mut self, number: i64) {
        if let Ok(small) = i8::try_from(number) {
            let [byte] = small.to_be_bytes();
            if small < -32 {
                self.out.push(0xd0);
            }
            self.out.push(byte);
        } else if let Ok(short) = i16::try_from(number) {
            self.put(0xd1, &short.to_be_bytes());
        } else if let Ok(long) = i32::try_from(number) {
            self.put(0xd2, &long.to_be_bytes());
        } else {
            self.put(0xd3, &number.to_be_bytes());
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "each length is checked by its range")]
    fn put_text(&mut self, text: &[u8]) {
        match text.len() {
            length @ 0..=31 => self.out.push(0xa0 | length as u8),
            length @ 32..=0xFF => self.out.extend_from_slice(&[0xd9, length as u8]),
            length @ 0x100..=0xFFFF => self.put(0xda, &(length as u16).to_be_bytes()),
            length => self.put(0xdb, &(length as u32).to_be_bytes()),
        }
        self.out.extend_from_slice(text);
    }

    /// A timestamp in the shortest of its three forms.
    fn put_time(&mut self, Nanos(nanos): Nanos) {
        let (seconds, part) =
            (nanos.div_euclid(NANOS_PER_SECOND), nanos.rem_euclid(NANOS_PER_SECOND));
        let short = u32::try_from(seconds).ok().filter(|_| part == 0);
        if let Some(seconds) = short {
            self.out.extend_from_slice(&[0xd6, TIMESTAMP]);
            self.out.extend_from_slice(&seconds.to_be_bytes());
        } else if (0..1 << 34).contains(&seconds) {
            self.out.extend_from_slice(&[0xd7, TIMESTAMP]);
            self.out.extend_from_slice(&(part << 34 | seconds).to_be_bytes());
        } else {
            self.out.extend_from_slice(&[0xc7, 12, TIMESTAMP]);
            let part = u32::try_from(part).unwrap_or_default();
            self.out.extend_from_slice(&part.to_be_bytes());
            self.out.extend_from_slice(&seconds.to_be_bytes());
        }
    }

    fn put(&mut self, head: u8, number: &[u8]) {
        self.out.push(head);
        self.out.extend_from_slice(number);
    }
}

fn time(text: &[u8]) -> Option<Nanos> {
    Nanos::parse_rfc3339(std::str::from_utf8(text).ok()?).ok()
}
