//! MessagePack that a client sent, as JSON. Bounded by what came, whatever it announces.

use tickwire_feeds::Nanos;

use super::DEPTH_MAX;
use super::NANOS_PER_SECOND;
use crate::wire::json;

/// The extension type of a timestamp, −1.
const TIMESTAMP: u8 = 0xff;

/// Why bytes are no message of MessagePack that can be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Something is announced that is not there.
    #[error("it ends within a value")]
    Cut,
    /// Something follows the value.
    #[error("{0} bytes follow the message")]
    More(usize),
    /// Maps in lists in maps.
    #[error("more than {DEPTH_MAX} levels")]
    Deep,
    /// A key that no object of JSON can have.
    #[error("a key of a map must be a string")]
    Key,
    /// A string that is none.
    #[error("a string is not UTF-8")]
    Utf8,
    /// A timestamp without a meaning, or of years that nothing is known of.
    #[error("a timestamp is out of range")]
    Time,
    /// A number that JSON has no word for.
    #[error("a number is not finite")]
    NotFinite,
    /// Bytes, an extension other than timestamps, or the byte that means nothing.
    #[error("a value of kind {0:#04x} means nothing here")]
    Kind(u8),
}

/// A message as JSON. Timestamps become RFC 3339; of a key that comes twice both are kept.
///
/// # Errors
/// [`Error`]
pub fn unpack(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let mut unpacker = Unpacker { rest: bytes, json: Vec::with_capacity(bytes.len() * 2) };
    unpacker.value(0)?;
    match unpacker.rest.len() {
        0 => Ok(unpacker.json),
        more => Err(Error::More(more)),
    }
}

struct Unpacker<'a> {
    rest: &'a [u8],
    json: Vec<u8>,
}

impl<'a> Unpacker<'a> {
    fn value(&mut self, depth: usize) -> Result<(), Error> {
        let head = self.byte()?;
        match head {
            0x00..=0x7F => self.natural(head.into()),
            0xe0..=0xFF => self.integer(i8::from_be_bytes([head]).into()),
            0xc0 => self.word("null"),
            0xc2 => self.word("false"),
            0xc3 => self.word("true"),
            0xcc..=0xcf => {
                let number = self.number(head - 0xcc)?;
                self.natural(number);
            }
            0xd0 => {
                let number = i8::from_be_bytes(self.chunk()?);
                self.integer(number.into());
            }
            0xd1 => {
                let number = i16::from_be_bytes(self.chunk()?);
                self.integer(number.into());
            }
            0xd2 => {
                let number = i32::from_be_bytes(self.chunk()?);
                self.integer(number.into());
            }
            0xd3 => {
                let number = i64::from_be_bytes(self.chunk()?);
                self.integer(number);
            }
            0xca => {
                let number = f32::from_be_bytes(self.chunk()?);
                self.float(number.into())?;
            }
            0xcb => {
                let number = f64::from_be_bytes(self.chunk()?);
                self.float(number)?;
            }
            0x80..=0x8F => self.map(u64::from(head & 0x0F), depth)?,
            0xde | 0xdf => {
                let count = self.number(head - 0xde + 1)?;
                self.map(count, depth)?;
            }
            0x90..=0x9F => self.list(u64::from(head & 0x0F), depth)?,
            0xdc | 0xdd => {
                let count = self.number(head - 0xdc + 1)?;
                self.list(count, depth)?;
            }
            0xd6 | 0xd7 | 0xc7 => self.time(head)?,
            _ => {
                let text = self.text(head)?.ok_or(Error::Kind(head))?;
                json::write_text(&mut self.json, text);
            }
        }
        Ok(())
    }

