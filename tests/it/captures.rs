//! Real recorded frames of venues through the whole program: a stand-in venue, the real binary, and
//! WebSocket clients, over real sockets; compared with another reading of the same frames.
//!
//! Without the recordings the tests that need them are skipped, and say so.

mod client;
mod day;
mod house;
mod kraken;
#[path = "../../feeds/tests/captures/reading.rs"]
pub(crate) mod reading;

use std::collections::BTreeMap;
use std::time::Duration;

use rand::RngExt as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::Value;
use tickwire::clock;
use tickwire::standin::Again;
use tickwire::standin::Fault;
use tickwire::standin::Pace;
use tickwire::standin::Script;
use tickwire::standin::Standin;
use tickwire_feeds::Nanos;
use tickwire_feeds::Venue;
use tokio::sync::watch;

use crate::captures::client::Client;
use crate::captures::client::Heard;
use crate::captures::client::Start;
use crate::captures::client::Stream;
use crate::captures::client::without_envelope;
use crate::captures::day::Day;
use crate::captures::house::House;
use crate::captures::reading::BINANCE_2021;
use crate::captures::reading::BINANCE_2024;
use crate::captures::reading::Best;
use crate::captures::reading::COINBASE_2021;
use crate::captures::reading::Names;
use crate::captures::reading::Reading;
use crate::captures::reading::binance;
use crate::captures::reading::coinbase;
use crate::captures::reading::names;
use crate::captures::reading::recording;

const BINANCE: &str = "binance/spot_btcusdt_ethusdt_20240808";
const CUTS: usize = 20;
/// Frames that nobody gets after a cut.
const LOST: usize = 25;

/// What is played, and to which feed.
struct Play {
    name: &'static str,
    venue: Venue,
    symbols: &'static [&'static str],
    frames: Vec<String>,
    /// What each frame should become.
    readings: Vec<Vec<Reading>>,
    pace: Pace,
    again: Again,
    cuts: Vec<usize>,
}

/// What came of it.
struct Outcome {
    /// By a client that was there before the first frame.
    live: Heard,
    /// By one that came after the last, and asked for everything.
    resumed: Heard,
    snapshots: Vec<Value>,
    /// The row of `/v1/venues`.
    venue: Value,
    ticks: u64,
    /// Until the live client had the last message.
    took: Duration,
    /// Of the server, with the questions of this test.
    cpu_ms: u64,
}

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

