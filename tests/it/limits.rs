//! What one client, one address and all together may take, and what they are told beyond it.

use std::io::Read as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use tickwire::clock::monotonic;

use crate::client::Client;
use crate::client::Raw;
use crate::client::Response;
use crate::client::get;
use crate::client::keys;
use crate::client::request;
use crate::client::upgrade;
use crate::harness::Server;
use crate::harness::eventually;
use crate::harness::since;

#[test]
fn welcome_tells_the_limits_of_a_client() {
    let settings = [
        ("limits.fragments", "7"),
        ("limits.idle_s", "77"),
        ("limits.life_s", "777"),
        ("limits.requests_per_s", "9"),
    ];
    let server = Server::start(&settings);
    let client = Client::connect(server.address);
    let limits = &client.welcome["limits"];
    let expected = json!({
        "symbols": 10_000, "message_bytes": 65_536, "ops_per_s": 50, "buffer_bytes": 1_048_576,
        "frame_bytes": 65_536, "fragments": 7, "connections_per_ip": 100, "replays_per_ip": 4,
        "requests_per_s": 9, "idle_s": 77, "life_s": 777,
    });
    assert_eq!(*limits, expected);
    let first = ["symbols", "message_bytes", "ops_per_s", "buffer_bytes"];
    assert_eq!(keys(&limits.to_string()).len(), expected.as_object().unwrap().len());
    assert!(first.iter().all(|key| limits.get(key).is_some()));
}

#[track_caller]
fn check_closing(texts: &[String], reason: &str) {
    let closing: Value = serde_json::from_str(texts.last().unwrap()).unwrap();
    assert_eq!(closing, json!({ "type": "closing", "code": reason, "reconnect_ms": 0 }));
}

