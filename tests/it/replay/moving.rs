//! Pausing, stepping, seeking, and keeping time.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use tickwire::clock::monotonic;
use tickwire_feeds::Nanos;

use super::Replay;
use super::changes;
use super::cursor;
use super::data;
use super::head;
use super::seq_of;
use crate::client::get;
use crate::harness::Server;

/// A server with some seconds of tape.
fn server() -> Server {
    let server = Server::start(&[("feeds.sim.ticks_per_s", "2000")]);
    crate::http::wait_until_ready(&server);
    std::thread::sleep(Duration::from_secs(3));
    server
}

fn recv_of(text: &str) -> Option<Nanos> {
    let value: Value = serde_json::from_str(text).unwrap();
    value["recv"].as_str().map(|recv| Nanos::parse_rfc3339(recv).unwrap())
}

#[test]
fn stepping_seeking_and_playing_are_exact() {
    let server = server();
    let to = head(&server);
    let from = to / 4;
    let range = json!({"from": cursor(&server, from), "to": cursor(&server, to), "speed": 0});
    let mut whole = Replay::connect(server.address);
    whole.open("trades", &range);
    let (texts, position) = whole.until_state("ended");
    let all = data(texts);
    let trades = changes(&all);
    assert_eq!(position["seq"], to);

    let mut paused = range;
    paused["paused"] = json!(true);
    let mut replay = Replay::connect(server.address);
    replay.open("trades", &paused);
    let (_, position) = replay.until_told(1);
    assert_eq!((&position["state"], &position["seq"]), (&json!("paused"), &json!(from)));
    let quiet = data(replay.client.during(Duration::from_millis(200)));
    assert_eq!(quiet, Vec::<String>::new(), "it stands still");

    let mut stepped = Vec::new();
    for (id, count) in [(2, 1), (3, 1), (4, 7), (5, 100)] {
        replay.send(&json!({"op": "step", "id": id, "n": count}));
        let (texts, position) = replay.until_told(id);
        assert_eq!(position["state"], "paused");
        let messages = data(texts);
        let last = seq_of(changes(&messages).last().unwrap());
        assert_eq!(position["seq"], last, "it stands behind what it played last");
        let seqs: std::collections::BTreeSet<u64> =
            changes(&messages).iter().map(|text| seq_of(text)).collect();
        // A status of the feed is one event and a message of each stream.
        assert_eq!(seqs.len(), count, "so many events");
        stepped.extend(messages);
    }
    let stepped = changes(&stepped);
    assert_eq!(stepped, trades[..stepped.len()], "stepping plays what playing plays");

    let middle = seq_of(trades[trades.len() / 2]);
    replay.send(&json!({"op": "seek", "id": 6, "to": cursor(&server, middle)}));
    let (texts, position) = replay.until_told(6);
    assert_eq!((&position["seq"], &position["state"]), (&json!(middle), &json!("paused")));
    let snapshots = data(texts);
    assert!(changes(&snapshots).is_empty(), "snapshots alone");
    assert_eq!(snapshots.len(), 20, "one of each stream");
    replay.send(&json!({"op": "play", "id": 7}));
    let (texts, _) = replay.until_state("ended");
    let played = data(texts);
    assert_eq!(changes(&played), trades[trades.len() / 2 + 1..]);

    replay.send(&json!({"op": "seek", "id": 8, "to": cursor(&server, to)}));
    assert_eq!(replay.until_state("ended").1["done"], 1.0);
}

#[test]
fn a_snapshot_is_that_of_its_moment() {
    let server = server();
    let to = head(&server);
    let open = |from: u64, to: u64| {
        let mut replay = Replay::connect(server.address);
        let range = json!({"from": cursor(&server, from), "to": cursor(&server, to),
            "speed": 0, "symbols": ["sim:BTC-USD"]});
        replay.open("ticker", &range);
        data(replay.until_state("ended").0)
    };
    let played = open(to / 2, to);
    let mut state: Value = serde_json::from_str(&played[0]).unwrap();
    for text in changes(&played) {
        let change: Value = serde_json::from_str(text).unwrap();
        for (key, value) in change.as_object().unwrap() {
            if key != "type" && key != "prev" {
                state[key] = value.clone();
            }
        }
    }
    let last = state["seq"].as_u64().unwrap();
    let mut replay = Replay::connect(server.address);
    let range = json!({"from": cursor(&server, last), "symbols": ["sim:BTC-USD"], "paused": true});
    replay.open("ticker", &range);
    let snapshot = data(replay.until_told(1).0);
    assert_eq!(serde_json::from_str::<Value>(&snapshot[0]).unwrap(), state);
    drop(get(server.address, "/healthz"));
}

#[test]
fn speed_1_keeps_time_and_10_is_ten_times_as_fast() {
    let server = server();
    let to = head(&server);
    for (speed, most_ms) in [(1.0, 150.0), (10.0, 150.0)] {
        let mut replay = Replay::connect(server.address);
        let range = json!({"from": cursor(&server, to / 4), "to": cursor(&server, to),
            "speed": speed});
        replay.open("ticker", &range);
        let mut errors = Vec::new();
        let mut first = None;
        let deadline = monotonic() + Duration::from_secs(20);
        while let Some(text) = replay.client.text_until(deadline) {
            if text.contains("\"state\":\"ended\"") {
                break;
            }
            if !text.starts_with("{\"type\":\"delta\"") {
                continue;
            }
            let (now, recv) = (monotonic(), recv_of(&text).unwrap());
            let (began, from) = *first.get_or_insert((now, recv));
            let due = (recv.0 - from.0) as f64 / speed / 1e6;
            errors.push(((now - began).as_secs_f64() * 1e3 - due).abs());
        }
        errors.sort_by(f64::total_cmp);
        let p99 = errors[errors.len() * 99 / 100];
        println!(
            "speed {speed}: p50 {:.2} ms, p99 {p99:.2} ms, most {:.2} ms of {}",
            errors[errors.len() / 2],
            errors.last().unwrap(),
            errors.len()
        );
        assert!(errors.len() > 1_000);
        // Loose: this machine may be busy with something else.
        assert!(p99 < most_ms, "p99 {p99} ms");
    }
}

#[test]
fn a_long_silence_is_shortened() {
    let server = server();
    let to = head(&server);
    let begin = |more: Value| {
        let mut replay = Replay::connect(server.address);
        let mut range = json!({"from": cursor(&server, 1), "to": cursor(&server, to)});
        for (key, value) in more.as_object().unwrap() {
            range[key] = value.clone();
        }
        replay.open("trades", &range);
        let began = monotonic();
        replay.until_state("ended");
        monotonic() - began
    };
    let slowly = begin(json!({"speed": 0.1, "max_idle_ms": 1}));
    assert!(slowly < Duration::from_secs(12), "{slowly:?}");
}