    fn map(&mut self, count: u64, depth: usize) -> Result<(), Error> {
        if depth >= DEPTH_MAX {
            return Err(Error::Deep);
        }
        self.json.push(b'{');
        for index in 0..count {
            if index > 0 {
                self.json.push(b',');
            }
            let head = self.byte()?;
            let key = self.text(head)?.ok_or(Error::Key)?;
            json::write_text(&mut self.json, key);
            self.json.push(b':');
            self.value(depth + 1)?;
        }
        self.json.push(b'}');
        Ok(())
    }

    fn list(&mut self, count: u64, depth: usize) -> Result<(), Error> {
        if depth >= DEPTH_MAX {
            return Err(Error::Deep);
        }
        self.json.push(b'[');
        for index in 0..count {
            if index > 0 {
                self.json.push(b',');
            }
            self.value(depth + 1)?;
        }
        self.json.push(b']');
        Ok(())
    }

    /// The string that a head announces, if it announces one.
    fn text(&mut self, head: u8) -> Result<Option<&'a str>, Error> {
        let length = match head {
            0xa0..=0xbf => u64::from(head & 0x1F),
            0xd9..=0xdb => self.number(head - 0xd9)?,
            _ => return Ok(None),
        };
        let text = self.take(length)?;
        std::str::from_utf8(text).map(Some).map_err(|_| Error::Utf8)
    }

    fn time(&mut self, head: u8) -> Result<(), Error> {
        let length = if head == 0xc7 { self.byte()? } else { 0 };
        if self.byte()? != TIMESTAMP {
            return Err(Error::Kind(head));
        }
        let (seconds, part) = match (head, length) {
            (0xd6, _) => (i64::from(u32::from_be_bytes(self.chunk()?)), 0),
            (0xd7, _) => {
                let both = u64::from_be_bytes(self.chunk()?);
                let seconds = both & ((1 << 34) - 1);
                (i64::try_from(seconds).unwrap_or(i64::MAX), both >> 34)
            }
            (_, 12) => {
                let part = u32::from_be_bytes(self.chunk()?);
                (i64::from_be_bytes(self.chunk()?), u64::from(part))
            }
            _ => return Err(Error::Time),
        };
        let part = i64::try_from(part).ok().filter(|part| *part < NANOS_PER_SECOND);
        let part = part.ok_or(Error::Time)?;
        let nanos = seconds.checked_mul(NANOS_PER_SECOND).and_then(|of| of.checked_add(part));
        self.json.push(b'"');
        Nanos(nanos.ok_or(Error::Time)?).write_rfc3339(&mut self.json);
        self.json.push(b'"');
        Ok(())
    }

    fn natural(&mut self, number: u64) {
        self.word(itoa::Buffer::new().format(number));
    }

    fn integer(&mut self, number: i64) {
        self.word(itoa::Buffer::new().format(number));
    }

    fn float(&mut self, number: f64) -> Result<(), Error> {
        let number = serde_json::Number::from_f64(number).ok_or(Error::NotFinite)?;
        self.word(&number.to_string());
        Ok(())
    }

    fn word(&mut self, word: &str) {
        self.json.extend_from_slice(word.as_bytes());
    }

    /// A number of 1, 2, 4 or 8 bytes, by the power of two.
    fn number(&mut self, power: u8) -> Result<u64, Error> {
        Ok(match power {
            0 => self.byte()?.into(),
            1 => u16::from_be_bytes(self.chunk()?).into(),
            2 => u32::from_be_bytes(self.chunk()?).into(),
            _ => u64::from_be_bytes(self.chunk()?),
        })
    }

    fn byte(&mut self) -> Result<u8, Error> {
        let (byte, rest) = self.rest.split_first().ok_or(Error::Cut)?;
        self.rest = rest;
        Ok(*byte)
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (chunk, rest) = self.rest.split_first_chunk().ok_or(Error::Cut)?;
        self.rest = rest;
        Ok(*chunk)
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], Error> {
        let length = usize::try_from(length).map_err(|_| Error::Cut)?;
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Error::Cut)?;
        self.rest = rest;
        Ok(taken)
    }
}
