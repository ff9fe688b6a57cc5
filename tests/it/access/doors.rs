//! The upgrade, the first message, and each page: with nothing, with something bad, with a token.

use std::net::SocketAddr;

use ring::hmac;
use serde_json::Value;
use serde_json::json;
use tickwire::clock::monotonic;

use super::Issuer;
use super::PAGES;
use super::in_s;
use super::made;
use crate::client::Client;
use crate::client::get;
use crate::client::get_as;
use crate::client::request;
use crate::harness::Server;
use crate::harness::since;

fn hmac_of(secret: &[u8]) -> impl Fn(&[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    move |message| hmac::sign(&key, message).as_ref().to_vec()
}

/// Tokens that nobody may be let in with, by what is wrong with them.
pub(crate) fn bad_tokens(issuer: &Issuer) -> Vec<(&'static str, String)> {
    let good = issuer.all();
    let claims = json!({ "sub": "me", "exp": in_s(600), "tickwire": {} }).to_string();
    let (unsigned, signature) = good.rsplit_once('.').unwrap();
    let right = hmac_of(b"0123456789abcdef0123456789abcdef");
    let hs256 = r#"{"alg":"HS256"}"#;
    let twice = format!("{{\"exp\":1,\"exp\":{}}}", in_s(600));
    vec![
        ("empty", String::new()),
        ("no token", "hello".to_owned()),
        ("forged", made(hs256, &claims, hmac_of(b"another secret"))),
        ("without a signature", format!("{unsigned}.")),
        ("with another's signature", format!("{}.{signature}", made(hs256, &claims, &right))),
        ("padded", format!("{good}=")),
        ("expired", issuer.token(&json!({ "exp": in_s(-1) }))),
        ("not good yet", issuer.token(&json!({ "nbf": in_s(60) }))),
        ("without exp", made(hs256, r#"{"sub":"me"}"#, &right)),
        ("exp as text", made(hs256, r#"{"exp":"9999999999"}"#, &right)),
        ("nbf as text", made(hs256, &claims.replace("\"sub\"", "\"nbf\":\"1\",\"sub\""), &right)),
        ("exp twice", made(hs256, &twice, &right)),
        ("alg none", made(r#"{"alg":"none"}"#, &claims, |_| Vec::new())),
        ("alg none, signed", made(r#"{"alg":"none"}"#, &claims, &right)),
        ("alg NONE", made(r#"{"alg":"NONE"}"#, &claims, |_| Vec::new())),
        ("another alg", made(r#"{"alg":"HS512"}"#, &claims, &right)),
        ("a critical extension", made(r#"{"alg":"HS256","crit":["exp"]}"#, &claims, &right)),
        ("claims that are no object", made(hs256, "[]", &right)),
        ("claims that are no JSON", made(hs256, "{", &right)),
        ("a grant that is no grant", issuer.token(&json!({ "tickwire": "*:*" }))),
        ("too long", issuer.token(&json!({ "pad": "x".repeat(8_192) }))),
        ("an API key", "twk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned()),
    ]
}

#[track_caller]
fn check_unauthorized(address: SocketAddr, path: &str, head: &str) {
    let text = format!("GET {path} HTTP/1.1\r\nHost: x\r\n{head}Connection: close\r\n\r\n");
    let response = request(address, &text);
    assert_eq!(response.status, 401, "{path} {head}: {response:?}");
    assert_eq!(response.json()["error"]["code"], "unauthorized", "{path} {head}");
    let challenge = response.header("www-authenticate").unwrap();
    assert!(challenge.starts_with("Bearer realm="), "{challenge}");
}

#[test]
fn nobody_is_let_in_by_the_head_of_a_request_without_a_good_token() {
    let issuer = Issuer::new();
    let server = issuer.server(&[]);
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for page in PAGES {
        check_unauthorized(server.address, page, "");
        check_unauthorized(server.address, page, "Authorization: Basic bWU6c2VjcmV0\r\n");
        let good = issuer.all();
        let twice = format!("Authorization: Bearer {good}\r\nAuthorization: Bearer {good}\r\n");
        check_unauthorized(server.address, page, &twice);
        let join = if page.contains('?') { '&' } else { '?' };
        let in_url = format!("{page}{join}access_token={good}&token={good}");
        check_unauthorized(server.address, &in_url, "");
        assert_eq!(get_as(server.address, page, &good).status, 200, "{page}");
    }
    for (what, token) in bad_tokens(&issuer) {
        let head = format!("Authorization: Bearer {token}\r\n");
        check_unauthorized(server.address, "/v1/symbols", &head);
        for path in ["/v1/stream", "/v1/replay"] {
            check_unauthorized(server.address, path, &format!("{head}{upgrade}"));
            assert_eq!(Client::connect_as(server.address, path, &token).err(), Some(401), "{what}");
        }
    }
}

#[test]
fn health_is_open_and_so_are_figures_on_this_machine() {
    let issuer = Issuer::new();
    let server = issuer.server(&[]);
    for page in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(get(server.address, page).status, 200, "{page}");
    }
    check_unauthorized(server.address, "/metrics", "X-Forwarded-For: 192.0.2.1\r\n");
    check_unauthorized(server.address, "/v1/symbols", "Authorization: Bearer x\r\n");
    assert_eq!(crate::http::metric(&server, "tickwire_access_refused_total"), 1);
    let head = format!("Forwarded: for=192.0.2.1\r\nAuthorization: Bearer {}\r\n", issuer.all());
    let text = format!("GET /metrics HTTP/1.1\r\nHost: x\r\n{head}Connection: close\r\n\r\n");
    assert_eq!(request(server.address, &text).status, 200);
}

#[test]
fn a_token_in_the_head_opens_the_stream_at_once() {
    let issuer = Issuer::new();
    let server = issuer.server(&[]);
    let mut client = Client::connect_as(server.address, "/v1/stream", &issuer.all()).unwrap();
    assert_eq!(client.welcome["auth"], "jwt");
    let answer =
        client.ask_json(r#"{"op":"subscribe","channel":"ticker","symbols":["sim:BTC-USD"]}"#);
    assert_eq!(answer["symbols"][0], "sim:BTC-USD", "{answer}");
    assert_eq!(client.next_of("snapshot")["symbol"], "sim:BTC-USD");
}

/// Asks for everything before showing anything, then shows a token.
#[track_caller]
fn check_first_message(server: &Server, path: &str, ops: &[&str], token: &str) {
    let mut client = Client::connect_to(server.address, path);
    assert_eq!(client.welcome["auth"], "jwt");
    for op in ops {
        let error = client.ask_json(op);
        assert_eq!(error["code"], "unauthorized", "{op}: {error}");
        assert_eq!(error["id"], 7, "{op}: {error}");
    }
    let answer = client.ask_json(&json!({ "op": "auth", "id": 9, "token": token }).to_string());
    assert_eq!((&answer["type"], &answer["id"]), (&json!("auth"), &json!(9)));
    assert!(answer["expires"].as_str().unwrap().ends_with('Z'), "{answer}");
    assert_eq!(client.ask_json(r#"{"op":"ping","id":1}"#)["type"], "pong");
}

#[test]
fn nothing_is_done_before_the_first_message_showed_a_token() {
    let issuer = Issuer::new();
    let server = issuer.server(&[]);
    let live = [
        r#"{"op":"subscribe","id":7,"channel":"ticker","symbols":["*:*"]}"#,
        r#"{"op":"plan","id":7,"channel":"ticker","symbols":["*:*"]}"#,
        r#"{"op":"unsubscribe","id":7,"channel":"ticker","symbols":["*:*"]}"#,
        r#"{"op":"subscriptions","id":7}"#,
        r#"{"op":"ping","id":7}"#,
    ];
    check_first_message(&server, "/v1/stream", &live, &issuer.all());
    let past = [
        r#"{"op":"open","id":7,"channel":"ticker","symbols":["*:*"],"from":"2020-01-01T00:00:00Z"}"#,
        r#"{"op":"plan","id":7,"channel":"ticker","symbols":["*:*"]}"#,
        r#"{"op":"step","id":7}"#,
        r#"{"op":"ping","id":7}"#,
    ];
    check_first_message(&server, "/v1/replay", &past, &issuer.all());
}

#[test]
fn a_bad_token_in_the_first_message_ends_the_connection() {
    let issuer = Issuer::new();
    let server = issuer.server(&[]);
    for (what, token) in bad_tokens(&issuer) {
        for path in ["/v1/stream", "/v1/replay"] {
            let mut client = Client::connect_to(server.address, path);
            client.send(&json!({ "op": "auth", "id": 3, "token": token }).to_string());
            let (texts, code) = client.rest();
            let error: Value = serde_json::from_str(texts.last().unwrap()).unwrap();
            assert_eq!(error["code"], "unauthorized", "{what}: {texts:?}");
            assert_eq!((&error["id"], code), (&json!(3), 4401), "{what}: {texts:?}");
        }
    }
    let mut client = Client::connect(server.address);
    for op in [r#"{"op":"auth"}"#, r#"{"op":"auth","token":7}"#, r#"{"op":"auth","token":null}"#] {
        assert_eq!(client.ask_json(op)["code"], "bad_request", "{op}");
    }
}

#[test]
fn who_shows_nothing_in_time_is_turned_away() {
    let issuer = Issuer::new();
    let server = issuer.server(&[("auth.deadline_ms", "500")]);
    for path in ["/v1/stream", "/v1/replay"] {
        let start = monotonic();
        let mut client = Client::connect_to(server.address, path);
        client.send(r#"{"op":"ping"}"#);
        assert_eq!(client.rest().1, 4010, "{path}");
        let took = since(start).as_millis();
        assert!((450..3_000).contains(&took), "{path}: {took} ms");
    }
}

#[test]
fn a_server_that_asks_nobody_takes_any_token() {
    let server = Server::shared();
    let mut client = Client::connect_as(server.address, "/v1/stream", "anything").unwrap();
    assert_eq!(client.welcome["auth"], "none");
    assert_eq!(client.ask(r#"{"op":"auth","id":1,"token":"x"}"#), r#"{"type":"auth","id":1}"#);
}

#[test]
fn a_subject_has_so_many_connections_by_whichever_door() {
    let issuer = Issuer::new();
    let server = issuer.server(&[("limits.connections_per_subject", "2")]);
    let enter = |path: &str| Client::connect_as(server.address, path, &issuer.all());
    let first = enter("/v1/stream").unwrap();
    let mut second = Client::connect_to(server.address, "/v1/replay");
    let auth = json!({ "op": "auth", "token": issuer.all() }).to_string();
    assert_eq!(second.ask_json(&auth)["type"], "auth");
    assert_eq!(enter("/v1/stream").err(), Some(429));
    assert_eq!(enter("/v1/replay").err(), Some(429));
    let mut late = Client::connect(server.address);
    late.send(&auth);
    let (texts, code) = late.rest();
    assert!(texts.last().unwrap().contains("\"code\":\"rate_limited\""), "{texts:?}");
    assert_eq!(code, 4429);
    let other = issuer.token(&json!({ "sub": "somebody else" }));
    Client::connect_as(server.address, "/v1/stream", &other).unwrap();
    // One answer is no connection.
    assert_eq!(get_as(server.address, "/v1/symbols", &issuer.all()).status, 200);
    drop(first);
    crate::harness::eventually("there is room again", || enter("/v1/stream").is_ok());
}

#[test]
fn who_has_shown_nothing_takes_no_seat_of_a_replay() {
    let issuer = Issuer::new();
    let server = issuer.server(&[("limits.replays", "1")]);
    let strangers: Vec<_> =
        (0..3).map(|_| Client::connect_to(server.address, "/v1/replay")).collect();
    let mut client = Client::connect_as(server.address, "/v1/replay", &issuer.all()).unwrap();
    let open =
        r#"{"op":"open","channel":"ticker","symbols":["*:*"],"from":"2020-01-01T00:00:00Z"}"#;
    assert_eq!(client.ask_json(open)["type"], "opened");
    assert_eq!(Client::connect_as(server.address, "/v1/replay", &issuer.all()).err(), Some(503));
    let mut late = strangers.into_iter().next().unwrap();
    let auth = json!({ "op": "auth", "token": issuer.all() }).to_string();
    assert_eq!(late.ask_json(&auth)["type"], "auth");
    assert_eq!(late.ask_json(open)["code"], "unavailable");
}
