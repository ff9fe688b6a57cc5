//! What clients may ask, and what they are answered, word for word.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::client::Chains;
use crate::client::Client;
use crate::client::is_answer;
use crate::harness::Server;

/// A client of a connection of its own that never hits the rate limit.
struct Asking {
    server: std::sync::Arc<Server>,
    client: Client,
    asked: usize,
}

impl Asking {
    fn new() -> Self {
        let server = Server::shared();
        let client = Client::connect(server.address);
        Self { server, client, asked: 0 }
    }

    #[track_caller]
    fn ask(&mut self, op: &str) -> String {
        self.asked += 1;
        if self.asked > 40 {
            (self.asked, self.client) = (0, Client::connect(self.server.address));
        }
        self.client.ask(op)
    }

    /// An operation and its exact answer.
    #[track_caller]
    fn check(&mut self, op: &str, answer: &str) {
        assert_eq!(self.ask(op), answer, "{op}");
    }

    /// An operation that is refused so, without an `id`.
    #[track_caller]
    fn check_refused(&mut self, op: &str, code: &str, message: &str) {
        let message = Value::from(message);
        let answer = format!(
            r#"{{"type":"error","code":"{code}","message":{message},"retry":{}}}"#,
            code == "rate_limited"
        );
        self.check(op, &answer);
    }

