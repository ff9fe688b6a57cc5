//! Recordings, and what each of their frames says: found by other means than the feeds'.
//!
//! The recordings are no part of the repository: they are looked for in `../shared/captures` beside
//! it, or where the environment's `CAPTURES` says.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::path::PathBuf;

use flate2::read::GzDecoder;
use serde_json::Value;
use tickwire_feeds::Nanos;
use tickwire_feeds::Venue;

pub(crate) const BINANCE_2024: &[&str] = &["BTC-USDT", "ETH-USDT"];
pub(crate) const BINANCE_2021: &[&str] = &[
    "BTC-AUD",
    "MANA-USDT",
    "ETH-BRL",
    "DENT-USDT",
    "ZIL-USDT",
    "RENBTC-ETH",
    "BTCST-USDT",
    "QTUM-ETH",
    "AXS-BNB",
    "NEO-USDC",
];
pub(crate) const COINBASE_2021: &[&str] =
    &["BAND-BTC", "CRV-EUR", "NMR-EUR", "NU-GBP", "SKL-BTC", "SKL-USD"];

/// The venue's names of symbols, each with ours.
pub(crate) type Names = HashMap<String, String>;

/// A recording: each frame and when it was received.
pub(crate) struct Recording(pub(crate) Vec<(Vec<u8>, Nanos)>);

/// What a frame should become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reading {
    Print(Print),
    Best(Best),
    Nothing,
    Rejected,
}

/// A trade, in the venue's digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Print {
    pub(crate) symbol: String,
    pub(crate) id: String,
    pub(crate) price: String,
    pub(crate) size: String,
    pub(crate) side: &'static str,
    pub(crate) ts: Option<i64>,
}

/// A best bid and ask, each a price and a size, in the venue's digits; what is not said is `?`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Best {
    pub(crate) symbol: String,
    pub(crate) bid: [String; 2],
    pub(crate) ask: [String; 2],
    pub(crate) ts: Option<i64>,
}

/// Reads a recording; without it says that the test is skipped.
pub(crate) fn recording(name: &str) -> Option<Recording> {
    let folder = std::env::var_os("CAPTURES").map_or_else(beside, PathBuf::from);
    let open = |ending: &str| {
        let file = File::open(folder.join(format!("{name}.{ending}.gz"))).ok()?;
        Some(BufReader::new(GzDecoder::new(file)).split(b'\n').map(Result::unwrap))
    };
    let (Some(frames), Some(times)) = (open("ndjson"), open("recv_ns")) else {
        assert_ne!(std::env::var("REQUIRE").as_deref(), Ok("all"), "no {name}");
        println!("SKIPPED: needs ../shared/captures");
        return None;
    };
    let times = times.map(|line| Nanos(String::from_utf8(line).unwrap().trim().parse().unwrap()));
    Some(Recording(frames.zip(times).collect()))
}

/// Beside the repository, whichever of its packages asks.
fn beside() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = if package.ends_with("feeds") { package.parent().unwrap() } else { package };
    root.join("../shared/captures")
}

pub(crate) fn names(venue: Venue, symbols: &[&str]) -> Names {
    let named = symbols.iter().map(|name| {
        let raw = if venue == Venue::Binance { name.replace('-', "") } else { (*name).into() };
        (raw, format!("{venue}:{name}"))
    });
    named.collect()
}

pub(crate) fn binance(frame: &Value, names: &Names) -> Reading {
    let data = &frame["data"];
    let Some(symbol) = data["s"].as_str().map(|raw| names[raw].clone()) else {
        return Reading::Rejected;
    };
    let text = |field: &str| data[field].as_str().unwrap().to_owned();
    let id = match data["e"].as_str() {
        Some("trade") => &data["t"],
        Some("aggTrade") => &data["a"],
        Some(_) => return Reading::Rejected,
        None => {
            let (bid, ask) = ([text("b"), text("B")], [text("a"), text("A")]);
            return Reading::Best(Best { symbol, bid, ask, ts: None });
        }
    };
    Reading::Print(Print {
        symbol,
        id: id.to_string(),
        price: text("p"),
        size: text("q"),
        side: if data["m"].as_bool().unwrap() { "sell" } else { "buy" },
        ts: Some(data["T"].as_i64().unwrap() * 1_000_000),
    })
}

pub(crate) fn coinbase(frame: &Value, names: &Names) -> Reading {
    let text = |field: &str| frame[field].as_str().unwrap().to_owned();
    let symbol = || names[frame["product_id"].as_str().unwrap()].clone();
    let time = || Some(Nanos::parse_rfc3339(frame["time"].as_str().unwrap()).unwrap().0);
    match frame["type"].as_str().unwrap() {
        "subscriptions" | "last_match" => Reading::Nothing,
        "match" => Reading::Print(Print {
            symbol: symbol(),
            id: frame["trade_id"].to_string(),
            price: text("price"),
            size: text("size"),
            side: if frame["side"] == "sell" { "buy" } else { "sell" },
            ts: time(),
        }),
        "ticker" => Reading::Best(Best {
            symbol: symbol(),
            bid: [text("best_bid"), "?".to_owned()],
            ask: [text("best_ask"), "?".to_owned()],
            ts: time(),
        }),
        _ => Reading::Rejected,
    }
}
