//! Bars as clients get them, against those of a second computation from the recorded trades.

use std::collections::BTreeMap;
use std::io::BufRead as _;
use std::io::BufReader;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use flate2::read::GzDecoder;
use rust_decimal::Decimal;
use serde_json::Value;
use tickwire::clock::monotonic;

use crate::client::Chains;
use crate::client::Client;
use crate::client::get;
use crate::harness::Server;
use crate::harness::eventually;
use crate::harness::since;
use crate::history;
use crate::postgres::Postgres;

const LENGTHS_S: [(&str, i64); 5] =
    [("bars.1s", 1), ("bars.1m", 60), ("bars.5m", 300), ("bars.1h", 3_600), ("bars.1d", 86_400)];

/// A bar by channel, symbol and second of its beginning.
type Name = (&'static str, String, i64);

/// Open, high, low, close, volume, trades.
type Figures = (String, String, String, String, String, u64);

/// `CAPTURES` names another directory than `../shared/captures`.
fn recording(name: &str) -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let captures = std::env::var("CAPTURES").map_or(root.join("../shared/captures"), PathBuf::from);
    let path = captures.join("tape").join(name);
    if !path.exists() {
        assert!(std::env::var("REQUIRE").as_deref() != Ok("all"), "needs ../shared/captures");
        eprintln!("SKIPPED: needs ../shared/captures");
        return None;
    }
    Some(path)
}

/// The bars of a file, from all its trades at once.
fn expected(path: &Path) -> BTreeMap<Name, Figures> {
    let lines = BufReader::new(GzDecoder::new(std::fs::File::open(path).unwrap())).lines();
    let mut lines = lines.map(Result::unwrap);
    let header = lines.next().unwrap();
    let column = |name: &str| header.split(',').position(|column| column == name).unwrap();
    let (time, symbol, kind) = (column("time_ns"), column("symbol"), column("type"));
    let (price, size) = (column("price"), column("size"));
    let mut trades: BTreeMap<Name, Vec<(String, String)>> = BTreeMap::new();
    for line in lines {
        let fields: Vec<&str> = line.split(',').collect();
        if fields[kind] != "T" {
            continue;
        }
        let second = fields[time].parse::<i64>().unwrap() / 1_000_000_000;
        let name = format!("tape:{}", fields[symbol].replace(':', "."));
        for (channel, length) in LENGTHS_S {
            let bar = (channel, name.clone(), second - second % length);
            let trade = (fields[price].to_owned(), fields[size].to_owned());
            trades.entry(bar).or_default().push(trade);
        }
    }
    trades.into_iter().map(|(name, trades)| (name, figures(&trades))).collect()
}

fn figures(trades: &[(String, String)]) -> Figures {
    let decimal = |text: &str| text.parse::<Decimal>().unwrap();
    let by = |higher: bool| {
        let mut best = &trades[0].0;
        for (price, _) in trades {
            let (price_is, best_is) = (decimal(price), decimal(best));
            if if higher { price_is > best_is } else { price_is < best_is } {
                best = price;
            }
        }
        best.clone()
    };
    let volume = trades.iter().map(|(_, size)| decimal(size)).sum::<Decimal>();
    let (first, last) = (trades.first().unwrap(), trades.last().unwrap());
    let ends = (first.0.clone(), last.0.clone());
    (ends.0, by(true), by(false), ends.1, volume.to_string(), trades.len() as u64)
}

fn start(path: &Path, store: &str) -> Server {
    Server::start(&[
        ("feeds.tape.venue", "file"),
        ("feeds.tape.path", path.to_str().unwrap()),
        ("feeds.tape.speed", "0"),
        ("stream.heartbeat_ms", "200"),
        ("store.url", store),
    ])
}

/// The last messages of all bars, as rows of history, by channel and symbol.
type Rows = BTreeMap<(String, String), BTreeMap<String, String>>;

