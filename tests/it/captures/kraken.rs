//! A hand-made session of Kraken v2, of which no recording exists: bare numbers with padding.

use rand::RngExt as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tickwire_feeds::Nanos;

use crate::captures::reading::Best;
use crate::captures::reading::Print;
use crate::captures::reading::Reading;

pub(super) const SYMBOLS: &[&str] = &["BTC-USD", "ETH-USD", "AAPLx-USD"];
const RAW: [&str; 3] = ["BTC/USD", "ETH/USD", "AAPLx/USD"];
/// Middle of the prices, in units of the last of `PLACES` decimals.
const MIDDLE: [i64; 3] = [10_594_420, 250_010, 2_511_000];
const PLACES: [u32; 3] = [2, 2, 4];
/// A minute and a half before midnight; a frame is 30 ms, so that the day changes on the way.
const BEGIN: &str = "2026-09-21T23:58:30.000001Z";
const STEP_NS: i64 = 30_000_000;

/// What each of our samples should become, in the order in which they are played.
const SAMPLES: &[(&str, &[&str])] = &[
    ("status", &[]),
    ("ticker_snapshot", &["BTC-USD 70123.3 0.50000000 70123.4 1.02000000 @19.000001"]),
    ("ticker_update", &["ETH-USD 2500.00 3.0 2500.10 12.5 -"]),
    ("ticker_other_order", &["ETH-USD 2500.00 3.0 2500.10 12.50 -"]),
    ("ticker_time_zero", &["ETH-USD 2500.00 3.0 2500.10 12.5 -"]),
    ("ticker_empty_book", &["ETH-USD 0 0 0 0 -"]),
    ("ticker_xstock", &["AAPLx-USD 251.10 4.00 251.25 1.5 -"]),
    ("heartbeat", &[]),
    ("pong", &[]),
    ("trade_snapshot", &[]),
    ("trade", &["BTC-USD buy 70123.4 0.00510000 501 @20.123456"]),
    (
        "trade_several",
        &[
            "ETH-USD buy 2500.10 12.50000000 90 @20.123456",
            "BTC-USD sell 70123.30 0.1 502 @20.123456",
        ],
    ),
    ("trade_one_bad", &["BTC-USD buy 70123.5 0.1 503 @20.123456", "rejected"]),
    ("trade_two_bad", &["rejected"]),
    ("trade_exponent", &[]),
    ("trade_unknown_instrument", &["rejected"]),
    ("trade_long_number", &["rejected"]),
    ("book", &["rejected"]),
    ("not_json", &["rejected"]),
    ("no_price", &["rejected"]),
    ("v1_trade", &["rejected"]),
];

/// Our own samples, and what each should become.
pub(super) fn samples() -> (Vec<String>, Vec<Vec<Reading>>) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/feeds/samples/kraken");
    let read = |name: &str| std::fs::read_to_string(format!("{folder}/{name}.json")).unwrap();
    let frames = SAMPLES.iter().map(|(name, _)| read(name));
    let readings = SAMPLES.iter().map(|(_, lines)| lines.iter().map(|line| reading(line)));
    (frames.collect(), readings.map(Iterator::collect).collect())
}

fn reading(line: &str) -> Reading {
    let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    let [symbol, words @ .., at] = words.as_slice() else { return Reading::Rejected };
    let symbol = format!("kraken:{symbol}");
    let time = at.strip_prefix('@').map(|seconds| format!("2026-09-21T14:13:{seconds}Z"));
    let ts = time.map(|time| Nanos::parse_rfc3339(&time).unwrap().0);
    let word = |index: usize| words[index].clone();
    match words[0].as_str() {
        side @ ("buy" | "sell") => Reading::Print(Print {
            symbol,
            id: word(3),
            price: word(1),
            size: word(2),
            side: if side == "buy" { "buy" } else { "sell" },
            ts,
        }),
        _ => Reading::Best(Best { symbol, bid: [word(0), word(1)], ask: [word(2), word(3)], ts }),
    }
}

/// A session of so many frames, and what each should become.
pub(super) fn session(count: usize) -> (Vec<String>, Vec<Vec<Reading>>) {
    let mut market = Market {
        random: StdRng::seed_from_u64(7),
        now: Nanos::parse_rfc3339(BEGIN).unwrap(),
        middle: MIDDLE,
        last_id: [700_000, 90, 0],
    };
    (0..count).map(|_| market.frame()).unzip()
}

struct Market {
    random: StdRng,
    now: Nanos,
    middle: [i64; 3],
    last_id: [u64; 3],
}

impl Market {
    fn frame(&mut self) -> (String, Vec<Reading>) {
        self.now = Nanos(self.now.0 + STEP_NS);
        match self.random.random_range(0..20) {
            0 => (r#"{"channel":"heartbeat"}"#.to_owned(), Vec::new()),
            1..=6 => self.prints(),
            _ => self.ticker(),
        }
    }

    fn ticker(&mut self) -> (String, Vec<Reading>) {
        let at = self.random.random_range(0..RAW.len());
        self.middle[at] += self.random.random_range(-1..=1);
        let mut side = |sign: i64| {
            if self.random.random_ratio(1, 50) {
                return ["0.00".to_owned(), "0.00000000".to_owned()];
            }
            // Few sizes, so that a quote often is the one before it.
            let size = format!("0.0000{}100", self.random.random_range(4..6));
            [decimal(self.middle[at] + sign, PLACES[at]), size]
        };
        let (bid, ask) = (side(-1), side(1));
        let frame = format!(
            r#"{{"channel":"ticker","type":"update","data":[{{"symbol":"{}","bid":{},"bid_qty":{},"ask":{},"ask_qty":{},"last":1.0,"volume":1.00000000,"timestamp":"{}"}}]}}"#,
            RAW[at], bid[0], bid[1], ask[0], ask[1], self.now,
        );
        let symbol = format!("kraken:{}", SYMBOLS[at]);
        (frame, vec![Reading::Best(Best { symbol, bid, ask, ts: Some(self.now.0) })])
    }

    /// One to five trades, of any symbols.
    fn prints(&mut self) -> (String, Vec<Reading>) {
        let (mut rows, mut readings) = (Vec::new(), Vec::new());
        for _ in 0..self.random.random_range(1..=5) {
            let at = self.random.random_range(0..RAW.len());
            self.last_id[at] += 1;
            let id = self.last_id[at];
            let price = decimal(self.middle[at] + self.random.random_range(-3..=3), PLACES[at]);
            let size = format!("0.{:08}", self.random.random_range(1..9_999) * 100);
            let side = if self.random.random() { "buy" } else { "sell" };
            rows.push(format!(
                r#"{{"symbol":"{}","side":"{side}","price":{price},"qty":{size},"ord_type":"limit","trade_id":{id},"timestamp":"{}"}}"#,
                RAW[at], self.now,
            ));
            let (symbol, ts) = (format!("kraken:{}", SYMBOLS[at]), Some(self.now.0));
            let id = id.to_string();
            readings.push(Reading::Print(Print { symbol, id, price, size, side, ts }));
        }
        let rows = rows.join(",");
        (format!(r#"{{"channel":"trade","type":"update","data":[{rows}]}}"#), readings)
    }
}

/// With so many decimals, padding among them.
fn decimal(units: i64, places: u32) -> String {
    let one = 10_i64.pow(places);
    format!("{}.{:0width$}", units / one, units % one, width = places as usize)
}
