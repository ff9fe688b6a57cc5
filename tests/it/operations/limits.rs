//! Limits: of symbols, of patterns, of operations in a second.

use serde_json::Value;
use serde_json::json;

use super::planned;
use crate::client::Client;
use crate::client::is_answer;
use crate::harness::Server;

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
