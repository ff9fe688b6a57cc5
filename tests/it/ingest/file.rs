//! Recordings as feeds.

use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use tickwire::clock;
use tickwire::config::quantity::Speed;
use tickwire::ingest::file::Recording;
use tickwire_feeds::Tick;
use tickwire_feeds::Venue;
use tickwire_feeds::tick::State;

use super::BTC;
use super::Bench;
use super::captures;
use super::feed;
use super::market;
use super::state;
use super::states;
use super::trade_ids;

/// A file that is gone after the test.
struct Temporary {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

fn file(name: &str, content: &[u8]) -> Temporary {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    Temporary { _folder: folder, path }
}

fn packed(content: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(content).unwrap();
    gzip.finish().unwrap()
}

/// Trades at a price of 1, 2, 3, …, `gap_ms` apart.
fn csv(count: i64, gap_ms: i64) -> String {
    let rows = (1..=count).map(|row| format!("{},NYSE:IBM,T,{row},5\n", row * gap_ms * 1_000_000));
    std::iter::once("time_ns,symbol,type,price,size\n".to_owned()).chain(rows).collect()
}

fn recording(path: &Path, speed: &str) -> Recording {
    Recording::new("f", path, Speed::parse(speed).unwrap(), None).unwrap()
}

fn has_ended(ticks: &[Tick]) -> bool {
    states(ticks).last().is_some_and(|it| matches!(it.0, State::Stale | State::Down))
}

async fn play(recording: Recording) -> Vec<Tick> {
    let mut bench = Bench::play(recording);
    bench.until(has_ended).await;
    bench.stop().await
}

fn prices(ticks: &[Tick]) -> Vec<String> {
    let prices = ticks.iter().filter_map(|tick| match tick {
        Tick::Trade(trade) => Some(trade.price.to_string()),
        _ => None,
    });
    prices.collect()
}

fn listed(ticks: &[Tick]) -> Vec<&str> {
    let listed = ticks.iter().filter_map(|tick| match tick {
        Tick::Listed(listing) => Some(listing.symbol.as_str()),
        _ => None,
    });
    listed.collect()
}

#[tokio::test]
async fn a_tape_comes_out_whole_and_then_the_feed_is_stale() {
    for (name, content) in [
        ("tape.csv", csv(2_000, 1).into_bytes()),
        ("tape.csv.gz", packed(csv(2_000, 1).as_bytes())),
    ] {
        let tape = file(name, &content);
        let ticks = play(recording(&tape.path, "0")).await;
        let expected: Vec<_> = (1..=2_000).map(|price| price.to_string()).collect();
        assert_eq!(prices(&ticks), expected);
        assert_eq!(listed(&ticks), ["f:NYSE.IBM"]);
        let [.., Tick::AllListed, Tick::Status(end)] = &ticks[..] else {
            panic!("{:?}", ticks.last())
        };
        assert_eq!((end.state, end.reason.as_deref()), (State::Stale, Some("end of file")));
        assert_eq!(states(&ticks)[2], state(State::Live, ""));
    }
}

#[tokio::test]
async fn a_tape_takes_its_time() {
    let tape = file("tape.csv", csv(11, 100).as_bytes());
    for (speed, ms) in [("2", 500), ("10", 100), ("0", 0)] {
        let begin = clock::monotonic();
        play(recording(&tape.path, speed)).await;
        let took = begin.elapsed();
        let least = Duration::from_millis(ms);
        assert!((least..least + Duration::from_millis(1_000)).contains(&took), "{speed}: {took:?}");
    }
}

#[tokio::test]
async fn stopping_does_not_wait_for_the_next_row() {
    let tape = file("tape.csv", csv(3, 3_600_000).as_bytes());
    let mut bench = Bench::play(recording(&tape.path, "1"));
    bench.until(|ticks| prices(ticks).len() == 1).await;
    assert_eq!(prices(&bench.stop().await), ["1"]);
}

#[tokio::test]
async fn recorded_frames_speak_under_the_name_of_their_own_feed() {
    let frames = market(500).join("\n");
    let capture = file("spot.ndjson.gz", &packed(frames.as_bytes()));
    let venue = Some(feed(Venue::Binance, &[BTC]));
    let ticks = play(Recording::new("f", &capture.path, Speed::UNPACED, venue).unwrap()).await;
    assert_eq!(trade_ids(&ticks, "f:binance.BTC-USDT"), (1..=500).collect::<Vec<_>>());
    assert_eq!(listed(&ticks), ["f:binance.BTC-USDT"]);
    assert_eq!(states(&ticks).last(), Some(&state(State::Stale, "end of file")));
}

#[tokio::test]
async fn recorded_frames_take_the_time_that_stands_beside_them() {
    let capture = file("spot.ndjson", market(3).join("\n").as_bytes());
    let times = "0\n100000000\n200000000\n200000000\n150000000\n400000000\n";
    std::fs::write(capture.path.with_file_name("spot.recv_ns"), times).unwrap();
    let venue = Some(feed(Venue::Binance, &[BTC]));
    let begin = clock::monotonic();
    let ticks =
        play(Recording::new("f", &capture.path, Speed::AS_IT_HAPPENED, venue).unwrap()).await;
    assert!((400..1_400).contains(&begin.elapsed().as_millis()), "{:?}", begin.elapsed());
    assert_eq!(trade_ids(&ticks, "f:binance.BTC-USDT"), [1, 2, 3]);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_leaves_its_feed_down_and_says_why() {
    let whole = packed(csv(20_000, 1).as_bytes());
    let broken = |name: &str, content: &[u8]| file(name, content);
    for (tape, least, why) in [
        (broken("tape.csv.gz", b"no gzip at all"), 0, "cannot read tape.csv.gz: invalid gzip"),
        (broken("tape.csv.gz", &whole[..whole.len() / 2]), 1_000, "cannot read tape.csv.gz: "),
        (broken("tape.csv", b"a,b,c\n1,2,3\n"), 0, "cannot read tape.csv: the file has no column"),
    ] {
        let ticks = play(recording(&tape.path, "0")).await;
        let (last, reason) = states(&ticks).pop().unwrap();
        assert_eq!(last, State::Down);
        assert!(reason.starts_with(why), "{reason}");
        assert!(prices(&ticks).len() >= least, "what was good comes out");
    }
    let ticks = play(recording(Path::new("no/such/file.csv"), "0")).await;
    let reason = "cannot read file.csv: No such file or directory (os error 2)";
    assert_eq!(states(&ticks).pop().unwrap(), state(State::Down, reason));
}

#[tokio::test]
async fn bad_rows_are_counted_and_the_others_come_out() {
    let tape = file("tape.csv", csv(10, 1).replace(",T,5,", ",T,-5,").as_bytes());
    let mut bench = Bench::play(recording(&tape.path, "0"));
    bench.until(has_ended).await;
    let rejected: Vec<_> = bench.handle.stats().rejected().collect();
    assert_eq!(rejected, [("out_of_range", 1)]);
    assert_eq!(prices(&bench.stop().await).len(), 9);
}

#[test]
fn what_cannot_be_played_is_refused_at_once() {
    let refuse = |name: &str, path: &str, venue: Option<Venue>| {
        let venue = venue.map(|venue| feed(venue, venue.main_pairs()));
        let refused = Recording::new(name, Path::new(path), Speed::UNPACED, venue);
        refused.unwrap_err().to_string()
    };
    assert!(refuse("F!", "a.csv", None).contains("feed name"));
    let reason = "\"tape.parquet\" must be .csv, .csv.gz, .ndjson or .ndjson.gz";
    assert_eq!(refuse("f", "folder/tape.parquet", None), reason);
    assert_eq!(refuse("f", "a.ndjson", None), "\"a.ndjson\" needs the venue that it is of");
    let reason = "\"a.csv.gz\" is a tape CSV: it has no venue";
    assert_eq!(refuse("f", "a.csv.gz", Some(Venue::Kraken)), reason);
}

#[tokio::test]
async fn the_recorded_tapes_come_out_whole() {
    let Some(folder) = captures("tape") else { return };
    for (name, rows) in
        [("equities_20131008_0930_1030.csv.gz", 275_530), ("crypto_20240808.csv.gz", 262_416)]
    {
        let mut bench = Bench::play(recording(&folder.join(name), "0"));
        let stats = bench.handle.stats();
        while !has_ended(&bench.ticks) {
            let ticks = std::mem::take(&mut bench.ticks);
            bench.ticks.extend(ticks.into_iter().filter(|it| matches!(it, Tick::Status(_))));
            bench.drain();
            tokio::task::yield_now().await;
        }
        assert_eq!((stats.frames(), stats.rejected_total()), (rows + 1, 0), "{name}");
    }
}
