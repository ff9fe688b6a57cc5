//! Real recordings of the venues, read by our feeds and, by other means, by this test.
//!
//! Without the recordings the tests are skipped, and say so.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "the table of counts is for people to read")]

#[path = "captures/reading.rs"]
mod reading;

use std::collections::BTreeMap;
use std::collections::HashMap;

use serde_json::Value;
use tickwire_feeds::Feed;
use tickwire_feeds::Nanos;
use tickwire_feeds::Output;
use tickwire_feeds::Symbol;
use tickwire_feeds::Tick;
use tickwire_feeds::Venue;
use tickwire_feeds::tick::Level;

use reading::BINANCE_2021;
use reading::BINANCE_2024;
use reading::COINBASE_2021;
use reading::Names;
use reading::Print;
use reading::Reading;
use reading::Recording;
use reading::binance;
use reading::coinbase;
use reading::recording;

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
    read: fn(&Value, &Names) -> Reading,
) -> Counts {
    let (counts, lines) = play(&mut *opened(venue, symbols), venue, recording);
    let names = reading::names(venue, symbols);
    let (mut expected, mut rejected) = (Vec::new(), 0);
    for (frame, at) in &recording.0 {
        let reading = read(&serde_json::from_slice(frame).unwrap(), &names);
        rejected += usize::from(reading == Reading::Rejected);
        expected.extend(expected_line(&reading, *at));
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

fn expected_line(reading: &Reading, at: Nanos) -> Option<String> {
    let ts = |ts: Option<i64>| ts.map_or("-".to_owned(), |ts| ts.to_string());
    match reading {
        Reading::Print(it) => {
            let Print { symbol, id, price, size, side, .. } = it;
            Some(format!("trade {symbol} {id} {price} {size} {side} {} {}", ts(it.ts), at.0))
        }
        Reading::Best(it) => {
            let (bid, ask) = (it.bid.join(" "), it.ask.join(" "));
            Some(format!("quote {} {bid} {ask} {} {}", it.symbol, ts(it.ts), at.0))
        }
        Reading::Nothing | Reading::Rejected => None,
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
