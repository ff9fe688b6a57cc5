//! The ways without WebSocket: what they show is asked for in their one request.

use std::time::Duration;

use serde_json::json;

use super::Issuer;
use super::in_s;
use crate::client::Client;
use crate::client::Raw;
use crate::client::get;
use crate::client::get_as;
use crate::drain::Filed;
use crate::harness::Server;

/// What a stream says until it ends, or for so long.
fn stream(server: &Server, path: &str, token: &str, time: Duration) -> String {
    let mut raw = Raw::open(server.address);
    let head = format!("Host: x\r\nAuthorization: Bearer {token}");
    raw.send(format!("GET {path} HTTP/1.1\r\n{head}\r\n\r\n").as_bytes());
    let head = raw.head();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let start = tickwire::clock::monotonic();
    while crate::harness::since(start) < time && raw.fill() {}
    String::from_utf8_lossy(&raw.bytes).into_owned()
}

const WAYS: &[&str] = &["/v1/sse", "/v1/ndjson", "/v1/poll"];

#[test]
fn each_way_asks_who_it_is_and_gives_what_is_granted() {
    let issuer = Issuer::new();
    let server = issuer.server(&[]);
    let some = issuer.granting(&["sim:BTC-USD"], &["ticker"]);
    for way in WAYS {
        let path = |query: &str| format!("{way}?{query}");
        let all = path("channel=ticker&symbols=*:*");
        let nobody = get(server.address, &all);
        assert_eq!(nobody.status, 401, "{way}: {nobody:?}");
        assert!(nobody.header("www-authenticate").is_some(), "{way}");
        assert_eq!(get_as(server.address, &all, "bad").status, 401, "{way}");
        for query in ["channel=trades&symbols=*:*", "channel=ticker&symbols=sim:AAPL,kraken:*"] {
            let refused = get_as(server.address, &path(query), &some);
            assert_eq!(refused.status, 403, "{way} {query}: {refused:?}");
            assert_eq!(refused.json()["error"]["code"], "forbidden", "{way} {query}");
        }
    }
    for way in ["/v1/sse", "/v1/ndjson"] {
        let path = format!("{way}?channel=ticker&symbols=*:*,sim:AAPL");
        let said = stream(&server, &path, &some, Duration::from_secs(1));
        assert!(said.contains("\"symbol\":\"sim:BTC-USD\",\"seq\""), "{way}: {said}");
        assert!(said.contains(r#"{"symbol":"sim:AAPL","code":"forbidden"}"#), "{way}: {said}");
        assert!(!said.contains("sim:ETH-USD"), "{way}: {said}");
    }
    let page = get_as(server.address, "/v1/poll?channel=ticker&symbols=*:*", &some).json();
    assert_eq!(page["messages"].as_array().unwrap().len(), 1, "{page}");
}

#[test]
fn a_poll_whose_token_expires_while_it_waits_holds_up_nobody() {
    let issuer = Issuer::new();
    let quiet = [("feeds.sim.symbols", "3000"), ("feeds.sim.ticks_per_s", "1")];
    let server = issuer.server(&[quiet.as_slice(), &[("http.workers", "1")]].concat());
    let grant = json!({ "symbols": ["*:*"], "channels": ["*"] });
    let short = issuer.token(&json!({ "exp": in_s(1), "tickwire": grant }));
    let path = "/v1/poll?channel=ticker&symbols=sim:BTC-USD";
    let first = get_as(server.address, path, &issuer.all()).json();
    let path = format!("{path}&cursor={}&wait_ms=3000", first["cursor"].as_str().unwrap());
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| get_as(server.address, &path, &short));
        std::thread::sleep(Duration::from_millis(2_000));
        let start = tickwire::clock::monotonic();
        assert_eq!(get_as(server.address, "/v1/symbols", &issuer.all()).status, 200);
        assert!(crate::harness::since(start) < Duration::from_secs(1));
        let waited = waits.join().unwrap();
        assert_eq!((waited.status, &waited.json()["messages"]), (200, &json!([])));
    });
}

#[test]
fn a_stream_ends_after_its_token_and_counts_for_its_subject() {
    let issuer = Issuer::new();
    let server = issuer.server(&[("limits.connections_per_subject", "1")]);
    let grant = json!({ "symbols": ["*:*"], "channels": ["*"] });
    let short = issuer.token(&json!({ "exp": in_s(1), "tickwire": grant }));
    let path = "/v1/ndjson?channel=ticker&symbols=sim:BTC-USD";
    let said = std::thread::scope(|scope| {
        let first = scope.spawn(|| stream(&server, path, &short, Duration::from_secs(20)));
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(get_as(server.address, path, &issuer.all()).status, 429);
        first.join().unwrap()
    });
    assert!(said.contains("\"code\":\"token_expired\""), "{said}");
    assert!(said.contains(r#"{"type":"closing","code":"token_expired""#), "{said}");
}

#[test]
fn the_connections_of_a_subject_are_limited_anew_while_it_runs() {
    let issuer = Issuer::new();
    let secret = issuer.dir.path().join("secret");
    let auth = format!("[auth]\nmode = 'jwt'\nalgorithm = 'HS256'\nkey = {secret:?}\n");
    let text = |most: u32| format!("{auth}[limits]\nconnections_per_subject = {most}\n");
    let server = Filed::start(&text(1));
    let connect = || Client::connect_as(server.address, "/v1/stream", &issuer.all());
    let mut first = connect().unwrap();
    assert_eq!(connect().err(), Some(429));
    let line = server.reload(&text(2), "new settings taken up");
    assert!(line.ends_with("taken up: limits.connections_per_subject"), "{line}");
    let mut second = connect().unwrap();
    assert_eq!(connect().err(), Some(429));
    server.reload(&text(1), "new settings taken up");
    for client in [&mut first, &mut second] {
        assert_eq!(client.ask_json(r#"{"op":"ping"}"#)["type"], "pong", "who is here stays");
    }
    drop(second);
    let way = "/v1/poll?channel=ticker&symbols=*:*";
    assert_eq!(get_as(server.address, way, &issuer.all()).status, 429, "the first is one");
}
