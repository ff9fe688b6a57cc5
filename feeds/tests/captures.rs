//! Real recordings of the venues, read by our feeds and, by other means, by this test.
//!
//! The recordings are no part of the repository: they are looked for in `../shared/captures` beside
//! it, or where the environment's `CAPTURES` says. Without them the tests are skipped, and say so.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "the table of counts is for people to read")]

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::fs::File;
use std::io::BufRead;
use std::io::BufReader;
use std::path::PathBuf;

use flate2::read::GzDecoder;
use serde_json::Value;
use tickwire_feeds::Feed;
use tickwire_feeds::Nanos;
use tickwire_feeds::Output;
use tickwire_feeds::Symbol;
use tickwire_feeds::Tick;
use tickwire_feeds::Venue;
use tickwire_feeds::tick::Level;

const BINANCE_2024: &[&str] = &["BTC-USDT", "ETH-USDT"];
const BINANCE_2021: &[&str] = &[
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
const COINBASE_2021: &[&str] = &["BAND-BTC", "CRV-EUR", "NMR-EUR", "NU-GBP", "SKL-BTC", "SKL-USD"];

/// What became of a recording.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    frames: usize,
    ticks: usize,
    trades: usize,
    quotes: usize,
    quotes_changed: usize,
    gaps: usize,
    rejected: BTreeMap<String, usize>,
}

/// A recording: each frame and when it was received.
struct Recording(Vec<(Vec<u8>, Nanos)>);

/// What a frame should become, found without the feeds.
enum Expected {
    Line(String),
    Nothing,
    Rejected,
}

#[test]
fn binance_of_2024_comes_out_exactly() {
    let Some(recording) = recording("binance/spot_btcusdt_ethusdt_20240808") else { return };
    let counts = compare(Venue::Binance, BINANCE_2024, &recording, binance);
    assert_eq!((counts.trades, counts.quotes), (9_757 + 6_106, 28_040 + 24_077));
    assert_eq!(counts.rejected, BTreeMap::from([("unknown_message".into(), 3_451 + 3_434)]));
}

#[test]
fn binance_of_2021_comes_out_exactly() {
    let Some(recording) = recording("binance/spot_alts_20210405") else { return };
    let counts = compare(Venue::Binance, BINANCE_2021, &recording, binance);
    assert!(counts.trades > 1_000 && counts.quotes > 5_000, "{counts:?}");
}

#[test]
fn coinbase_exchange_of_2021_comes_out_exactly() {
    let Some(recording) = recording("coinbase/exchange_20210417") else { return };
    let counts = compare(Venue::Coinbase, COINBASE_2021, &recording, coinbase);
    assert_eq!((counts.trades, counts.quotes), (77, 83));
    assert_eq!(counts.rejected, BTreeMap::from([("unknown_message".into(), 6_547 + 6)]));
}

#[test]
fn a_recording_that_comes_again_after_a_cut_adds_nothing() {
    let Some(recording) = recording("binance/spot_btcusdt_ethusdt_20240808") else { return };
    let mut feed = opened(Venue::Binance, BINANCE_2024);
    let first = play(&mut *feed, Venue::Binance, &recording).0;
    feed.on_close(Nanos(1), &mut Output::default());
    feed.on_open(Nanos(2), &mut Output::default());
    let (again, _) = play(&mut *feed, Venue::Binance, &recording);
    assert!(first.trades > 0 && first.rejected == again.rejected);
    assert_eq!((again.trades, again.quotes, again.gaps), (0, 0, 0));
}

