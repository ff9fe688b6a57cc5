//! The roster: which instruments the simulator trades, and where their prices begin.

/// Number of the first instrument whose name is made up, counted from 1.
const MADE_UP_FROM: usize = NAMED.len() + 1;

/// What an instrument is like before its first tick.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// First price, in steps of the last digit.
    pub(super) price: u32,
    /// Digits of a price after the point.
    pub(super) price_digits: u8,
    /// Largest size of a level, in steps of the last digit.
    pub(super) size_max: u32,
    /// Digits of a size after the point.
    pub(super) size_digits: u8,
}

const fn terms(price: u32, price_digits: u8, size_max: u32, size_digits: u8) -> Terms {
    Terms { price, price_digits, size_max, size_digits }
}

/// The busiest first.
const NAMED: [(&str, Terms); 20] = [
    ("BTC-USD", terms(9_700_000, 2, 200_000_000, 8)),
    ("ETH-USD", terms(340_000, 2, 3_000_000_000, 8)),
    ("SOL-USD", terms(21_050, 2, 400_000_000, 6)),
    ("AAPL", terms(23_000, 2, 1_200, 0)),
    ("MSFT", terms(42_500, 2, 900, 0)),
    ("XRP-USD", terms(23_500, 4, 3_000_000_000, 6)),
    ("NVDA", terms(13_800, 2, 4_000, 0)),
    ("DOGE-USD", terms(33_450, 5, 900_000, 1)),
    ("TSLA", terms(41_000, 2, 1_000, 0)),
    ("ADA-USD", terms(9_120, 4, 2_000_000, 2)),
    ("AMZN", terms(22_400, 2, 1_100, 0)),
    ("SPY", terms(59_500, 2, 6_000, 0)),
    ("LINK-USD", terms(22_450, 3, 250_000, 2)),
    ("GOOGL", terms(19_200, 2, 1_300, 0)),
    ("AVAX-USD", terms(38_210, 3, 1_500_000, 3)),
    ("META", terms(60_500, 2, 500, 0)),
    ("QQQ", terms(52_100, 2, 3_000, 0)),
    ("LTC-USD", terms(10_850, 2, 900_000_000, 7)),
    ("AMD", terms(12_100, 2, 2_200, 0)),
    ("JPM", terms(24_100, 2, 700, 0)),
];

/// Kinds of made-up instruments: a low first price is a tenth of a high one.
const MADE_UP: [Terms; 7] = [
    terms(10_000, 2, 2_500, 0),
    terms(1_000, 8, 900_000_000, 0),
    terms(100_000, 2, 500_000_000, 8),
    terms(10_000, 4, 4_000_000, 2),
    terms(10_000, 3, 8_000_000, 4),
    terms(1_000, 2, 40_000, 0),
    terms(10_000, 6, 30_000_000, 1),
];

/// Name and terms of the instrument at `index`.
pub(super) fn listing(index: usize) -> (String, Terms) {
    if let Some((name, terms)) = NAMED.get(index) {
        return ((*name).to_owned(), *terms);
    }
    let noise = super::mix(index as u64);
    let kind = MADE_UP.get(index % MADE_UP.len()).copied().unwrap_or(MADE_UP[0]);
    let times = u32::try_from(noise % 9_000).unwrap_or(0);
    let price = kind.price + kind.price / 1_000 * times;
    (format!("S{:05}-USD", index + 1), Terms { price: price + times % 10, ..kind })
}

/// Where [`listing`] has this name; a name that is not listed may give any index, or none.
pub(super) fn index(name: &str) -> Option<usize> {
    if let Some(index) = NAMED.iter().position(|(named, _)| *named == name) {
        return Some(index);
    }
    let number = name.strip_prefix('S')?.strip_suffix("-USD")?.parse::<usize>().ok()?;
    (number >= MADE_UP_FROM).then(|| number - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_again() {
        for at in (0..200).chain([99_998, 99_999, 100_000, 999_999]) {
            assert_eq!(index(&listing(at).0), Some(at));
        }
        assert_eq!(listing(20).0, "S00021-USD");
        assert_eq!(listing(999_999).0, "S1000000-USD");
        for name in ["", "S", "S-USD", "S00000-USD", "S00020-USD", "X00021-USD", "S00021-EUR"] {
            assert_eq!(index(name), None, "{name}");
        }
    }

    #[test]
    fn a_price_leaves_room_to_halve_and_to_double() {
        for at in 0..10_000 {
            let (name, terms) = listing(at);
            assert!((1_000..=20_000_000).contains(&terms.price), "{name}: {terms:?}");
            assert!(terms.size_max >= 100, "{name}: {terms:?}");
        }
    }
}
