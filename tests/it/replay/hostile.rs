//! What makes no sense is refused, and takes nothing.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use tickwire::clock::monotonic;

use super::Replay;
use super::cursor;
use super::epoch;
use super::head;
use crate::client::Client;
use crate::client::Raw;
use crate::client::masked;
use crate::client::request;
use crate::client::upgrade;
use crate::harness::Server;
use crate::harness::eventually;
use crate::http::metric;

#[test]
fn what_makes_no_sense_is_refused_and_the_connection_lives() {
    let server = Server::shared();
    let (epoch, head) = (epoch(&server), head(&server));
    let mut replay = Replay::connect(server.address);
    let open = |more: Value| {
        let mut op = json!({"op": "open", "id": 1, "channel": "ticker", "symbols": ["*:*"]});
        for (key, value) in more.as_object().unwrap() {
            op[key] = value.clone();
        }
        op.to_string()
    };
    let at = |seq: u64| json!({"epoch": epoch, "seq": seq});
    let cases = [
        (json!({"op": "seek", "id": 1, "to": at(5)}).to_string(), "bad_request"),
        (json!({"op": "play", "id": 1}).to_string(), "bad_request"),
        (json!({"op": "step", "id": 1, "n": 1_000_000_000_000_u64}).to_string(), "bad_request"),
        (
            json!({"op": "subscribe", "id": 1, "channel": "ticker", "symbols": ["*:*"]})
                .to_string(),
            "bad_request",
        ),
        (open(json!({})), "bad_request"),
        (open(json!({"from": at(9), "to": at(3)})), "range_empty"),
        (
            open(json!({"from": "2026-11-21T00:00:00Z", "to": "2026-11-20T00:00:00Z"})),
            "range_empty",
        ),
        (
            open(json!({"from": "1999-01-01T00:00:00Z", "to": "2000-01-01T00:00:00Z"})),
            "range_empty",
        ),
        (open(json!({"from": "2100-01-01T00:00:00Z"})), "range_empty"),
        (open(json!({"from": at(head + 1_000_000_000_000)})), "range_empty"),
        (open(json!({"from": at(u64::MAX)})), "bad_request"),
        (open(json!({"from": {"epoch": "nosuch00", "seq": 1}})), "epoch_mismatch"),
        (open(json!({"from": {"epoch": "../../..", "seq": 1}})), "epoch_mismatch"),
        (open(json!({"from": at(1), "to": {"epoch": "nosuch00", "seq": 9}})), "epoch_mismatch"),
        (open(json!({"from": at(1), "speed": -1})), "bad_request"),
        (open(json!({"from": at(1), "speed": 1e308})), "bad_request"),
        (open(json!({"from": at(1), "speed": "NaN"})), "bad_request"),
        (open(json!({"from": at(1), "channel": "weather"})), "unknown_channel"),
        (open(json!({"from": at(1), "symbols": []})), "bad_request"),
        (open(json!({"from": at(1), "symbols": ["sim:NO-SUCH"]})), "unknown_symbol"),
        (open(json!({"from": at(1), "then": {"op": "open"}})), "bad_request"),
        (r#"{"op":"open","id":1,"from":"#.to_owned(), "bad_request"),
        (r#"{"op":"speed","id":1,"speed":NaN}"#.to_owned(), "bad_request"),
        (r#"{"op":"rewind","id":1}"#.to_owned(), "unknown_op"),
    ];
    for (op, code) in cases {
        let answer = replay.client.ask_json(&op);
        assert_eq!(
            (&answer["type"], &answer["code"]),
            (&json!("error"), &json!(code)),
            "{op} {answer}"
        );
        assert!(answer["message"].as_str().unwrap().len() > 8, "{answer}");
    }
    let pong = replay.client.ask_json(r#"{"op":"ping","id":"x"}"#);
    assert_eq!(pong["type"], "pong");
}

#[test]
fn what_makes_no_sense_in_an_open_replay_is_refused_and_it_goes_on() {
    let server = Server::shared();
    let (epoch, head) = (epoch(&server), head(&server));
    let mut replay = Replay::connect(server.address);
    let at = |seq: u64| json!({"epoch": epoch, "seq": seq});
    let opened = replay.open("ticker", &json!({"from": at(1), "to": at(head), "paused": true}));
    assert_eq!(opened["type"], "opened", "{opened}");
    assert_eq!(opened["events"], head - 1);
    replay.until_told(1);
    let again = replay.open("ticker", &json!({"from": at(1)}));
    assert_eq!(again["code"], "bad_request", "open twice: {again}");
    for to in [at(head + 1_000_000), at(0), json!({"epoch": "nosuch00", "seq": 5}), json!(5)] {
        let answer = replay.client.ask_json(&json!({"op": "seek", "id": 2, "to": to}).to_string());
        assert_eq!(answer["type"], "error", "{to} {answer}");
    }
    let last =
        json!({"op": "subscribe", "id": 3, "channel": "trades", "symbols": ["*:*"], "last": 5});
    assert_eq!(replay.client.ask_json(&last.to_string())["code"], "bad_request");
    replay.send(&json!({"op": "step", "id": 9, "n": 1_000_000_000_000_u64}));
    let (_, position) = replay.until_told(9);
    assert_eq!(position["state"], "ended", "{position}");
    let pong = replay.client.ask_json(r#"{"op":"ping","id":"x"}"#);
    assert_eq!(pong["type"], "pong");
}

#[test]
fn what_cannot_be_understood_ends_the_connection_at_once() {
    let server = Server::shared();
    for (frame, code) in [(masked(0x82, b"{}"), 1003), (masked(0x83, b"{}"), 1002)] {
        let mut raw = Raw::open(server.address);
        raw.send(upgrade("").replace("/v1/stream", "/v1/replay").as_bytes());
        assert!(raw.head().starts_with("HTTP/1.1 101 "));
        let begun = monotonic();
        raw.send(&frame);
        let (texts, told) = raw.closing();
        assert_eq!((texts.len(), told), (1, Some(code)), "{texts:?}");
        assert!(begun.elapsed() < Duration::from_millis(1_500), "{:?}", begun.elapsed());
    }
}

#[test]
fn there_are_so_many_replays_and_no_more() {
    let server = Server::start(&[("limits.replays", "3"), ("feeds.sim.ticks_per_s", "500")]);
    crate::http::wait_until_ready(&server);
    let mut open: Vec<_> = (0..3).map(|_| Replay::connect(server.address)).collect();
    let wanted = upgrade("").replace("/v1/stream", "/v1/replay");
    for _ in 0..50 {
        let refused = request(server.address, &wanted);
        assert_eq!(refused.status, 503, "{refused:?}");
        assert!(refused.header("retry-after").is_some(), "{refused:?}");
        assert_eq!(refused.json()["error"]["code"], "unavailable");
    }
    assert_eq!(metric(&server, "tickwire_replay_open"), 3);
    drop(open.pop());
    eventually("there is room again", || metric(&server, "tickwire_replay_open") == 2);
    let mut replay = Replay::connect(server.address);
    let opened = replay.open("trades", &json!({"from": cursor(&server, 1), "speed": 0}));
    assert_eq!(opened["type"], "opened", "{opened}");
    replay.until_state("ended");
    eventually("it is counted", || metric(&server, "tickwire_replay_events_total") > 0);
    drop((open, replay));
    eventually("all are gone", || metric(&server, "tickwire_replay_open") == 0);
}

#[test]
fn who_reads_nothing_takes_no_memory() {
    let server = Server::start(&[("feeds.sim.ticks_per_s", "20000")]);
    crate::http::wait_until_ready(&server);
    std::thread::sleep(Duration::from_secs(3));
    let from = cursor(&server, 1);
    let before = server.memory_bytes();
    let mut idle: Vec<_> = (0..10)
        .map(|_| {
            let mut replay = Replay::connect(server.address);
            replay.open("ticker", &json!({"from": from, "speed": 0, "then": "live"}));
            replay
        })
        .collect();
    std::thread::sleep(Duration::from_secs(3));
    let more = (server.memory_bytes() - before) / 10;
    println!("{} KiB for each replay that waits", more / 1024);
    assert!(more < 12 << 20, "{more} bytes each");
    for replay in &mut idle {
        replay.send(&json!({"op": "pause", "id": 5}));
        assert_eq!(replay.until_told(5).1["state"], "paused");
    }
}

#[test]
fn a_server_that_stops_says_so_in_replays_too() {
    let server = Server::start(&[("feeds.sim.ticks_per_s", "500")]);
    crate::http::wait_until_ready(&server);
    let mut replay = Replay::connect(server.address);
    replay.open("trades", &json!({"from": cursor(&server, 1), "then": "live", "speed": 0}));
    replay.until_state("live");
    server.signal("-TERM");
    let (texts, code) = replay.client.rest();
    assert_eq!(code, 4000);
    assert!(texts.last().unwrap().contains("\"closing\""), "{:?}", texts.last());
    drop(server.end());
    drop::<Option<Client>>(None);
}
