//! Drivers of feeds, from the venue's socket to the sequencer's queue.

mod cuts;
mod file;
mod garbage;
mod markets;
mod refusals;
mod silence;
mod sim;
mod timers;

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tickwire::ingest;
use tickwire::ingest::Settings;
use tickwire::ingest::file::Recording;
use tickwire::sequencer::intake;
use tickwire::sequencer::intake::Bell;
use tickwire::sequencer::intake::Queue;
use tickwire::standin::Script;
use tickwire::standin::Standin;
use tickwire_feeds::Feed;
use tickwire_feeds::Symbol;
use tickwire_feeds::Tick;
use tickwire_feeds::Venue;
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
