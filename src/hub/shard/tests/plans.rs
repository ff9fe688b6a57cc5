//! What a plan tells, and what exclusions from a pattern outlive.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use super::bounds::all;
use super::bounds::subscribe;
use super::bounds::trade;
use super::bounds::world;
use super::client::Client;
use super::client::Start;
use super::client::Wish;
use super::world::Raw;
use super::world::World;
use crate::event::Channel;

/// 12 s with 20 trades a second of one symbol and 10 of another, quotes of neither.
fn busy(world: &mut World) {
    for _ in 0..120 {
        world.write(&[trade(0), trade(0), trade(1)]);
        world.settle(0);
        world.advance(Duration::from_millis(100));
    }
}

fn plan(client: &mut Client, world: &mut World, op: &Value) -> Value {
    client.say(world, &op.to_string());
    world.settle(0);
    let mut answers = all(client, world);
    answers.retain(|answer| answer["type"] != "heartbeat");
    assert_eq!(answers.len(), 1, "a plan is one answer and no data: {answers:?}");
    answers.remove(0)
}

fn trades(names: &[&str]) -> Value {
    json!({ "op": "plan", "channel": "trades", "symbols": names })
}

fn number(answer: &Value, key: &str) -> u64 {
    answer[key].as_u64().unwrap_or_else(|| panic!("no {key}: {answer}"))
}

#[test]
fn a_plan_tells_what_the_streams_had_of_late() {
    let mut world = world(1 << 20);
    busy(&mut world);
    let mut client = Client::connect(&mut world, 0);
    all(&mut client, &mut world);
    let one = plan(&mut client, &mut world, &trades(&["aa:A-USD"]));
    assert_eq!((number(&one, "streams"), number(&one, "messages_per_s")), (1, 20), "{one}");
    let both = plan(&mut client, &mut world, &trades(&["aa:A-USD", "aa:*", "*:*-USD", "x:Y"]));
    assert_eq!((number(&both, "streams"), number(&both, "messages_per_s")), (5, 30), "{both}");
    let quiet = plan(&mut client, &mut world, &trades(&["bb:*"]));
    assert_eq!((number(&quiet, "streams"), number(&quiet, "messages_per_s")), (2, 0));
    assert_eq!(number(&quiet, "bytes_per_s"), 0);
    let nobody = plan(&mut client, &mut world, &trades(&["aa:NOPE-X", "bad", "zz:*"]));
    assert_eq!(
        nobody,
        json!({ "type": "plan", "streams": 0, "messages_per_s": 0, "bytes_per_s": 0, "denied": [] })
    );
    // What it said is what comes.
    client.wish(&mut world, subscribe(Channel::Trades, &["aa:*"], Start::Now));
    all(&mut client, &mut world);
    busy(&mut world);
    let got = client_bytes(&mut client, &mut world) / 12;
    let told = number(&both, "bytes_per_s");
    assert!(told.abs_diff(got) < got / 20, "told {told} bytes/s, got {got}");
}

fn client_bytes(client: &mut Client, world: &mut World) -> u64 {
    while client.take(world, 1) > 0 {
        world.settle(0);
    }
    let trades = client.log.drain(..).filter(|got| got.value["type"] == "trade");
    trades.map(|got| got.bytes.len() as u64).sum()
}

#[test]
fn a_conflated_plan_counts_snapshots() {
    let mut world = world(1 << 20);
    busy(&mut world);
    let mut client = Client::connect(&mut world, 0);
    all(&mut client, &mut world);
    let mut op = json!({ "op": "plan", "channel": "ticker", "symbols": ["aa:A-USD", "aa:B-USD"] });
    let each = plan(&mut client, &mut world, &op);
    assert_eq!((number(&each, "streams"), number(&each, "messages_per_s")), (2, 30));
    op["conflate_ms"] = 250.into();
    let conflated = plan(&mut client, &mut world, &op);
    assert_eq!((number(&conflated, "streams"), number(&conflated, "messages_per_s")), (2, 8));
    client.wish(&mut world, subscribe(Channel::Ticker, &["aa:A-USD", "aa:B-USD"], Start::Now));
    world.settle(0);
    while client.take(&mut world, 1) > 0 {
        world.settle(0);
    }
    let snapshots = client.log.iter().filter(|got| got.value["type"] == "snapshot");
    let bytes: u64 = snapshots.map(|got| got.bytes.len() as u64).sum();
    assert_eq!(number(&conflated, "bytes_per_s"), bytes / 2 * 8);
}

