//! Prices and sizes: exact decimals that keep the venue's own digits, trailing zeros included.

use std::cmp::Ordering;
use std::fmt;

use rust_decimal::Decimal;

use crate::error::Error;

/// Most digits after the point, and the largest power of ten that an exponent may reach.
const SCALE_MAX: i64 = 28;
/// Longest number read, in bytes; 28 digits, a sign, a point and an exponent are far below it.
const TEXT_BYTES_MAX: usize = 64;

macro_rules! exact {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name(Decimal);

        impl Ord for $name {
            #[inline]
            fn cmp(&self, other: &Self) -> Ordering {
                // One venue's prices of one symbol mostly have the same scale.
                if self.0.scale() == other.0.scale() {
                    return self.0.mantissa().cmp(&other.0.mantissa());
                }
                self.0.cmp(&other.0)
            }
        }

        impl PartialOrd for $name {
            #[inline]
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl $name {
            /// The number as a [`Decimal`], for arithmetic.
            #[must_use]
            pub const fn decimal(self) -> Decimal {
                self.0
            }

            /// Whether the digits are the same too: `1.50` equals `1.5`, but not by its digits.
            #[must_use]
            pub fn same_digits(self, other: Self) -> bool {
                self.0.scale() == other.0.scale() && self.0.mantissa() == other.0.mantissa()
            }

            /// Digits without the point, and how many of them stand after it (0..=28).
            #[must_use]
            pub const fn parts(self) -> (u128, u32) {
                (self.0.mantissa().unsigned_abs(), self.0.scale())
            }

            /// Appends the digits as the venue wrote them; an exponent is written out.
            pub fn write(self, out: &mut Vec<u8>) {
                write(self.0, out);
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut out = Vec::with_capacity(32);
                self.write(&mut out);
                f.write_str(&String::from_utf8_lossy(&out))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

exact! {
    /// A price in units of the quote currency, always above zero.
    Price
}

exact! {
    /// An amount in units of the base currency or in shares, never below zero.
    Size
}

impl Price {
    /// Reads a price.
    ///
    /// # Errors
    /// [`Error::BadNumber`] for what is no number of at most 28 digits, [`Error::OutOfRange`] for
    /// zero and below.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::parse_or_none(text)?.ok_or_else(|| Error::out_of_range("price", text))
    }

    /// Reads a price where venues write zero for "there is none".
    ///
    /// # Errors
    /// As [`Price::parse`], but zero is `None`.
    pub fn parse_or_none(text: &str) -> Result<Option<Self>, Error> {
        let number = parse(text)?;
        if number.is_sign_negative() && !number.is_zero() {
            return Err(Error::out_of_range("price", text));
        }
        Ok((!number.is_zero()).then_some(Self(number)))
    }

    /// From [`Price::parts`]; `None` if they make no price.
    #[must_use]
    pub fn from_parts(mantissa: u128, scale: u32) -> Option<Self> {
        from_parts(mantissa, scale).filter(|number| !number.is_zero()).map(Self)
    }
}

impl Size {
    /// No amount at all.
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// Reads a size.
    ///
    /// # Errors
    /// [`Error::BadNumber`] for what is no number of at most 28 digits, [`Error::OutOfRange`] for
    /// a negative one.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let number = parse(text)?;
        if number.is_sign_negative() && !number.is_zero() {
            return Err(Error::out_of_range("size", text));
        }
        Ok(Self(number))
    }

    /// Reads the size of a print, which is never zero: something changed hands.
    ///
    /// # Errors
    /// As [`Size::parse`], and [`Error::OutOfRange`] for zero.
    pub fn parse_traded(text: &str) -> Result<Self, Error> {
        let size = Self::parse(text)?;
        if size.is_zero() {
            return Err(Error::out_of_range("size", text));
        }
        Ok(size)
    }

    /// From [`Size::parts`]; `None` if they make no size.
    #[must_use]
    pub fn from_parts(mantissa: u128, scale: u32) -> Option<Self> {
        from_parts(mantissa, scale).map(Self)
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    /// The sum, exact; `None` if it needs more than 28 digits.
    #[must_use]
    #[inline]
    pub fn plus(self, other: Self) -> Option<Self> {
        let scale = self.0.scale();
        if scale == other.0.scale()
            && let Ok(a) = i64::try_from(self.0.mantissa())
            && let Ok(b) = i64::try_from(other.0.mantissa())
            && let Some(sum) = a.checked_add(b)
        {
            return Some(Self(Decimal::new(sum, scale)));
        }
        self.plus_any(other)
    }

    #[inline(never)]
    fn plus_any(self, other: Self) -> Option<Self> {
        let sum = self.0.checked_add(other.0)?;
        let exact = sum.scale() == self.0.scale().max(other.0.scale());
        exact.then_some(Self(sum))
    }
}

fn from_parts(mantissa: u128, scale: u32) -> Option<Decimal> {
    match i64::try_from(mantissa) {
        Ok(small) if i64::from(scale) <= SCALE_MAX => Some(Decimal::new(small, scale)),
        _ => Decimal::try_from_i128_with_scale(i128::try_from(mantissa).ok()?, scale).ok(),
    }
}

fn parse(text: &str) -> Result<Decimal, Error> {
    exactly(text.as_bytes()).ok_or_else(|| Error::bad_number(text))
}

/// Reads `-?D+(.D*)?([eE][+-]?D+)?` without rounding.
fn exactly(text: &[u8]) -> Option<Decimal> {
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    let (negative, unsigned) = match text.split_first()? {
        (b'-', rest) => (true, rest),
        _ => (false, text),
    };
    let (mut mantissa, mut digits, mut after_point) = (0_u128, 0_usize, None);
    let mut rest = unsigned;
    while let Some((&byte, tail)) = rest.split_first() {
        match byte {
            b'0'..=b'9' => {
                mantissa = mantissa.checked_mul(10)?.checked_add(u128::from(byte - b'0'))?;
                digits += 1;
                after_point = after_point.map(|count: i64| count + 1);
            }
            b'.' if after_point.is_none() && digits > 0 => after_point = Some(0),
            b'e' | b'E' => break,
            _ => return None,
        }
        rest = tail;
    }
    if digits == 0 {
        return None;
    }
    let scale = after_point.unwrap_or(0) - exponent(rest)?;
    let number = scaled(mantissa, scale)?;
    Some(if negative { -number } else { number })
}

fn scaled(mantissa: u128, scale: i64) -> Option<Decimal> {
    let (mantissa, scale) = match u32::try_from(scale) {
        Ok(scale) => (mantissa, scale),
        Err(_) if mantissa == 0 => (0, 0),
        Err(_) if scale < -SCALE_MAX => return None,
        Err(_) => (mantissa.checked_mul(10_u128.checked_pow(u32::try_from(-scale).ok()?)?)?, 0),
    };
    from_parts(mantissa, scale)
}

/// The value of `e-7`, 0 for nothing.
fn exponent(text: &[u8]) -> Option<i64> {
    let Some((_, text)) = text.split_first() else { return Some(0) };
    let (sign, digits) = match text.split_first()? {
        (b'-', rest) => (-1, rest),
        (b'+', rest) => (1, rest),
        _ => (1, text),
    };
    if digits.is_empty() || digits.len() > 4 {
        return None;
    }
    let value = digits.iter().try_fold(0_i64, |sum, byte| {
        byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0'))
    })?;
    Some(sign * value)
}

fn write(number: Decimal, out: &mut Vec<u8>) {
    let (mantissa, scale) = (number.mantissa().unsigned_abs(), number.scale() as usize);
    let mut buffer = itoa::Buffer::new();
    let digits = match u64::try_from(mantissa) {
        Ok(small) => buffer.format(small),
        Err(_) => buffer.format(mantissa),
    };
    if number.is_sign_negative() && mantissa != 0 {
        out.push(b'-');
    }
    let digits = digits.as_bytes();
    if scale == 0 {
        out.extend_from_slice(digits);
        return;
    }
    match digits.split_at_checked(digits.len().wrapping_sub(scale)) {
        Some((whole, fraction)) if !whole.is_empty() => {
            out.extend_from_slice(whole);
            out.push(b'.');
            out.extend_from_slice(fraction);
        }
        _ => {
            out.extend_from_slice(b"0.");
            out.resize(out.len() + scale.saturating_sub(digits.len()), b'0');
            out.extend_from_slice(digits);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, digits: &str) {
        assert_eq!(Size::parse(text).unwrap().to_string(), digits);
    }

    #[test]
    fn the_venues_own_digits_come_out() {
        check("105944.20", "105944.20");
        check("0.00000000", "0.00000000");
        check("61837.63000000", "61837.63000000");
        check("1", "1");
        check("0", "0");
        check("1.", "1");
        check("000.5", "0.5");
        check("79228162514264337593543950335", "79228162514264337593543950335");
        check("0.0000000000000000000000000001", "0.0000000000000000000000000001");
    }

    #[test]
    fn an_exponent_is_written_out() {
        check("1.1e-7", "0.00000011");
        check("2E-8", "0.00000002");
        check("1.25e+3", "1250");
        check("1.2345e2", "123.45");
        check("0e9999", "0");
    }

    #[test]
    fn what_is_no_number_is_refused() {
        let long = "1".repeat(65);
        for text in [
            "",
            "-",
            ".",
            ".5",
            "e5",
            "1e",
            "1e+",
            "NaN",
            "inf",
            "1,5",
            "1 ",
            " 1",
            "+1",
            "0x10",
            "1.2.3",
            "1e400",
            "1e-400",
            "1e99999999999",
            "79228162514264337593543950336",
            "0.00000000000000000000000000001",
            &long,
            "١",
        ] {
            assert!(matches!(Size::parse(text), Err(Error::BadNumber { .. })), "{text}");
        }
    }

    #[test]
    fn a_price_is_above_zero() {
        assert!(matches!(Price::parse("0.000"), Err(Error::OutOfRange { .. })));
        assert!(matches!(Price::parse("-1"), Err(Error::OutOfRange { .. })));
        assert_eq!(Price::parse_or_none("0.00000").unwrap(), None);
        assert!(Size::parse("-0.1").is_err());
        assert_eq!(Size::parse("-0").unwrap(), Size::ZERO);
    }

    #[test]
    fn sums_are_exact_or_none() {
        let sum = |a, b| Size::parse(a).unwrap().plus(Size::parse(b).unwrap());
        assert_eq!(sum("0.1", "0.20").unwrap().to_string(), "0.30");
        assert_eq!(sum("79228162514264337593543950335", "1"), None);
        assert_eq!(sum("79228162514264337593543950335", "0.1"), None);
    }

    proptest! {
        #[test]
        fn every_number_comes_back(mantissa in 0_u128..(1 << 96), scale in 0_u32..=28) {
            let size = Size::from_parts(mantissa, scale).unwrap();
            let again = Size::parse(&size.to_string()).unwrap();
            prop_assert!(again.same_digits(size));
            prop_assert_eq!(again.parts(), (mantissa, scale));
            prop_assert_eq!(size.to_string(), size.decimal().to_string());
        }

        #[test]
        fn order_and_sums_are_those_of_the_numbers(
            a in (0_u128..(1 << 96), 0_u32..96, 0_u32..=28),
            b in (0_u128..(1 << 96), 0_u32..96, 0_u32..=28),
            same_scale in any::<bool>(),
        ) {
            let scale = if same_scale { a.2 } else { b.2 };
            let a = Size::from_parts(a.0 >> a.1, a.2).unwrap();
            let b = Size::from_parts(b.0 >> b.1, scale).unwrap();
            prop_assert_eq!(a.cmp(&b), a.decimal().cmp(&b.decimal()));
            let sum = a.plus(b).map(|sum| sum.decimal());
            let exact = a.decimal().checked_add(b.decimal());
            let exact = exact.filter(|sum| sum.scale() == a.parts().1.max(b.parts().1));
            prop_assert_eq!(sum, exact);
            prop_assert_eq!(sum.map(|of| of.scale()), exact.map(|of| of.scale()));
        }

        #[test]
        fn no_text_panics(text in "[-+0-9.eE]{0,70}") {
            if let Ok(size) = Size::parse(&text) {
                prop_assert!(Size::parse(&size.to_string()).unwrap().same_digits(size));
            }
        }
    }
}
