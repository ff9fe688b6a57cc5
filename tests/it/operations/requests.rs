//! Any operation: its id, its sense, and what is refused with its input.

use serde_json::Value;

use super::Asking;

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
