//! Times that a feed, its venue or this process keeps or misses.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use tickwire::clock;
use tickwire::ingest::Settings;
use tickwire::standin::Fault;
use tickwire::standin::Pace;
use tickwire::standin::Script;
use tickwire::standin::Standin;
use tickwire_feeds::Error;
use tickwire_feeds::Feed;
use tickwire_feeds::Nanos;
use tickwire_feeds::Output;
use tickwire_feeds::Profile;
use tickwire_feeds::Symbol;
use tickwire_feeds::Tick;
use tickwire_feeds::Venue;
use tickwire_feeds::tick::State;
use tickwire_feeds::tick::TradeId;

use super::BTC;
use super::Bench;
use super::binance;
use super::feed;
use super::has_trade;
use super::hasty;
use super::market;
use super::standin;
use super::state;
use super::states;

/// What a [`Probe`] saw, and when.
type Log = Arc<Mutex<Vec<(&'static str, Instant, Nanos)>>>;

/// A feed that writes down how it is called.
struct Probe {
    log: Log,
    /// How long after its opening it wants to be called, in ms, and then asks for a reconnect.
    timeout_ms: Option<i64>,
    timeout_at: Option<Nanos>,
    /// Messages that it sends on opening.
    sends: usize,
}

impl Probe {
    fn boxed(timeout_ms: Option<i64>, sends: usize) -> (Box<dyn Feed>, Log) {
        let log = Log::default();
        let probe = Self { log: Arc::clone(&log), timeout_ms, timeout_at: None, sends };
        (Box::new(probe), log)
    }

    fn note(&self, what: &'static str, now: Nanos) {
        self.log.lock().unwrap().push((what, clock::monotonic(), now));
    }
}

impl Feed for Probe {
    fn profile(&self) -> Profile {
        Profile { send_gap_ms: 30, ..feed(Venue::Binance, &[BTC]).profile() }
    }

    fn resume_after(&mut self, _: &Symbol, _: &TradeId) {}

    fn on_open(&mut self, now: Nanos, out: &mut Output) {
        self.note("open", now);
        self.timeout_at = self.timeout_ms.map(|ms| now.plus_millis(ms));
        out.send.extend((0..self.sends).map(|number| format!("request {number}")));
    }

    fn on_frame(&mut self, _: &mut [u8], now: Nanos, out: &mut Output) -> Result<(), Error> {
        self.note("frame", now);
        out.alive = true;
        Ok(())
    }

    fn on_close(&mut self, now: Nanos, _: &mut Output) {
        self.note("close", now);
        self.timeout_at = None;
    }

    fn poll_timeout(&self) -> Option<Nanos> {
        self.timeout_at
    }

    fn on_timeout(&mut self, now: Nanos, out: &mut Output) {
        assert!(self.timeout_at.is_some_and(|at| now >= at), "called too early");
        self.note("timeout", now);
        self.timeout_at = None;
        out.reconnect = Some("no acknowledgement".to_owned());
    }
}

fn times(log: &Log, what: &str) -> Vec<Instant> {
    let log = log.lock().unwrap();
    log.iter().filter(|it| it.0 == what).map(|it| it.1).collect()
}

#[tokio::test]
async fn a_feed_is_called_at_its_time_and_its_wish_to_reconnect_is_granted() {
    let standin = standin(Script::new(Venue::Binance, [])).await;
    let (feed, log) = Probe::boxed(Some(60), 0);
    let mut bench = Bench::start(feed, hasty(&standin));
    bench.until(|_| times(&log, "timeout").len() == 3).await;
    let opened = times(&log, "open");
    for (open, timeout) in opened.iter().zip(times(&log, "timeout")) {
        let after = timeout.duration_since(*open).as_millis();
        assert!((60..1_060).contains(&after), "{after} ms");
    }
    assert_eq!(bench.states()[2], state(State::Stale, "no acknowledgement"));
    assert_eq!(times(&log, "close").len(), 3);
}

#[tokio::test]
async fn messages_to_the_venue_keep_their_order_and_distance() {
    let standin = standin(Script::new(Venue::Binance, [])).await;
    let (feed, _) = Probe::boxed(None, 5);
    let begin = clock::monotonic();
    let mut bench = Bench::start(feed, Settings { send_gap_ms: 30, ..hasty(&standin) });
    bench.until(|_| standin.received().len() == 5).await;
    assert!((120..1_120).contains(&begin.elapsed().as_millis()), "{:?}", begin.elapsed());
    let expected: Vec<_> = (0..5).map(|number| format!("request {number}")).collect();
    assert_eq!(standin.received(), expected);
}

#[tokio::test]
async fn attempts_to_connect_keep_their_distance() {
    let script = Script { faults: vec![Fault::CutAfterMs(1)], ..Script::new(Venue::Binance, []) };
    let standin = standin(script).await;
    let (feed, log) = Probe::boxed(None, 0);
    let mut bench = Bench::start(feed, Settings { connect_gap_ms: 100, ..hasty(&standin) });
    bench.until(|_| times(&log, "open").len() == 4).await;
    let opened = times(&log, "open");
    let gaps: Vec<_> = opened.windows(2).map(|it| (it[1] - it[0]).as_millis()).collect();
    assert!(gaps.iter().all(|gap| (90..1_100).contains(gap)), "{gaps:?}");
}

#[tokio::test]
async fn a_process_that_stood_still_blames_nobody() {
    // The venue lives on in a thread of its own, and speaks each 100 ms.
    let (sender, url) = std::sync::mpsc::channel();
    let (done, finished) = tokio::sync::oneshot::channel::<()>();
    let venue = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let script = Script {
                pace: Pace::Every(Duration::from_millis(100)),
                ..Script::new(Venue::Binance, market(1_000))
            };
            let standin = Standin::start(script).await.unwrap();
            sender.send(standin.url()).unwrap();
            drop(finished.await);
        });
    });
    let url = url.recv().unwrap();
    let elsewhere = standin(Script::new(Venue::Binance, [])).await;
    let mut bench = binance(Settings { url, silence_ms: 600, ..hasty(&elsewhere) });
    bench.until(|ticks| has_trade(ticks, 1)).await;
    std::thread::sleep(Duration::from_millis(1_500));
    bench.until(|ticks| has_trade(ticks, 10)).await;
    assert_eq!(bench.states().len(), 3, "{:?}", bench.states());
    done.send(()).unwrap();
    venue.join().unwrap();
}

