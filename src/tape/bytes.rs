//! Numbers, decimals and texts as bytes, and back.

use tickwire_feeds::Price;
use tickwire_feeds::Size;

/// The scale takes the low bits of a decimal's first byte.
const SCALE_BITS: u8 = 0b1_1111;
/// The mantissa needs more than 64 bits: 16 bytes follow instead of a varint.
const WIDE: u8 = 0b10_0000;

/// Appends a varint: seven bits a byte, the lowest first, the high bit set on all but the last.
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(low_byte(value) | 0x80);
        value >>= 7;
    }
    out.push(low_byte(value));
}

/// Appends a signed varint: 0, -1, 1, -2, … become 0, 1, 2, 3, ….
pub(super) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put_varint(out, (value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned());
}

/// Appends a text: its length in bytes, then the bytes.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Appends a presence byte, and what is there.
pub(super) fn put_option<T>(out: &mut Vec<u8>, value: Option<T>, put: impl Fn(&mut Vec<u8>, T)) {
    out.push(u8::from(value.is_some()));
    if let Some(value) = value {
        put(out, value);
    }
}

/// Appends a price.
pub(super) fn put_price(out: &mut Vec<u8>, price: Price) {
    put_parts(out, price.parts());
}

/// Appends a size.
pub(super) fn put_size(out: &mut Vec<u8>, size: Size) {
    put_parts(out, size.parts());
}

fn put_parts(out: &mut Vec<u8>, (mantissa, scale): (u128, u32)) {
    let scale = low_byte(scale.into()) & SCALE_BITS;
    if let Ok(mantissa) = u64::try_from(mantissa) {
        out.push(scale);
        put_varint(out, mantissa);
    } else {
        out.push(scale | WIDE);
        out.extend_from_slice(&mantissa.to_le_bytes());
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the low byte is what is wanted")]
const fn low_byte(value: u64) -> u8 {
    value as u8
}

/// Bytes not yet read. Everything is `None` once they do not make what was asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub(super) const fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(byte)
    }

    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(count)?;
        self.bytes = rest;
        Some(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        Some(*taken)
    }

    #[inline]
    pub(super) fn varint(&mut self) -> Option<u64> {
        let (&first, rest) = self.bytes.split_first()?;
        if first < 0x80 {
            self.bytes = rest;
            return Some(first.into());
        }
        let Some(chunk) = self.bytes.first_chunk() else { return self.varint_by_byte() };
        let word = u64::from_le_bytes(*chunk);
        let stops = !word & 0x8080_8080_8080_8080;
        if stops == 0 {
            return self.varint_by_byte();
        }
        let bits = stops.trailing_zeros() + 1;
        self.bytes = self.bytes.get(bits as usize / 8..)?;
        Some(squeeze(word & (u64::MAX >> (64 - bits))))
    }

    /// Near the end of the bytes, and for values of more than 56 bits.
    fn varint_by_byte(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                return None;
            }
            value |= part << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    #[inline]
    pub(super) fn signed(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        let len = usize::try_from(self.varint()?).ok()?;
        std::str::from_utf8(self.take(len)?).ok()
    }

    /// What [`put_option`] wrote.
    #[expect(clippy::option_option, reason = "the outer one is failure, as everywhere here")]
    pub(super) fn option<T>(&mut self, read: impl Fn(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.byte()? {
            0 => Some(None),
            1 => read(self).map(Some),
            _ => None,
        }
    }

    pub(super) fn price(&mut self) -> Option<Price> {
        let (mantissa, scale) = self.parts()?;
        Price::from_parts(mantissa, scale)
    }

    pub(super) fn size(&mut self) -> Option<Size> {
        let (mantissa, scale) = self.parts()?;
        Size::from_parts(mantissa, scale)
    }

    #[inline]
    fn parts(&mut self) -> Option<(u128, u32)> {
        let first = self.byte()?;
        let scale = u32::from(first & SCALE_BITS);
        match first & !SCALE_BITS {
            0 => Some((self.varint()?.into(), scale)),
            WIDE => Some((u128::from_le_bytes(self.array()?), scale)),
            _ => None,
        }
    }
}

/// Joins the low seven bits of each byte.
#[inline]
const fn squeeze(word: u64) -> u64 {
    let word = (word & 0x007f_007f_007f_007f) | ((word & 0x7f00_7f00_7f00_7f00) >> 1);
    let word = (word & 0x0000_3fff_0000_3fff) | ((word & 0x3fff_0000_3fff_0000) >> 2);
    (word & 0x0fff_ffff) | ((word & 0x0fff_ffff_0000_0000) >> 4)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_number_comes_back(
            bits in 0_u32..64, value in any::<u64>(), signed in any::<i64>(),
            padding in 0_usize..12,
        ) {
            let value = value >> bits;
            let mut out = Vec::new();
            put_varint(&mut out, value);
            put_signed(&mut out, signed);
            put_text(&mut out, "é");
            out.resize(out.len() + padding, 0xff);
            let mut reader = Reader::new(&out);
            prop_assert_eq!(reader.varint(), Some(value));
            prop_assert_eq!(reader.signed(), Some(signed));
            prop_assert_eq!(reader.text(), Some("é"));
            prop_assert_eq!(reader.len(), padding);
        }

        #[test]
        fn every_decimal_comes_back(
            mantissa in 0_u128..(1 << 96), shift in 0_u32..96, scale in 0_u32..=28
        ) {
            let size = Size::from_parts(mantissa >> shift, scale).unwrap();
            let mut out = Vec::new();
            put_size(&mut out, size);
            prop_assert!(Reader::new(&out).size().unwrap().same_digits(size));
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = Reader::new(&bytes).varint();
            let _ = Reader::new(&bytes).signed();
            let _ = Reader::new(&bytes).text();
            let _ = Reader::new(&bytes).price();
            let _ = Reader::new(&bytes).option(Reader::text);
        }
    }

    #[test]
    fn a_varint_of_more_than_64_bits_is_refused() {
        assert_eq!(Reader::new(&[0xff; 12]).varint(), None);
        assert_eq!(
            Reader::new(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 2]).varint(),
            None
        );
    }
}
