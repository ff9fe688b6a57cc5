//! What one client may cost, and what ends its waits.

use std::future::Future as _;
use std::pin::pin;
use std::task::Context;
use std::time::Duration;

use serde_json::Value;

use super::client::Client;
use super::client::Start;
use super::client::Wish;
use super::world::Raw;
use super::world::World;
use super::world::rules;
use crate::event::Channel;
use crate::event::Seq;
use crate::wire::op::Slow;

pub(super) fn trade(symbol: u8) -> Raw {
    Raw { kind: 0, symbol, a: 0, b: 1, c: 3 }
}

const FEED_STATUS: Raw = Raw { kind: 200, symbol: 0, a: 0, b: 1, c: 1 };

pub(super) fn subscribe(channel: Channel, names: &[&str], start: Start) -> Wish {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    Wish::Subscribe { channel, names, conflate_ms: 0, slow: Slow::Spill, start }
}

pub(super) fn world(buffer_bytes: usize) -> World {
    let mut world = World::new(64, &[buffer_bytes]);
    world.settle(0);
    world
}

pub(super) fn all(client: &mut Client, world: &mut World) -> Vec<Value> {
    while takes(client, world) {}
    client.log.drain(..).map(|got| got.value).collect()
}

/// Takes some bytes, after a turn of the shard if there are none before.
pub(super) fn takes(client: &mut Client, world: &mut World) -> bool {
    let taken = client.take(world, 1);
    world.settle(0);
    taken > 0 || client.take(world, 1) > 0
}

fn waiting(client: &Client, world: &World) -> usize {
    world.shards[0].connections.get(client.id()).unwrap().subscriber.outbox().len()
}

#[test]
fn a_client_that_pings_and_takes_nothing_stays_within_its_buffer() {
    let mut world = world(2_000);
    let client = Client::connect(&mut world, 0);
    for _ in 0..20 {
        ping(&client, &mut world);
    }
    assert!(waiting(&client, &world) <= 2_010);
}

fn ping(client: &Client, world: &mut World) {
    world.shards[0].with(client.id(), |subscriber, view| {
        subscriber.on_ping(&[7; 125], view.now);
    });
}

#[test]
fn a_client_that_pings_without_an_end_is_closed() {
    let mut rules = rules(1 << 20);
    rules.limits.ops_per_s = 5;
    let mut world = World::with(64, vec![rules], |_| {});
    world.settle(0);
    let limit = 50;
    let client = Client::connect(&mut world, 0);
    let before = waiting(&client, &world);
    let each = 2 + 125;
    (0..limit * 2).for_each(|_| ping(&client, &mut world));
    assert_eq!(waiting(&client, &world), before + each * limit, "no more are answered");
    assert!(!world.shards[0].gives_up(client.id()));
    ping(&client, &mut world);
    assert!(world.shards[0].gives_up(client.id()));
}

#[test]
fn names_that_fit_no_symbol_are_bounded_too() {
    let mut world = world(1 << 20);
    let mut client = Client::connect(&mut world, 0);
    for index in 0..150 {
        let name = format!("v{index}:*");
        client.wish(&mut world, subscribe(Channel::Ticker, &[&name], Start::Now));
    }
    client.wish(&mut world, subscribe(Channel::Ticker, &["v1:*"], Start::Now));
    let answers = all(&mut client, &mut world);
    let kinds: Vec<_> = answers.iter().map(|answer| answer["type"].as_str().unwrap()).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "subscribed").count(), 101);
    assert_eq!(answers[101]["code"], "too_many_symbols");
    assert_eq!(kinds.last(), Some(&"subscribed"), "what it names already costs nothing");
}

#[test]
fn exclusions_from_a_pattern_are_bounded() {
    let mut world = world(1 << 20);
    let mut client = Client::connect(&mut world, 0);
    client.wish(&mut world, subscribe(Channel::Ticker, &["aa:*"], Start::Now));
    let unsubscribe = |names| Wish::Unsubscribe { channel: Channel::Ticker, names };
    for index in 0..10 {
        let names = (0..15).map(|name| format!("aa:N{index}-{name}")).collect();
        client.wish(&mut world, unsubscribe(names));
    }
    let answers = all(&mut client, &mut world);
    let refused = answers.iter().filter(|answer| answer["code"] == "too_many_symbols").count();
    assert_eq!(refused, 4);
}

