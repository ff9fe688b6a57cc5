//! Connections that end, by a cut, a rotation or the end of their server.

use std::time::Duration;

use tickwire::ingest::Settings;
use tickwire::standin::Again;
use tickwire::standin::Fault;
use tickwire::standin::Pace;
use tickwire::standin::Script;
use tickwire_feeds::Tick;
use tickwire_feeds::Venue;
use tickwire_feeds::tick::GapState;
use tickwire_feeds::tick::State;

use super::assert_complete;
use super::binance;
use super::disconnects;
use super::has_trade;
use super::hasty;
use super::is_live;
use super::market;
use super::missing;
use super::standin;
use super::state;
use super::states;

#[tokio::test]
async fn fifty_cuts_are_fifty_recoveries_and_each_missing_trade_is_told() {
    let script = Script {
        pace: Pace::Every(Duration::from_micros(200)),
        again: Again::Skip(7),
        faults: vec![Fault::Cut { one_in: 60, times: 50 }],
        ..Script::new(Venue::Binance, market(4_000))
    };
    let standin = standin(script).await;
    let mut bench = binance(hasty(&standin));
    bench.until(|ticks| has_trade(ticks, 4_000)).await;
    assert_eq!(standin.connections(), 51);
    let ticks = bench.stop().await;
    assert_complete(&ticks, 4_000);
    assert!(missing(&ticks) >= 50 * 3, "{}", missing(&ticks));
    assert_eq!(disconnects(&ticks), 50);
    let live = states(&ticks).into_iter().filter(|it| it.0 == State::Live).count();
    assert_eq!(live, 51);
}

#[tokio::test]
async fn a_cut_that_loses_nothing_is_proved_to_have_lost_nothing() {
    let script =
        Script { faults: vec![Fault::CutAtFrame(100)], ..Script::new(Venue::Binance, market(200)) };
    let standin = standin(script).await;
    let mut bench = binance(hasty(&standin));
    bench.until(|ticks| has_trade(ticks, 200)).await;
    assert_complete(&bench.ticks, 200);
    let filled = |tick: &&Tick| matches!(tick, Tick::Gap(it) if it.state == GapState::Filled);
    assert_eq!(bench.ticks.iter().filter(filled).count(), 1);
    let (cut, reason) = bench.states()[3].clone();
    assert_eq!(cut, State::Stale);
    assert!(reason.starts_with("connection "), "{reason}");
}

#[tokio::test]
async fn a_rotation_leaves_no_trace() {
    let script = Script {
        pace: Pace::Every(Duration::from_millis(2)),
        ..Script::new(Venue::Binance, market(600))
    };
    let standin = standin(script).await;
    let mut bench = binance(Settings { rotate_after_ms: Some(300), ..hasty(&standin) });
    bench.until(|ticks| has_trade(ticks, 600)).await;
    assert!(standin.connections() >= 2);
    assert!(bench.handle.stats().reconnects() >= 1);
    assert_complete(&bench.ticks, 600);
    assert_eq!((missing(&bench.ticks), disconnects(&bench.ticks)), (0, 0));
    assert_eq!(bench.states().len(), 3, "{:?}", bench.states());
}

#[tokio::test]
async fn the_shutdown_of_a_server_is_left_before_it_happens() {
    let script = Script {
        again: Again::From(100),
        faults: vec![Fault::Shutdown(50)],
        ..Script::new(Venue::Binance, market(100))
    };
    let standin = standin(script).await;
    let mut bench = binance(hasty(&standin));
    bench.until(|ticks| disconnects(ticks) == 1 && is_live(ticks)).await;
    let reason = state(State::Stale, "the venue's server is shutting down");
    assert_eq!(bench.states()[3], reason);
}
