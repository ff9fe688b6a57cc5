//! Frames that are garbage, or too large.

use std::collections::HashSet;
use std::time::Duration;

use tickwire::ingest::Settings;
use tickwire::standin::Again;
use tickwire::standin::Fault;
use tickwire::standin::Pace;
use tickwire::standin::Script;
use tickwire_feeds::Venue;
use tickwire_feeds::tick::State;

use super::BTC;
use super::assert_complete;
use super::binance;
use super::data;
use super::disconnects;
use super::has_trade;
use super::hasty;
use super::market;
use super::standin;
use super::trade_ids;

#[tokio::test]
async fn garbage_is_counted_and_never_published() {
    let frames = market(3_000);
    let clean: HashSet<String> = {
        let standin = standin(Script::new(Venue::Binance, frames.clone())).await;
        let mut bench = binance(hasty(&standin));
        bench.until(|ticks| has_trade(ticks, 3_000)).await;
        bench.stop().await.iter().filter_map(data).collect()
    };
    let faults = vec![Fault::Garble(20), Fault::Duplicate(20), Fault::Drop(50), Fault::Reorder(50)];
    let script = Script { faults, ..Script::new(Venue::Binance, frames) };
    let standin = standin(script).await;
    let mut bench = binance(hasty(&standin));
    bench.until(|ticks| trade_ids(ticks, BTC).last() >= Some(&2_990)).await;
    let stats = bench.handle.stats();
    assert!(stats.rejected_total() > 200, "{:?}", stats.rejected().collect::<Vec<_>>());
    assert!(stats.rejected().any(|(reason, count)| reason == "bad_frame" && count > 50));
    assert_eq!((stats.state(), stats.reconnects()), (State::Live, 0));
    let ids = trade_ids(&bench.ticks, BTC);
    assert_complete(&bench.ticks, *ids.last().unwrap());
    for tick in bench.ticks.iter().filter_map(data) {
        assert!(clean.contains(&tick), "{tick}");
    }
}

#[tokio::test]
async fn nothing_but_garbage_leads_to_a_new_connection() {
    let script = Script {
        pace: Pace::Every(Duration::from_millis(1)),
        faults: vec![Fault::CutAfterMs(60_000)],
        ..Script::new(Venue::Binance, (0..5_000).map(|_| "garbage".to_owned()))
    };
    let standin = standin(script).await;
    let mut bench = binance(Settings { garbage_ms_max: 100, ..hasty(&standin) });
    bench.until(|ticks| disconnects(ticks) > 2).await;
    let (_, reason) = bench.states()[2].clone();
    assert!(reason.starts_with("nothing but bad frames, last: bad frame"), "{reason}");
}

#[tokio::test]
async fn a_frame_above_the_limit_ends_the_connection() {
    let huge = format!("\"{}\"", "x".repeat(100_000));
    let script = Script {
        again: Again::From(1),
        ..Script::new(Venue::Binance, std::iter::once(huge).chain(market(10)))
    };
    let standin = standin(script).await;
    let mut bench = binance(Settings { frame_bytes_max: 10_000, ..hasty(&standin) });
    bench.until(|ticks| has_trade(ticks, 10)).await;
    let (stale, reason) = bench.states()[2].clone();
    assert_eq!(stale, State::Stale);
    assert!(reason.contains("100002 > 10000"), "{reason}");
}
