//! Real recorded frames of venues through the whole program: a stand-in venue, the real binary, and
//! WebSocket clients, over real sockets; compared with another reading of the same frames.
//!
//! Without the recordings the tests that need them are skipped, and say so.

mod client;
mod day;
mod house;
mod kraken;
mod outcome;
mod play;
#[path = "../../feeds/tests/captures/reading.rs"]
pub(crate) mod reading;

use std::time::Duration;

use rand::RngExt as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tickwire::standin::Again;
use tickwire::standin::Pace;
use tickwire_feeds::Venue;

use crate::captures::play::Play;
use crate::captures::reading::BINANCE_2021;
use crate::captures::reading::BINANCE_2024;
use crate::captures::reading::COINBASE_2021;
use crate::captures::reading::Reading;
use crate::captures::reading::binance;
use crate::captures::reading::coinbase;
use crate::captures::reading::recording;

const BINANCE: &str = "binance/spot_btcusdt_ethusdt_20240808";
const CUTS: usize = 20;
/// Frames that nobody gets after a cut.
const LOST: usize = 25;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn binance_of_2024_reaches_clients_exactly() {
    let Some(play) = Play::recorded(BINANCE, Venue::Binance, BINANCE_2024, binance) else { return };
    let outcome = play.run().await;
    assert_eq!(outcome.rejected(), 3_451 + 3_434);
    assert_eq!((outcome.count("trade"), play.best_quotes()), (9_757 + 6_106, 52_117));
}

/// Quotes of this venue have no time, so that days are those of the trades only without them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_days_of_binance_add_up_over_midnight() {
    let Some(play) = Play::recorded(BINANCE, Venue::Binance, BINANCE_2024, binance) else { return };
    let play = play.only(|reading| matches!(reading, Reading::Print(_)));
    let outcome = Play { name: "the same, trades only", ..play }.run().await;
    for snapshot in &outcome.snapshots {
        assert_eq!(snapshot["day"], "2024-08-09", "{snapshot}");
        assert!(snapshot["prev_close"].is_string(), "{snapshot}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn binance_of_2021_reaches_clients_exactly() {
    let name = "binance/spot_alts_20210405";
    let Some(play) = Play::recorded(name, Venue::Binance, BINANCE_2021, binance) else { return };
    let outcome = play.run().await;
    assert_eq!((outcome.count("trade"), play.best_quotes()), (1_240, 5_408));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn coinbase_exchange_of_2021_reaches_clients_exactly() {
    let name = "coinbase/exchange_20210417";
    let Some(play) = Play::recorded(name, Venue::Coinbase, COINBASE_2021, coinbase) else { return };
    let outcome = play.run().await;
    assert_eq!(outcome.rejected(), 6_547 + 6);
    assert_eq!((outcome.count("trade"), play.best_quotes()), (77, 53));
    let sized = |message: &&client::Told| message.value.get("bid_size").is_some();
    assert_eq!(outcome.messages("ticker").filter(sized).count(), 0, "its tickers have no sizes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_of_kraken_reaches_clients_exactly() {
    let (frames, readings) = kraken::session(6_000);
    let play = Play::new("kraken v2, by hand", Venue::Kraken, kraken::SYMBOLS, (frames, readings));
    let outcome = play.run().await;
    assert_eq!(outcome.rejected(), 0);
    assert!(outcome.count("trade") > 4_000, "{}", outcome.count("trade"));
    for snapshot in &outcome.snapshots {
        assert_eq!(snapshot["day"], "2026-09-22", "{snapshot}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_samples_of_kraken_reach_clients_exactly() {
    let name = "feeds/samples/kraken";
    let play = Play::new(name, Venue::Kraken, kraken::SYMBOLS, kraken::samples());
    play.run().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_of_other_interfaces_are_counted_each_and_publish_nothing() {
    let old: [&str; 3] =
        ["kraken/v1_book_20210417", "kraken/v1_ticker_20210417", "kraken/v1_trade_20210417"];
    for (name, venue, symbols, files) in [
        ("kraken v1", Venue::Kraken, &["WAVES-EUR", "XMR-USD"][..], &old[..]),
        (
            "coinbase advanced",
            Venue::Coinbase,
            &["BTC-USD", "ETH-USD"],
            &["coinbase/advanced_20260809_part1"],
        ),
    ] {
        let mut frames = Vec::new();
        for file in files {
            let Some(recording) = recording(file) else { return };
            frames.extend(recording.0.into_iter().map(|(frame, _)| text(frame)));
        }
        let readings = vec![vec![Reading::Rejected]; frames.len()];
        let outcome = Play::new(name, venue, symbols, (frames, readings)).run().await;
        let state = outcome.venue["state"].as_str().unwrap();
        assert_ne!(state, "live", "{name}: nothing of it is a sign of life");
        assert!(["trade", "delta", "gap"].iter().all(|kind| outcome.count(kind) == 0), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cuts_lose_no_trade_silently_and_repeat_none() {
    let seed = rand::random();
    println!("cuts of seed {seed}");
    let cut = |name, again| {
        let play = Play::recorded(BINANCE, Venue::Binance, BINANCE_2024, binance)?;
        let cuts = random_cuts(seed, play.frames.len());
        Some(Play { name, again, cuts, ..play })
    };
    let Some(going_on) = cut("binance, 20 cuts", Again::GoOn) else { return };
    let skipping = cut("binance, 20 cuts, 25 frames lost at each", Again::Skip(LOST)).unwrap();
    let (whole, torn) = tokio::join!(going_on.run(), skipping.run());
    for outcome in [&whole, &torn] {
        assert_eq!(outcome.venue["reconnects"], CUTS);
        let disconnect = |it: &&client::Told| {
            it.value["cause"] == "venue_disconnect" && it.value["state"] == "open"
        };
        // Of two symbols.
        assert_eq!(outcome.messages("trades").filter(disconnect).count(), 2 * CUTS);
    }
    assert_eq!(going_on.missing().values().sum::<u64>(), 0);
    assert!(skipping.missing().values().sum::<u64>() > 20, "{:?}", skipping.missing());
}

/// A measurement more than a test: `recv` to reading, at a pace that any machine keeps.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it takes ten seconds and proves nothing"]
async fn frame_in_to_frame_out_at_a_steady_pace() {
    let Some(mut play) = Play::recorded(BINANCE, Venue::Binance, BINANCE_2024, binance) else {
        return;
    };
    play.frames.truncate(20_000);
    play.readings.truncate(20_000);
    Play { name: "2,000 frames/s", pace: Pace::Every(Duration::from_micros(500)), ..play }
        .run()
        .await;
}

/// Far enough from each other that no cut falls into what another one loses.
fn random_cuts(seed: u64, frames: usize) -> Vec<usize> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut cuts: Vec<usize> = Vec::new();
    while cuts.len() < CUTS {
        // Symbols have traded before the first, and trade after the last.
        let cut = random.random_range(1_000..frames - 1_000);
        if cuts.iter().all(|other| cut.abs_diff(*other) > 2 * LOST) {
            cuts.push(cut);
        }
    }
    cuts
}

fn text(frame: Vec<u8>) -> String {
    String::from_utf8(frame).unwrap()
}
