//! The recorded tapes, row by row against an independent reading of the same files.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::indexing_slicing, reason = "a test may panic")]
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

use std::fs::File;
use std::io::BufRead;
use std::io::BufReader;
use std::path::PathBuf;

use flate2::read::GzDecoder;
use tickwire_feeds::Feed;
use tickwire_feeds::Nanos;
use tickwire_feeds::Output;
use tickwire_feeds::TapeCsv;
use tickwire_feeds::Tick;
use tickwire_feeds::tick::Level;

const NOW: Nanos = Nanos(42);

/// A recording, or `None` where there is none; `REQUIRE=all` makes that a failure. `CAPTURES`
/// names another directory than `../shared/captures`, for a worktree that lies elsewhere.
fn lines(name: &str) -> Option<impl Iterator<Item = String>> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let captures = std::env::var("CAPTURES").map_or(root.join("../shared/captures"), PathBuf::from);
    let Ok(file) = File::open(captures.join("tape").join(name)) else {
        assert!(std::env::var("REQUIRE").as_deref() != Ok("all"), "needs ../shared/captures");
        eprintln!("SKIPPED: needs ../shared/captures");
        return None;
    };
    Some(BufReader::new(GzDecoder::new(file)).lines().map(Result::unwrap))
}

/// A row as the file has it, of the columns that both files share.
fn row(fields: &[&str]) -> String {
    let side = if matches!(fields[9], "buy" | "sell") { fields[9] } else { "" };
    let name = fields[1].replace(':', ".");
    format!("{},tape:{name},{},{},{side}", fields[0], fields[2], fields[3..9].join(","))
}

/// A tick written as a row.
fn written(tick: &Tick) -> String {
    let level = |level: Option<Level>| {
        let level = level.unwrap();
        format!("{},{}", level.price, level.size.unwrap())
    };
    match tick {
        Tick::Quote(quote) => {
            let (ts, bid, ask) = (quote.ts.unwrap().0, level(quote.bid), level(quote.ask));
            format!("{ts},{},Q,{bid},{ask},,,", quote.symbol)
        }
        Tick::Trade(trade) => {
            let side = trade.side.map_or("", |side| side.word());
            let (ts, price, size) = (trade.ts.unwrap().0, trade.price, trade.size);
            format!("{ts},{},T,,,,,{price},{size},{side}", trade.symbol)
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn check(name: &str, symbols: usize, quotes: usize, trades: usize) {
    let Some(mut lines) = lines(name) else { return };
    let mut csv = TapeCsv::new("tape").unwrap();
    let mut out = Output::default();
    csv.on_open(NOW, &mut out);
    let mut header = lines.next().unwrap().into_bytes();
    csv.on_frame(&mut header, NOW, &mut out).unwrap();
    let (mut seen_quotes, mut seen_trades, mut listed) = (0, 0, 0);
    for line in lines {
        out.ticks.clear();
        let time = csv.peek_time(line.as_bytes()).unwrap();
        csv.on_frame(&mut line.clone().into_bytes(), NOW, &mut out).unwrap();
        let (tick, before) = out.ticks.split_last().unwrap();
        listed += before.len();
        let fields: Vec<_> = line.split(',').collect();
        assert_eq!(written(tick), row(&fields));
        assert_eq!(time.0.to_string(), fields[0]);
        match fields[2] {
            "Q" => seen_quotes += 1,
            _ => seen_trades += 1,
        }
    }
    assert_eq!((listed, seen_quotes, seen_trades), (symbols, quotes, trades));
}

#[test]
fn the_crypto_tape_is_read_to_the_digit() {
    check("crypto_20240808.csv.gz", 6, 207_146, 55_270);
}

#[test]
fn the_stock_tape_is_read_to_the_digit() {
    check("equities_20131008_0930_1030.csv.gz", 4, 160_754, 114_776);
}
