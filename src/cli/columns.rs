//! Which columns of a table have room: no figure is ever cut, it is told shorter or not at all.

use rust_decimal::Decimal;
use rust_decimal::RoundingStrategy;

/// From these values on in which unit, and after how many digits a figure is told that way.
const UNITS: [(i64, &str); 4] =
    [(1_000_000_000_000, "T"), (1_000_000_000, "B"), (1_000_000, "M"), (1_000, "k")];
/// Figures of no more characters are short enough.
const SHORT: usize = 7;
/// Digits that are left.
const DIGITS: u32 = 3;

/// The columns that stay, of these widths, with so many spaces between two. Those that can be
/// missed go first, in the order in which they are named, then the last ones; the first stays.
pub(super) fn fit(widths: &[usize], apart: usize, room: usize, missed: &[usize]) -> Vec<usize> {
    let mut left: Vec<usize> = (0..widths.len()).collect();
    let mut missed = missed.iter();
    let used = |left: &[usize]| {
        let cells: usize = left.iter().filter_map(|at| widths.get(*at)).sum();
        cells + apart * left.len().saturating_sub(1)
    };
    while left.len() > 1 && used(&left) > room {
        match missed.next() {
            Some(column) => left.retain(|at| at == &0 || at != column),
            None => drop(left.pop()),
        }
    }
    left
}

/// A long figure in three digits, as `1.11M`; anything else as it is. Never more than it is.
pub(super) fn short(text: &str) -> String {
    let Ok(number) = text.parse::<Decimal>() else { return text.to_owned() };
    let unit = UNITS.iter().find(|(from, _)| number.abs() >= Decimal::from(*from));
    match unit {
        Some((from, unit)) if text.len() > SHORT => {
            let part = number.checked_div(Decimal::from(*from)).unwrap_or_default();
            let down = RoundingStrategy::ToZero;
            let part = part.round_sf_with_strategy(DIGITS, down).unwrap_or(part);
            format!("{part}{unit}")
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_missed_goes_first_and_the_first_column_never() {
        let widths = [11, 9, 9, 7];
        assert_eq!(fit(&widths, 1, 39, &[2]), [0, 1, 2, 3]);
        assert_eq!(fit(&widths, 1, 38, &[2]), [0, 1, 3]);
        assert_eq!(fit(&widths, 1, 28, &[2]), [0, 1]);
        assert_eq!(fit(&widths, 1, 0, &[2, 0]), [0]);
        assert_eq!(fit(&[], 1, 0, &[]), Vec::<usize>::new());
    }

    #[test]
    fn a_long_figure_keeps_its_first_digits_and_says_its_size() {
        for (text, told) in [
            ("1114829.15", "1.11M"),
            ("999999.99", "999k"),
            ("-52345678901.5", "-52.3B"),
            ("7.12345678", "7.12345678"),
            ("12345.6", "12345.6"),
            ("-", "-"),
        ] {
            assert_eq!(short(text), told, "{text}");
        }
    }
}
