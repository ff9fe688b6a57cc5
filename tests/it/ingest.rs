//! Drivers of feeds, from the venue's socket to the sequencer's queue.

use std::sync::Arc;
use std::time::Duration;

use tickwire::ingest;
use tickwire::ingest::Past;
use tickwire::ingest::Settings;
use tickwire::sequencer::intake;
use tickwire::sequencer::intake::Bell;
use tickwire::sequencer::intake::Queue;
use tickwire_feeds::Feed;
use tickwire_feeds::Sim;
use tickwire_feeds::Tick;
use tickwire_feeds::sim;
use tickwire_feeds::tick::Cause;
use tickwire_feeds::tick::GapState;
use tickwire_feeds::tick::Scope;
use tickwire_feeds::tick::State;

/// Whatever a test waits for comes sooner than this, or never.
const PATIENCE: Duration = Duration::from_secs(10);

/// A feed at work and what came out of it.
struct Bench {
    handle: ingest::Handle,
    queue: Queue,
    ticks: Vec<Tick>,
}

impl Bench {
    fn start(feed: Box<dyn Feed>, settings: Settings) -> Self {
        Self::with_queue(1 << 16, feed, settings)
    }

    fn with_queue(bound: usize, feed: Box<dyn Feed>, settings: Settings) -> Self {
        let (intake, queue) = intake::queue(bound, Arc::new(Bell::of_this_thread()));
        Self { handle: ingest::spawn(feed, settings, intake), queue, ticks: Vec::new() }
    }

    fn drain(&mut self) {
        self.ticks.extend(self.queue.drain(usize::MAX));
        self.queue.make_room();
    }

    /// Runs until `done`, which sees all ticks so far.
    #[track_caller]
    fn until(&mut self, done: impl Fn(&[Tick]) -> bool) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            let waited = tokio::time::timeout(PATIENCE, async {
                while !done(&self.ticks) {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    self.drain();
                }
            });
            if waited.await.is_err() {
                panic!("{caller}: waited in vain; {} ticks, {:?}", self.ticks.len(), self.states());
            }
        }
    }

    async fn stop(mut self) -> Vec<Tick> {
        self.handle.stop();
        tokio::time::timeout(PATIENCE, self.handle.ended()).await.unwrap().unwrap();
        self.ticks.extend(self.queue.drain(usize::MAX));
        self.ticks
    }

    fn states(&self) -> Vec<(State, String)> {
        states(&self.ticks)
    }
}

/// The feed-wide statuses, in order.
fn states(ticks: &[Tick]) -> Vec<(State, String)> {
    let statuses = ticks.iter().filter_map(|tick| match tick {
        Tick::Status(status) if status.scope == Scope::Feed => Some(status),
        _ => None,
    });
    statuses.map(|it| (it.state, it.reason.as_deref().unwrap_or_default().to_owned())).collect()
}

fn is_live(ticks: &[Tick]) -> bool {
    states(ticks).last().is_some_and(|(state, _)| *state == State::Live)
}

fn state(state: State, reason: &str) -> (State, String) {
    (state, reason.to_owned())
}

fn trade_ids(ticks: &[Tick], symbol: &str) -> Vec<u64> {
    let trades = ticks.iter().filter_map(|tick| match tick {
        Tick::Trade(trade) if trade.symbol.as_str() == symbol => trade.trade_id.as_ref(),
        _ => None,
    });
    trades.map(|id| id.number().unwrap()).collect()
}

/// Open feed-wide gaps.
fn disconnects(ticks: &[Tick]) -> usize {
    let disconnect = |tick: &&Tick| {
        matches!(tick, Tick::Gap(gap) if gap.scope == Scope::Feed
            && gap.cause == Cause::VenueDisconnect && gap.state == GapState::Open)
    };
    ticks.iter().filter(disconnect).count()
}

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
