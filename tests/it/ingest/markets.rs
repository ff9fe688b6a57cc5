//! A recorded market, which comes out whole, however slowly it is taken.

use std::time::Duration;

use tickwire::ingest::Settings;
use tickwire::standin::Script;
use tickwire_feeds::Feed;
use tickwire_feeds::Nanos;
use tickwire_feeds::Output;
use tickwire_feeds::Venue;
use tickwire_feeds::tick::State;

use super::BTC;
use super::Bench;
use super::assert_complete;
use super::binance;
use super::captures;
use super::data;
use super::feed;
use super::has_trade;
use super::hasty;
use super::market;
use super::missing;
use super::standin;
use super::state;
use super::states;

#[tokio::test]
async fn a_recorded_market_comes_out_whole() {
    let standin = standin(Script::new(Venue::Binance, market(2_000))).await;
    let mut bench = binance(hasty(&standin));
    bench.until(|ticks| has_trade(ticks, 2_000)).await;
    let stats = bench.handle.stats();
    let ticks = bench.stop().await;
    assert_complete(&ticks, 2_000);
    assert_eq!(missing(&ticks), 0);
    assert_eq!((stats.frames(), stats.rejected_total()), (4_001, 0));
    let expected = [
        state(State::Resyncing, "connecting"),
        state(State::Resyncing, "subscribing"),
        state(State::Live, ""),
    ];
    assert_eq!(states(&ticks), expected);
    assert!(standin.received()[0].contains("SUBSCRIBE"));
}

/// What a recording comes to, frame by frame, without any socket.
fn decoded(mut feed: Box<dyn Feed>, script: &Script) -> Vec<String> {
    let mut out = Output::default();
    for frame in &script.frames {
        drop(feed.on_frame(&mut frame.text.clone().into_bytes(), Nanos(0), &mut out));
    }
    out.ticks.iter().filter_map(data).collect()
}

#[tokio::test]
async fn recorded_frames_come_through_a_socket_as_they_do_without_one() {
    for (venue, name, symbols) in [
        (Venue::Binance, "spot_btcusdt_ethusdt_20240808", &[BTC, "binance:ETH-USDT"][..]),
        (Venue::Binance, "spot_alts_20210405", &["binance:DENT-USDT", "binance:RENBTC-ETH"][..]),
        (Venue::Coinbase, "exchange_20210417", &["coinbase:CRV-EUR", "coinbase:SKL-USD"][..]),
    ] {
        let Some(folder) = captures(venue.name()) else { return };
        let path = folder.join(format!("{name}.ndjson.gz"));
        let script = Script::read(venue, &path).unwrap();
        assert!(script.frames.iter().all(|frame| frame.recv.is_some()));
        let expected = decoded(feed(venue, symbols), &script);
        assert!(expected.len() > 100, "{name}: {} ticks", expected.len());
        let frames = script.frames.len() as u64;
        let standin = standin(script).await;
        let mut bench = Bench::start(feed(venue, symbols), hasty(&standin));
        let stats = bench.handle.stats();
        bench.until(|_| stats.frames() > frames).await;
        let ticks: Vec<_> = bench.stop().await.iter().filter_map(data).collect();
        assert!(ticks == expected, "{name}: {} and {} ticks", ticks.len(), expected.len());
    }
}

#[tokio::test]
async fn a_full_queue_pushes_back_on_the_venue_and_loses_nothing() {
    let count = 30_000;
    let standin = standin(Script::new(Venue::Binance, market(count))).await;
    let settings = Settings { silence_ms: 200, ..hasty(&standin) };
    let mut bench = Bench::with_queue(8, feed(Venue::Binance, &[BTC]), settings);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let (played, read) = (standin.played(), bench.handle.stats().frames());
    assert!(read <= 512, "{read} frames read with a queue of 8");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(bench.handle.stats().frames(), read);
    assert!(played < 60_000, "the venue has to wait too");
    while !has_trade(&bench.ticks, count) {
        bench.drain();
        tokio::task::yield_now().await;
    }
    assert_complete(&bench.ticks, count);
    assert_eq!(missing(&bench.ticks), 0);
    assert_eq!(bench.states().len(), 3, "our own pause is no silence: {:?}", bench.states());
}
