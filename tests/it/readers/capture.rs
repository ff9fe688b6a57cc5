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
/// What happens when, in ms of the recording: the server ends twice in the midst of a burst.
const STOPPED_AT_MS: i64 = 8_520;
const SLOW_AT_MS: i64 = 11_000;
const KILLED_AT_MS: i64 = 48_570;
const END_MS: i64 = 61_000;
/// Longest time for one part of it.
const PART_MAX: Duration = Duration::from_secs(60);
/// Longest time to stand still.
const STILL_MAX: Duration = Duration::from_secs(35);
/// `limits.buffer_bytes`.
const ROOM_BYTES: u64 = 16_384;
/// Most prints of a symbol that are on their way to a server when that ends.
const LOST_MAX: usize = 150;

/// A recording as a venue plays it, at its own pace.
struct Market {
    standin: Standin,
    /// When each frame was received.
    times: Vec<Nanos>,
    /// By symbol.
    prints: BTreeMap<String, Vec<Print>>,
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
    market.plays_until(END_MS);

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
        // What it missed while it stood still came on the connection that it had. Who polls may
        // find that one closed meanwhile.
        let lives = reader.of("state").into_iter().filter(|it| it["state"] == "live").count();
        assert!(lives == 3 || name.ends_with("poll"), "{name}: {:?}", reader.of("state"));
        println!("{name}: {compared} messages, each as on the tape");
        assert!(compared > 15_000, "{name}: {compared} messages");
    }
}

impl Market {
    /// Opens it, with nothing to be seen yet; `None` without the recording.
    fn open() -> Option<Self> {
        let recording = recording(RECORDING)?.0;
        let count = recording.partition_point(|(_, at)| *at <= recording[0].1.plus_millis(END_MS));
        let names = names(Venue::Binance, BINANCE_2024);
        let (mut times, mut frames, mut prints) = (Vec::new(), Vec::new(), BTreeMap::new());
        for (frame, at) in recording.into_iter().take(count) {
            let text = String::from_utf8(frame).unwrap();
            if let Reading::Print(it) = binance(&serde_json::from_str(&text).unwrap(), &names) {
                prints.entry(it.symbol.clone()).or_insert_with(Vec::new).push(it);
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

    /// That history has its prints in their order, each once, but for those that were on their way
    /// to a server that ended.
    #[track_caller]
    fn is_history(&self, town: &Town) {
        for (symbol, prints) in &self.prints {
            let last = prints.last().map(|it| it.id.as_str());
            let mut rows = Vec::new();
            eventually("its last print is there", || {
                rows = town.trades(symbol);
                rows.last().and_then(|row| row["trade_id"].as_str()) == last
            });
            let mut rest = prints.iter();
            for row in &rows {
                let is_it = |it: &Print| {
                    let texts = [&it.id, &it.price, &it.size].map(String::as_str);
                    ["trade_id", "price", "size"].map(|key| row[key].as_str().unwrap()) == texts
                };
                assert!(rest.any(is_it), "not in the recording, or not here: {row}");
            }
            let lost = prints.len() - rows.len();
            println!("{symbol}: {} prints, {lost} more lost with the server", rows.len());
            assert!(lost <= LOST_MAX, "{lost} of {} prints of {symbol}", prints.len());
        }
    }
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

/// All stop reading until the outboxes of all ways in are full and their policy has acted, and
/// read on.
fn stand_still(town: &Town, followers: &mut [Follower]) {
    let begun = monotonic();
    let spills = town.metric("tickwire_shard_spills_total");
    for Follower { reader, .. } in followers.iter_mut() {
        reader.tell("stop");
    }
    // Three have a WebSocket each, and one an answer that never ends for each of its channels. Who
    // polls is given nothing that he did not ask for.
    let full = |way: &str| {
        let waiting = town.waiting_bytes(way).into_iter();
        waiting.filter(|bytes| *bytes > ROOM_BYTES / 2).count()
    };
    let spilled = || town.metric("tickwire_shard_spills_total") - spills;
    while full("/v1/stream") < 3 || full("/v1/sse") < 1 || spilled() < 4 {
        assert!(since(begun) < STILL_MAX, "there is still room for some");
        std::thread::sleep(Duration::from_millis(200));
    }
    println!("no room after {:?}: {} spills", since(begun), spilled());
    for Follower { reader, .. } in followers {
        reader.tell("go");
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
