//! What a reader gets from a server that is live: all of it, once.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::access::Issuer;
use crate::access::grant;
use crate::access::in_s;
use crate::client::Client;
use crate::harness::Server;
use crate::harness::eventually;
use crate::readers::Make;
use crate::readers::assert_part_of;
use crate::readers::messages;
use crate::readers::town::Town;
use crate::readers::whole;

const CHANNELS: [&str; 3] = ["ticker", "trades", "bars.1s"];

/// A reader gets what a plain connection gets at the same time, in JSON and in MessagePack.
#[track_caller]
pub(crate) fn gets_the_same(make: Make) {
    let server = Server::shared();
    for msgpack in [false, true] {
        let mut plain = Client::connect(server.address);
        for channel in CHANNELS {
            let op = json!({ "op": "subscribe", "channel": channel, "symbols": ["*:*"] });
            plain.ask(&op.to_string());
        }
        let url = format!("ws://{}/v1/stream", server.address);
        let wanted =
            json!({ "url": url, "channels": CHANNELS, "names": ["sim:*"], "msgpack": msgpack });
        let Some(mut reader) = make(&wanted) else { return };
        reader.event("state", "state", "live");
        reader.during(Duration::from_millis(1_200));
        let texts = plain.during(Duration::from_millis(300));
        reader.close();
        let plain: Vec<Value> = texts.iter().map(|it| serde_json::from_str(it).unwrap()).collect();
        // The reader began later and ended sooner.
        let compared = assert_part_of(&messages(reader.of("data")), &whole(&plain));
        assert!(compared > 300, "{compared} messages compared");
        let chains = reader.keeps_the_rule();
        assert_eq!(chains.held.len(), 3 * 20, "every stream has begun");
        let snapshots = |it: &&Value| it["message"]["type"] == "snapshot";
        assert_eq!(reader.of("data").into_iter().filter(snapshots).count(), 3 * 20);
        assert!(reader.of("resync").is_empty() && reader.of("error").is_empty());
    }
}

/// Over `kill -9` and restarts nothing is missing and nothing comes twice.
#[track_caller]
pub(crate) fn survives_kills(make: Make) {
    let mut town = Town::start(&[("feeds.sim.ticks_per_s", "3000")]);
    let channels = ["ticker", "trades"];
    // The symbols by name, by one pattern, and by patterns that overlap.
    let names =
        [json!(["sim:BTC-USD", "sim:ETH-USD"]), json!(["sim:*"]), json!(["sim:*-USD", "*:BTC-*"])];
    let mut readers = Vec::new();
    for names in names {
        let wanted = json!({ "url": town.url(), "channels": channels, "names": names,
            "slow": "spill" });
        let Some(mut reader) = make(&wanted) else { return };
        reader.event("state", "state", "live");
        readers.push(reader);
    }
    for _ in 0..2 {
        std::thread::sleep(Duration::from_millis(500));
        town.kill();
        for reader in &mut readers {
            let waiting = reader.event("state", "state", "waiting");
            assert_eq!(waiting["error"]["retryable"], true, "{waiting}");
        }
        town.restart();
        for reader in &mut readers {
            reader.event("state", "state", "live");
            assert_eq!(reader.event("subscribed", "resumed", true)["reason"], Value::Null);
        }
    }
    std::thread::sleep(Duration::from_millis(500));
    let whole = town.everything(&channels);
    for reader in &mut readers {
        reader.during(Duration::from_millis(300));
        reader.close();
        let got = messages(reader.of("data"));
        let compared = assert_part_of(&got, &whole);
        assert!(compared > 200, "{compared} messages compared");
        reader.keeps_the_rule();
        assert!(reader.of("resync").is_empty(), "{:?}", reader.of("resync"));
        // Each stream has one snapshot: the restarts brought none.
        let snapshots = |it: &&Value| it["message"]["type"] == "snapshot";
        let snapshots = reader.of("data").into_iter().filter(snapshots).count();
        assert_eq!(snapshots, got.len());
    }
}

/// The tape is another one after a loss: each stream says that something is missing, and goes on.
#[track_caller]
pub(crate) fn says_what_another_tape_lost(make: Make) {
    let mut town = Town::start(&[("feeds.sim.ticks_per_s", "500")]);
    let wanted = json!({ "url": town.url(), "channels": ["trades"], "names": ["sim:*"] });
    let Some(mut reader) = make(&wanted) else { return };
    let first = reader.event("state", "state", "live");
    reader.until("a trade", |it| it["message"]["type"] == "trade");
    reader.during(Duration::from_millis(500));
    town.kill();
    town.forget();
    town.restart();
    reader.event("state", "state", "waiting");
    let second = reader.event("state", "state", "live");
    assert_ne!(first["epoch"], second["epoch"]);
    for _ in 0..20 {
        let resync = reader.until("resync", |it| it["event"] == "resync");
        assert_eq!(resync["reason"], "epoch_mismatch", "{resync}");
        let snapshot = reader.until("data", |it| it["event"] == "data");
        assert_eq!(snapshot["message"]["type"], "snapshot", "right after it");
        assert_eq!(snapshot["message"]["symbol"], resync["symbol"]);
        assert_eq!(snapshot["message"]["seq"], resync["to"]);
    }
    reader.until("a trade", |it| it["message"]["type"] == "trade");
    reader.close();
    reader.keeps_the_rule();
}