#[tokio::test]
async fn a_feed_may_read_before_a_time_that_was_slept_through_is_held_against_the_venue() {
    let standin = standin(Script::new(Venue::Binance, [])).await;
    let (feed, log) = Probe::boxed(Some(100), 0);
    let mut bench = Bench::start(feed, hasty(&standin));
    bench.until(|_| times(&log, "open").len() == 1).await;
    std::thread::sleep(Duration::from_millis(1_300));
    let awake = clock::monotonic();
    bench.until(|_| times(&log, "timeout").len() == 1).await;
    assert!(times(&log, "timeout")[0] - awake >= Duration::from_millis(900));
}

#[tokio::test]
async fn a_feed_that_is_told_to_stop_says_farewell() {
    let script = Script {
        pace: Pace::Every(Duration::from_millis(1)),
        ..Script::new(Venue::Binance, market(10_000))
    };
    let standin = standin(script).await;
    let mut bench = binance(hasty(&standin));
    bench.until(|ticks| has_trade(ticks, 5)).await;
    let begin = clock::monotonic();
    let ticks = bench.stop().await;
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    assert_eq!(states(&ticks).len(), 3, "an end of the process is no failure of the feed");
    assert!(!ticks.iter().any(|it| matches!(it, Tick::Gap(_))));
    let heard = async {
        while standin.farewells() == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(1), heard).await.unwrap();
}
