//! RFC 6455 to the letter: some hundred conversations, each named, against the real endpoint.
//!
//! A table a subject. All of them run beside each other, as each connection that is closed takes
//! most of a second to end.

mod case;
mod closing;
mod control;
mod fragments;
mod framing;
mod handshake;
mod limits;
mod text;

use std::sync::Arc;

use case::Case;
use case::Want;

use crate::client::head;
use crate::client::masked;
use crate::harness::Server;
use crate::harness::since;
use tickwire::clock::monotonic;

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8A;
/// The first bytes of fragments.
const TEXT_BEGINS: u8 = 0x01;
const BINARY_BEGINS: u8 = 0x02;
const GOES_ON: u8 = 0x00;
const ENDS: u8 = 0x80;

/// The operation `ping`.
fn ping(id: u64) -> Vec<u8> {
    format!("{{\"op\":\"ping\",\"id\":{id}}}").into_bytes()
}

/// The operation `ping`, with blanks to a length.
fn long_ping(id: u64, length: usize) -> Vec<u8> {
    let mut op = ping(id);
    assert!(op.len() <= length, "{length} bytes are too few");
    op.resize(length, b' ');
    op
}

fn server() -> Arc<Server> {
    let settings = [("stream.heartbeat_ms", "200"), ("limits.replays", "64")];
    let server = Arc::new(Server::start(&settings));
    crate::http::wait_until_ready(&server);
    server
}

/// Runs a table, and that of the same cases for replays.
#[track_caller]
fn check(subject: &str, cases: &[Case]) {
    let server = server();
    let started = monotonic();
    let replays = cases.iter().map(|case| case.clone().of("/v1/replay"));
    let all: Vec<Case> = cases.iter().cloned().chain(replays).collect();
    let failed = case::failures(server.address, &all);
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), all.len(), failed.join("\n"));
    println!("{subject}: {} cases, twice, in {:?}", cases.len(), since(started));
}

#[test]
fn frames() {
    check("frames", &framing::cases());
}

#[test]
fn messages_in_fragments() {
    check("fragments", &fragments::cases());
}

#[test]
fn text_is_utf_8() {
    check("text", &text::cases());
}

#[test]
fn control_frames() {
    check("control frames", &control::cases());
}

#[test]
fn closes() {
    check("closes", &closing::cases());
}

#[test]
fn bounds() {
    check("bounds", &limits::cases());
}

#[test]
fn handshakes() {
    let server = server();
    let cases = handshake::cases();
    let failed = handshake::failures(server.address, &cases);
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), cases.len(), failed.join("\n"));
}

#[test]
fn there_are_hundreds_of_cases_and_no_two_are_the_same() {
    let tables = [
        framing::cases(),
        fragments::cases(),
        text::cases(),
        control::cases(),
        closing::cases(),
        limits::cases(),
    ];
    let handshakes = handshake::cases().into_iter().map(|case| case.name);
    let names = tables.into_iter().flatten().map(|case| case.name).chain(handshakes);
    let mut names: Vec<String> = names.collect();
    let count = names.len();
    names.sort();
    let twice: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert!(twice.is_empty(), "{twice:?}");
    assert!(count >= 300, "{count}");
    println!("{count} cases");
}

#[test]
fn a_case_fails_when_something_else_comes() {
    let server = server();
    let op = || vec![masked(TEXT, &ping(1))];
    let close = || vec![masked(CLOSE, &1000_u16.to_be_bytes())];
    let cases = [
        Case::new("another answer", op()).wants([Want::Answer(2)]),
        Case::new("an answer, no error", op()).wants([Want::Error("bad_request")]),
        Case::new("an answer, no close", op()).closed(1000),
        Case::new("an answer, not nothing", op()),
        Case::new("another code", close()).closed(1001),
        Case::new("a code, where none is wanted", close()).wants([Want::Close(None)]),
        Case::new("it is closed, and does not serve", close()),
        Case::new("another pong", vec![masked(PING, b"a")]).wants([Want::Pong(b"b".to_vec())]),
    ];
    let failed = case::failures(server.address, &cases);
    assert_eq!(failed.len(), cases.len(), "{failed:#?}");
}