/// Who does not read for a while is closed by the server, comes back, and misses nothing.
#[track_caller]
pub(crate) fn misses_nothing_by_reading_late(make: Make) {
    let town = Town::start(&[
        ("feeds.sim.ticks_per_s", "12000"),
        ("feeds.sim.symbols", "5"),
        ("limits.buffer_bytes", "16384"),
    ]);
    let wanted = json!({ "url": town.url(), "channels": ["trades"], "names": ["sim:*"],
        "slow": "close", "queue": 16 });
    let Some(mut reader) = make(&wanted) else { return };
    reader.until("a trade", |it| it["message"]["type"] == "trade");
    reader.tell("stop");
    eventually("it is too slow", || town.metric("tickwire_shard_too_slow_total") > 0);
    reader.tell("go");
    let waiting = reader.event("state", "state", "waiting");
    assert_eq!((&waiting["code"], &waiting["error"]["close"]), (&json!("too_slow"), &json!(4008)));
    reader.event("subscribed", "resumed", true);
    reader.during(Duration::from_millis(200));
    let whole = town.everything(&["trades"]);
    reader.close();
    let compared = assert_part_of(&messages(reader.of("data")), &whole);
    assert!(compared > 1_000, "{compared} messages compared");
    reader.keeps_the_rule();
    assert!(reader.of("resync").is_empty());
}

/// Who asked for gaps is told how many messages each held.
#[track_caller]
pub(crate) fn is_told_of_its_own_gaps(make: Make) {
    let town = Town::start(&[
        ("feeds.sim.ticks_per_s", "12000"),
        ("feeds.sim.symbols", "5"),
        ("limits.buffer_bytes", "16384"),
    ]);
    let wanted = json!({ "url": town.url(), "channels": ["trades"], "names": ["sim:*"],
        "slow": "gap", "queue": 16 });
    let Some(mut reader) = make(&wanted) else { return };
    reader.until("a trade", |it| it["message"]["type"] == "trade");
    reader.tell("stop");
    eventually("it is too slow", || town.metric("tickwire_shard_handed_over_total") > 0);
    std::thread::sleep(Duration::from_secs(1));
    reader.tell("go");
    reader.until("a gap", |it| it["message"]["cause"] == "slow_consumer");
    reader.during(Duration::from_millis(500));
    reader.close();
    let chains = reader.keeps_the_rule();
    assert!(chains.dropped > 100, "{}", chains.dropped);
    let whole = town.everything(&["trades"]);
    let got = messages(reader.of("data"));
    let (mut between, mut came) = (0, 0);
    for (stream, of) in &got {
        let (first, last) = (*of.first_key_value().unwrap().0, *of.last_key_value().unwrap().0);
        between += whole[stream].range(first..=last).count() as u64;
        came += of.len() as u64;
        assert!(of.iter().all(|(seq, message)| whole[stream][seq] == *message));
    }
    // A gap at the end of a stream is beyond its last message.
    assert!(came + chains.dropped >= between, "{came} + {} of {between}", chains.dropped);
    assert!(came < between, "something was dropped");
}

/// A token that expires is renewed on the same connection.
#[track_caller]
pub(crate) fn renews_its_token(make: Make) {
    let issuer = Issuer::new();
    let server = issuer.server(&[]);
    let all = grant(&["*:*"], &["*"]);
    let lasting = |seconds| issuer.token(&json!({ "exp": in_s(seconds), "tickwire": all }));
    let url = format!("http://{}", server.address);
    let wanted = json!({ "url": url, "names": ["sim:BTC-USD"],
        "tokens": [lasting(2), lasting(600)] });
    let Some(mut reader) = make(&wanted) else { return };
    reader.event("error", "code", "token_expired");
    reader.event("state", "state", "renewed");
    reader.until("data", |it| it["message"]["type"] == "delta");
    let live = reader.of("state").into_iter().filter(|it| it["state"] == "live").count();
    assert_eq!(live, 1, "the connection stays");
    reader.close();
    reader.keeps_the_rule();

    // What cannot be renewed ends, and says why.
    let wanted = json!({ "url": url, "names": ["sim:BTC-USD"], "token": "nonsense" });
    let Some(mut reader) = make(&wanted) else { return };
    let closed = reader.event("state", "state", "closed");
    assert_eq!(
        (&closed["error"]["code"], &closed["error"]["retryable"]),
        (&json!("unauthorized"), &json!(false))
    );
    reader.until("end", |event| event["event"] == "end");
}

