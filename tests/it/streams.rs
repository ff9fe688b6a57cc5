//! What streams carry: their chains, their words, and what is left of them after a break.

use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;
use tickwire::clock::monotonic;

use crate::client::Chains;
use crate::client::Client;
use crate::client::Raw;
use crate::client::get;
use crate::client::keys;
use crate::client::upgrade;
use crate::harness::PATIENCE;
use crate::harness::Server;
use crate::harness::eventually;
use crate::harness::since;

const ALL: [&str; 2] = [
    r#"{"op":"subscribe","channel":"ticker","symbols":["*:*"]}"#,
    r#"{"op":"subscribe","channel":"trades","symbols":["*:*"]}"#,
];

/// The order of fields of each kind of message.
const ORDER: [(&str, &str); 8] = [
    (
        "ticker snapshot",
        "type channel symbol seq ts recv bid bid_size ask ask_size last last_size day day_from \
         prev_close open high low volume trades state trading since reason",
    ),
    (
        "ticker delta",
        "type channel symbol seq prev ts recv bid bid_size ask ask_size last last_size day \
         day_from prev_close open high low volume trades",
    ),
    (
        "trades snapshot",
        "type channel symbol seq ts recv price size side trade_id exchange conditions tape late \
         no_last no_range no_volume state trading since reason",
    ),
    (
        "trades trade",
        "type channel symbol seq prev ts recv price size side trade_id exchange conditions tape \
         late no_last no_range no_volume",
    ),
    ("status", "type channel symbol seq prev state trading since reason"),
    ("gap", "type channel symbol seq prev cause missing state of"),
    ("heartbeat", "type seq age_ms now"),
    ("subscribed", "type id channel symbols patterns pending rejected resumed reason"),
];

#[track_caller]
fn check_order(text: &str, message: &Value) {
    let kind = message["type"].as_str().unwrap();
    let kind = match kind {
        "snapshot" | "delta" | "trade" => {
            format!("{} {kind}", message["channel"].as_str().unwrap())
        }
        _ => kind.to_owned(),
    };
    let (_, order) = ORDER.iter().find(|(of, _)| *of == kind).unwrap_or_else(|| panic!("{text}"));
    let mut rest = order.split(' ');
    for key in keys(text) {
        assert!(rest.any(|of| of == key), "{key} is not in its place: {text}");
    }
}

#[track_caller]
fn check_words(text: &str, message: &Value) {
    for (key, value) in message.as_object().unwrap() {
        match key.as_str() {
            "bid" | "bid_size" | "ask" | "ask_size" | "last" | "last_size" | "open" | "high"
            | "low" | "volume" | "price" | "size" | "prev_close" => {
                let digits = value.as_str().or(value.is_null().then_some("0"));
                let digits = digits.unwrap_or_else(|| panic!("{key} is no string: {text}"));
                let (whole, rest) = digits.split_once('.').unwrap_or((digits, "0"));
                let all = |digits: &str| {
                    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
                };
                assert!(all(whole) && all(rest), "{key}: {text}");
            }
            "ts" | "recv" | "since" | "now" => {
                let time = value.as_str().unwrap();
                assert!(time.len() >= 20 && time.ends_with('Z'), "{key}: {text}");
                assert!(!time.contains('.') || !time.ends_with("0Z"), "zeros: {text}");
            }
            "seq" | "prev" => {
                assert!(value.as_u64().is_some_and(|seq| seq < 1 << 53), "{key}: {text}");
            }
            _ => assert!(!value.is_null() || key.starts_with("day"), "{key} is null: {text}"),
        }
    }
}

/// Checks a connection's messages as they come.
#[derive(Default)]
struct Watch {
    chains: Chains,
    heartbeat: u64,
    beat_at: Option<Instant>,
    longest: Duration,
    /// Of the last data message: seq, channel, symbol.
    place: (u64, String, String),
    kinds: std::collections::BTreeMap<String, usize>,
}

impl Watch {
    #[track_caller]
    fn see(&mut self, text: &str) {
        let message: Value = serde_json::from_str(text).unwrap();
        check_order(text, &message);
        check_words(text, &message);
        let kind = match message["type"].as_str().unwrap() {
            "status" => format!("status {}", message["state"].as_str().unwrap()),
            "gap" => format!("gap {}", message["cause"].as_str().unwrap()),
            kind => kind.to_owned(),
        };
        *self.kinds.entry(kind).or_default() += 1;
        if message["type"] == "heartbeat" {
            return self.beat(&message);
        }
        let Some(symbol) = message["symbol"].as_str() else { return };
        self.chains.see(&message);
        if message["type"] == "snapshot" {
            return;
        }
        let seq = message["seq"].as_u64().unwrap();
        assert!(seq > self.heartbeat, "a heartbeat had promised it: {text}");
        // "ticker" stands before "trades" in the table and bytewise.
        let place = (seq, message["channel"].as_str().unwrap().to_owned(), symbol.to_owned());
        assert!(place > self.place, "out of order: {text} after {:?}", self.place);
        self.place = place;
    }