#[test]
fn one_feed_wide_event_of_the_tape_does_not_burst_the_buffer() {
    let mut world = world(400);
    world.write(&[FEED_STATUS]);
    world.settle(0);
    let mut client = Client::connect(&mut world, 0);
    client.take(&mut world, 9);
    let epoch = world.tape.epoch().to_owned();
    client.wish(&mut world, subscribe(Channel::Trades, &["aa:*"], Start::From(epoch, 7)));
    let mut statuses = 0;
    world.settle(0);
    while takes(&mut client, &mut world) {
        assert!(waiting(&client, &world) < 300, "{} bytes wait", waiting(&client, &world));
        statuses = client.log.iter().filter(|got| got.value["type"] == "status").count();
    }
    assert_eq!(statuses, 3);
}

/// Two symbols trade in turn, from 8 on; one is resumed while the other is half read.
#[track_caller]
fn check_second_resumption(a: u64, b: u64, expected: &[(&str, u64)]) {
    let mut world = world(400);
    world.write(&[trade(0), trade(1), trade(0), trade(1)]);
    world.settle(0);
    let mut client = Client::connect(&mut world, 0);
    client.take(&mut world, 9);
    let epoch = world.tape.epoch().to_owned();
    let from = |name, seq| subscribe(Channel::Trades, &[name], Start::From(epoch.clone(), seq));
    client.wish(&mut world, from("aa:A-USD", a));
    world.settle(0);
    // The answer, then the first trade: what follows it has been read by then.
    client.take(&mut world, 2);
    world.settle(0);
    client.take(&mut world, 1);
    client.wish(&mut world, from("aa:B-USD", b));
    world.settle(0);
    while takes(&mut client, &mut world) {
        client.hand_in(&mut world);
    }
    let trades = client.log.iter().filter(|got| got.value["type"] == "trade");
    let mut got: Vec<(&str, u64)> = trades
        .map(|got| (got.value["symbol"].as_str().unwrap(), got.value["seq"].as_u64().unwrap()))
        .collect();
    got.sort_by_key(|(_, seq)| *seq);
    assert_eq!(got, expected);
}

#[test]
fn a_second_resumption_gets_what_the_first_one_read_past() {
    let all = [("aa:A-USD", 8), ("aa:B-USD", 9), ("aa:A-USD", 10), ("aa:B-USD", 11)];
    check_second_resumption(7, 8, &all);
}

#[test]
fn a_second_resumption_from_further_back_repeats_nothing() {
    check_second_resumption(9, 7, &[("aa:B-USD", 9), ("aa:A-USD", 10), ("aa:B-USD", 11)]);
    check_second_resumption(
        7,
        7,
        &[("aa:A-USD", 8), ("aa:B-USD", 9), ("aa:A-USD", 10), ("aa:B-USD", 11)],
    );
}