/// What is added begins, what is removed ends, also over a restart.
#[track_caller]
pub(crate) fn follows_more_and_less(make: Make) {
    let mut town = Town::start(&[("feeds.sim.ticks_per_s", "1000")]);
    let wanted = json!({ "url": town.url(), "channels": ["ticker"], "names": ["sim:*"] });
    let Some(mut reader) = make(&wanted) else { return };
    reader.until("data", |it| it["message"]["symbol"] == "sim:ETH-USD");
    reader.tell("remove sim:BTC-USD");
    reader.during(Duration::from_millis(300));
    town.kill();
    reader.event("state", "state", "waiting");
    town.restart();
    reader.event("subscribed", "resumed", true);
    reader.during(Duration::from_millis(200));
    let before = reader.seen.len();
    reader.during(Duration::from_millis(500));
    let rest = &reader.seen[before..];
    assert!(rest.iter().any(|it| it["message"]["symbol"] == "sim:ETH-USD"));
    assert!(!rest.iter().any(|it| it["message"]["symbol"] == "sim:BTC-USD"), "it was removed");
    reader.tell("add sim:BTC-USD");
    let back = reader.until("data", |it| it["message"]["symbol"] == "sim:BTC-USD");
    assert_eq!(back["message"]["type"], "snapshot", "it begins anew: {back}");
    reader.tell("remove sim:*");
    reader.during(Duration::from_millis(300));
    let before = reader.seen.len();
    reader.during(Duration::from_millis(500));
    let others = |it: &&Value| it["event"] == "data" && it["message"]["symbol"] != "sim:BTC-USD";
    assert_eq!(reader.seen[before..].iter().filter(others).count(), 0);
    assert!(reader.seen[before..].len() > 3, "the one that was named goes on");
    reader.tell("add sim:NOBODY");
    let error = reader.event("error", "code", "unknown_symbol");
    assert_eq!(error["retryable"], false);
    reader.close();
    assert!(reader.of("resync").is_empty(), "{:?}", reader.of("resync"));
}

/// A reader's own cursor goes on where it says, and one that cannot is told.
#[track_caller]
pub(crate) fn begins_at_a_cursor_or_back(make: Make) {
    let town = Town::start(&[("feeds.sim.ticks_per_s", "1000")]);
    std::thread::sleep(Duration::from_millis(700));
    let whole = town.everything(&["trades"]);
    let epoch = Client::connect(town.address).welcome["epoch"].as_str().unwrap().to_owned();
    let of = |more: Value| {
        let mut wanted = json!({ "url": town.url(), "channels": ["trades"], "names": ["sim:*"] });
        more.as_object().unwrap().iter().for_each(|(key, it)| wanted[key] = it.clone());
        make(&wanted)
    };
    let Some(mut reader) = of(json!({ "from": format!("{epoch}:0") })) else { return };
    reader.reach(&whole);
    reader.close();
    let got = messages(reader.of("data"));
    let compared = whole.values().map(|of| of.len()).sum::<usize>();
    for (stream, of) in &whole {
        assert!(of.iter().all(|(seq, it)| got[stream].get(seq) == Some(it)), "{stream:?}");
    }
    assert!(compared > 100, "{compared}");
    assert!(reader.of("resync").is_empty());

    let mut reader = of(json!({ "from": "nobody:1" })).unwrap();
    reader.event("subscribed", "reason", "epoch_mismatch");
    reader.event("resync", "reason", "epoch_mismatch");
    reader.close();

    let mut reader = of(json!({ "last": 3 })).unwrap();
    reader.event("subscribed", "resumed", false);
    reader.during(Duration::from_millis(400));
    reader.close();
    let got = messages(reader.of("data"));
    assert!(got.len() == 20 && got.values().all(|of| of.len() >= 3), "{got:?}");
    assert!(reader.of("resync").is_empty());
    reader.keeps_the_rule();
}

/// A server that stops says so; the reader comes back when it asked for that, and misses nothing.
#[track_caller]
pub(crate) fn comes_back_when_it_is_asked_to(make: Make) {
    let mut town =
        Town::start(&[("feeds.sim.ticks_per_s", "1000"), ("http.reconnect_spread_ms", "600")]);
    let wanted = json!({ "url": town.url(), "channels": ["trades"], "names": ["sim:*"],
        "backoff_ms": 4_000 });
    let Some(mut reader) = make(&wanted) else { return };
    reader.until("a trade", |it| it["message"]["type"] == "trade");
    std::thread::sleep(Duration::from_millis(300));
    town.stop();
    let service = reader.event("service", "state", "closing");
    assert_eq!(service["reason"], "shutdown");
    let waiting = reader.event("state", "state", "waiting");
    assert_eq!(waiting["error"]["close"], 4000, "{waiting}");
    assert!(waiting["retry_in_ms"].as_u64().unwrap() <= 600, "as the server asked: {waiting}");
    town.restart();
    reader.event("state", "state", "live");
    reader.during(Duration::from_millis(300));
    let whole = town.everything(&["trades"]);
    reader.close();
    assert!(assert_part_of(&messages(reader.of("data")), &whole) > 100);
    reader.keeps_the_rule();
    assert!(reader.of("resync").is_empty());
}
