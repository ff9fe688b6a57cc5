//! For a symbol that nobody knows: those that read most like it, as the server has them.

use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::cli::endpoint::Endpoint;

/// Longest time to ask: it is advice only.
const ASK_MAX: Duration = Duration::from_secs(2);
/// Longest answer read, in bytes.
const ANSWER_BYTES_MAX: u64 = 16 << 20;
/// Symbols named.
const NAMED_MAX: usize = 3;

/// The sentence, with symbols that may have been meant if the server can be asked.
pub(super) async fn advise(endpoint: &Endpoint, sentence: &str) -> String {
    let wanted = sentence.rsplit(' ').next().unwrap_or_default();
    let listed = tokio::time::timeout(ASK_MAX, symbols(endpoint)).await;
    let near = nearest(wanted, &listed.ok().flatten().unwrap_or_default());
    if near.is_empty() {
        return sentence.to_owned();
    }
    format!("{sentence}; did you mean {}?", near.join(", "))
}

/// `GET /v1/symbols`, by hand: one small answer of one known server is no reason for a library.
async fn symbols(endpoint: &Endpoint) -> Option<Vec<String>> {
    let host = endpoint.plain.as_deref()?;
    let mut socket = TcpStream::connect(host).await.ok()?;
    let shown = endpoint.shown();
    let request = format!("GET /v1/symbols HTTP/1.0\r\nHost: {host}\r\n{shown}\r\n");
    socket.write_all(request.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    socket.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await.ok()?;
    let answer = String::from_utf8(answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.lines().next()?.contains(" 200 ").then_some(())?;
    let body: Value = serde_json::from_str(body).ok()?;
    let rows = body.get("symbols")?.as_array()?.iter();
    let names = rows.filter_map(|row| row.get("symbol")?.as_str().map(str::to_owned));
    Some(names.collect())
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
    fn the_nearest_symbols_come_first_and_the_far_ones_not() {
        let listed = ["sim:BTC-USD", "sim:LTC-USD", "sim:ETH-USD", "sim:AAPL"].map(str::to_owned);
        assert_eq!(nearest("sim:BTCUSD", &listed), ["sim:BTC-USD", "sim:LTC-USD"]);
        assert_eq!(nearest("sim:aapl", &listed)[0], "sim:AAPL");
        assert_eq!(nearest("btc-usd", &listed)[0], "sim:BTC-USD");
        assert_eq!(nearest("kraken:QQQQQQQQ", &listed), Vec::<String>::new());
        assert_eq!(nearest("", &listed), Vec::<String>::new());
    }
}
