//! Which symbols a pattern covers, as the server sees it.

/// Whether a name is a pattern.
pub(crate) fn is_pattern(name: &str) -> bool {
    name.contains('*')
}

/// Whether a symbol, or a pattern such as `*:BTC-USD` or `binance:*-USDT`, covers a symbol.
pub(crate) fn covers(name: &str, symbol: &str) -> bool {
    if name == symbol {
        return true;
    }
    let (Some((venues, names)), Some((venue, name))) =
        (name.split_once(':'), symbol.split_once(':'))
    else {
        return false;
    };
    (venues == "*" || venues == venue) && covers_name(names, name)
}

fn covers_name(names: &str, name: &str) -> bool {
    if names == "*" || names == name {
        return true;
    }
    let pair = name.rsplit_once('-');
    if let Some(quote) = names.strip_prefix("*-") {
        return pair.is_some_and(|(_, right)| right == quote);
    }
    names.strip_suffix("-*").is_some_and(|base| pair.is_some_and(|(left, _)| left == base))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_what_the_protocol_says() {
        for (name, symbol, expected) in [
            ("*:*", "sim:BTC-USD", true),
            ("sim:*", "sim:BTC-USD", true),
            ("sim:*", "simx:BTC-USD", false),
            ("*:BTC-USD", "kraken:BTC-USD", true),
            ("*:BTC-USD", "kraken:BTC-USDT", false),
            ("binance:*-USDT", "binance:BTC-USDT", true),
            ("binance:*-USDT", "binance:BTC-USD", false),
            ("binance:BTC-*", "binance:BTC-USDT", true),
            ("binance:BTC-*", "binance:XBTC-USDT", false),
            ("sim:A-B-*", "sim:A-B-C", true),
            ("sim:*-C", "sim:A-B-C", true),
            ("sim:*-B-C", "sim:A-B-C", false),
            ("sim:AAPL", "sim:AAPL", true),
            ("sim:AAPL", "sim:AAP", false),
            ("*", "sim:AAPL", false),
            ("sim:*", "nonsense", false),
        ] {
            assert_eq!(covers(name, symbol), expected, "{name} {symbol}");
        }
    }
}