    /// A subscription to the ticker that is refused as a bad request.
    #[track_caller]
    fn check_bad(&mut self, channel: &str, rest: &str, message: &str) {
        let op =
            format!(r#"{{"op":"subscribe","channel":"{channel}","symbols":["sim:AAPL"],{rest}}}"#);
        self.check_refused(&op, "bad_request", message);
    }

    /// A subscription that is taken.
    #[track_caller]
    fn check_taken(&mut self, channel: &str, rest: &str) {
        let op =
            format!(r#"{{"op":"subscribe","channel":"{channel}","symbols":["sim:AAPL"],{rest}}}"#);
        let answer = self.ask(&op);
        assert!(answer.starts_with(r#"{"type":"subscribed","#), "{op}: {answer}");
    }
}

#[test]
fn a_subscription_is_answered_by_name() {
    let mut client = Asking::new();
    client.check(
        r#"{"op":"subscribe","id":1,"channel":"ticker","symbols":["sim:BTC-USD","*:ETH-USD"]}"#,
        r#"{"type":"subscribed","id":1,"channel":"ticker","symbols":["sim:BTC-USD"],"patterns":[{"pattern":"*:ETH-USD","count":1}],"pending":[],"rejected":[],"resumed":false}"#,
    );
    client.check(
        r#"{"op":"subscribe","id":2,"channel":"trades","symbols":["sim:FOO-USD","sim:SOL-USD","nyse:IBM","bad","sim:","sim:*-USD","x:*"]}"#,
        r#"{"type":"subscribed","id":2,"channel":"trades","symbols":["sim:SOL-USD"],"patterns":[{"pattern":"sim:*-USD","count":9},{"pattern":"x:*","count":0}],"pending":[],"rejected":[{"symbol":"sim:FOO-USD","code":"unknown_symbol"},{"symbol":"nyse:IBM","code":"unknown_symbol"},{"symbol":"bad","code":"unknown_symbol"},{"symbol":"sim:","code":"unknown_symbol"}],"resumed":false}"#,
    );
    client.check(
        r#"{"op":"subscribe","channel":"ticker","symbols":["sim:AAPL","sim:AAPL","*:*","*:*"]}"#,
        r#"{"type":"subscribed","channel":"ticker","symbols":["sim:AAPL"],"patterns":[{"pattern":"*:*","count":20}],"pending":[],"rejected":[],"resumed":false}"#,
    );
    client.check(
        r#"{"op":"subscribe","channel":"trades","symbols":["sim:NONE"]}"#,
        r#"{"type":"subscribed","channel":"trades","symbols":[],"patterns":[],"pending":[],"rejected":[{"symbol":"sim:NONE","code":"unknown_symbol"}],"resumed":false}"#,
    );
}

#[test]
fn an_id_is_echoed_as_it_was() {
    let mut client = Asking::new();
    let long = "x".repeat(36);
    for id in
        ["0", "-7", "9007199254740993", "18446744073709551615", r#""""#, r#""a\"b""#, r#""é""#]
    {
        let answer = client.ask(&format!(r#"{{"op":"subscriptions","id":{id}}}"#));
        assert_eq!(answer, format!(r#"{{"type":"subscriptions","id":{id},"streams":[]}}"#));
    }
    let answer = client.ask(&format!(r#"{{"op":"subscriptions","id":"{long}"}}"#));
    assert_eq!(answer, format!(r#"{{"type":"subscriptions","id":"{long}","streams":[]}}"#));
    client.check(r#"{"op":"subscriptions"}"#, r#"{"type":"subscriptions","streams":[]}"#);
    client.check(r#"{"op":"subscriptions","id":null}"#, r#"{"type":"subscriptions","streams":[]}"#);
    client.check(
        r#"{"op":"no","id":3}"#,
        r#"{"type":"error","id":3,"code":"unknown_op","message":"unknown op \"no\": subscribe, unsubscribe, subscriptions, plan, ping or auth","retry":false}"#,
    );
    let expected = "id must be an integer or a string of at most 36 bytes, got ";
    for id in ["1.5", "1e3", "true", "[1]", "{}"] {
        let shown = if id == "1e3" { "1000.0" } else { id };
        let op = format!(r#"{{"op":"ping","id":{id}}}"#);
        client.check_refused(&op, "bad_request", &format!("{expected}{shown}"));
    }
    for id in ["x".repeat(37), "é".repeat(19), "x".repeat(10_000)] {
        let answer: Value =
            serde_json::from_str(&client.ask(&format!(r#"{{"op":"ping","id":"{id}"}}"#))).unwrap();
        assert_eq!(answer["code"], "bad_request");
        assert_eq!(answer.get("id"), None);
        assert!(answer["message"].as_str().unwrap().starts_with(expected), "{answer}");
        assert!(answer["message"].as_str().unwrap().len() < 300, "{answer}");
    }
}

#[test]
fn a_ping_is_answered_with_the_time() {
    let mut client = Asking::new();
    let answer = client.ask(r#"{"op":"ping","id":8}"#);
    let now = answer
        .strip_prefix(r#"{"type":"pong","id":8,"now":""#)
        .and_then(|rest| rest.strip_suffix("Z\"}"))
        .unwrap_or_else(|| panic!("{answer}"));
    assert!(now.starts_with("20") && now.contains('T'), "{answer}");
}

#[test]
fn what_makes_no_sense_is_refused_with_its_input() {
    let mut client = Asking::new();
    let refused = [
        ("", "bad_request", "not JSON: EOF while parsing a value at line 1 column 0"),
        ("{", "bad_request", "not JSON: EOF while parsing an object at line 1 column 1"),
        ("[]", "bad_request", "a message must be a JSON object"),
        ("17", "bad_request", "a message must be a JSON object"),
        ("null", "bad_request", "a message must be a JSON object"),
        (r#""ping""#, "bad_request", "a message must be a JSON object"),
        ("{}", "bad_request", "op is missing"),
        (r#"{"op":7}"#, "bad_request", "op must be a string, got 7"),
        (r#"{"op":null}"#, "bad_request", "op must be a string, got null"),
        (r#"{"op":"subscribe"}"#, "bad_request", "channel is missing"),
        (r#"{"op":"subscribe","channel":1}"#, "bad_request", "channel must be a string, got 1"),
        (
            r#"{"op":"subscribe","channel":"tick","symbols":["*:*"]}"#,
            "unknown_channel",
            r#"unknown channel "tick": ticker, trades, bars.1s, bars.1m, bars.5m, bars.1h, bars.1d are served"#,
        ),
        (
            r#"{"op":"unsubscribe","channel":"Ticker","symbols":["*:*"]}"#,
            "unknown_channel",
            r#"unknown channel "Ticker": ticker, trades, bars.1s, bars.1m, bars.5m, bars.1h, bars.1d are served"#,
        ),
        (r#"{"op":"subscribe","channel":"ticker"}"#, "bad_request", "symbols is missing"),
        (r#"{"op":"unsubscribe","channel":"ticker"}"#, "bad_request", "symbols is missing"),
        (
            r#"{"op":"unsubscribe","channel":"ticker","symbols":["sim:AAPL","no such"]}"#,
            "bad_request",
            r#""no such" is no symbol and no pattern: nothing was unsubscribed"#,
        ),
        (
            r#"{"op":"subscribe","channel":"ticker","symbols":[]}"#,
            "bad_request",
            "symbols is empty",
        ),
        (
            r#"{"op":"subscribe","channel":"ticker","symbols":"*:*"}"#,
            "bad_request",
            r#"symbols must be a list, got "*:*""#,
        ),
        (
            r#"{"op":"subscribe","channel":"ticker","symbols":["*:*",5]}"#,
            "bad_request",
            "symbols must hold strings, got 5",
        ),
    ];
    for (op, code, message) in refused {
        client.check_refused(op, code, message);
    }
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let answer = client.ask(&deep);
    assert!(answer.starts_with(r#"{"type":"error","code":"bad_request""#), "{answer}");
    let deep = format!(r#"{{"op":"ping","x":{deep}}}"#);
    let answer = client.ask(&deep);
    assert!(answer.starts_with(r#"{"type":"error","code":"bad_request""#), "{answer}");
    assert!(client.ask(r#"{"op":"ping","future":true}"#).starts_with(r#"{"type":"pong""#));
}

#[test]
fn settings_of_a_subscription_have_their_ranges() {
    let mut client = Asking::new();
    for taken in ["\"conflate_ms\":0", "\"conflate_ms\":250", "\"conflate_ms\":60000"] {
        client.check_taken("ticker", taken);
    }
    client.check_taken("trades", "\"conflate_ms\":0");
    client.check_taken("trades", "\"conflate_ms\":null");
    for bad in ["-5", "60001", "\"x\"", "1.5", "[]", "99999999999999999999"] {
        let shown = if bad.len() == 20 { "1e+20" } else { bad };
        let message = format!("conflate_ms must be 0..60000, got {shown}");
        client.check_bad("ticker", &format!("\"conflate_ms\":{bad}"), &message);
    }
    let events = "conflate_ms is for states: trades are events, each is sent";
    client.check_bad("trades", "\"conflate_ms\":250", events);
    for taken in ["\"last\":0", "\"last\":5", "\"last\":1000", "\"last\":null"] {
        client.check_taken("trades", taken);
    }
    for bad in ["1001", "-1", "\"5\"", "2.5"] {
        let message = format!("last must be 0..1000, got {bad}");
        client.check_bad("trades", &format!("\"last\":{bad}"), &message);
    }
    let state = "last is for trades and bars: ticker is a state";
    client.check_bad("ticker", "\"last\":5", state);
    for (channel, words) in [
        ("ticker", ["conflate", "spill", "close"].as_slice()),
        ("trades", ["spill", "close", "gap"].as_slice()),
        ("bars.1s", ["conflate", "spill", "close"].as_slice()),
    ] {
        for word in words {
            client.check_taken(channel, &format!("\"slow\":\"{word}\""));
        }
    }
    client.check_taken("ticker", "\"slow\":\"conflate\",\"conflate_ms\":100");
    client.check_taken("bars.1m", "\"slow\":\"conflate\",\"conflate_ms\":100");
    client.check_taken("bars.1m", "\"last\":5,\"slow\":\"spill\"");
    client.check_taken("ticker", "\"slow\":\"close\",\"conflate_ms\":100");
    for (channel, rest, message) in [
        ("trades", "\"slow\":\"conflate\"", "slow conflate is for states: trades are events"),
        ("ticker", "\"slow\":\"gap\"", "slow gap is for trades"),
        ("bars.1d", "\"slow\":\"gap\"", "slow gap is for trades"),
        ("bars.1m", "\"last\":5,\"conflate_ms\":100", "last and conflate_ms exclude each other"),
        ("ticker", "\"slow\":\"gap\",\"conflate_ms\":100", "slow gap is for trades"),
        (
            "trades",
            "\"slow\":\"gap\",\"conflate_ms\":100",
            "conflate_ms is for states: trades are events, each is sent",
        ),
        ("trades", "\"slow\":\"Gap\"", "slow must be conflate, spill, gap or close, got \"Gap\""),
        (
            "ticker",
            "\"slow\":\"spill\",\"conflate_ms\":100",
            "slow spill and conflate_ms exclude each other",
        ),
        ("ticker", "\"slow\":1", "slow must be a string, got 1"),
        ("ticker", "\"slow\":\"fast\"", "slow must be conflate, spill, gap or close, got \"fast\""),
    ] {
        client.check_bad(channel, rest, message);
    }
}

/// The figures of a plan, with its words checked.
#[track_caller]
fn planned(answer: &str) -> (u64, u64, u64) {
    let plan: Value = serde_json::from_str(answer).unwrap();
    let number = |key: &str| plan[key].as_u64().unwrap_or_else(|| panic!("no {key}: {answer}"));
    let figures = (number("streams"), number("messages_per_s"), number("bytes_per_s"));
    let (streams, messages, bytes) = figures;
    let id = plan.get("id").map(|id| format!("\"id\":{id},")).unwrap_or_default();
    assert_eq!(
        answer,
        format!(
            r#"{{"type":"plan",{id}"streams":{streams},"messages_per_s":{messages},"bytes_per_s":{bytes},"denied":[]}}"#
        )
    );
    figures
}

#[test]
fn a_plan_tells_what_would_come() {
    let server = Server::shared();
    let mut client = Client::connect(server.address);
    // The shared server may have begun a moment ago: its rates settle within two seconds.
    std::thread::sleep(Duration::from_millis(2_000));
    let trades = planned(
        &client.ask(r#"{"op":"plan","id":7,"channel":"trades","symbols":["*:*","sim:BTC-USD"]}"#),
    );
    let ticker = planned(&client.ask(r#"{"op":"plan","channel":"ticker","symbols":["sim:*"]}"#));
    let started = client.during(Duration::from_millis(300));
    assert!(started.iter().all(|text| text.contains("heartbeat")), "it subscribes to nothing");
    let empty = r#"{"type":"subscriptions","streams":[]}"#;
    assert_eq!(client.ask(r#"{"op":"subscriptions"}"#), empty);
    for (channel, (streams, messages, bytes)) in [("trades", trades), ("ticker", ticker)] {
        let mut client = Client::connect(server.address);
        client.ask(&format!(r#"{{"op":"subscribe","channel":"{channel}","symbols":["*:*"]}}"#));
        client.during(Duration::from_millis(300));
        let texts = client.during(Duration::from_secs(4));
        let data: Vec<_> = texts.iter().filter(|text| text.contains("\"symbol\"")).collect();
        let got =
            (data.len() as u64 / 4, data.iter().map(|text| text.len() as u64).sum::<u64>() / 4);
        eprintln!("{channel}: planned {messages}/s {bytes} B/s, got {got:?}");
        assert_eq!(streams, 20);
        assert!(messages.abs_diff(got.0) < got.0 / 4, "{channel}: {messages} {got:?}");
        assert!(bytes.abs_diff(got.1) < got.1 / 4, "{channel}: {bytes} {got:?}");
    }
}

#[test]
fn a_conflated_plan_has_a_cap() {
    let server = Server::shared();
    let mut client = Client::connect(server.address);
    std::thread::sleep(Duration::from_millis(500));
    for (conflate_ms, cap) in [(1_000, 20), (60_000, 1)] {
        let op = json!({
            "op": "plan", "channel": "ticker", "symbols": ["*:*"], "conflate_ms": conflate_ms,
        });
        let (streams, messages, bytes) = planned(&client.ask(&op.to_string()));
        assert_eq!(streams, 20);
        assert!((1..=cap).contains(&messages), "{messages} at {conflate_ms} ms");
        assert!(bytes > 0 && bytes <= cap * 600, "{bytes}");
    }
}

#[test]
fn a_plan_of_what_nobody_knows_is_empty() {
    let server = Server::shared();
    let mut client = Client::connect(server.address);
    for names in [r#""sim:NOPE-USD""#, r#""bad","nyse:IBM","x:*""#] {
        let op = format!(r#"{{"op":"plan","id":"p","channel":"trades","symbols":[{names}]}}"#);
        assert_eq!(planned(&client.ask(&op)), (0, 0, 0));
    }
}

#[test]
fn a_plan_is_refused_as_a_subscription_would_be() {
    let mut client = Asking::new();
    for (rest, code, message) in [
        ("", "bad_request", "channel is missing"),
        (r#","channel":"ticker""#, "bad_request", "symbols is missing"),
        (r#","channel":"ticker","symbols":[]"#, "bad_request", "symbols is empty"),
        (r#","channel":"ticker","symbols":[1]"#, "bad_request", "symbols must hold strings, got 1"),
        (
            r#","channel":"book","symbols":["*:*"]"#,
            "unknown_channel",
            r#"unknown channel "book": ticker, trades, bars.1s, bars.1m, bars.5m, bars.1h, bars.1d are served"#,
        ),
        (
            r#","channel":"ticker","symbols":["*:*"],"conflate_ms":60001"#,
            "bad_request",
            "conflate_ms must be 0..60000, got 60001",
        ),
        (
            r#","channel":"trades","symbols":["*:*"],"conflate_ms":1"#,
            "bad_request",
            "conflate_ms is for states: trades are events, each is sent",
        ),
    ] {
        client.check_refused(&format!(r#"{{"op":"plan"{rest}}}"#), code, message);
    }
    let names: Vec<String> = (0..257).map(|index| format!("v:N{index}-*")).collect();
    let op = json!({ "op": "plan", "channel": "ticker", "symbols": names });
    let message = "257 patterns are more than 256 in one operation";
    client.check_refused(&op.to_string(), "too_many_symbols", message);
}

#[test]
fn a_cursor_that_is_none_is_refused() {
    let mut client = Asking::new();
    for (from, message) in [
        ("7", "from must be {\"epoch\":…,\"seq\":…}, got 7"),
        ("\"e:7\"", "from must be {\"epoch\":…,\"seq\":…}, got \"e:7\""),
        ("{}", "from.epoch is missing"),
        ("{\"epoch\":5,\"seq\":1}", "from.epoch must be a string, got 5"),
        ("{\"epoch\":\"e\"}", "from.seq is missing"),
        ("{\"epoch\":\"e\",\"seq\":-1}", "from.seq must be 0..9007199254740991, got -1"),
        ("{\"epoch\":\"e\",\"seq\":\"5\"}", "from.seq must be 0..9007199254740991, got \"5\""),
        (
            "{\"epoch\":\"e\",\"seq\":9007199254740992}",
            "from.seq must be 0..9007199254740991, got 9007199254740992",
        ),
    ] {
        client.check_bad("trades", &format!("\"from\":{from}"), message);
    }
    let both = "last and from exclude each other";
    client.check_bad("trades", "\"last\":5,\"from\":{\"epoch\":\"e\",\"seq\":5}", both);
}

#[test]
fn a_cursor_that_cannot_be_resumed_says_why() {
    let server = Server::shared();
    let mut client = Client::connect(server.address);
    let epoch = client.welcome["epoch"].as_str().unwrap().to_owned();
    let seq = client.welcome["seq"].as_u64().unwrap();
    for (epoch, seq, reason) in [
        ("other", seq, "epoch_mismatch"),
        ("", seq, "epoch_mismatch"),
        (&*epoch, 9_007_199_254_740_991, "ahead"),
        (&*epoch, seq + 1_000_000, "ahead"),
    ] {
        let op = json!({
            "op": "subscribe", "channel": "ticker", "symbols": ["sim:BTC-USD"],
            "from": { "epoch": epoch, "seq": seq },
        });
        let answer = client.ask(&op.to_string());
        let expected = format!(
            r#"{{"type":"subscribed","channel":"ticker","symbols":["sim:BTC-USD"],"patterns":[],"pending":[],"rejected":[],"resumed":false,"reason":"{reason}"}}"#
        );
        assert_eq!(answer, expected);
        assert_eq!(client.next_of("snapshot")["symbol"], "sim:BTC-USD");
    }
    let op = json!({
        "op": "subscribe", "channel": "ticker", "symbols": ["sim:BTC-USD"],
        "from": { "epoch": epoch, "seq": seq },
    });
    let answer = client.ask(&op.to_string());
    assert!(answer.ends_with(r#""rejected":[],"resumed":true}"#), "{answer}");
}

#[test]
fn a_subscription_is_answered_before_its_data_and_starts_with_snapshots() {
    let server = Server::shared();
    let mut client = Client::connect(server.address);
    client.send(r#"{"op":"subscribe","channel":"ticker","symbols":["*:*"]}"#);
    client.send(r#"{"op":"subscribe","channel":"trades","symbols":["*:*"]}"#);
    let (mut chains, mut answered) = (Chains::default(), Vec::new());
    for text in client.during(Duration::from_secs(1)) {
        let message: Value = serde_json::from_str(&text).unwrap();
        if is_answer(&text) {
            answered.push(message["channel"].clone());
        }
        if message["symbol"].is_string() {
            assert!(answered.contains(&message["channel"]), "data before its answer: {text}");
        }
        chains.see(&message);
    }
    assert_eq!((chains.held.len(), chains.snapshots), (40, 40));
    assert!(chains.linked > 100, "{}", chains.linked);
}

#[test]
fn subscribing_again_replaces_and_starts_anew() {
    let server = Server::shared();
    let mut client = Client::connect(server.address);
    client.ask(r#"{"op":"subscribe","channel":"ticker","symbols":["*:*"]}"#);
    client.during(Duration::from_millis(300));
    client.send(r#"{"op":"subscribe","id":"again","channel":"ticker","symbols":["*:*"]}"#);
    let (mut chains, mut anew) = (Chains::default(), false);
    for text in client.during(Duration::from_millis(700)) {
        if text.contains("\"again\"") {
            anew = true;
        } else if anew {
            chains.see_text(&text);
        }
    }
    assert_eq!((chains.held.len(), chains.snapshots), (20, 20));
    assert_eq!(
        client.ask(r#"{"op":"subscriptions"}"#),
        r#"{"type":"subscriptions","streams":[{"channel":"ticker","symbols":["*:*"],"conflate_ms":0,"slow":"conflate"}]}"#,
    );
}

#[test]
fn the_latest_exact_name_wins_over_patterns() {
    let server = Server::shared();
    let mut client = Client::connect(server.address);
    client.ask(r#"{"op":"subscribe","channel":"ticker","symbols":["sim:BTC-USD"],"slow":"spill"}"#);
    client.ask(r#"{"op":"subscribe","channel":"ticker","symbols":["*:*"],"conflate_ms":100}"#);
    let mut deltas = std::collections::BTreeSet::new();
    for text in client.during(Duration::from_millis(700)) {
        let message: Value = serde_json::from_str(&text).unwrap();
        if message["type"] == "delta" {
            deltas.insert(message["symbol"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(deltas.into_iter().collect::<Vec<_>>(), ["sim:BTC-USD"]);
    assert_eq!(
        client.ask(r#"{"op":"subscriptions","id":6}"#),
        r#"{"type":"subscriptions","id":6,"streams":[{"channel":"ticker","symbols":["sim:BTC-USD"],"conflate_ms":0,"slow":"spill"},{"channel":"ticker","symbols":["*:*"],"conflate_ms":100,"slow":"conflate"}]}"#,
    );
}

#[test]
fn what_is_unsubscribed_stays_silent() {
    let server = Server::shared();
    let mut client = Client::connect(server.address);
    let expect = |client: &mut Client, op: &str, answer: &str| {
        assert_eq!(client.ask(op), answer, "{op}");
    };
    client.ask(r#"{"op":"subscribe","channel":"ticker","symbols":["*:*"]}"#);
    expect(
        &mut client,
        r#"{"op":"unsubscribe","id":5,"channel":"ticker","symbols":["sim:BTC-USD","sim:NONE"]}"#,
        r#"{"type":"unsubscribed","id":5,"channel":"ticker","symbols":["sim:BTC-USD","sim:NONE"],"streams":1}"#,
    );
    let silent = |client: &mut Client| {
        let texts = client.during(Duration::from_millis(500));
        !texts.iter().any(|text| text.contains("\"sim:BTC-USD\""))
    };
    assert!(silent(&mut client));
    client.ask(r#"{"op":"subscribe","channel":"ticker","symbols":["sim:ETH-USD"]}"#);
    assert!(silent(&mut client), "naming another symbol does not bring it back");
    expect(
        &mut client,
        r#"{"op":"unsubscribe","channel":"trades","symbols":["*:*"]}"#,
        r#"{"type":"unsubscribed","channel":"trades","symbols":["*:*"],"streams":0}"#,
    );
    client.ask(r#"{"op":"subscribe","channel":"ticker","symbols":["sim:BTC-USD"]}"#);
    assert_eq!(client.next_of("snapshot")["symbol"], "sim:BTC-USD", "named again, it is back");
    expect(
        &mut client,
        r#"{"op":"unsubscribe","channel":"ticker","symbols":["*:*"]}"#,
        r#"{"type":"unsubscribed","channel":"ticker","symbols":["*:*"],"streams":18}"#,
    );
    expect(
        &mut client,
        r#"{"op":"subscriptions"}"#,
        r#"{"type":"subscriptions","streams":[{"channel":"ticker","symbols":["sim:ETH-USD"],"conflate_ms":0,"slow":"conflate"},{"channel":"ticker","symbols":["sim:BTC-USD"],"conflate_ms":0,"slow":"conflate"}]}"#,
    );
}

#[test]
fn a_conflated_subscription_gets_snapshots_only() {
    let server = Server::shared();
    let mut client = Client::connect(server.address);
    client.ask(r#"{"op":"subscribe","channel":"ticker","symbols":["*:*"],"conflate_ms":250}"#);
    let texts = client.during(Duration::from_millis(1_400));
    let data = texts.iter().filter(|text| text.contains("\"channel\":\"ticker\""));
    let mut counts = std::collections::HashMap::new();
    for text in data {
        assert!(text.starts_with("{\"type\":\"snapshot\""), "{text}");
        let message: Value = serde_json::from_str(text).unwrap();
        *counts.entry(message["symbol"].as_str().unwrap().to_owned()).or_insert(0) += 1;
    }
    assert_eq!(counts.len(), 20);
    assert!((3..=7).contains(&counts["sim:BTC-USD"]), "{counts:?}");
}

#[test]
fn the_last_trades_come_before_the_live_ones() {
    let server = Server::shared();
    let mut witness = Client::connect(server.address);
    witness.ask(r#"{"op":"subscribe","channel":"trades","symbols":["sim:BTC-USD"]}"#);
    let mut witnessed = Vec::new();
    while witnessed.len() < 60 {
        witnessed.push(witness.text());
    }
    let mut trades = Vec::new();
    for last in [1_usize, 5, 20] {
        let mut client = Client::connect(server.address);
        let op = json!({
            "op": "subscribe", "channel": "trades", "symbols": ["sim:BTC-USD"], "last": last,
        });
        client.ask(&op.to_string());
        let (mut chains, mut kinds) = (Chains::default(), Vec::new());
        while kinds.len() <= last {
            let text = client.text();
            let message: Value = serde_json::from_str(&text).unwrap();
            if message["channel"] == "trades" {
                chains.see(&message);
                kinds.push(message["type"].as_str().unwrap().to_owned());
                if message["type"] == "trade" {
                    trades.push(text);
                }
            }
        }
        assert_eq!(kinds[0], "snapshot");
        assert!(kinds[1..].iter().all(|kind| kind != "snapshot"), "{kinds:?}");
    }
    witnessed.extend(witness.during(Duration::from_millis(300)));
    for text in trades {
        assert!(witnessed.contains(&text), "it is as it was live: {text}");
    }
}

#[test]
fn too_many_symbols_are_refused_whole() {
    let server = Server::start(&[("limits.symbols", "10")]);
    crate::http::wait_until_ready(&server);
    let mut client = Client::connect(server.address);
    let answer = client.ask_json(
        r#"{"op":"subscribe","id":1,"channel":"ticker","symbols":["sim:BTC-USD","*:*"]}"#,
    );
    assert_eq!(
        (&answer["type"], &answer["id"], &answer["code"], &answer["retry"]),
        (&json!("error"), &json!(1), &json!("too_many_symbols"), &json!(false)),
    );
    assert!(answer["message"].as_str().unwrap().contains("10"), "{answer}");
    let empty = r#"{"type":"subscriptions","streams":[]}"#;
    assert_eq!(client.ask(r#"{"op":"subscriptions"}"#), empty);
    let plan = client.ask(r#"{"op":"plan","channel":"ticker","symbols":["*:*"]}"#);
    assert_eq!(planned(&plan).0, 20, "that is what a plan is for");
    let answer = client.ask_json(r#"{"op":"subscribe","channel":"ticker","symbols":["*:*-USD"]}"#);
    assert_eq!(answer["patterns"][0]["count"], 9);
}

#[test]
fn patterns_that_cover_nothing_count_as_well() {
    let server = Server::start(&[("limits.symbols", "1000"), ("limits.ops_per_s", "1000")]);
    crate::http::wait_until_ready(&server);
    let mut client = Client::connect(server.address);
    let mut subscribe = |round: usize, count: usize| {
        let names: Vec<_> = (0..count).map(|index| format!("v{round}:N{index}-*")).collect();
        let op = json!({ "op": "subscribe", "channel": "ticker", "symbols": names });
        client.ask_json(&op.to_string())
    };
    let answer = subscribe(0, 257);
    assert_eq!(answer["message"], "257 patterns are more than 256 in one operation");
    assert_eq!(answer["code"], "too_many_symbols");
    let codes: Vec<_> = (1..10).map(|round| subscribe(round, 256)["code"].clone()).collect();
    assert_eq!(codes.iter().position(|code| *code == "too_many_symbols"), Some(3), "{codes:?}");
}

#[test]
fn a_symbol_whose_venue_has_not_loaded_is_pending() {
    let server = Server::start(&[
        ("feeds.sim.enabled", "true"),
        ("feeds.kraken.url", "ws://127.0.0.1:9/"),
        ("feeds.kraken.rest_url", "http://127.0.0.1:9/"),
        ("feeds.kraken.symbols", "BTC-USD"),
    ]);
    crate::http::wait_until_ready(&server);
    let mut client = Client::connect(server.address);
    assert_eq!(
        client.ask(
            r#"{"op":"subscribe","id":1,"channel":"ticker","symbols":["kraken:BTC-USD","sim:BTC-USD","sim:NO"]}"#
        ),
        r#"{"type":"subscribed","id":1,"channel":"ticker","symbols":["sim:BTC-USD"],"patterns":[],"pending":["kraken:BTC-USD"],"rejected":[{"symbol":"sim:NO","code":"unknown_symbol"}],"resumed":false}"#,
    );
}

#[test]
fn a_flood_of_operations_is_refused_then_ended() {
    let server = Server::shared();
    let mut client = Client::connect(server.address);
    for id in 0..150 {
        client.send(&format!(r#"{{"op":"ping","id":{id}}}"#));
    }
    let (texts, code) = client.rest();
    assert_eq!(code, 4029);
    let answers: Vec<_> = texts.iter().filter(|text| is_answer(text)).collect();
    let pongs = answers.iter().take_while(|text| text.contains("\"pong\"")).count();
    assert!((50..=60).contains(&pongs), "{pongs}");
    let refused = answers.iter().filter(|text| text.contains("\"rate_limited\"")).count();
    assert!((50..=60).contains(&refused), "{refused}");
    let first = answers.iter().find(|text| text.contains("\"error\"")).unwrap();
    let first: Value = serde_json::from_str(first).unwrap();
    assert_eq!(first["id"], pongs);
    assert_eq!((&first["code"], &first["retry"]), (&json!("rate_limited"), &json!(true)));
    assert_eq!(first["message"], "more than 50 operations in a second");
}
