//! The same bytes live and in every replay: from the journal, from Postgres, and across the seam.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use super::Replay;
use super::changes;
use super::data;
use super::seq_of;
use crate::client::Client;
use crate::harness::Server;
use crate::harness::eventually;
use crate::http::metric;
use crate::postgres::Postgres;

const CHANNELS: [&str; 3] = ["ticker", "trades", "bars.1s"];

/// How long is recorded: shortly, or as long as `IDENTITY_S` says.
fn time_or(seconds: u64) -> Duration {
    let said = std::env::var("IDENTITY_S").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(said.unwrap_or(seconds))
}

/// What a client got live.
struct Recording {
    epoch: String,
    /// Its first snapshots stand at or before this.
    from: u64,
    to: u64,
    messages: Vec<String>,
}

fn record(server: &Server, time: Duration) -> Recording {
    let mut client = Client::connect(server.address);
    let epoch = client.welcome["epoch"].as_str().unwrap().to_owned();
    for channel in CHANNELS {
        let op =
            json!({"op": "subscribe", "channel": channel, "symbols": ["*:*"], "slow": "spill"});
        client.send(&op.to_string());
    }
    let texts = data(client.during(time));
    assert_eq!(metric(server, "tickwire_shard_spills_total"), 0, "no slow policy acted");
    let snapshots = texts.iter().filter(|text| text.starts_with("{\"type\":\"snapshot\""));
    let from = snapshots.map(|text| seq_of(text)).max().unwrap();
    // The last event may not have come with all its messages.
    let to = texts.last().map(|text| seq_of(text)).unwrap() - 1;
    let messages = within(&texts, (from, to));
    assert!(messages.len() > 1_000, "{}", messages.len());
    Recording { epoch, from, to, messages }
}

fn within(texts: &[String], (from, to): (u64, u64)) -> Vec<String> {
    let inside = |text: &&str| (from + 1..=to).contains(&seq_of(text));
    changes(texts).into_iter().filter(inside).map(str::to_owned).collect()
}

/// What a replay sends of the same range.
fn replay(server: &Server, of: &Recording, from: &Value) -> Vec<String> {
    let mut replay = Replay::connect(server.address);
    let to = json!({"epoch": of.epoch, "seq": of.to});
    let opened =
        replay.open("ticker", &json!({"from": from, "to": to, "paused": true, "speed": 0}));
    assert_eq!(opened["type"], "opened", "{opened}");
    assert_eq!(opened["to"]["seq"], of.to, "{opened}");
    for channel in &CHANNELS[1..] {
        let op = json!({"op": "subscribe", "channel": channel, "symbols": ["*:*"]});
        assert_eq!(replay.client.ask_json(&op.to_string())["type"], "subscribed");
    }
    replay.send(&json!({"op": "play"}));
    let (texts, position) = replay.until_state("ended");
    assert_eq!((&position["seq"], &position["done"]), (&json!(of.to), &json!(1.0)));
    within(&data(texts), (of.from, of.to))
}

#[track_caller]
fn check_same(live: &[String], replayed: &[String], source: &str) {
    let count = live.len().min(replayed.len());
    for at in 0..count {
        assert_eq!(live[at], replayed[at], "{source}: message {at}");
    }
    assert_eq!(live.len(), replayed.len(), "{source}");
    let mut kinds: HashMap<&str, usize> = HashMap::new();
    for text in live {
        *kinds.entry(text.get(9..14).unwrap_or_default()).or_default() += 1;
    }
    println!("{source}: {} messages are the same: {kinds:?}", live.len());
}

#[test]
fn a_replay_is_byte_for_byte_what_was_live() {
    let server = Server::start(&[("feeds.sim.ticks_per_s", "5000")]);
    crate::http::wait_until_ready(&server);
    let live = record(&server, time_or(4));
    let at = |seq: u64| json!({"epoch": live.epoch, "seq": seq});
    check_same(&live.messages, &replay(&server, &live, &at(live.from)), "the journal");
    let beginning = at(0);
    check_same(&live.messages, &replay(&server, &live, &beginning), "from the tape's beginning");
    let between = at(live.from / 2);
    check_same(&live.messages, &replay(&server, &live, &between), "from somewhere before");
}

#[test]
fn a_recorded_market_is_replayed_as_it_was_live() {
    let Some(folder) = crate::ingest::captures("tape") else { return };
    let tapes = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_csv = |path: &std::path::PathBuf| path.to_string_lossy().ends_with(".csv.gz");
    for tape in tapes.filter(is_csv) {
        let path = tape.to_str().unwrap();
        let settings =
            [("feeds.day.venue", "file"), ("feeds.day.path", path), ("feeds.day.speed", "20")];
        let server = Server::start(&settings);
        crate::http::wait_until_ready(&server);
        let live = record(&server, time_or(4));
        let from = json!({"epoch": live.epoch, "seq": live.from});
        check_same(&live.messages, &replay(&server, &live, &from), path);
    }
}

#[test]
fn postgres_and_the_seam_make_no_difference() {
    let Some(postgres) = Postgres::start(&[]) else { return };
    let url = postgres.url();
    let settings = [
        ("store.url", url.as_str()),
        ("store.batch_ms", "50"),
        ("feeds.sim.ticks_per_s", "10000"),
        ("tape.segment_bytes", "1MiB"),
        ("tape.retention_bytes", "4MiB"),
    ];
    let server = Server::start(&settings);
    crate::http::wait_until_ready(&server);
    let live = record(&server, time_or(6));
    let at = |seq: u64| json!({"epoch": live.epoch, "seq": seq});
    check_same(&live.messages, &replay(&server, &live, &at(live.from)), "the journal");
    let oldest = || metric(&server, "tickwire_tape_oldest");
    let middle = live.from + (live.to - live.from) / 4;
    for _ in 0..6 {
        // It grows by some 2 MiB in 10 s.
        if oldest() >= middle {
            break;
        }
        drop(Client::connect(server.address).during(Duration::from_secs(5)));
    }
    assert!(oldest() > live.from, "the seam is at {}, not above {}", oldest(), live.from);
    println!("the seam: {} is within {}..{}", oldest(), live.from, live.to);
    check_same(&live.messages, &replay(&server, &live, &at(live.from)), "across the seam");
    eventually("it is stored", || metric(&server, "tickwire_store_seq") > live.to);
    server.signal("-TERM");
    drop(server.end());
    // A tape of its own: the other one is in the store alone.
    let server = Server::start(&settings);
    crate::http::wait_until_ready(&server);
    assert_ne!(super::epoch(&server), live.epoch);
    check_same(&live.messages, &replay(&server, &live, &at(live.from)), "Postgres alone");
}
