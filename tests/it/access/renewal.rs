//! Tokens that end while their connection goes on.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use tickwire::clock::monotonic;

use super::Issuer;
use super::grant;
use super::in_s;
use crate::client::Client;
use crate::harness::since;

fn auth(token: &str) -> String {
    json!({ "op": "auth", "id": 5, "token": token }).to_string()
}

#[test]
fn an_expired_token_ends_its_connection_ten_seconds_later() {
    let issuer = Issuer::new();
    let server = issuer.server(&[]);
    let all = grant(&["*:*"], &["*"]);
    let short = issuer.token(&json!({ "exp": in_s(2), "tickwire": all }));
    let mut client = Client::connect_as(server.address, "/v1/stream", &short).unwrap();
    let mut other = Client::connect_to(server.address, "/v1/replay");
    assert_eq!(other.ask_json(&auth(&short))["type"], "auth");
    client.ask_json(r#"{"op":"subscribe","channel":"ticker","symbols":["*:*"]}"#);
    let error = client.next_of("error");
    assert_eq!((&error["code"], &error["id"]), (&json!("token_expired"), &Value::Null));
    let start = monotonic();
    // What runs goes on, and nothing new begins.
    assert_eq!(client.ask_json(r#"{"op":"ping","id":1}"#)["code"], "token_expired");
    let going_on = client.next_of("delta");
    assert!(going_on["seq"].is_u64());
    assert_eq!(Client::connect_as(server.address, "/v1/stream", &short).err(), Some(401));
    assert_eq!(client.rest().1, 4001);
    let took = since(start).as_millis();
    assert!((9_500..12_000).contains(&took), "{took} ms");
    let (texts, code) = other.rest();
    assert!(texts.iter().any(|text| text.contains("\"code\":\"token_expired\"")), "{texts:?}");
    assert_eq!(code, 4001);
}

#[test]
fn a_renewed_token_keeps_its_connection() {
    let issuer = Issuer::new();
    let server = issuer.server(&[]);
    let all = grant(&["*:*"], &["*"]);
    let lasting = |seconds: i64| issuer.token(&json!({ "exp": in_s(seconds), "tickwire": all }));
    let mut client = Client::connect_as(server.address, "/v1/stream", &lasting(1)).unwrap();
    client.ask_json(r#"{"op":"subscribe","channel":"ticker","symbols":["sim:BTC-USD"]}"#);
    assert_eq!(client.next_of("error")["code"], "token_expired");
    let answer = client.ask_json(&auth(&lasting(600)));
    assert_eq!((&answer["type"], &answer["id"]), (&json!("auth"), &json!(5)));
    assert_eq!(client.ask_json(r#"{"op":"ping","id":1}"#)["type"], "pong");
    let texts = client.during(Duration::from_secs(11));
    let is_data = |text: &&String| text.contains("\"type\":\"delta\"");
    assert!(texts.iter().filter(is_data).count() > 10, "the streams went on");
    assert!(!texts.iter().any(|text| text.contains("\"type\":\"snapshot\"")), "and did not begin");
    client.ask_json(r#"{"op":"ping","id":2}"#);
}

#[test]
fn a_token_of_another_subject_is_no_renewal() {
    let issuer = Issuer::new();
    let server = issuer.server(&[]);
    let mut client = Client::connect_as(server.address, "/v1/stream", &issuer.all()).unwrap();
    client.send(&auth(&issuer.token(&json!({ "sub": "somebody else" }))));
    let (texts, code) = client.rest();
    assert!(texts.last().unwrap().contains("\"code\":\"unauthorized\""), "{texts:?}");
    assert_eq!(code, 4401);
}

#[test]
fn a_renewed_token_that_grants_less_ends_what_it_does_not_grant() {
    let issuer = Issuer::new();
    let server = issuer.server(&[]);
    let mut client = Client::connect_as(server.address, "/v1/stream", &issuer.all()).unwrap();
    client.ask_json(r#"{"op":"subscribe","channel":"ticker","symbols":["*:*","sim:MSFT"]}"#);
    client.ask_json(r#"{"op":"subscribe","channel":"trades","symbols":["sim:BTC-USD"]}"#);
    let less = issuer.granting(&["sim:*-USD"], &["ticker"]);
    assert_eq!(client.ask_json(&auth(&less))["type"], "auth");
    let error = client.next_of("error");
    assert_eq!(error["code"], "forbidden");
    let message = error["message"].as_str().unwrap();
    for name in ["ticker sim:AAPL", "ticker sim:MSFT", "trades sim:BTC-USD"] {
        assert!(message.contains(name), "{name}: {message}");
    }
    assert!(!message.contains("ticker sim:BTC-USD"), "{message}");
    for text in client.during(Duration::from_secs(1)) {
        let data: Value = serde_json::from_str(&text).unwrap();
        let granted = |symbol: &str| symbol.ends_with("-USD") && data["channel"] == "ticker";
        assert!(data["symbol"].as_str().is_none_or(granted), "{text}");
    }
    let listed = client.ask_json(r#"{"op":"subscriptions","id":1}"#);
    assert_eq!(listed["streams"].as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(listed["streams"][0]["symbols"], json!(["*:*"]), "{listed}");
    // More is not given back by itself: it is asked for again.
    assert_eq!(client.ask_json(&auth(&issuer.all()))["type"], "auth");
    let again = client.ask_json(r#"{"op":"subscribe","channel":"ticker","symbols":["*:*"]}"#);
    assert_eq!(again["patterns"][0]["count"], 20, "{again}");
}

#[test]
fn a_replay_ends_with_the_right_to_history() {
    let issuer = Issuer::new();
    let server = issuer.server(&[]);
    let mut client = Client::connect_as(server.address, "/v1/replay", &issuer.all()).unwrap();
    let open = r#"{"op":"open","channel":"ticker","symbols":["*:*"],"paused":true,
                   "from":"2020-01-01T00:00:00Z"}"#;
    assert_eq!(client.ask_json(open)["type"], "opened");
    client.send(&auth(&issuer.granting(&["*:*"], &["*"])));
    let (texts, code) = client.rest();
    assert!(texts.last().unwrap().contains("\"code\":\"forbidden\""), "{texts:?}");
    assert_eq!(code, 4403);
}
