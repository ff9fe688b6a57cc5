//! Subscriptions: how they are answered, replaced and ended, and what they bring.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use super::Asking;
use crate::client::Chains;
use crate::client::Client;
use crate::client::is_answer;
use crate::harness::Server;

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
