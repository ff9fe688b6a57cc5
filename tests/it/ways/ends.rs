//! How these ways end, and what is told to those for whom there is no room.

use std::time::Duration;

use serde_json::Value;
use tickwire::clock::monotonic;

use super::client::End;
use super::client::Stream;
use super::client::poll;
use crate::client::get;
use crate::harness::Server;
use crate::harness::eventually;
use crate::harness::since;

const EVENTS: &str = "/v1/sse?channel=ticker&symbols=sim:BTC-USD";
const LINES: &str = "/v1/ndjson?channel=ticker&symbols=sim:BTC-USD";

/// A poll that has nothing to tell.
fn silent(server: &Server) -> String {
    let query = "channel=ticker&symbols=nobody:*";
    format!("/v1/poll?{query}&wait_ms=30000&cursor={}", poll(server.address, query).cursor)
}

#[test]
fn a_server_that_stops_tells_everyone_when_to_come_back() {
    let server = Server::start(&[]);
    crate::http::wait_until_ready(&server);
    let mut events = Stream::open(server.address, EVENTS, "");
    let mut lines = Stream::open(server.address, LINES, "");
    let (address, path) = (server.address, silent(&server));
    let polling = std::thread::spawn(move || get(address, &path));
    std::thread::sleep(Duration::from_millis(300));
    server.signal("-TERM");
    let events: Vec<_> = std::iter::from_fn(|| events.event()).collect();
    let last = events.last().unwrap();
    assert_eq!(
        (&last.json()["type"], &last.json()["code"]),
        (&"closing".into(), &"shutdown".into())
    );
    assert_eq!(last.retry, last.json()["reconnect_ms"].as_u64());
    let last = std::iter::from_fn(|| lines.line()).last().unwrap();
    assert!(last.starts_with(r#"{"type":"closing","code":"shutdown","reconnect_ms":"#), "{last}");
    assert_eq!(lines.end(), Some(End::Whole));
    let refused = polling.join().unwrap();
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(refused.header("retry-after").is_some());
    assert!(server.end().status.success());
}

#[test]
fn who_finds_no_room_is_told_in_a_way_that_a_browser_survives() {
    let server = Server::start(&[("limits.connections", "2")]);
    crate::http::wait_until_ready(&server);
    let first = Stream::open(server.address, EVENTS, "");
    let _second = Stream::open(server.address, LINES, "");
    let mut refused = Stream::open(server.address, EVENTS, "");
    assert_eq!(
        (refused.status, refused.header("content-type")),
        (200, Some("text/event-stream".into()))
    );
    let event = refused.event().unwrap();
    assert_eq!(event.json()["type"], "closing");
    assert!(event.retry >= Some(1_000) && event.retry == event.json()["reconnect_ms"].as_u64());
    assert!(refused.event().is_none());
    for path in [LINES, "/v1/poll?channel=ticker&symbols=sim:BTC-USD"] {
        let refused = get(server.address, path);
        assert_eq!(
            (refused.status, &refused.json()["error"]["code"]),
            (503, &"unavailable".into())
        );
        assert!(refused.header("retry-after").is_some());
    }
    let _still_told = get(server.address, "/v1/sse?channel=ticker&symbols=nobody:knows");
    drop(first);
    let start = monotonic();
    eventually("its place is free", || {
        get(server.address, "/v1/poll?channel=ticker&symbols=*:*").status == 200
    });
    assert!(since(start) < Duration::from_secs(2), "{:?}", since(start));
}

#[test]
fn who_goes_away_frees_its_place_at_once() {
    let server = Server::start(&[("limits.connections", "1"), ("stream.heartbeat_ms", "60000")]);
    crate::http::wait_until_ready(&server);
    let polling = silent(&server);
    let waiting = "/v1/sse?channel=ticker&symbols=nobody:*";
    let address = server.address;
    let is_free = || get(address, "/v1/poll?channel=ticker&symbols=*:*").status == 200;
    for path in [waiting, LINES, &polling] {
        // Who asked before may still hold the place for a moment: the answer goes out first.
        let mut stream = None;
        eventually("it is served", || {
            let one = std::net::TcpStream::connect(address).unwrap();
            let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
            std::io::Write::write_all(&mut &one, request.as_bytes()).unwrap();
            std::thread::sleep(Duration::from_millis(50));
            stream = Some(one);
            !is_free()
        });
        let start = monotonic();
        drop(stream);
        eventually("its place is free", is_free);
        // Its next heartbeat, which could not be written, would be a minute away.
        assert!(since(start) < Duration::from_secs(5), "{path}: {:?}", since(start));
    }
}

#[test]
fn heartbeats_come_on_time_when_nothing_else_does() {
    let server = Server::shared();
    let mut stream = Stream::open(server.address, "/v1/ndjson?channel=ticker&symbols=nobody:*", "");
    assert_eq!(stream.next()["type"], "subscribed");
    let (start, mut last) = (monotonic(), 0);
    for _ in 0..10 {
        let heartbeat: Value = stream.next();
        assert_eq!(heartbeat["type"], "heartbeat");
        let seq = heartbeat["seq"].as_u64().unwrap();
        assert!(seq > last, "the tape moves on: {heartbeat}");
        last = seq;
    }
    assert!(since(start) < Duration::from_millis(2_600), "{:?}", since(start));
}
