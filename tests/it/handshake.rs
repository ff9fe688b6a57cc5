//! The upgrade of `GET /v1/stream`, and who is let in.

use serde_json::Value;

use crate::client::Client;
use crate::client::Raw;
use crate::client::Response;
use crate::client::request;
use crate::client::upgrade;
use crate::harness::Server;

/// An upgrade that succeeds; its response head in lower case.
#[track_caller]
fn check_taken(server: &Server, headers: &str) -> String {
    let mut raw = Raw::open(server.address);
    raw.send(upgrade(headers).as_bytes());
    let head = raw.head().to_lowercase();
    assert!(head.starts_with("http/1.1 101 "), "{headers}: {head}");
    assert!(head.contains("\r\nsec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n"), "{head}");
    assert!(raw.frame().unwrap().payload.starts_with(b"{\"type\":\"welcome\""));
    head
}

/// A request that is refused with a status and an error in JSON.
#[track_caller]
fn check_refused(server: &Server, text: &str, status: u16) -> Response {
    let response = request(server.address, text);
    assert_eq!(response.status, status, "{text}: {response:?}");
    let error = &response.json()["error"];
    assert!(error["code"].is_string() && error["message"].is_string(), "{text}: {response:?}");
    response
}

#[test]
fn the_subprotocol_is_echoed_when_it_was_offered() {
    let server = Server::shared();
    let protocol = "sec-websocket-protocol";
    assert!(!check_taken(&server, "").contains(protocol));
    let echo = "\r\nsec-websocket-protocol: tickwire.v1.json\r\n";
    for offer in [
        "Sec-WebSocket-Protocol: tickwire.v1.json\r\n",
        "Sec-WebSocket-Protocol: chat, tickwire.v1.json\r\n",
        "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: tickwire.v1.json\r\n",
        "Sec-WebSocket-Protocol: tickwire.v1.json,tickwire.v2.json\r\n",
    ] {
        assert!(check_taken(&server, offer).contains(echo), "{offer}");
    }
}

#[test]
fn compression_is_not_negotiated() {
    let head = check_taken(&Server::shared(), "Sec-WebSocket-Extensions: permessage-deflate\r\n");
    assert!(!head.contains("sec-websocket-extensions"));
}