impl Play {
    fn new(
        name: &'static str,
        venue: Venue,
        symbols: &'static [&'static str],
        (frames, readings): (Vec<String>, Vec<Vec<Reading>>),
    ) -> Self {
        let (pace, again, cuts) = (Pace::Full, Again::GoOn, Vec::new());
        Self { name, venue, symbols, frames, readings, pace, again, cuts }
    }

    fn recorded(
        name: &'static str,
        venue: Venue,
        symbols: &'static [&'static str],
        read: fn(&Value, &Names) -> Reading,
    ) -> Option<Self> {
        let names = names(venue, symbols);
        let frames: Vec<_> = recording(name)?.0.into_iter().map(|(frame, _)| text(frame)).collect();
        let readings =
            frames.iter().map(|frame| vec![read(&serde_json::from_str(frame).unwrap(), &names)]);
        let readings = readings.collect();
        Some(Self::new(name, venue, symbols, (frames, readings)))
    }

    /// Leaves frames out of the recording.
    fn only(self, wanted: fn(&Reading) -> bool) -> Self {
        let pairs = self.frames.into_iter().zip(self.readings);
        let (frames, readings) = pairs.filter(|(_, them)| them.iter().all(wanted)).unzip();
        Self { frames, readings, ..self }
    }

    /// Plays it, and compares all that clients were told with the readings.
    async fn run(&self) -> Outcome {
        let outcome = self.play().await;
        outcome.print(self);
        assert_same(&outcome.live, &outcome.resumed);
        assert_eq!(outcome.live.streams.len(), 2 * self.symbols.len());
        for name in self.symbols {
            let symbol = format!("{}:{name}", self.venue);
            let (ticker, trades) = outcome.streams(&symbol);
            assert_all(&told_quotes(ticker), &self.expected_quotes(&symbol));
            assert_all(&told_trades(trades), &self.expected_trades(&symbol));
            let missing: u64 = sum_missing(trades);
            assert_eq!(missing, self.missing().get(&symbol).copied().unwrap_or(0), "{symbol}");
            let snapshot = outcome.snapshots.iter().find(|it| it["symbol"] == symbol).unwrap();
            assert_eq!(ticker.state, without_envelope(snapshot), "deltas add up to the snapshot");
            self.day(&symbol).compare(snapshot);
        }
        let rejected = |reading: &&Reading| **reading == Reading::Rejected;
        assert_eq!(outcome.rejected(), self.played().filter(rejected).count() as u64);
        outcome
    }

    async fn play(&self) -> Outcome {
        let script = Script {
            pace: self.pace,
            again: self.again,
            faults: self.cuts.iter().map(|at| Fault::CutAtFrame(*at)).collect(),
            ..Script::new(self.venue, self.frames.iter().cloned())
        };
        let standin = Standin::start(script).await.unwrap();
        standin.stall();
        let house = House::start(self.venue, self.symbols, &standin.url());
        // The answers to the subscription, so that nothing but the recording is measured.
        house.settled(self.answers(1)).await;
        let (end, ended) = watch::channel(u64::MAX);
        let live = Client::connect(&house.stream_url(), Start::Now).await;
        let live = tokio::spawn(live.follow(ended.clone()));
        let (begun, cpu_ms) = (clock::monotonic(), house.cpu_ms());
        standin.resume();
        let connections = self.cuts.len() as u64 + 1;
        let frames = self.played_frames().count() as u64 + self.answers(connections);
        let head = house.settled(frames).await;
        end.send_replace(head);
        let live = live.await.unwrap();
        let took = live.last_at.map_or(begun.elapsed(), |at| at - begun);
        let cpu_ms = house.cpu_ms() - cpu_ms;
        assert_eq!(standin.connections(), connections);
        let resumed = Client::connect(&house.stream_url(), Start::Beginning).await;
        let resumed = resumed.follow(ended).await;
        assert_eq!(house.metric("tickwire_sequencer_unknown_symbol_total").await, 0);
        assert_eq!(house.metric("tickwire_feed_frames_total").await, frames);
        Outcome {
            live,
            resumed,
            snapshots: house.snapshots("ticker").await,
            venue: house.venue().await,
            ticks: house.metric("tickwire_feed_ticks_total").await,
            took,
            cpu_ms,
        }
    }

    /// Messages of the stand-in that are not of the script.
    fn answers(&self, connections: u64) -> u64 {
        let each = match self.venue {
            // A greeting, and an acknowledgement of each symbol of two channels.
            Venue::Kraken => 1 + 2 * self.symbols.len() as u64,
            Venue::Binance | Venue::Coinbase => 1,
        };
        each * connections
    }

    /// The indices of the frames that a connection got.
    fn played_frames(&self) -> impl Iterator<Item = usize> {
        (0..self.frames.len()).filter(|at| !self.is_lost(*at))
    }

    fn is_lost(&self, at: usize) -> bool {
        let Again::Skip(count) = self.again else { return false };
        self.cuts.iter().any(|cut| (*cut..cut + count).contains(&at))
    }

    fn played(&self) -> impl Iterator<Item = &Reading> {
        self.played_frames().flat_map(|at| &self.readings[at])
    }

    /// How many trades of each symbol were in frames that were lost.
    fn missing(&self) -> BTreeMap<String, u64> {
        let mut missing = BTreeMap::new();
        let lost = (0..self.frames.len()).filter(|at| self.is_lost(*at));
        for reading in lost.flat_map(|at| &self.readings[at]) {
            if let Reading::Print(it) = reading {
                *missing.entry(it.symbol.clone()).or_default() += 1;
            }
        }
        missing
    }

    /// Each best quote that differs from the one before it.
    fn expected_quotes(&self, symbol: &str) -> Vec<String> {
        let quotes = self.played().filter_map(|reading| match reading {
            Reading::Best(it) if it.symbol == symbol => Some(quote_line(it)),
            _ => None,
        });
        changes(quotes)
    }

    fn best_quotes(&self) -> usize {
        let symbols = self.symbols.iter().map(|name| format!("{}:{name}", self.venue));
        symbols.map(|symbol| self.expected_quotes(&symbol).len()).sum()
    }

    fn expected_trades(&self, symbol: &str) -> Vec<String> {
        let trades = self.played().filter_map(|reading| match reading {
            Reading::Print(it) if it.symbol == symbol => {
                Some(format!("{} {} {} {} {}", it.id, it.price, it.size, it.side, it.ts.unwrap()))
            }
            _ => None,
        });
        trades.collect()
    }

    /// The last day's figures.
    fn day(&self, symbol: &str) -> Day {
        let mut day = Day::default();
        for reading in self.played() {
            match reading {
                Reading::Print(it) if it.symbol == symbol => day.trade(it),
                Reading::Best(it) if it.symbol == symbol => day.turn(it.ts),
                _ => {}
            }
        }
        day
    }
}

impl Outcome {
    fn streams(&self, symbol: &str) -> (&Stream, &Stream) {
        let stream = |channel| &self.live.streams[&format!("{channel} {symbol}")];
        (stream("ticker"), stream("trades"))
    }

    fn messages(&self, channel: &str) -> impl Iterator<Item = &client::Told> {
        let streams = self.live.streams.iter().filter(move |(name, _)| name.starts_with(channel));
        streams.flat_map(|(_, stream)| &stream.messages)
    }

