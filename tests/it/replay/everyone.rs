//! A tape as a feed of a server: every client sees what was as if it were now.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use super::Replay;
use super::changes;
use super::cursor;
use super::data;
use super::head;
use crate::client::Client;
use crate::harness::Server;
use crate::server::Running;
use crate::server::tickwire;

#[test]
fn a_recorded_tape_is_a_feed_under_a_name_of_its_own() {
    let server = Server::start(&[("feeds.sim.ticks_per_s", "2000")]);
    crate::http::wait_until_ready(&server);
    std::thread::sleep(Duration::from_secs(2));
    let to = head(&server);
    let mut replay = Replay::connect(server.address);
    replay.open(
        "trades",
        &serde_json::json!({"from": cursor(&server, 1),
        "to": cursor(&server, to), "speed": 0, "symbols": ["sim:BTC-USD"]}),
    );
    let recorded = data(replay.until_state("ended").0);
    let told = |text: &str| {
        let value: Value = serde_json::from_str(text).unwrap();
        ["ts", "price", "size", "side", "trade_id"].map(|key| value[key].clone())
    };
    let recorded: Vec<_> = changes(&recorded).into_iter().map(told).collect();
    server.signal("-TERM");
    let remains = server.end();
    let tape = remains.dir.path().join("tape");

    let own = tempfile::tempdir().unwrap();
    let mut command = tickwire();
    command.args(["serve", "--listen", "127.0.0.1:0", "--tape-dir"]).arg(own.path().join("tape"));
    command.args(["--feed", &format!("replay:{},speed=0.5", tape.display())]);
    let running = Running::start(command.stdout(Stdio::null()));
    let address = running.address().parse().unwrap();
    let mut client = Client::connect(address);
    client.send(r#"{"op":"subscribe","channel":"trades","symbols":["replay:*"]}"#);
    let texts = data(client.during(Duration::from_secs(3)));
    assert!(texts.iter().all(|text| text.contains("\"replay:sim.")), "{:?}", texts.first());
    // What was played before it was subscribed is on the tape of this server.
    let mut replay = Replay::connect(address);
    let epoch = &client.welcome["epoch"];
    replay.open(
        "trades",
        &serde_json::json!({"from": {"epoch": epoch, "seq": 0}, "speed": 0,
        "symbols": ["replay:sim.BTC-USD"]}),
    );
    let played = data(replay.until_state("ended").0);
    let played: Vec<_> = changes(&played)
        .into_iter()
        .filter(|text| text.starts_with("{\"type\":\"trade\""))
        .map(told)
        .collect();
    assert!(played.len() > 20, "{}", played.len());
    let recorded: Vec<_> = recorded.into_iter().filter(|trade| !trade[1].is_null()).collect();
    assert_eq!(played[..], recorded[..played.len()], "trade by trade");
}

#[test]
fn what_is_no_tape_is_refused_with_its_name() {
    let own = tempfile::tempdir().unwrap();
    for (feed, said) in [
        ("replay:nosuch00", "nosuch00"),
        ("replay:", "replay:TAPE"),
        ("replay:x,fast=1", "replay:TAPE"),
        ("replay:/,from=noon", "2026-11-20T14:30:00Z"),
        ("replay:/,speed=-1", "speed"),
    ] {
        let mut command = tickwire();
        command.args(["serve", "--listen", "127.0.0.1:0", "--tape-dir"]);
        let done = command.arg(own.path().join("tape")).args(["--feed", feed]).output().unwrap();
        let told = String::from_utf8(done.stderr).unwrap();
        assert!(!done.status.success(), "{feed}");
        assert!(told.contains(said), "{feed}: {told}");
    }
}