#[test]
fn what_is_no_upgrade_of_ours_is_refused_in_json() {
    let server = Server::shared();
    let whole = upgrade("Connection: close\r\n").replace("\r\nConnection: close", "");
    let without = |line: &str| whole.replace(&format!("{line}\r\n"), "");
    check_refused(&server, &upgrade("Sec-WebSocket-Protocol: chat, superchat\r\n"), 400);
    check_refused(&server, &upgrade("Sec-WebSocket-Protocol: tickwire.v2.json\r\n"), 400);
    check_refused(&server, &upgrade("Sec-WebSocket-Protocol: \r\n"), 400);
    let old = check_refused(&server, &whole.replace("Version: 13", "Version: 8"), 426);
    assert_eq!(old.header("sec-websocket-version").as_deref(), Some("13"));
    check_refused(&server, &without("Sec-WebSocket-Version: 13"), 400);
    check_refused(&server, &without("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), 400);
    check_refused(&server, &whole.replace("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ="), 400);
    check_refused(&server, &without("Upgrade: websocket"), 400);
    check_refused(&server, "GET /v1/stream HTTP/1.1\r\nHost: x\r\n\r\n", 400);
    let posted = check_refused(&server, &whole.replace("GET", "POST"), 405);
    assert_eq!(posted.header("allow").as_deref(), Some("GET"));
    check_refused(&server, &whole.replace("/v1/stream", "/v1/streams"), 404);
    check_refused(&server, &whole.replace("/v1/stream", "/v1"), 404);
}

#[test]
fn only_our_own_pages_may_connect() {
    let server = Server::shared();
    let port = server.address.port();
    let from = |host: &str, origin: &str| {
        let headers = format!("Origin: {origin}\r\n");
        upgrade(&headers).replace("Host: 127.0.0.1\r\n", &format!("Host: {host}\r\n"))
    };
    for host in ["127.0.0.1", "localhost", "[::1]", "127.8.9.10", "LOCALHOST"] {
        let host = format!("{host}:{port}");
        let mut raw = Raw::open(server.address);
        raw.send(from(&host, &format!("http://{host}")).as_bytes());
        assert!(raw.head().starts_with("HTTP/1.1 101 "), "{host}");
    }
    for (host, origin) in [
        ("127.0.0.1:1", "http://evil.example"),
        ("127.0.0.1:1", "http://127.0.0.1:2"),
        ("127.0.0.1:1", "http://127.0.0.1"),
        ("127.0.0.1:1", "http://localhost:1"),
        ("127.0.0.1:1", "null"),
        ("127.0.0.1:1", ""),
        ("127.0.0.1:1", "127.0.0.1:1"),
        ("127.0.0.1:1", "file://127.0.0.1:1"),
        // A name that an attacker points to this machine is not this machine.
        ("evil.example:1", "http://evil.example:1"),
        ("127.evil.example:1", "http://127.evil.example:1"),
        ("127.0.0.1.evil.example", "http://127.0.0.1.evil.example"),
    ] {
        let refused = check_refused(&server, &from(host, origin), 403);
        assert_eq!(refused.json()["error"]["code"], "forbidden", "{host} {origin}");
    }
    let forwarded = from("evil.example", "http://localhost").replace(
        "Upgrade:",
        "X-Forwarded-Host: localhost\r\nForwarded: host=localhost\r\nUpgrade:",
    );
    check_refused(&server, &forwarded, 403);
}

#[test]
fn listed_origins_and_the_public_url_may_connect() {
    let server = Server::start(&[
        ("http.allowed_origins", "https://a.example,http://b.example:8000"),
        ("http.public_url", "https://ticks.example/app/"),
    ]);
    for origin in ["https://a.example", "http://b.example:8000", "https://ticks.example"] {
        check_taken(&server, &format!("Origin: {origin}\r\n"));
    }
    for origin in [
        "http://a.example",
        "https://a.example:8000",
        "https://a.example.evil.example",
        "https://evil.example",
        "http://ticks.example",
        "https://ticks.example/app",
    ] {
        check_refused(&server, &upgrade(&format!("Origin: {origin}\r\n")), 403);
    }
}

#[test]
fn the_welcome_has_this_shape() {
    let server = Server::shared();
    let mut raw = Raw::open(server.address);
    raw.send(upgrade("").as_bytes());
    raw.head();
    let text = String::from_utf8(raw.frame().unwrap().payload).unwrap();
    let welcome: Value = serde_json::from_str(&text).unwrap();
    let (epoch, seq) = (welcome["epoch"].as_str().unwrap(), welcome["seq"].as_u64().unwrap());
    let (oldest, version) = (welcome["oldest"].as_u64().unwrap(), env!("CARGO_PKG_VERSION"));
    assert!(!epoch.is_empty() && oldest <= seq);
    let expected = format!(
        "{{\"type\":\"welcome\",\"protocol\":\"tickwire.v1\",\"version\":\"{version}\",\
         \"epoch\":\"{epoch}\",\"seq\":{seq},\"oldest\":{oldest},\"heartbeat_ms\":200,\
         \"auth\":\"none\",\"limits\":{{\"symbols\":10000,\"message_bytes\":65536,\
         \"ops_per_s\":50,\"buffer_bytes\":1048576,\"frame_bytes\":65536,\"fragments\":64,\
         \"connections_per_ip\":100,\"replays_per_ip\":4,\"requests_per_s\":100,\
         \"idle_s\":60,\"life_s\":86400}}}}"
    );
    assert_eq!(text, expected);
}

#[test]
fn beyond_the_limit_of_connections_nobody_is_let_in() {
    let server = Server::start(&[("limits.connections", "3"), ("http.workers", "1")]);
    let clients: Vec<_> = (0..3).map(|_| Client::connect(server.address)).collect();
    let refused = check_refused(&server, &upgrade(""), 503);
    assert!(refused.header("retry-after").is_some());
    drop(clients);
    crate::harness::eventually("there is room again", || {
        let mut raw = Raw::open(server.address);
        raw.send(upgrade("").as_bytes());
        raw.head().starts_with("HTTP/1.1 101 ")
    });
}

#[test]
fn one_address_may_have_so_many_connections_when_that_is_set() {
    let server = Server::start(&[("limits.connections_per_ip", "2")]);
    let clients: Vec<_> = (0..2).map(|_| Client::connect(server.address)).collect();
    let refused = check_refused(&server, &upgrade(""), 429);
    assert!(refused.header("retry-after").is_some());
    drop(clients);
    crate::harness::eventually("there is room again", || {
        let mut raw = Raw::open(server.address);
        raw.send(upgrade("").as_bytes());
        raw.head().starts_with("HTTP/1.1 101 ")
    });
}