    /// How many messages of a type the live client was told.
    fn count(&self, kind: &str) -> usize {
        let streams = self.live.streams.values().flat_map(|stream| &stream.messages);
        streams.filter(|message| message.value["type"] == kind).count()
    }

    fn rejected(&self) -> u64 {
        self.venue["rejected"].as_object().unwrap().values().map(|it| it.as_u64().unwrap()).sum()
    }

    /// A row of the table.
    fn print(&self, play: &Play) {
        let frames = play.played_frames().count();
        let quotes = self.live.streams.iter().filter(|(name, _)| name.starts_with("ticker"));
        let quotes: usize = quotes.map(|(_, stream)| told_quotes(stream).len()).sum();
        let mut delays = self.live.delays.clone();
        delays.sort_unstable();
        let delay = |per_mille| {
            delays
                .get(delays.len().saturating_sub(1) * per_mille / 1_000)
                .map_or(0, |ns| ns / 1_000)
        };
        println!(
            "{}: frames {frames}, ticks {}, trades {}, best quotes {quotes}, gaps {}, rejected {}; \
             {} ms, {} frames/s, server CPU {} ns a frame, recv to client p50 {} us, p99 {} us",
            play.name,
            self.ticks,
            self.count("trade"),
            self.count("gap"),
            self.venue["rejected"],
            self.took.as_millis(),
            frames as u128 * 1_000 / self.took.as_millis().max(1),
            self.cpu_ms * 1_000_000 / frames.max(1) as u64,
            delay(500),
            delay(990),
        );
    }
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

/// The best quotes that the messages of a ticker come to, each that differs from the one before.
fn told_quotes(stream: &Stream) -> Vec<String> {
    let mut fields = ["bid", "bid_size", "ask", "ask_size"].map(|field| (field, "-".to_owned()));
    let quotes = stream.messages.iter().filter(|it| it.value["type"] == "delta").map(|message| {
        for (field, text) in &mut fields {
            match message.value.get(*field) {
                Some(Value::String(digits)) => text.clone_from(digits),
                Some(null) => {
                    assert!(null.is_null(), "{}", message.text);
                    "-".clone_into(text);
                }
                None => {}
            }
        }
        fields.each_ref().map(|(_, text)| text.as_str()).join(" ")
    });
    changes(quotes)
}

/// Leaves out what is as the one before it; in the beginning there is no quote.
fn changes(quotes: impl Iterator<Item = String>) -> Vec<String> {
    let mut last = "- - - -".to_owned();
    quotes.filter(|quote| std::mem::replace(&mut last, quote.clone()) != *quote).collect()
}

fn quote_line(best: &Best) -> String {
    let side = |[price, size]: &[String; 2]| {
        if price.bytes().all(|byte| matches!(byte, b'0' | b'.')) {
            return "- -".to_owned();
        }
        format!("{price} {}", if size == "?" { "-" } else { size })
    };
    format!("{} {}", side(&best.bid), side(&best.ask))
}

fn told_trades(stream: &Stream) -> Vec<String> {
    let trades = stream.messages.iter().filter(|message| message.value["type"] == "trade");
    let line = |message: &client::Told| {
        let word = |field: &str| message.value[field].as_str().unwrap();
        let (id, price, size, side) = (word("trade_id"), word("price"), word("size"), word("side"));
        let ts = Nanos::parse_rfc3339(word("ts")).unwrap().0;
        format!("{id} {price} {size} {side} {ts}")
    };
    trades.map(line).collect()
}

fn sum_missing(stream: &Stream) -> u64 {
    let gaps = stream.messages.iter().filter(|message| message.value["type"] == "gap");
    gaps.filter_map(|message| message.value["missing"].as_u64()).sum()
}

fn assert_all(told: &[String], expected: &[String]) {
    for (at, (told, expected)) in told.iter().zip(expected).enumerate() {
        assert_eq!(told, expected, "number {at}");
    }
    assert_eq!(told.len(), expected.len());
}

/// Two clients were told the same, byte for byte, as far as both were there.
fn assert_same(live: &Heard, resumed: &Heard) {
    assert!(live.streams.keys().eq(resumed.streams.keys()));
    for (name, stream) in &live.streams {
        let again = &resumed.streams[name];
        let began = stream.began.unwrap();
        assert!(again.began.unwrap() <= began, "{name}: it begins where its symbol was listed");
        let later = again.messages.iter().filter(|message| message.seq > began);
        let later: Vec<&String> = later.map(|message| &message.text).collect();
        let told: Vec<&String> = stream.messages.iter().map(|message| &message.text).collect();
        for (told, again) in told.iter().zip(&later) {
            assert_eq!(told, again, "{name}");
        }
        // The tape may have gone on meanwhile, by nothing but the feed's health.
        assert_eq!(told.len(), later.len(), "{name}");
        assert_eq!(stream.state, again.state, "{name}");
    }
}
