//! Plans of subscriptions.

use std::time::Duration;

use serde_json::json;

use super::Asking;
use super::planned;
use crate::client::Client;
use crate::harness::Server;

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
