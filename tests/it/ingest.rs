//! Drivers of feeds, from the venue's socket to the sequencer's queue.

mod file;
mod timers;

use std::collections::HashSet;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tickwire::ingest;
use tickwire::ingest::Past;
use tickwire::ingest::Settings;
use tickwire::ingest::file::Recording;
use tickwire::sequencer::intake;
use tickwire::sequencer::intake::Bell;
use tickwire::sequencer::intake::Queue;
use tickwire::standin::Again;
use tickwire::standin::Fault;
use tickwire::standin::Pace;
use tickwire::standin::Script;
use tickwire::standin::Standin;
use tickwire_feeds::Feed;
use tickwire_feeds::Nanos;
use tickwire_feeds::Output;
use tickwire_feeds::Sim;
use tickwire_feeds::Symbol;
use tickwire_feeds::Tick;
use tickwire_feeds::Venue;
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

    fn play(recording: Recording) -> Self {
        let (intake, queue) = intake::queue(64, Arc::new(Bell::of_this_thread()));
        Self { handle: ingest::file::spawn(recording, intake), queue, ticks: Vec::new() }
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

/// A folder of recordings, if there are any; `CAPTURES` names another place for them.
pub(crate) fn captures(folder: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/captures");
    let folder = std::env::var_os("CAPTURES").map_or(beside, PathBuf::from).join(folder);
    if folder.is_dir() {
        return Some(folder);
    }
    assert_ne!(std::env::var("REQUIRE").as_deref(), Ok("all"), "needs ../shared/captures");
    eprintln!("SKIPPED: needs ../shared/captures");
    None
}

const BTC: &str = "binance:BTC-USDT";

fn feed(venue: Venue, symbols: &[&str]) -> Box<dyn Feed> {
    let symbols: Vec<_> = symbols.iter().map(|text| Symbol::parse(text).unwrap()).collect();
    venue.feed(&symbols).unwrap()
}

/// Trades 1 to `count` of BTCUSDT, a best quote before each of them.
fn market(count: u64) -> Vec<String> {
    let frames = (1..=count).flat_map(|id| {
        [
            format!(
                r#"{{"stream":"btcusdt@bookTicker","data":{{"u":{id},"s":"BTCUSDT","b":"61837.63000000","B":"{id}.50","a":"61837.64000000","A":"1.00"}}}}"#
            ),
            format!(
                r#"{{"stream":"btcusdt@trade","data":{{"e":"trade","E":1723161254000,"s":"BTCUSDT","t":{id},"p":"61837.63000000","q":"0.00{id}","T":1723161254000,"m":true,"M":true}}}}"#
            ),
        ]
    });
    frames.collect()
}

/// Settings of a binance feed that has no time to lose.
fn hasty(standin: &Standin) -> Settings {
    let feed = feed(Venue::Binance, &[BTC]);
    Settings {
        url: standin.url(),
        backoff_ms_min: 2,
        backoff_ms_max: 20,
        connect_gap_ms: 0,
        send_gap_ms: 0,
        ..Settings::of(feed.as_ref())
    }
}

fn binance(settings: Settings) -> Bench {
    Bench::start(feed(Venue::Binance, &[BTC]), settings)
}

async fn standin(script: Script) -> Standin {
    Standin::start(script).await.unwrap()
}

/// Whether this trade, or a later one, is the last.
fn has_trade(ticks: &[Tick], id: u64) -> bool {
    let last = ticks.iter().rev().find_map(|tick| match tick {
        Tick::Trade(trade) => trade.trade_id.as_ref(),
        _ => None,
    });
    last.is_some_and(|last| last.number() >= Some(id))
}

/// How many trades the gaps of a symbol say are missing.
fn missing(ticks: &[Tick]) -> u64 {
    let missing = ticks.iter().filter_map(|tick| match tick {
        Tick::Gap(gap) if gap.scope != Scope::Feed => gap.missing,
        _ => None,
    });
    missing.sum()
}

/// Checks that each trade came once, in order, or is said to be missing.
#[track_caller]
fn assert_complete(ticks: &[Tick], count: u64) {
    let ids = trade_ids(ticks, BTC);
    assert!(ids.is_sorted_by(|a, b| a < b), "in order and never twice");
    assert_eq!(ids.last(), Some(&count));
    let before_first = ids[0] - 1;
    assert_eq!(ids.len() as u64 + missing(ticks) + before_first, count);
}

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

/// A trade or a quote without the time when it came.
fn data(tick: &Tick) -> Option<String> {
    match tick {
        Tick::Trade(it) => {
            Some(format!("{:?} {} {} {:?} {:?}", it.trade_id, it.price, it.size, it.side, it.ts))
        }
        Tick::Quote(it) => Some(format!("{:?} {:?}", it.bid, it.ask)),
        _ => None,
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
async fn a_refused_symbol_is_down_and_the_others_live() {
    let script = Script {
        faults: vec![Fault::RefuseSymbol("DOGE/USD".to_owned())],
        ..Script::new(Venue::Kraken, [
            r#"{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"buy","price":61837.60,"qty":0.00100,"ord_type":"limit","trade_id":7,"timestamp":"2026-09-21T14:13:19.000021Z"}]}"#.to_owned(),
        ])
    };
    let standin = standin(script).await;
    let feed = feed(Venue::Kraken, &["kraken:BTC-USD", "kraken:DOGE-USD"]);
    let mut bench = Bench::start(feed, hasty(&standin));
    bench.until(|ticks| trade_ids(ticks, "kraken:BTC-USD") == [7]).await;
    let refused = |tick: &Tick| {
        matches!(tick, Tick::Status(it) if it.state == State::Down
            && it.scope == Scope::Symbol(Symbol::parse("kraken:DOGE-USD").unwrap()))
    };
    bench.until(|ticks| ticks.iter().any(refused)).await;
    assert!(is_live(&bench.ticks));
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

#[tokio::test]
async fn a_venue_that_is_not_there_is_stale_then_down_then_live_when_it_comes() {
    let script = Script::new(Venue::Binance, market(10));
    let gone = standin(script.clone()).await;
    let settings = Settings { down_after_ms: 300, ..hasty(&gone) };
    let port = gone.port();
    drop(gone);
    tokio::task::yield_now().await;
    let mut bench = binance(settings);
    bench.until(|ticks| states(ticks).last().is_some_and(|it| it.0 == Down)).await;
    let standin = standin(Script { port, ..script }).await;
    bench.until(|ticks| has_trade(ticks, 10)).await;
    let states: Vec<_> = bench.states().into_iter().map(|(state, _)| state).collect();
    use State::{Down, Live, Resyncing, Stale};
    assert_eq!(states, [Resyncing, Stale, Down, Resyncing, Live]);
    let (_, reason) = bench.states()[2].clone();
    assert!(reason.starts_with("cannot connect: "), "{reason}");
    assert_eq!(standin.connections(), 1);
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

#[tokio::test]
async fn an_unencrypted_connection_to_another_machine_is_not_made() {
    let feed = feed(Venue::Binance, &[BTC]);
    let url = "ws://venue.example/ws".to_owned();
    let settings = Settings { url, down_after_ms: 50, ..Settings::of(feed.as_ref()) };
    let mut bench = Bench::start(feed, settings);
    let reason = "cannot connect: a URL of another machine must be wss://";
    bench.until(|ticks| states(ticks).contains(&state(State::Down, reason))).await;
}

#[tokio::test]
async fn a_venue_that_speaks_no_tls_is_told_of_and_tried_again() {
    let standin = standin(Script::new(Venue::Binance, market(10))).await;
    let url = standin.url().replace("ws://", "wss://");
    let mut bench = binance(Settings { url, down_after_ms: 50, ..hasty(&standin) });
    bench.until(|ticks| states(ticks).last().is_some_and(|it| it.0 == State::Down)).await;
    let (_, reason) = bench.states()[1].clone();
    assert!(reason.starts_with("cannot connect: "), "{reason}");
}