fn rows(texts: &[String]) -> Rows {
    let mut rows = Rows::new();
    for text in texts.iter().filter(|text| text.starts_with(r#"{"type":"bar""#)) {
        let bar: Value = serde_json::from_str(text).unwrap();
        let word = |key: &str| bar[key].as_str().unwrap().to_owned();
        let stream = rows.entry((word("channel"), word("symbol"))).or_default();
        stream.insert(word("start"), history::row_of(text));
    }
    rows
}

/// History says the same.
#[track_caller]
fn check_history(server: &Server, rows: &Rows, epoch: &str) {
    for ((channel, symbol), rows) in rows {
        let interval = channel.trim_start_matches("bars.");
        let path = format!(
            "/v1/bars?symbol={symbol}&interval={interval}&epoch={epoch}&limit=997&format=ndjson"
        );
        let got = history::pages(server, &path);
        assert_eq!(got.len(), rows.len(), "{path}");
        assert!(got.iter().eq(rows.values()), "{path}");
    }
}

/// Everything of all bars from the beginning of the tape on, until the recording has ended and the
/// client has all of it.
fn listen(server: &Server, channels: &[&str]) -> Vec<String> {
    let mut client = Client::connect(server.address);
    let epoch = client.welcome["epoch"].as_str().unwrap().to_owned();
    for channel in channels {
        client.send(&format!(
            r#"{{"op":"subscribe","channel":"{channel}","symbols":["tape:*"],"slow":"spill","from":{{"epoch":"{epoch}","seq":0}}}}"#
        ));
    }
    let (mut texts, mut last) = (Vec::new(), monotonic());
    let deadline = monotonic() + Duration::from_secs(240);
    while monotonic() < deadline {
        let text = client.text();
        if text.starts_with(r#"{"type":"heartbeat""#) {
            // Bars of the end stay open: a replayed hour does not go on.
            let is_quiet = last.elapsed() > Duration::from_secs(6);
            let ended = texts.iter().rev().take(2_000).any(|text: &String| text.contains("stale"));
            if ended && is_quiet {
                return texts;
            }
        } else if text.starts_with(r#"{"type":"subscribed""#) {
            assert!(text.contains(r#""resumed":true"#), "{text}");
        } else {
            last = monotonic();
            texts.push(text);
        }
    }
    panic!("it never ends; {} messages, the last {:?}", texts.len(), texts.last());
}

#[track_caller]
fn check(name: &str, least_final: usize) {
    let Some(path) = recording(name) else { return };
    let postgres = Postgres::start(&[]);
    let store = postgres.as_ref().map(Postgres::url).unwrap_or_default();
    let server = start(&path, &store);
    let channels = LENGTHS_S.map(|(channel, _)| channel);
    let texts = listen(&server, &channels);
    let mut chains = Chains::default();
    let mut bars: BTreeMap<Name, Value> = BTreeMap::new();
    for text in &texts {
        let message: Value = serde_json::from_str(text).unwrap();
        chains.see(&message);
        if message["type"] == "bar" {
            let word = message["channel"].as_str().unwrap();
            let channel = channels.into_iter().find(|channel| *channel == word).unwrap();
            let start = message["start"].as_str().unwrap();
            let start = tickwire_feeds::Nanos::parse_rfc3339(start).unwrap().0 / 1_000_000_000;
            let symbol = message["symbol"].as_str().unwrap().to_owned();
            let before = bars.insert((channel, symbol, start), message.clone());
            // Nothing is late in these recordings.
            assert_eq!(message["revision"], 0, "{message}");
            assert!(before.is_none_or(|before| before["final"] == false), "{message}");
        }
    }
    let found: BTreeMap<Name, Figures> =
        bars.iter().map(|(name, bar)| (name.clone(), shown(bar))).collect();
    let expected = expected(&path);
    for (name, figures) in &expected {
        assert_eq!(found.get(name), Some(figures), "{name:?}");
    }
    assert_eq!(found.len(), expected.len());
    let is_final = bars.values().filter(|bar| bar["final"] == true).count();
    assert!(is_final >= least_final, "{is_final} of {} bars are final", bars.len());
    println!("{name}: {} messages, {} bars, {is_final} final", texts.len(), bars.len());
    // Read once more, wholly from the tape: after its first snapshot each stream is the same bytes.
    let (live, again) = (of_minutes(&texts), of_minutes(&listen(&server, &["bars.1m"])));
    assert!(live.len() > 1 && live.keys().eq(again.keys()));
    for (symbol, again) in &again {
        let begins = again[0].0.max(live[symbol][0].0);
        let behind = |of: &&(u64, String)| of.0 > begins;
        let (again, live) = (again.iter().filter(behind), live[symbol].iter().filter(behind));
        assert!(again.clone().count() > 1 && again.eq(live), "{symbol}: not the same bytes");
    }
    // The same from the journal, and, when that is gone, from the store.
    let rows = rows(&texts);
    let epoch = Client::connect(server.address).welcome["epoch"].as_str().unwrap().to_owned();
    check_history(&server, &rows, &epoch);
    if postgres.is_some() {
        server.signal("-TERM");
        assert!(server.end().status.success());
        let server = Server::start(&[("store.url", &store)]);
        eventually("the store is read", || {
            get(server.address, &format!("/v1/gaps?epoch={epoch}")).status == 200
        });
        let begun = monotonic();
        check_history(&server, &rows, &epoch);
        println!("{name}: {} streams of bars from Postgres in {:?}", rows.len(), since(begun));
    }
}

/// What was got of the bars of a minute, by symbol, each with its place. The first is a snapshot:
/// of a symbol that is listed while a pattern waits for it, as it stands when there is time to send
/// it.
fn of_minutes(texts: &[String]) -> BTreeMap<String, Vec<(u64, String)>> {
    let mut streams: BTreeMap<String, Vec<(u64, String)>> = BTreeMap::new();
    for text in texts.iter().filter(|text| text.contains(r#""channel":"bars.1m""#)) {
        let message: Value = serde_json::from_str(text).unwrap();
        let symbol = message["symbol"].as_str().unwrap().to_owned();
        let stream = streams.entry(symbol).or_default();
        assert_eq!(stream.is_empty(), message["type"] == "snapshot", "{text}");
        stream.push((message["seq"].as_u64().unwrap(), text.clone()));
    }
    streams
}

fn shown(bar: &Value) -> Figures {
    let text = |key: &str| bar[key].as_str().unwrap_or_else(|| panic!("{bar}")).to_owned();
    let (open, high, low, close) = (text("open"), text("high"), text("low"), text("close"));
    (open, high, low, close, text("volume"), bar["trades"].as_u64().unwrap())
}

#[test]
fn bars_of_the_crypto_tape_are_those_of_its_trades() {
    check("crypto_20240808.csv.gz", 1_000);
}

#[test]
fn bars_of_the_stock_tape_are_those_of_its_trades() {
    check("equities_20131008_0930_1030.csv.gz", 8_660);
}