#[test]
fn frames_of_other_interfaces_are_rejected_each() {
    for (venue, name, symbols) in [
        (Venue::Kraken, "kraken/v1_book_20210417", &["WAVES-EUR", "XMR-USD"][..]),
        (Venue::Kraken, "kraken/v1_ticker_20210417", &["WAVES-EUR", "XMR-USD"]),
        (Venue::Kraken, "kraken/v1_trade_20210417", &["WAVES-EUR", "XMR-USD"]),
        (Venue::Coinbase, "coinbase/advanced_20260809_part1", &["BTC-USD", "ETH-USD"]),
    ] {
        let Some(recording) = recording(name) else { return };
        let (counts, _) = play(&mut *opened(venue, symbols), venue, &recording);
        report(name, &counts);
        let rejected = BTreeMap::from([("unknown_message".to_owned(), counts.frames)]);
        assert_eq!((counts.ticks, &counts.rejected), (0, &rejected), "{name}");
    }
}

#[test]
fn the_book_channel_of_kraken_is_not_ours_yet() {
    let Some(recording) = recording("kraken/v2_book_btcusd_20260816") else { return };
    let (counts, _) = play(&mut *opened(Venue::Kraken, &["BTC-USD"]), Venue::Kraken, &recording);
    report("kraken/v2_book_btcusd_20260816", &counts);
    // 54 frames of the book and its acknowledgement; heartbeats and the status are read.
    assert_eq!(counts.ticks, 0);
    assert_eq!(counts.rejected, BTreeMap::from([("unknown_message".into(), 55)]));
}

/// Plays a recording and finds the same by other means.
fn compare(
    venue: Venue,
    symbols: &[&str],
    recording: &Recording,
    read: fn(&Value, &HashMap<String, String>, Nanos) -> Expected,
) -> Counts {
    let (counts, lines) = play(&mut *opened(venue, symbols), venue, recording);
    let names: HashMap<_, _> = symbols
        .iter()
        .map(|name| {
            let raw = if venue == Venue::Binance { name.replace('-', "") } else { (*name).into() };
            (raw, format!("{venue}:{name}"))
        })
        .collect();
    let (mut expected, mut rejected) = (Vec::new(), 0);
    for (frame, at) in &recording.0 {
        let frame: Value = serde_json::from_slice(frame).unwrap();
        match read(&frame, &names, *at) {
            Expected::Line(line) => expected.push(line),
            Expected::Nothing => {}
            Expected::Rejected => rejected += 1,
        }
    }
    for (line, expected) in lines.iter().zip(&expected) {
        assert_eq!(line, expected);
    }
    assert_eq!((lines.len(), counts.gaps), (expected.len(), 0));
    assert_eq!(counts.rejected.values().sum::<usize>(), rejected);
    assert_eq!(counts.quotes_changed, changed(&expected));
    report(&format!("{venue} {}", symbols.join(" ")), &counts);
    counts
}

fn binance(frame: &Value, names: &HashMap<String, String>, at: Nanos) -> Expected {
    let data = &frame["data"];
    let Some(name) = data["s"].as_str().map(|raw| &names[raw]) else { return Expected::Rejected };
    let text = |field: &str| data[field].as_str().unwrap();
    let (id, kind) = match data["e"].as_str() {
        Some("trade") => (&data["t"], "trade"),
        Some("aggTrade") => (&data["a"], "trade"),
        Some(_) => return Expected::Rejected,
        None => (&data["u"], "quote"),
    };
    Expected::Line(if kind == "quote" {
        let (bid, ask) = ((text("b"), text("B")), (text("a"), text("A")));
        format!("quote {name} {} {} {} {} - {}", bid.0, bid.1, ask.0, ask.1, at.0)
    } else {
        let side = if data["m"].as_bool().unwrap() { "sell" } else { "buy" };
        let ts = data["T"].as_i64().unwrap() * 1_000_000;
        format!("trade {name} {id} {} {} {side} {ts} {}", text("p"), text("q"), at.0)
    })
}

