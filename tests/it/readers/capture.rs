//! A real recording reaches a reader exactly, over a restart of the server in its middle.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use tickwire::standin::Pace;
use tickwire::standin::Script;
use tickwire::standin::Standin;
use tickwire_feeds::Venue;

use crate::captures::reading::BINANCE_2021;
use crate::captures::reading::recording;
use crate::harness::eventually;
use crate::readers::Make;
use crate::readers::end_of;
use crate::readers::messages;
use crate::readers::town::Town;

const RECORDING: &str = "binance/spot_alts_20210405";
const CHANNELS: [&str; 3] = ["ticker", "trades", "bars.1s"];

/// Each message of the recording comes once, whatever happens to the server meanwhile.
#[track_caller]
pub(crate) fn comes_exactly(make: Make) {
    let Some(frames) = recording(RECORDING) else { return };
    let frames: Vec<String> =
        frames.0.into_iter().map(|(frame, _)| String::from_utf8(frame).unwrap()).collect();
    let count = frames.len() as u64;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let pace = Pace::Every(Duration::from_micros(150));
    let script = Script { pace, ..Script::new(Venue::Binance, frames) };
    let standin = runtime.block_on(Standin::start(script)).unwrap();
    standin.stall();
    let mut town = Town::start(&[
        ("feeds.binance.url", &standin.url()),
        ("feeds.binance.symbols", &BINANCE_2021.join(",")),
        ("feeds.binance.stall_ms", "60000"),
        ("ingest.reconnect_ms_min", "10"),
    ]);
    let wanted = json!({ "url": town.url(), "channels": CHANNELS, "names": ["binance:*"],
        "slow": "spill" });
    let Some(mut reader) = make(&wanted) else { return };
    eventually("all is subscribed", || town.metric("tickwire_feed_frames_total") >= 1);
    let snapshots = 3 * BINANCE_2021.len();
    for _ in 0..snapshots {
        reader.until("a snapshot", |it| it["message"]["type"] == "snapshot");
    }
    standin.resume();
    eventually("half of it", || town.metric("tickwire_feed_frames_total") > count / 3);
    standin.stall();
    let read = town.metric("tickwire_feed_frames_total");
    assert!(read < count, "{read} of {count} frames were read");
    town.kill();
    reader.event("state", "state", "waiting");
    town.restart();
    standin.resume();
    reader.event("state", "state", "live");
    let left = |town: &Town| {
        let head = town.metric("tickwire_tape_head");
        std::thread::sleep(Duration::from_millis(250));
        town.metric("tickwire_tape_head") > head
    };
    while left(&town) {
        reader.during(Duration::from_millis(50));
    }
    let whole = town.everything(&CHANNELS);
    reader.reach(&whole);
    reader.close();
    let got = messages(reader.of("data"));
    let mut compared = 0;
    for (stream, of) in &whole {
        // Before its snapshot there was nothing but the state of its feed.
        let first = got[stream].first_key_value().map_or(u64::MAX, |(seq, _)| *seq);
        let before = |it: &Value| it["type"] == "status" || it["type"] == "gap";
        assert!(of.range(..first).all(|(_, it)| before(it)), "{stream:?}");
        let rest: Vec<&Value> = of.range(first..).map(|(_, it)| it).collect();
        let came: Vec<&Value> = got[stream].range(..=end_of(&whole)).map(|(_, it)| it).collect();
        assert_eq!(rest, came, "{stream:?}");
        compared += rest.len();
    }
    assert!(compared > 6_000, "{compared} messages compared");
    reader.keeps_the_rule();
    assert!(reader.of("resync").is_empty(), "{:?}", reader.of("resync"));
}
