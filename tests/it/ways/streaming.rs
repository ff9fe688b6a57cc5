//! SSE and NDJSON as they should be.

use std::time::Duration;

use serde_json::Value;
use tickwire::clock::monotonic;

use super::client::End;
use super::client::Stream;
use super::client::poll;
use super::client::seq_of;
use crate::client::Chains;
use crate::client::request;
use crate::harness::Server;

#[test]
fn an_answer_without_an_end_is_neither_kept_nor_held_back() {
    let server = Server::shared();
    for (way, kind) in [("sse", "text/event-stream"), ("ndjson", "application/x-ndjson")] {
        let path = format!("/v1/{way}?channel=ticker&symbols=sim:BTC-USD");
        let stream = Stream::open(server.address, &path, "Accept-Encoding: gzip, zstd\r\n");
        assert_eq!(stream.status, 200);
        for (name, value) in [
            ("content-type", Some(kind)),
            ("cache-control", Some("no-store")),
            ("x-accel-buffering", Some("no")),
            ("vary", Some("Origin")),
            ("transfer-encoding", Some("chunked")),
            ("content-encoding", None),
            ("content-length", None),
            ("access-control-allow-origin", None),
        ] {
            assert_eq!(stream.header(name).as_deref(), value, "{name} of {way}");
        }
        let head = format!("HEAD {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let head = request(server.address, &head);
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{head:?}");
        assert_eq!(head.header("content-type").as_deref(), Some(kind));
        assert_eq!(head.header("content-length"), None, "{head:?}");
    }
}

#[test]
fn a_line_is_an_object_the_first_tells_what_is_sent() {
    let server = Server::shared();
    let path = "/v1/ndjson?channel=ticker&symbols=sim:BTC-USD,*:E*,sim:*-USD,nobody:knows";
    let mut stream = Stream::open(server.address, path, "");
    let first = stream.next();
    assert_eq!(first["type"], "subscribed");
    assert_eq!(first["symbols"], serde_json::json!(["sim:BTC-USD"]));
    let rejected = first["rejected"].as_array().unwrap();
    assert_eq!(rejected.len(), 2, "{first}");
    assert_eq!(rejected[1]["code"], "unknown_symbol");
    let (mut chains, mut heartbeats) = (Chains::default(), Vec::new());
    while heartbeats.len() < 3 {
        let message = stream.next();
        chains.see(&message);
        if message["type"] == "heartbeat" {
            heartbeats.push(message["seq"].as_u64().unwrap());
        }
    }
    assert!(heartbeats.is_sorted() && chains.linked > 20 && chains.snapshots == 9);
}

#[test]
fn an_event_has_an_id_where_one_can_go_on() {
    let server = Server::shared();
    let path = "/v1/sse?channel=ticker&symbols=sim:*";
    let mut stream = Stream::open(server.address, path, "");
    let first = stream.event().unwrap();
    assert_eq!((first.retry, first.json()["type"].as_str()), (Some(1_000), Some("subscribed")));
    let (mut chains, mut last, mut heartbeats) = (Chains::default(), 0, 0);
    while heartbeats < 4 {
        let event = stream.event().unwrap();
        let message = event.json();
        chains.see(&message);
        assert_eq!(event.retry, None);
        let Some(id) = event.id else {
            assert_ne!(message["type"], "heartbeat", "a heartbeat stands where all was sent");
            continue;
        };
        assert_eq!(chains.snapshots, 20, "not before the first snapshots");
        let seq = seq_of(&id);
        assert!(seq >= last && message["seq"].as_u64().unwrap() <= seq, "{id} after {last}");
        last = seq;
        if message["type"] == "heartbeat" {
            assert_eq!(message["seq"], seq);
            heartbeats += 1;
        }
    }
    assert!(chains.linked > 100, "{}", chains.linked);
}

#[test]
fn a_browser_goes_on_where_it_was_whatever_its_url_says() {
    let server = Server::shared();
    let path = "/v1/sse?channel=trades&symbols=sim:*&last=5";
    let mut stream = Stream::open(server.address, path, "");
    let mut chains = Chains::default();
    let mut id = None;
    while chains.linked < 60 {
        let event = stream.event().unwrap();
        chains.see(&event.json());
        id = event.id.or(id);
    }
    for path in [path, "/v1/sse?channel=trades&symbols=sim:*&from=x:1"] {
        let id = id.clone().unwrap();
        let mut again = Stream::open(server.address, path, &format!("Last-Event-ID: {id}\r\n"));
        assert_eq!(again.event().unwrap().json()["resumed"], true);
        let next = again.event().unwrap().json();
        assert!(next["type"] != "snapshot" && next["seq"].as_u64().unwrap() > seq_of(&id));
    }
}

#[test]
fn conflated_streams_are_flushed_by_one_clock() {
    let server = Server::shared();
    let path = "/v1/sse?channel=ticker&symbols=sim:*&conflate_ms=250";
    let mut stream = Stream::open(server.address, path, "");
    assert_eq!(stream.event().unwrap().json()["type"], "subscribed");
    let (start, mut snapshots, mut ids) = (monotonic(), 0, 0);
    while monotonic() < start + Duration::from_secs(2) {
        let event = stream.event().unwrap();
        let message = event.json();
        assert!(message["type"] == "snapshot" || message["type"] == "heartbeat", "{message}");
        snapshots += usize::from(message["type"] == "snapshot");
        ids += usize::from(event.id.is_some());
    }
    assert!((40..=200).contains(&snapshots) && ids >= 8, "{snapshots} snapshots, {ids} ids");
    let (cursor, address) =
        (poll(server.address, "channel=ticker&symbols=sim:*").cursor, server.address);
    let path = format!("/v1/ndjson?channel=ticker&symbols=sim:*&conflate_ms=250&from={cursor}");
    let mut stream = Stream::open(address, &path, "");
    assert_eq!(stream.next()["resumed"], true);
    let next = std::iter::repeat_with(|| stream.next()).find(|next| next["type"] != "heartbeat");
    assert_eq!(next.unwrap()["type"], "snapshot");
}

#[test]
fn whom_the_server_does_not_know_it_tells_so_and_ends_well() {
    let server = Server::shared();
    let mut stream = Stream::open(server.address, "/v1/sse?channel=ticker&symbols=sim:NO", "");
    assert_eq!(
        (stream.status, stream.header("content-type")),
        (404, Some("application/json".into()))
    );
    let body: Value = serde_json::from_slice(&stream.body()).unwrap();
    assert_eq!(body["error"]["code"], "unknown_symbol");
    assert_eq!(stream.end(), None::<End>);
}
