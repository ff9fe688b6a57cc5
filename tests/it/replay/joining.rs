//! From what was to what is, without a gap or a repeat.

use std::time::Duration;

use serde_json::json;
use tickwire::clock::monotonic;

use super::Replay;
use super::cursor;
use super::head;
use crate::client::Chains;
use crate::harness::Server;

/// So many replays join; `REPLAYS=100` for the long run.
fn rounds() -> usize {
    std::env::var("REPLAYS").ok().and_then(|count| count.parse().ok()).unwrap_or(5)
}

#[test]
fn a_replay_joins_what_is_live_without_a_gap_or_a_repeat() {
    let server = Server::start(&[
        ("feeds.sim.ticks_per_s", "20000"),
        ("tape.segment_bytes", "1MiB"),
        ("stream.heartbeat_ms", "200"),
    ]);
    crate::http::wait_until_ready(&server);
    std::thread::sleep(Duration::from_secs(1));
    let (mut linked, mut longest) = (0, Duration::ZERO);
    for round in 0..rounds() {
        let mut replay = Replay::connect(server.address);
        let back = [100, 3_000, 40_000, 0][round % 4];
        let from = head(&server).saturating_sub(back);
        let speed = [0, 1_000, 0, 1][round % 4];
        let began = monotonic();
        let opened = replay.open(
            "ticker",
            &json!({"from": cursor(&server, from), "speed": speed, "then": "live"}),
        );
        assert_eq!(opened["type"], "opened", "{opened}");
        let subscribe = r#"{"op":"subscribe","id":2,"channel":"trades","symbols":["*:*"]}"#;
        replay.client.send(subscribe);
        let mut chains = Chains::default();
        let (texts, position) = replay.until_state("live");
        longest = longest.max(monotonic() - began);
        texts.iter().for_each(|text| chains.see_text(text));
        let before = chains.linked;
        let texts = replay.client.during(Duration::from_millis(400));
        texts.iter().for_each(|text| chains.see_text(text));
        assert!(chains.linked > before + 500, "it goes on: {} {before}", chains.linked);
        let heartbeat = texts.iter().find(|text| text.contains("\"heartbeat\"")).unwrap();
        let heartbeat: serde_json::Value = serde_json::from_str(heartbeat).unwrap();
        assert!(heartbeat["seq"].as_u64() >= position["seq"].as_u64(), "{heartbeat} {position}");
        // Nothing is held back: what is newest here is about what is newest at all.
        let newest = chains.held.values().max().copied().unwrap();
        assert!(head(&server) - newest < 20_000, "{newest}");
        linked += chains.linked;
    }
    println!("{} joins, {linked} linked messages, live after {longest:?} at most", rounds());
}

#[test]
fn who_pauses_what_is_live_misses_nothing() {
    let server = Server::start(&[("feeds.sim.ticks_per_s", "2000")]);
    crate::http::wait_until_ready(&server);
    let mut replay = Replay::connect(server.address);
    let from = cursor(&server, head(&server));
    replay.open("trades", &json!({"from": from, "then": "live"}));
    let mut chains = Chains::default();
    let (texts, _) = replay.until_state("live");
    texts.iter().for_each(|text| chains.see_text(text));
    replay.send(&json!({"op": "pause", "id": 7}));
    let (texts, position) = replay.until_told(7);
    assert_eq!(position["state"], "paused");
    texts.iter().for_each(|text| chains.see_text(text));
    let quiet = super::data(replay.client.during(Duration::from_millis(300)));
    assert_eq!(quiet, Vec::<String>::new());
    replay.send(&json!({"op": "speed", "id": 8, "speed": 0}));
    replay.send(&json!({"op": "play", "id": 9}));
    let (texts, _) = replay.until_state("live");
    let before = chains.linked;
    texts.iter().for_each(|text| chains.see_text(text));
    assert!(chains.linked > before + 20, "{} {before}", chains.linked);
}