    fn beat(&mut self, message: &Value) {
        let seq = message["seq"].as_u64().unwrap();
        assert!(seq >= self.heartbeat, "the cursor went back");
        self.heartbeat = seq;
        assert!(message["age_ms"].as_u64().unwrap() < 5_000);
        if let Some(before) = self.beat_at.replace(monotonic()) {
            self.longest = self.longest.max(since(before));
        }
    }

    #[track_caller]
    fn run(&mut self, client: &mut Client, time: Duration) {
        let deadline = monotonic() + time;
        while let Some(text) = client.text_until(deadline) {
            self.see(&text);
        }
    }
}

#[test]
fn chains_are_whole_through_all_trouble() {
    let server = Server::start(&[
        ("feeds.sim.ticks_per_s", "400"),
        ("feeds.sim.disconnect_every_ms", "2000"),
        ("feeds.sim.disconnect_ms", "300"),
        ("feeds.sim.gap_every", "20"),
        ("stream.heartbeat_ms", "200"),
    ]);
    crate::http::wait_until_ready(&server);
    let mut client = Client::connect(server.address);
    ALL.iter().for_each(|op| client.send(op));
    let mut watch = Watch::default();
    watch.run(&mut client, Duration::from_secs(8));
    let kinds = &watch.kinds;
    for kind in [
        "status stale",
        "status resyncing",
        "status live",
        "gap venue_disconnect",
        "gap venue_sequence",
        "delta",
        "trade",
    ] {
        assert!(kinds.get(kind).is_some_and(|count| *count > 0), "no {kind}: {kinds:?}");
    }
    assert_eq!(watch.chains.held.len(), 40);
    assert!(watch.chains.linked > 1_000, "{}", watch.chains.linked);
    assert!(kinds["heartbeat"] >= 35, "{kinds:?}");
    eprintln!("longest between heartbeats {:?}", watch.longest);
    // It is 180 ms when the machine has time for us.
    assert!(watch.longest < Duration::from_millis(400), "{:?}", watch.longest);
    assert!(Client::connect(server.address).welcome["seq"].as_u64().unwrap() >= watch.heartbeat);
}

/// The data messages of a channel above a place.
fn above(texts: &[String], channel: &str, seq: u64) -> Vec<String> {
    let of_channel = texts.iter().filter(|text| {
        let message: Value = serde_json::from_str(text).unwrap();
        message["channel"] == channel
            && message["type"] != "subscribed"
            && message["seq"].as_u64().unwrap() > seq
    });
    of_channel.cloned().collect()
}

#[test]
fn what_was_missed_follows_byte_for_byte() {
    let server = Server::start(&[
        ("feeds.sim.ticks_per_s", "500"),
        ("feeds.sim.disconnect_every_ms", "900"),
        ("feeds.sim.disconnect_ms", "100"),
        ("stream.heartbeat_ms", "100"),
    ]);
    crate::http::wait_until_ready(&server);
    let mut witness = Client::connect(server.address);
    let mut client = Client::connect(server.address);
    for op in ALL {
        witness.ask(op);
        client.ask(op);
    }
    client.during(Duration::from_millis(500));
    let cursor = client.next_of("heartbeat")["seq"].as_u64().unwrap();
    let epoch = client.welcome["epoch"].clone();
    drop(client);
    let mut seen = witness.during(Duration::from_millis(1_500));
    let mut back = Client::connect(server.address);
    let mut missed = Vec::new();
    for channel in ["ticker", "trades"] {
        let op = json!({
            "op": "subscribe", "channel": channel, "symbols": ["*:*"],
            "from": { "epoch": epoch, "seq": cursor },
        });
        back.send(&op.to_string());
    }
    missed.extend(back.during(Duration::from_millis(700)));
    seen.extend(witness.during(Duration::from_millis(300)));
    assert_eq!(missed.iter().filter(|text| text.contains("\"resumed\":true")).count(), 2);
    for channel in ["ticker", "trades"] {
        let (seen, missed) = (above(&seen, channel, cursor), above(&missed, channel, cursor));
        assert!(missed.len() > 200, "{}", missed.len());
        for (index, (missed, seen)) in missed.iter().zip(&seen).enumerate() {
            assert_eq!(missed, seen, "message {index} of {channel}");
        }
        assert!(missed.iter().any(|text| text.contains("\"status\"")));
        assert!(!missed.iter().any(|text| text.contains("\"snapshot\"")));
    }
}

