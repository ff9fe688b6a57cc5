//! A minute of a real market reaches all clients exactly, side by side: over two ends of the
//! server, and while each of them stood still until the server had no room left for it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use tickwire::clock::monotonic;
use tickwire::standin::Frame;
use tickwire::standin::Pace;
use tickwire::standin::Script;
use tickwire::standin::Standin;
use tickwire_feeds::Nanos;
use tickwire_feeds::Venue;

use crate::browser::as_row;
use crate::captures::reading::BINANCE_2024;
use crate::captures::reading::Print;
use crate::captures::reading::Reading;
use crate::captures::reading::binance;
use crate::captures::reading::names;
use crate::captures::reading::recording;
use crate::harness::eventually;
use crate::harness::since;
use crate::readers::Make;
use crate::readers::Messages;
use crate::readers::Reader;
use crate::readers::end_of;
use crate::readers::js;
use crate::readers::messages;
use crate::readers::python;
use crate::readers::rust;
use crate::readers::town::Town;

const RECORDING: &str = "binance/spot_btcusdt_ethusdt_20240808";
const CHANNELS: [&str; 4] = ["ticker", "trades", "bars.1s", "bars.1m"];
/// What happens when, in ms of the recording: the server ends twice in the midst of a burst. On a
/// busy machine all may take longer.
const STOPPED_AT_MS: i64 = 8_520;
const SLOW_AT_MS: i64 = 11_000;
const KILLED_AT_MS: i64 = 48_570;
const END_MS: i64 = 61_000;
const END_MAX_MS: i64 = 200_000;
/// What follows the last end of the server, at least.
const REST_MS: i64 = 8_000;
/// Longest time to stand still, and for any other part of it.
const STILL_MAX: Duration = Duration::from_secs(100);
const PART_MAX: Duration = Duration::from_secs(60);
/// `limits.buffer_bytes`.
const ROOM_BYTES: u64 = 16_384;
/// Ends of the server.
const ENDS: usize = 2;

/// A recording as a venue plays it, at its own pace.
struct Market {
    standin: Standin,
    /// When each frame was received.
    times: Vec<Nanos>,
    /// By symbol, with the number of their frame.
    prints: BTreeMap<String, Vec<(usize, Print)>>,
    _runtime: tokio::runtime::Runtime,
}

/// One client of those that are compared.
struct Follower {
    name: &'static str,
    reader: Reader,
}

#[test]
fn all_clients_get_a_minute_of_a_market_exactly_over_ends_of_the_server_and_slow() {
    let Some(market) = Market::open() else { return };
    let mut town = market.town();
    let Some(mut followers) = followers(&town.url()) else { return };
    let begun = town.metric("tickwire_tape_head");
    market.standin.resume();

    market.plays_until(STOPPED_AT_MS);
    town.stop();
    come_back(&mut town, &mut followers);
    market.plays_until(SLOW_AT_MS);
    stand_still(&town, &mut followers);
    market.plays_until(KILLED_AT_MS);
    town.kill();
    come_back(&mut town, &mut followers);
    market.plays_until(END_MS.max(market.now_ms() + REST_MS));
    market.standin.stall();

    market.is_history(&town);
    let whole = after(town.everything(&CHANNELS), begun);
    are_of_history(&town, &whole);
    for Follower { name, reader } in &mut followers {
        reader.reach(&whole);
        reader.close();
        let compared = assert_same(name, &after(messages(reader.of("data")), begun), &whole);
        reader.keeps_the_rule();
        let troubles = [reader.of("resync"), reader.of("error")].concat();
        assert!(troubles.is_empty(), "{name}: {troubles:?}");
        println!("{name}: {compared} messages, each as on the tape");
        assert!(compared > 12_000, "{name}: {compared} messages");
    }
}