#[test]
fn who_subscribes_to_nothing_is_asked_to_go() {
    let server = Server::start(&[("limits.idle_s", "1"), ("stream.heartbeat_ms", "200")]);
    let mut busy = Client::connect(server.address);
    let subscribe = r#"{"op":"subscribe","channel":"ticker","symbols":["sim:AAPL"]}"#;
    assert_eq!(busy.ask_json(subscribe)["type"], "subscribed");
    for path in ["/v1/stream", "/v1/replay"] {
        let start = monotonic();
        let mut client = Client::connect_to(server.address, path);
        // An operation is no sign of use: a subscription is.
        client.ask(r#"{"op":"ping"}"#);
        let (texts, code) = client.rest();
        assert_eq!(code, 1001);
        check_closing(&texts, "idle");
        let passed = since(start);
        assert!(
            passed > Duration::from_millis(900) && passed < Duration::from_secs(4),
            "{passed:?}"
        );
    }
    assert_eq!(busy.ask_json(r#"{"op":"ping"}"#)["type"], "pong");
    let unsubscribe = r#"{"op":"unsubscribe","channel":"ticker","symbols":["sim:AAPL"]}"#;
    busy.ask(unsubscribe);
    check_closing(&busy.rest().0, "idle");
}

#[test]
fn a_connection_ends_with_its_longest_life() {
    let server = Server::start(&[("limits.life_s", "1"), ("stream.heartbeat_ms", "200")]);
    let mut client = Client::connect(server.address);
    client.ask(r#"{"op":"subscribe","channel":"ticker","symbols":["*:*"]}"#);
    let (texts, code) = client.rest();
    assert_eq!(code, 4000);
    check_closing(&texts, "lifetime");
}

fn from(address: SocketAddr, path: &str, client: &str) -> Response {
    let head = format!("Host: x\r\nX-Forwarded-For: {client}\r\nConnection: close\r\n");
    request(address, &format!("GET {path} HTTP/1.1\r\n{head}\r\n"))
}

#[test]
fn requests_of_an_address_are_bounded_behind_a_trusted_proxy() {
    let settings =
        [("http.trusted_proxies", "127.0.0.1,10.0.0.0/8"), ("limits.requests_per_s", "3")];
    let server = Server::start(&settings);
    let ask = |client: &str| from(server.address, "/v1/venues", client).status;
    let many = |client: &str| (0..12).map(|_| ask(client)).collect::<Vec<_>>();
    let statuses = many("203.0.113.7");
    assert_eq!(statuses[..3], [200; 3]);
    assert!(statuses.contains(&429), "{statuses:?}");
    assert_eq!(ask("203.0.113.8"), 200, "another client");
    // What the client wrote before the proxy did is not believed.
    let mut refused = None;
    for n in 0..12 {
        let answer = from(server.address, "/v1/venues", &format!("1.2.3.{n}, 203.0.113.9"));
        refused = refused.or((answer.status == 429).then_some(answer));
    }
    let refused = refused.expect("one client");
    assert_eq!(refused.header("retry-after").as_deref(), Some("1"));
    assert_eq!(refused.json()["error"]["code"], "rate_limited");
    assert!(many("2001:db8::1").contains(&429));
    let neighbours: Vec<_> = (0..12).map(|n| ask(&format!("2001:db8:1::{n}"))).collect();
    assert!(neighbours.contains(&429), "one network: {neighbours:?}");
    for path in ["/healthz", "/metrics"] {
        assert!((0..12).all(|_| from(server.address, path, "203.0.113.7").status == 200));
    }
}

#[test]
fn who_is_no_trusted_proxy_is_not_believed() {
    let settings = [("http.trusted_proxies", "10.0.0.0/8"), ("limits.requests_per_s", "3")];
    let server = Server::start(&settings);
    let ask = |n| from(server.address, "/v1/venues", &format!("203.0.113.{n}")).status;
    assert!((0..12).map(ask).any(|status| status == 429), "all are of one address");
}

#[test]
fn connections_and_replays_of_a_proxys_client_are_counted() {
    let settings = [
        ("http.trusted_proxies", "127.0.0.1"),
        ("limits.connections_per_ip", "2"),
        ("limits.replays_per_ip", "1"),
    ];
    let server = Server::start(&settings);
    let open = |path: &str, client: &str| {
        let mut raw = Raw::open(server.address);
        let head = upgrade(&format!("X-Forwarded-For: {client}\r\n"));
        raw.send(head.replace("/v1/stream", path).as_bytes());
        let head = raw.head();
        (raw, head.split(' ').nth(1).unwrap().to_owned())
    };
    let (_first, status) = open("/v1/replay", "203.0.113.7");
    assert_eq!(status, "101");
    assert_eq!(open("/v1/replay", "203.0.113.7").1, "429");
    let (_second, status) = open("/v1/stream", "203.0.113.7");
    assert_eq!(status, "101");
    assert_eq!(open("/v1/stream", "203.0.113.7").1, "429");
    let (_third, status) = open("/v1/stream", "203.0.113.8");
    assert_eq!(status, "101");
}

#[test]
fn a_head_may_have_so_many_bytes() {
    let server = Server::shared();
    let ask = |bytes: usize| {
        let cookie = "c".repeat(bytes);
        let head = format!("Host: x\r\nConnection: close\r\nCookie: {cookie}\r\n");
        request(server.address, &format!("GET /healthz HTTP/1.1\r\n{head}\r\n"))
    };
    assert_eq!(ask(15_000).status, 200);
    let refused = ask(17_000);
    assert_eq!(refused.status, 431);
    assert!(refused.body.contains("limits.head_bytes = 16384"), "{}", refused.body);
}

#[test]
fn every_answer_says_how_it_may_be_used() {
    let server = Server::shared();
    for path in [
        "/v1/symbols",
        "/v1/venues",
        "/healthz",
        "/readyz",
        "/metrics",
        "/v1/nothing",
        "/v1/trades",
        "/v1/stream",
        "/v1/snapshot?channel=ticker&symbols=*:*",
    ] {
        let answer = get(server.address, path);
        let said = |name: &str| answer.header(name).unwrap_or_default();
        assert_eq!(said("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(said("referrer-policy"), "no-referrer", "{path}");
        let policy = "default-src 'none'; frame-ancestors 'none'";
        assert_eq!(said("content-security-policy"), policy, "{path}");
        let cache = if path.starts_with("/v1/snapshot") { "no-cache" } else { "no-store" };
        assert_eq!(said("cache-control"), cache, "{path}");
        assert_eq!(answer.header("strict-transport-security"), None, "{path}: not without TLS");
    }
}

#[test]
fn who_begins_connections_without_an_end_waits_and_others_do_not() {
    let limits = [("limits.requests_per_s", "1"), ("limits.connections_per_ip", "10000")];
    let server = Server::start(&limits);
    let open = || {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let socket = socket.unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 66], 0)).into()).unwrap();
        socket.connect(&server.address.into()).unwrap();
        TcpStream::from(socket)
    };
    // 1,000 are taken up at once, and 200 more each second.
    eventually("connections are turned away", || {
        let _those: Vec<TcpStream> = (0..500).map(|_| open()).collect();
        let page = get(server.address, "/metrics").body;
        let count = page.lines().find_map(|of| of.strip_prefix("tickwire_connections_turned_away"));
        let count = count.and_then(|of| of.strip_prefix("_total ")).expect("it is counted");
        count.parse::<u32>().unwrap() > 100
    });
    // One that comes now and then is taken up: 200 a second are.
    let waited = (0..1_000).find_map(|_| {
        let (mut stream, began) = (open(), monotonic());
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        assert_eq!(get(server.address, "/healthz").status, 200);
        stream.read(&mut [0]).is_err().then(|| since(began))
    });
    assert!(waited.is_some_and(|waited| waited > Duration::from_millis(500)), "{waited:?}");
}