#[test]
fn what_happened_before_the_window_is_not_told() {
    let mut world = world(1 << 20);
    busy(&mut world);
    for _ in 0..3 {
        world.advance(Duration::from_secs(6));
        world.settle(0);
    }
    let mut client = Client::connect(&mut world, 0);
    all(&mut client, &mut world);
    let answer = plan(&mut client, &mut world, &trades(&["*:*"]));
    assert_eq!((number(&answer, "streams"), number(&answer, "messages_per_s")), (5, 0));
}

/// A client of `aa:*` that does not want one of its symbols.
fn excluding(world: &mut World) -> Client {
    let mut client = Client::connect(world, 0);
    client.wish(world, subscribe(Channel::Trades, &["aa:*"], Start::Now));
    let names = vec!["aa:A-USD".to_owned()];
    client.wish(world, Wish::Unsubscribe { channel: Channel::Trades, names });
    world.settle(0);
    all(&mut client, world);
    client
}

/// The symbols of which something comes when all of them are traded.
fn heard(client: &mut Client, world: &mut World) -> Vec<String> {
    world.settle(0);
    world.write(&[trade(0), trade(1), trade(2)]);
    world.settle(0);
    let messages = all(client, world);
    let symbols = messages.iter().filter_map(|of| of["symbol"].as_str().map(str::to_owned));
    let mut symbols: Vec<String> = symbols.collect();
    symbols.sort();
    symbols.dedup();
    symbols
}

const REST: [&str; 2] = ["aa:B-USD", "aa:C-EUR"];

#[test]
fn what_is_excluded_stays_so_when_it_is_listed_anew() {
    let mut world = world(1 << 20);
    let mut client = excluding(&mut world);
    assert_eq!(heard(&mut client, &mut world), REST);
    world.write(&[
        Raw { kind: 246, symbol: 0, a: 0, b: 0, c: 1 },
        Raw { kind: 240, symbol: 0, a: 0, b: 0, c: 1 },
    ]);
    assert_eq!(heard(&mut client, &mut world), REST);
}

#[test]
fn a_plan_neither_sees_nor_ends_an_exclusion() {
    let mut world = world(1 << 20);
    let mut client = excluding(&mut world);
    let answer = plan(&mut client, &mut world, &trades(&["aa:*"]));
    assert_eq!(number(&answer, "streams"), 3);
    plan(&mut client, &mut world, &trades(&["aa:A-USD"]));
    assert_eq!(heard(&mut client, &mut world), REST);
}

#[test]
fn another_subscription_keeps_an_exclusion_unless_it_names_the_symbol() {
    let mut world = world(1 << 20);
    let mut client = excluding(&mut world);
    client.wish(&mut world, subscribe(Channel::Trades, &["aa:B-USD", "bb:F-*"], Start::Now));
    assert_eq!(heard(&mut client, &mut world), REST);
    client.wish(&mut world, subscribe(Channel::Ticker, &["aa:*"], Start::Now));
    all(&mut client, &mut world);
    world.write(&[trade(0)]);
    world.settle(0);
    let messages = all(&mut client, &mut world);
    assert!(messages.iter().all(|of| of["channel"] != "trades"), "{messages:?}");
    client.wish(&mut world, subscribe(Channel::Trades, &["aa:A-USD"], Start::Now));
    assert_eq!(heard(&mut client, &mut world).len(), 3);
}

#[test]
fn a_pattern_that_is_named_again_begins_with_nothing_excluded() {
    let mut world = world(1 << 20);
    let mut client = excluding(&mut world);
    client.wish(&mut world, subscribe(Channel::Trades, &["aa:*"], Start::Now));
    assert_eq!(heard(&mut client, &mut world).len(), 3);
    let mut client = excluding(&mut world);
    client.wish(&mut world, subscribe(Channel::Trades, &["*:A-USD"], Start::Now));
    assert_eq!(heard(&mut client, &mut world).len(), 4);
}