#[test]
fn a_resumption_from_before_a_listing_misses_nothing_that_came_since() {
    let mut world = world(400);
    let mut client = Client::connect(&mut world, 0);
    let epoch = world.tape.epoch().to_owned();
    client.wish(&mut world, subscribe(Channel::Trades, &["aa:A-USD"], Start::From(epoch, 0)));
    // The client takes nothing yet, so its first snapshot has to wait.
    for _ in 0..5 {
        world.write(&[trade(0)]);
        world.settle(0);
    }
    let seqs = all(&mut client, &mut world);
    let seqs: Vec<_> = seqs.iter().skip(2).map(|of| of["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, [0, 8, 9, 10, 11, 12]);
}

#[test]
fn a_resumption_from_just_after_a_listing_needs_no_snapshot() {
    let mut world = world(1 << 20);
    let mut client = Client::connect(&mut world, 0);
    let epoch = world.tape.epoch().to_owned();
    // It was the third event: two feeds, then this.
    client.wish(&mut world, subscribe(Channel::Trades, &["aa:A-USD"], Start::From(epoch, 3)));
    world.write(&[trade(0)]);
    world.settle(0);
    let messages = all(&mut client, &mut world);
    let kinds: Vec<_> = messages.iter().skip(2).map(|of| of["type"].clone()).collect();
    assert_eq!(kinds, ["trade"]);
}

/// What the streams of one more client begin with: kind, place, and the place before it.
fn beginning(world: &mut World, wish: Wish) -> Vec<(String, u64, Option<u64>)> {
    let mut client = Client::connect(world, 0);
    client.wish(world, wish);
    world.settle(0);
    let messages = all(&mut client, world);
    let told = messages.iter().skip(2).map(|of| {
        let kind = of["type"].as_str().unwrap().to_owned();
        (kind, of["seq"].as_u64().unwrap(), of["prev"].as_u64())
    });
    told.collect()
}

#[test]
fn a_feed_wide_event_after_a_cursor_names_the_one_before_it() {
    let mut world = world(1 << 20);
    world.write(&[FEED_STATUS, FEED_STATUS.changed()]);
    world.settle(0);
    let epoch = world.tape.epoch().to_owned();
    let wish = || subscribe(Channel::Trades, &["aa:A-USD"], Start::From(epoch.clone(), 8));
    let status = ("status".to_owned(), 9, Some(8));
    assert_eq!(beginning(&mut world, wish()), std::slice::from_ref(&status));
    world.write(&[trade(0)]);
    world.settle(0);
    let trade = ("trade".to_owned(), 10, Some(9));
    assert_eq!(beginning(&mut world, wish()), [status, trade]);
}

#[test]
fn a_stream_goes_back_no_further_than_to_its_listing() {
    let mut world = world(1 << 20);
    let listing = Raw { kind: 240, symbol: 5, a: 0, b: 0, c: 1 };
    world.write(&[FEED_STATUS, FEED_STATUS.changed(), listing, trade(5)]);
    world.settle(0);
    let wish = subscribe(Channel::Trades, &["aa:E-USD"], Start::Last(5));
    let told = beginning(&mut world, wish);
    assert_eq!(told, [("snapshot".to_owned(), 9, None), ("trade".to_owned(), 11, Some(9))]);
}

#[test]
fn a_conflated_stream_resumed_from_before_its_listing_begins_with_a_snapshot() {
    let mut world = world(1 << 20);
    let listing = Raw { kind: 240, symbol: 5, a: 0, b: 0, c: 1 };
    world.write(&[FEED_STATUS, listing]);
    world.settle(0);
    let start = Start::From(world.tape.epoch().to_owned(), 8);
    let (channel, names, slow) = (Channel::Ticker, vec!["aa:E-USD".to_owned()], Slow::Conflate);
    let wish = Wish::Subscribe { channel, names, conflate_ms: 100, slow, start };
    assert_eq!(beginning(&mut world, wish), [("snapshot".to_owned(), 8, None)]);
}

#[test]
fn who_waits_for_a_client_that_is_gone_is_told() {
    let mut world = world(100);
    let mut client = Client::connect(&mut world, 0);
    client.wish(&mut world, subscribe(Channel::Ticker, &["*:*"], Start::Now));
    let notice = world.shards[0].waits(client.id()).unwrap();
    client.disconnect(&mut world);
    let mut context = Context::from_waker(std::task::Waker::noop());
    assert!(pin!(notice.notified()).poll(&mut context).is_ready());
}

#[test]
fn a_conflated_stream_has_an_interval_between_two_snapshots() {
    let mut world = world(1 << 20);
    let mut client = Client::connect(&mut world, 0);
    let (names, slow, start) = (vec!["aa:A-USD".to_owned()], Slow::Conflate, Start::Now);
    let channel = Channel::Ticker;
    let wish = Wish::Subscribe { channel, names, conflate_ms: 1_000, slow, start };
    client.wish(&mut world, wish);
    let mut snapshots = Vec::new();
    for ms in (0..6_000_u64).step_by(100) {
        // Silence at first, then a change each 100 ms.
        if ms >= 2_700 {
            world.write(&[trade(0)]);
        }
        world.settle(0);
        let got = all(&mut client, &mut world);
        let count = got.iter().filter(|message| message["type"] == "snapshot").count();
        snapshots.extend(vec![ms; count]);
        world.advance(Duration::from_millis(100));
    }
    assert_eq!(snapshots, [0, 2_700, 3_700, 4_700, 5_700]);
}

#[test]
fn a_conflated_client_is_woken_for_its_flushes_alone() {
    let mut world = world(1 << 20);
    let mut client = Client::connect(&mut world, 0);
    let (names, slow, start) = (vec!["*:*".to_owned()], Slow::Conflate, Start::Now);
    let channel = Channel::Ticker;
    client.wish(&mut world, Wish::Subscribe { channel, names, conflate_ms: 1_000, slow, start });
    all(&mut client, &mut world);
    let mut woken = 0;
    for _ in 0..100 {
        world.write(&[trade(0), trade(1)]);
        world.settle(0);
        woken += usize::from(client.is_woken());
        all(&mut client, &mut world);
        world.advance(Duration::from_millis(10));
    }
    assert_eq!(woken, 0);
}

#[test]
fn a_stream_goes_back_as_far_as_the_tape_does() {
    let mut world = World::with(64, vec![rules(1 << 20)], |settings| {
        (settings.segment_bytes, settings.retention_bytes) = (16 << 10, 40 << 10);
    });
    world.write(&[FEED_STATUS, Raw { kind: 180, symbol: 1, a: 1, b: 0, c: 0 }, trade(1)]);
    // The disk is looked after by a thread of its own: until it has dropped something.
    for _ in 0..2_000_000 {
        if world.tape.oldest() > Seq(100) {
            break;
        }
        world.write(&[trade(0); 20]);
        world.settle(0);
        std::thread::yield_now();
    }
    world.write(&[FEED_STATUS.changed(), FEED_STATUS, trade(0)]);
    world.settle(0);
    let oldest = world.tape.oldest().0;
    assert!(oldest > 100, "the tape was not cut");
    let mut client = Client::connect(&mut world, 0);
    let names = ["aa:A-USD", "aa:B-USD", "aa:C-EUR"];
    client.wish(&mut world, subscribe(Channel::Trades, &names, Start::Last(1_000)));
    client.say(&mut world, r#"{"op":"ping"}"#);
    let messages = all(&mut client, &mut world);
    for (name, trades) in [("aa:A-USD", 600), ("aa:B-USD", 0), ("aa:C-EUR", 0)] {
        let of_stream: Vec<_> = messages.iter().filter(|of| of["symbol"] == name).collect();
        assert_eq!(of_stream[0]["type"], "snapshot", "{name}");
        assert_eq!(of_stream.iter().filter(|of| of["type"] == "snapshot").count(), 1);
        let stream = (Channel::Trades, name.to_owned());
        let held = of_stream[0]["seq"].as_u64().unwrap();
        let known: Vec<Value> = world.truth.snapshots[&stream][&held]
            .iter()
            .map(|bytes| serde_json::from_slice(bytes).unwrap())
            .collect();
        assert!(known.contains(of_stream[0]), "{} but was {known:?}", of_stream[0]);
        assert!(of_stream.iter().filter(|of| of["type"] == "trade").count() >= trades, "{name}");
        let mut held = held;
        for message in of_stream.iter().skip(1) {
            assert_eq!(message["prev"], held);
            held = message["seq"].as_u64().unwrap();
        }
        assert_eq!(Some(held), world.truth.last_at(&stream, u64::MAX));
    }
}

/// A client that is so slow with one stream that something was dropped: seqs 9 to 20 were sent.
fn dropping(world: &mut World) -> Client {
    let mut client = Client::connect(world, 0);
    let (names, start) = (vec!["aa:A-USD".to_owned()], Start::Now);
    let wish =
        Wish::Subscribe { channel: Channel::Trades, names, conflate_ms: 0, slow: Slow::Gap, start };
    client.wish(world, wish);
    world.write(&[trade(0)]);
    world.settle(0);
    all(&mut client, world);
    for _ in 0..12 {
        world.write(&[trade(0)]);
        world.settle(0);
    }
    client
}

/// Kind and place of each message; of a gap of its own, its ends and how many are missing.
fn told(messages: &[Value]) -> Vec<(String, Vec<u64>)> {
    let of_stream = messages.iter().filter(|of| of["symbol"].is_string());
    let told = of_stream.map(|of| {
        let keys: &[&str] = if of["seq"].is_u64() { &["seq"] } else { &["from", "to", "missing"] };
        let numbers = keys.iter().map(|key| of[*key].as_u64().unwrap()).collect();
        (of["type"].as_str().unwrap().to_owned(), numbers)
    });
    told.collect()
}

fn one(kind: &str, numbers: &[u64]) -> (String, Vec<u64>) {
    (kind.to_owned(), numbers.to_vec())
}

#[test]
fn what_is_dropped_is_said_and_the_stream_goes_on() {
    let mut world = world(1_000);
    let mut client = dropping(&mut world);
    let mut messages = all(&mut client, &mut world);
    world.write(&[trade(0)]);
    world.settle(0);
    messages.extend(all(&mut client, &mut world));
    let told = told(&messages);
    let kept = told.iter().position(|(kind, _)| kind == "gap").unwrap() as u64;
    assert!((2..8).contains(&kept), "{told:?}");
    let mut expected: Vec<_> = (9..9 + kept).map(|seq| one("trade", &[seq])).collect();
    expected.push(one("gap", &[9 + kept, 20, 12 - kept]));
    expected.push(one("trade", &[21]));
    assert_eq!(told, expected);
    assert_eq!(messages.last().unwrap()["prev"], 20);
    let tally = world.shards[0].connections.get_mut(client.id()).unwrap().subscriber.take_tally();
    assert_eq!((tally.gaps, tally.dropped), (1, 12 - kept));
}

#[test]
fn a_status_that_was_dropped_is_made_up_for_by_a_snapshot() {
    for status in [FEED_STATUS, Raw { kind: 180, symbol: 0, a: 1, b: 1, c: 1 }] {
        let mut world = world(1_000);
        let mut client = dropping(&mut world);
        world.write(&[status, trade(0)]);
        world.settle(0);
        let messages = all(&mut client, &mut world);
        let told = told(&messages);
        let [.., gap, snapshot] = &told[..] else { panic!("{told:?}") };
        assert_eq!((&*gap.0, gap.1[1], snapshot), ("gap", 22, &one("snapshot", &[22])));
    }
}

#[test]
fn who_subscribes_again_hears_nothing_of_what_was_dropped() {
    let mut world = world(1_000);
    let mut client = dropping(&mut world);
    client.wish(&mut world, subscribe(Channel::Trades, &["aa:A-USD"], Start::Now));
    let messages = all(&mut client, &mut world);
    let answer = messages.iter().position(|of| of["type"] == "subscribed").unwrap();
    assert_eq!(told(&messages[answer..]), [one("snapshot", &[20])]);
    client.wish(
        &mut world,
        Wish::Unsubscribe { channel: Channel::Trades, names: vec!["aa:A-USD".to_owned()] },
    );
    client.wish(&mut world, subscribe(Channel::Trades, &["aa:B-USD"], Start::Now));
    world.settle(0);
    let messages = all(&mut client, &mut world);
    assert_eq!(told(&messages), [one("snapshot", &[0])]);
}

#[test]
fn what_was_dropped_before_a_listing_is_said_before_its_snapshot() {
    let mut world = world(1_000);
    let mut client = dropping(&mut world);
    let unlist = Raw { kind: 246, symbol: 0, a: 0, b: 0, c: 1 };
    let list = Raw { kind: 240, symbol: 0, a: 0, b: 0, c: 1 };
    world.write(&[unlist, list]);
    world.settle(0);
    let told = told(&all(&mut client, &mut world));
    let [.., gap, snapshot] = &told[..] else { panic!("{told:?}") };
    assert_eq!((&*gap.0, gap.1[1], snapshot), ("gap", 20, &one("snapshot", &[20])));
}

#[test]
fn a_heartbeat_does_not_pass_what_was_dropped_and_not_said() {
    let mut world = world(1_000);
    let mut client = dropping(&mut world);
    for _ in 0..3 {
        world.advance(Duration::from_secs(3));
        world.settle(0);
    }
    client.take(&mut world, 1);
    let mut beats = client.log.iter().filter(|got| got.value["type"] == "heartbeat");
    let last = beats.next_back().unwrap().value["seq"].as_u64().unwrap();
    let mut trades = client.log.iter().filter(|got| got.value["type"] == "trade");
    assert_eq!(trades.next_back().unwrap().value["seq"], last);
}

#[test]
fn each_conflated_subscription_has_a_clock_of_its_own() {
    let mut world = world(1 << 20);
    let mut client = Client::connect(&mut world, 0);
    for (name, conflate_ms) in [("aa:A-USD", 20_000), ("aa:B-USD", 200), ("aa:C-EUR", 5_000)] {
        let (names, slow, start) = (vec![name.to_owned()], Slow::Conflate, Start::Now);
        let channel = Channel::Ticker;
        client.wish(&mut world, Wish::Subscribe { channel, names, conflate_ms, slow, start });
    }
    world.settle(0);
    all(&mut client, &mut world);
    let mut flushes = [0; 3];
    for _ in 0..=200 {
        world.write(&[trade(0), trade(1), trade(2)]);
        world.settle(0);
        for message in all(&mut client, &mut world) {
            let names = ["aa:A-USD", "aa:B-USD", "aa:C-EUR"];
            if let Some(of) = names.iter().position(|name| message["symbol"] == *name) {
                flushes[of] += 1;
            }
        }
        world.advance(Duration::from_millis(100));
    }
    assert_eq!(flushes, [1, 100, 4]);
}
