//! For a symbol that nobody knows: those that read most like it, as the server has them.

use std::time::Duration;

use crate::cli::endpoint::Endpoint;
use crate::cli::rest::Rest;

/// Longest time to ask: it is advice only.
const ASK_MAX: Duration = Duration::from_secs(2);
/// Symbols named.
const NAMED_MAX: usize = 3;

/// The sentence, with symbols that may have been meant if the server can be asked.
pub(super) fn advise(endpoint: &Endpoint, sentence: &str) -> String {
    let wanted = sentence.rsplit(' ').next().unwrap_or_default();
    if wanted.contains('*') {
        return format!(
            "{sentence}; * stands for a whole name or for one side of a pair: \
             'sim:*', 'sim:BTC-*', '*:BTC-USD'"
        );
    }
    let listed = Rest::new(endpoint, ASK_MAX).and_then(|rest| rest.symbols());
    let near = nearest(wanted, &listed.unwrap_or_default());
    if near.is_empty() {
        return sentence.to_owned();
    }
    format!("{sentence}; did you mean {}?", near.join(", "))
}

/// The listed symbols that read most like the one wanted, the nearest first.
fn nearest(wanted: &str, listed: &[String]) -> Vec<String> {
    let edits_max = (wanted.len() / 2).min(6);
    let distance = |symbol: &String| {
        let name = symbol.split_once(':').map_or(symbol.as_str(), |(_, name)| name);
        // Who left the venue away means any of them.
        let of_name = if wanted.contains(':') { usize::MAX } else { edits(name, wanted) };
        (edits(symbol, wanted).min(of_name), symbol.clone())
    };
    let mut near: Vec<(usize, String)> =
        listed.iter().map(distance).filter(|(edits, _)| *edits <= edits_max).collect();
    near.sort();
    let least = near.first().map_or(0, |(edits, _)| *edits);
    near.retain(|(edits, _)| *edits <= least + 1);
    near.into_iter().take(NAMED_MAX).map(|(_, symbol)| symbol).collect()
}

fn edits(a: &str, b: &str) -> usize {
    strsim::damerau_levenshtein(&a.to_ascii_lowercase(), &b.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_in_the_wrong_place_is_explained() {
        let endpoint = Endpoint::parse("127.0.0.1:1").unwrap();
        let said = advise(&endpoint, "unknown symbol sim:B*");
        assert!(said.contains("whole name or for one side of a pair"), "{said}");
    }

    #[test]
    fn the_nearest_symbols_come_first_and_the_far_ones_not() {
        let listed = ["sim:BTC-USD", "sim:LTC-USD", "sim:ETH-USD", "sim:AAPL"].map(str::to_owned);
        assert_eq!(nearest("sim:BTCUSD", &listed), ["sim:BTC-USD", "sim:LTC-USD"]);
        assert_eq!(nearest("sim:aapl", &listed)[0], "sim:AAPL");
        assert_eq!(nearest("btc-usd", &listed)[0], "sim:BTC-USD");
        assert_eq!(nearest("kraken:QQQQQQQQ", &listed), Vec::<String>::new());
        assert_eq!(nearest("", &listed), Vec::<String>::new());
    }
}
