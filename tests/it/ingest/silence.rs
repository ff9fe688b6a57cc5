//! Silence, of a venue that stalls, is slow, or answers nothing.

use std::time::Duration;

use tickwire::ingest::Settings;
use tickwire::standin::Fault;
use tickwire::standin::Pace;
use tickwire::standin::Script;
use tickwire_feeds::Venue;
use tickwire_feeds::tick::State;

use super::assert_complete;
use super::binance;
use super::has_trade;
use super::hasty;
use super::market;
use super::standin;
use super::state;
use super::states;

#[tokio::test]
async fn a_stall_is_noticed_in_time_and_the_feed_comes_back() {
    let script = Script {
        pace: Pace::Every(Duration::from_millis(2)),
        faults: vec![Fault::StallAtFrame(50), Fault::Ping(50)],
        ..Script::new(Venue::Binance, market(100))
    };
    let standin = standin(script).await;
    let mut bench = binance(Settings { silence_ms: 300, ..hasty(&standin) });
    bench.until(|ticks| has_trade(ticks, 25)).await;
    let last_data = tickwire::clock::monotonic();
    let silent = state(State::Stale, "no message for 300 ms");
    bench.until(|ticks| states(ticks).contains(&silent)).await;
    let noticed = last_data.elapsed();
    assert!((250..1_300).contains(&noticed.as_millis()), "{noticed:?}");
    bench.until(|ticks| has_trade(ticks, 100)).await;
    assert!(standin.pongs() > 2, "pings are answered, and are no sign of life");
    assert_complete(&bench.ticks, 100);
}

#[tokio::test]
async fn a_slow_but_steady_feed_is_no_false_alarm() {
    let script = Script {
        pace: Pace::Every(Duration::from_millis(200)),
        ..Script::new(Venue::Binance, market(5))
    };
    let standin = standin(script).await;
    let mut bench = binance(Settings { silence_ms: 600, ..hasty(&standin) });
    bench.until(|ticks| has_trade(ticks, 5)).await;
    assert_eq!(bench.states().len(), 3, "{:?}", bench.states());
}

#[tokio::test]
async fn a_subscription_that_is_not_acknowledged_leads_to_a_new_connection() {
    let script = Script {
        faults: vec![Fault::NeverAcknowledge(2)],
        ..Script::new(Venue::Binance, market(10))
    };
    let standin = standin(script).await;
    // The feed's own limit is 10 s; silence is noticed before.
    let mut bench = binance(Settings { silence_ms: 200, ..hasty(&standin) });
    bench.until(|ticks| has_trade(ticks, 10)).await;
    assert_eq!(standin.connections(), 3);
    let expected = [
        state(State::Resyncing, "connecting"),
        state(State::Resyncing, "subscribing"),
        state(State::Stale, "no message for 200 ms"),
        state(State::Resyncing, "subscribing"),
        state(State::Stale, "no message for 200 ms"),
        state(State::Resyncing, "subscribing"),
        state(State::Live, ""),
    ];
    assert_eq!(bench.states(), expected);
}
