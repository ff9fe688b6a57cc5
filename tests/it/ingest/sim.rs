//! The simulated feed, which needs no socket.

use tickwire::ingest::Past;
use tickwire::ingest::Settings;
use tickwire_feeds::Feed;
use tickwire_feeds::Sim;
use tickwire_feeds::Tick;
use tickwire_feeds::sim;
use tickwire_feeds::tick::GapState;
use tickwire_feeds::tick::Scope;
use tickwire_feeds::tick::State;

use super::Bench;
use super::PATIENCE;
use super::disconnects;
use super::is_live;
use super::state;
use super::states;
use super::trade_ids;

fn simulated(ticks_per_s: u32, faults: sim::Faults) -> Box<dyn Feed> {
    let settings = sim::Settings { symbols: 3, ticks_per_s, faults, ..sim::Settings::default() };
    Box::new(Sim::new(settings).unwrap())
}

#[tokio::test]
async fn a_simulated_feed_tells_of_itself_and_then_ticks() {
    let feed = simulated(20_000, sim::Faults::default());
    let settings = Settings::of(feed.as_ref());
    let mut bench = Bench::start(feed, settings);
    bench.until(|ticks| ticks.len() > 2_000).await;
    let stats = bench.handle.stats();
    let ticks = bench.stop().await;
    let expected = [
        state(State::Resyncing, "connecting"),
        state(State::Resyncing, "subscribing"),
        state(State::Live, ""),
    ];
    assert_eq!(states(&ticks), expected);
    let first_data = ticks.iter().position(|it| matches!(it, Tick::Quote(_) | Tick::Trade(_)));
    let live =
        ticks.iter().position(|it| matches!(it, Tick::Status(it) if it.state == State::Live));
    assert!(live < first_data, "live is told before the data it is about");
    assert_eq!(stats.ticks(), ticks.len() as u64);
    assert_eq!((stats.state(), stats.reconnects()), (State::Live, 0));
    assert!(stats.lag_ms().is_some_and(|ms| (0..1_000).contains(&ms)), "{:?}", stats.lag_ms());
}

#[tokio::test]
async fn a_resumed_feed_begins_with_a_gap() {
    let feed = simulated(1_000, sim::Faults::default());
    let settings = Settings { past: Past::Resumed, ..Settings::of(feed.as_ref()) };
    let mut bench = Bench::start(feed, settings);
    bench.until(is_live).await;
    let ticks = bench.stop().await;
    assert_eq!(disconnects(&ticks), 1);
    assert!(matches!(&ticks[1], Tick::Gap(gap) if gap.state == GapState::Open));
}

#[tokio::test]
async fn a_simulated_disconnect_is_stale_with_a_gap_and_then_live_again() {
    let faults = sim::Faults { disconnect_every_ms: 100, ..sim::Faults::default() };
    let feed = simulated(5_000, faults);
    let settings = Settings { backoff_ms_min: 5, ..Settings::of(feed.as_ref()) };
    let mut bench = Bench::start(feed, settings);
    bench.until(|ticks| disconnects(ticks) == 3 && is_live(ticks)).await;
    let expected = [
        state(State::Resyncing, "connecting"),
        state(State::Resyncing, "subscribing"),
        state(State::Live, ""),
        state(State::Stale, "simulated disconnect"),
        state(State::Resyncing, "subscribing"),
        state(State::Live, ""),
    ];
    assert_eq!(bench.states()[..6], expected);
    let stale = |it: &Tick| matches!(it, Tick::Status(it) if it.state == State::Stale);
    let at = bench.ticks.iter().position(stale).unwrap();
    assert!(matches!(&bench.ticks[at + 1], Tick::Gap(gap) if gap.scope == Scope::Feed));
    assert_eq!(bench.handle.stats().reconnects(), 3);
}

#[tokio::test]
async fn a_simulated_silence_is_noticed_within_the_limit() {
    let faults = sim::Faults { silence_every_ms: 700, silence_ms: 600, ..sim::Faults::default() };
    let feed = simulated(2_000, faults);
    let settings = Settings { silence_ms: 200, backoff_ms_min: 5, ..Settings::of(feed.as_ref()) };
    let mut bench = Bench::start(feed, settings);
    let silent = state(State::Stale, "no message for 200 ms");
    bench.until(move |ticks| states(ticks).contains(&silent)).await;
    bench.until(is_live).await;
}

#[tokio::test]
async fn a_full_queue_loses_nothing_and_keeps_the_order() {
    let feed = simulated(5_000, sim::Faults::default());
    let settings = Settings::of(feed.as_ref());
    let mut bench = Bench::with_queue(16, feed, settings);
    bench.until(|ticks| ticks.len() > 1_500).await;
    for symbol in ["sim:BTC-USD", "sim:ETH-USD", "sim:SOL-USD"] {
        let ids = trade_ids(&bench.ticks, symbol);
        assert!(ids.len() > 10 && ids.is_sorted_by(|a, b| a + 1 == *b), "{symbol}: {ids:?}");
    }
}

#[tokio::test]
async fn a_feed_ends_when_the_sequencer_is_gone() {
    let feed = simulated(5_000, sim::Faults::default());
    let settings = Settings::of(feed.as_ref());
    let Bench { handle, queue, .. } = Bench::start(feed, settings);
    drop(queue);
    tokio::time::timeout(PATIENCE, handle.ended()).await.unwrap().unwrap();
}