fn coinbase(frame: &Value, names: &HashMap<String, String>, at: Nanos) -> Expected {
    let text = |field: &str| frame[field].as_str().unwrap();
    let time = |text: &str| Nanos::parse_rfc3339(text).unwrap().0;
    match text("type") {
        "subscriptions" | "last_match" => Expected::Nothing,
        "match" => {
            let side = if text("side") == "sell" { "buy" } else { "sell" };
            Expected::Line(format!(
                "trade {} {} {} {} {side} {} {}",
                names[text("product_id")],
                frame["trade_id"],
                text("price"),
                text("size"),
                time(text("time")),
                at.0
            ))
        }
        "ticker" => Expected::Line(format!(
            "quote {} {} ? {} ? {} {}",
            names[text("product_id")],
            text("best_bid"),
            text("best_ask"),
            time(text("time")),
            at.0
        )),
        _ => Expected::Rejected,
    }
}

fn opened(venue: Venue, names: &[&str]) -> Box<dyn Feed> {
    let symbols = names.iter().map(|name| Symbol::parse(&format!("{venue}:{name}")).unwrap());
    let mut feed = venue.feed(&symbols.collect::<Vec<_>>()).unwrap();
    feed.on_open(Nanos(0), &mut Output::default());
    feed
}

fn play(feed: &mut dyn Feed, venue: Venue, recording: &Recording) -> (Counts, Vec<String>) {
    let (mut counts, mut lines) = (Counts::default(), Vec::new());
    let mut out = Output::default();
    for (frame, at) in &recording.0 {
        counts.frames += 1;
        if let Err(error) = feed.on_frame(&mut frame.clone(), *at, &mut out) {
            *counts.rejected.entry(error.reason().to_owned()).or_default() += 1;
        }
        counts.ticks += out.ticks.len();
        for tick in out.ticks.drain(..) {
            match tick {
                Tick::Trade(_) => counts.trades += 1,
                Tick::Quote(_) => counts.quotes += 1,
                Tick::Gap(_) => counts.gaps += 1,
                other => panic!("{venue}: {other:?}"),
            }
            lines.extend(line(&tick));
        }
        assert_eq!((out.send.len(), &out.reconnect), (0, &None));
    }
    counts.quotes_changed = changed(&lines);
    (counts, lines)
}

fn line(tick: &Tick) -> Option<String> {
    let ts = |ts: Option<Nanos>| ts.map_or("-".to_owned(), |ts| ts.0.to_string());
    match tick {
        Tick::Trade(it) => Some(format!(
            "trade {} {} {} {} {} {} {}",
            it.symbol,
            it.trade_id.as_ref().unwrap(),
            it.price,
            it.size,
            it.side.unwrap().word(),
            ts(it.ts),
            it.recv.0
        )),
        Tick::Quote(it) => {
            let (bid, ask) = (level(it.bid), level(it.ask));
            Some(format!("quote {} {bid} {ask} {} {}", it.symbol, ts(it.ts), it.recv.0))
        }
        _ => None,
    }
}

fn level(level: Option<Level>) -> String {
    let level = level.unwrap();
    format!("{} {}", level.price, level.size.map_or("?".to_owned(), |size| size.to_string()))
}

/// How many quotes differ from the one before them of the same symbol, times aside.
fn changed(lines: &[String]) -> usize {
    let mut last = HashMap::new();
    let quotes = lines.iter().filter(|line| line.starts_with("quote "));
    quotes
        .filter(|line| {
            let words: Vec<_> = line.split(' ').collect();
            let (symbol, levels) = (words[1].to_owned(), words[2..6].join(" "));
            last.insert(symbol, levels.clone()) != Some(levels)
        })
        .count()
}

fn report(name: &str, counts: &Counts) {
    let Counts { frames, ticks, trades, quotes, quotes_changed, gaps, rejected } = counts;
    println!(
        "{name}: frames {frames}, ticks {ticks}, trades {trades}, quotes {quotes} \
         (changed {quotes_changed}), gaps {gaps}, rejected {rejected:?}"
    );
}

fn recording(name: &str) -> Option<Recording> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/captures");
    let folder = std::env::var_os("CAPTURES").map_or(beside, PathBuf::from);
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