#[test]
fn a_conflated_resumption_is_a_snapshot_of_what_changed() {
    let server = Server::shared();
    let mut client = Client::connect(server.address);
    client.ask(ALL[0]);
    client.during(Duration::from_millis(300));
    let cursor = client.next_of("heartbeat")["seq"].as_u64().unwrap();
    let epoch = client.welcome["epoch"].clone();
    std::thread::sleep(Duration::from_millis(30));
    let mut back = Client::connect(server.address);
    let op = json!({
        "op": "subscribe", "channel": "ticker", "symbols": ["*:*"], "conflate_ms": 200,
        "from": { "epoch": epoch, "seq": cursor },
    });
    let answer = back.ask_json(&op.to_string());
    assert_eq!(answer["resumed"], true, "{answer}");
    let mut count = 0;
    for text in back.during(Duration::from_millis(1_000)) {
        let message: Value = serde_json::from_str(&text).unwrap();
        if message["symbol"].is_string() {
            assert_eq!(message["type"], "snapshot");
            assert!(message["seq"].as_u64().unwrap() > cursor, "{text}");
            count += 1;
        }
    }
    assert!(count > 20, "{count}");
}

#[test]
fn a_restart_goes_on_with_the_same_tape() {
    let settings = [("stream.heartbeat_ms", "100"), ("feeds.sim.ticks_per_s", "400")];
    let server = Server::start(&settings);
    crate::http::wait_until_ready(&server);
    let mut client = Client::connect(server.address);
    ALL.iter().for_each(|op| client.send(op));
    let mut watch = Watch::default();
    watch.run(&mut client, Duration::from_millis(800));
    let silent = Raw::connect(server.address);
    server.signal("-TERM");
    let (texts, code) = client.rest();
    let (closing, before) = texts.split_last().unwrap();
    before.iter().for_each(|text| watch.see(text));
    let farewell: Value = serde_json::from_str(closing).unwrap();
    let reconnect_ms = farewell["reconnect_ms"].as_u64().unwrap();
    let expected =
        format!(r#"{{"type":"closing","code":"shutdown","reconnect_ms":{reconnect_ms}}}"#);
    assert_eq!((closing, code), (&expected, 4000));
    assert!(reconnect_ms <= 10_000);
    // It stops, and says so, while a client does not answer the close.
    let ready = get(server.address, "/readyz");
    assert_eq!((ready.status, &ready.json()["error"]["code"]), (503, &json!("unavailable")));
    assert_eq!(get(server.address, "/healthz").status, 200);
    let mut late = Raw::open(server.address);
    late.send(upgrade("").as_bytes());
    assert!(late.head().starts_with("HTTP/1.1 503 "));
    let started = monotonic();
    let remains = server.end();
    assert!(remains.status.success(), "{:?}", remains.status);
    assert!(since(started) < Duration::from_secs(8), "{:?}", since(started));
    drop(silent);

    let server = Server::start_on(remains.dir, &settings);
    let mut back = Client::connect(server.address);
    assert_eq!(back.welcome["epoch"], client.welcome["epoch"]);
    assert!(back.welcome["seq"].as_u64() >= Some(watch.heartbeat));
    for channel in ["ticker", "trades"] {
        let op = json!({
            "op": "subscribe", "channel": channel, "symbols": ["*:*"],
            "from": { "epoch": client.welcome["epoch"], "seq": watch.heartbeat },
        });
        let answer = back.ask_json(&op.to_string());
        assert_eq!(answer["resumed"], true, "{answer}");
    }
    // A third one, for messages may have come while `ask` looked for its answers.
    let mut again = Client::connect(server.address);
    let op = json!({
        "op": "subscribe", "channel": "trades", "symbols": ["*:*"],
        "from": { "epoch": client.welcome["epoch"], "seq": watch.heartbeat },
    });
    again.send(&op.to_string());
    let linked = watch.chains.linked;
    for text in again.during(Duration::from_millis(1_500)) {
        let message: Value = serde_json::from_str(&text).unwrap();
        let key = (
            message["channel"].as_str().unwrap_or_default().to_owned(),
            message["symbol"].as_str().unwrap_or_default().to_owned(),
        );
        let held = watch.chains.held.get(&key).copied().unwrap_or_default();
        if message["symbol"].is_string() && message["seq"].as_u64().unwrap() > held {
            assert_ne!(message["type"], "snapshot", "{text}");
            watch.chains.see(&message);
        }
    }
    assert!(watch.chains.linked > linked + 50, "{}", watch.chains.linked - linked);
}

#[test]
fn an_interrupt_stops_it_as_well() {
    let server = Server::start(&[]);
    server.signal("-INT");
    assert!(server.end().status.success());
}

#[test]
fn a_cursor_that_the_tape_no_longer_reaches_is_expired() {
    let server = Server::start(&[
        ("tape.segment_bytes", "1MiB"),
        ("tape.retention_bytes", "2MiB"),
        ("feeds.sim.ticks_per_s", "10000"),
    ]);
    let epoch = Client::connect(server.address).welcome["epoch"].clone();
    let oldest = || Client::connect(server.address).welcome["oldest"].as_u64().unwrap();
    let started = monotonic();
    while oldest() < 10 {
        assert!(since(started) < 3 * PATIENCE, "nothing expires");
        std::thread::sleep(Duration::from_millis(100));
    }
    let mut client = Client::connect(server.address);
    let op = json!({
        "op": "subscribe", "channel": "trades", "symbols": ["sim:BTC-USD"],
        "from": { "epoch": epoch, "seq": 5 },
    });
    let answer = client.ask_json(&op.to_string());
    assert_eq!((&answer["resumed"], &answer["reason"]), (&json!(false), &json!("cursor_expired")));
    assert_eq!(client.next_of("snapshot")["channel"], "trades");
}

#[test]
fn a_pattern_that_outgrows_the_limit_says_so() {
    let (_dir, path) = later_csv();
    let server = Server::start(&[
        ("feeds.rec.venue", "file"),
        ("feeds.rec.path", &path),
        ("limits.symbols", "1"),
    ]);
    eventually("the first is listed", || {
        get(server.address, "/v1/symbols?pattern=rec:*").body.contains("rec:EARLY")
    });
    let mut client = Client::connect(server.address);
    let answer = client.ask(r#"{"op":"subscribe","channel":"trades","symbols":["rec:*"]}"#);
    assert!(answer.contains(r#"{"pattern":"rec:*","count":1}"#), "{answer}");
    let error = client.next_of("error");
    assert_eq!((&error["code"], &error["retry"]), (&json!("too_many_symbols"), &json!(false)));
    assert!(error["message"].as_str().unwrap().contains("rec:*"), "{error}");
    assert_eq!(error.get("id"), None);
    assert_eq!(client.next_of("trade")["symbol"], "rec:EARLY", "what there was stays");
}

/// A recording in which EARLY is traded at once and LATE after a second and a half.
fn later_csv() -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("later.csv");
    let start = 1_700_000_000_000_000_000_u64;
    let mut csv = "time_ns,symbol,type,bid,bid_size,ask,ask_size,price,size,side\n".to_owned();
    for step in 0..100_u64 {
        let symbol = if step > 30 && step % 2 == 0 { "LATE" } else { "EARLY" };
        let time = start + step * 50_000_000;
        csv.push_str(&format!("{time},{symbol},T,,,,,10.{step:02},1,buy\n"));
    }
    std::fs::write(&path, csv).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (dir, path)
}

#[test]
fn a_symbol_that_appears_later_joins_its_patterns() {
    let (_dir, path) = later_csv();
    let server = Server::start(&[("feeds.rec.venue", "file"), ("feeds.rec.path", &path)]);
    let mut client = Client::connect(server.address);
    let answer = client.ask_json(
        r#"{"op":"subscribe","channel":"trades","symbols":["rec:*","*:LATE","rec:LATE"]}"#,
    );
    let named = |key: &str| answer[key].as_array().unwrap().clone();
    let known = named("symbols").len() + named("pending").len();
    assert_eq!((known, named("rejected").len()), (1, 0), "{answer}");
    let (mut chains, mut late) = (Chains::default(), 0);
    let started = monotonic();
    while late < 5 {
        assert!(since(started) < PATIENCE, "LATE never comes");
        let message = client.next();
        chains.see(&message);
        late += usize::from(message["symbol"] == "rec:LATE" && message["type"] == "trade");
    }
    let answer = client.ask_json(
        r#"{"op":"subscribe","channel":"ticker","symbols":["rec:LATE"],"from":{"epoch":"x","seq":1}}"#,
    );
    assert_eq!(answer["symbols"], json!(["rec:LATE"]));
    eventually("it is listed", || {
        get(server.address, "/v1/symbols?pattern=rec:*").body.contains("rec:LATE")
    });
}