impl Market {
    /// Opens it, with nothing to be seen yet; `None` without the recording.
    fn open() -> Option<Self> {
        let recording = recording(RECORDING)?.0;
        let count =
            recording.partition_point(|(_, at)| *at <= recording[0].1.plus_millis(END_MAX_MS));
        let names = names(Venue::Binance, BINANCE_2024);
        let (mut times, mut frames, mut prints) = (Vec::new(), Vec::new(), BTreeMap::new());
        for (frame, at) in recording.into_iter().take(count) {
            let text = String::from_utf8(frame).unwrap();
            if let Reading::Print(it) = binance(&serde_json::from_str(&text).unwrap(), &names) {
                let of = prints.entry(it.symbol.clone()).or_insert_with(Vec::new);
                of.push((times.len(), it));
            }
            times.push(at);
            frames.push(Frame { text, recv: Some(at) });
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let pace = Pace::Recorded { speed_ppm: 1_000_000 };
        let script = Script { pace, frames, ..Script::new(Venue::Binance, []) };
        let standin = runtime.block_on(Standin::start(script)).unwrap();
        standin.stall();
        Some(Self { standin, times, prints, _runtime: runtime })
    }

    /// A server that follows it.
    fn town(&self) -> Town {
        let town = Town::start(&[
            ("feeds.binance.url", &self.standin.url()),
            ("feeds.binance.symbols", &BINANCE_2024.join(",")),
            ("feeds.binance.stall_ms", "60000"),
            ("ingest.reconnect_ms_min", "10"),
            ("http.reconnect_spread_ms", "500"),
            ("limits.buffer_bytes", &ROOM_BYTES.to_string()),
            // Who stands still answers no pings.
            ("stream.pong_ms", "60000"),
        ]);
        eventually("it follows", || town.metric("tickwire_feed_frames_total") >= 1);
        town
    }

    /// How far it has got.
    fn now_ms(&self) -> i64 {
        self.times[self.standin.played() - 1].millis_since(self.times[0])
    }

    /// Waits until it has got so far.
    #[track_caller]
    fn plays_until(&self, ms: i64) {
        let frames = self.times.partition_point(|at| *at <= self.times[0].plus_millis(ms));
        let deadline = monotonic() + PART_MAX;
        while self.standin.played() < frames {
            assert!(monotonic() < deadline, "{} of {frames} frames", self.standin.played());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// That history has the prints that were played, in their order, each once, but for those that
    /// were on their way to the server at each of its ends.
    #[track_caller]
    fn is_history(&self, town: &Town) {
        for (symbol, prints) in &self.prints {
            let mut rows = Vec::new();
            let mut played = Vec::new();
            eventually("the last print is there", || {
                let until = self.standin.played();
                let prints = prints.iter().take_while(|(at, _)| *at < until);
                played = prints.map(|(_, print)| print).collect();
                rows = town.trades(symbol);
                let last = rows.last().and_then(|row| row["trade_id"].as_str());
                last == played.last().map(|it: &&Print| it.id.as_str())
            });
            let mut rest = rows.iter().peekable();
            let there = |print: &&Print| rest.next_if(|row| is_print(row, print)).is_some();
            let there: Vec<bool> = played.iter().map(there).collect();
            assert_eq!(rest.next(), None, "not of the recording, or not here");
            let holes = there.windows(2).filter(|two| two[0] && !two[1]).count();
            println!("{symbol}: {} prints of {}", rows.len(), played.len());
            assert!(holes <= ENDS, "{symbol}: {holes} holes, {} of {}", rows.len(), played.len());
        }
    }
}

/// Whether a row of history is a print of the recording.
fn is_print(row: &Value, print: &Print) -> bool {
    let texts = [&print.id, &print.price, &print.size].map(String::as_str);
    ["trade_id", "price", "size"].map(|key| row[key].as_str().unwrap()) == texts
}

/// All of them, with all that there is to be had before the market begins.
fn followers(url: &str) -> Option<Vec<Follower>> {
    let makes: [(&str, Make, Value); 5] = [
        ("Rust", rust::make, json!({ "msgpack": true, "queue": 16 })),
        ("Python", python::make, json!({ "queue": 16 })),
        ("JavaScript by ws", js::make, json!({ "transports": ["ws"] })),
        ("JavaScript by sse", js::make, json!({ "transports": ["sse"] })),
        ("JavaScript by poll", js::make, json!({ "transports": ["poll"] })),
    ];
    let followers = makes.into_iter().map(|(name, make, mut wanted)| {
        wanted["url"] = url.into();
        wanted["channels"] = json!(CHANNELS);
        wanted["names"] = json!(["binance:*"]);
        wanted["slow"] = "spill".into();
        // Of those who can tell: standing still is no silence of the server.
        wanted["staleMs"] = 60_000.into();
        let mut reader = make(&wanted)?;
        for _ in 0..CHANNELS.len() * BINANCE_2024.len() {
            reader.until("a snapshot", |it| it["message"]["type"] == "snapshot");
        }
        Some(Follower { name, reader })
    });
    followers.collect()
}

/// Starts the server again, to which all come back.
fn come_back(town: &mut Town, followers: &mut [Follower]) {
    for Follower { reader, .. } in followers.iter_mut() {
        reader.event("state", "state", "waiting");
    }
    town.restart();
    for Follower { reader, .. } in followers {
        reader.event("state", "state", "live");
    }
}

/// All stop reading until the outboxes of all ways in were full, so that they are fed from the
/// tape, and read on until they have caught up, on the connections that they had.
fn stand_still(town: &Town, followers: &mut [Follower]) {
    let begun = monotonic();
    for Follower { reader, .. } in followers.iter_mut() {
        reader.during(Duration::ZERO);
        reader.tell("stop");
    }
    let seen: Vec<usize> = followers.iter().map(|it| it.reader.seen.len()).collect();
    // Who is fed from the tape is read more of it as soon as less than that waits for him.
    let waits = |bytes: &&u64| **bytes >= ROOM_BYTES / 16;
    loop {
        let [sockets, answers] = ["/v1/stream", "/v1/sse"].map(|way| town.waiting_bytes(way));
        let [by_socket, by_answer] =
            [&sockets, &answers].map(|all| all.iter().filter(waits).count());
        let fed = town.metric("tickwire_shard_following");
        // Three have a WebSocket each, and one an answer that never ends for each of its channels.
        // Who polls is given nothing that he did not ask for.
        if by_socket == 3 && by_answer > 0 && usize::try_from(fed).unwrap() >= by_socket + by_answer
        {
            println!("all spill after {:?}: {sockets:?}, {answers:?}", since(begun));
            break;
        }
        assert!(since(begun) < STILL_MAX, "there is room: {sockets:?} {answers:?} {fed}");
        std::thread::sleep(Duration::from_millis(200));
    }
    for Follower { reader, .. } in followers.iter_mut() {
        reader.tell("go");
    }
    eventually("all have caught up", || town.metric("tickwire_shard_following") == 0);
    for (Follower { name, reader }, seen) in followers.iter_mut().zip(seen) {
        reader.during(Duration::ZERO);
        let cut = reader.seen[seen..].iter().find(|it| it["state"] == "waiting");
        // Who polls may find that a connection of HTTP was closed meanwhile.
        assert!(cut.is_none() || name.ends_with("poll"), "{name}: {cut:?}");
    }
}

/// What came after a place.
fn after(messages: Messages, begun: u64) -> Messages {
    let later = messages.into_iter().map(|(stream, mut of)| (stream, of.split_off(&(begun + 1))));
    later.collect()
}

/// That the messages of trades are the rows of history.
#[track_caller]
fn are_of_history(town: &Town, whole: &Messages) {
    for ((_, symbol), of) in whole.iter().filter(|((channel, _), _)| channel == "trades") {
        let trades = of.values().filter(|it| it["type"] == "trade");
        let rows: Vec<Value> = trades.map(as_row).collect();
        assert!(rows == town.trades(symbol), "{symbol}: history is not what is told of it");
    }
}

/// That two have the same messages up to the end of the whole, and how many.
#[track_caller]
fn assert_same(name: &str, got: &Messages, whole: &Messages) -> usize {
    let end = end_of(whole);
    let mut compared = 0;
    for (stream, of) in whole {
        let came: Vec<_> = got[stream].range(..=end).collect();
        let differs = of.iter().zip(&came).find(|(one, other)| one != *other);
        assert_eq!(differs, None, "{name}: {stream:?}");
        assert_eq!(of.len(), came.len(), "{name}: {stream:?}");
        compared += came.len();
    }
    assert_eq!(got.len(), whole.len(), "{name}: other streams");
    compared
}
