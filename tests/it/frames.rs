//! RFC 6455 as hostile clients see it: every frame is made by hand.

use std::time::Duration;

use crate::client::Raw;
use crate::client::head;
use crate::client::masked;
use crate::client::upgrade;
use crate::harness::Server;
use crate::harness::eventually;
use crate::harness::since;
use tickwire::clock::monotonic;

const TEXT: u8 = 0x81;
const PING: &[u8] = br#"{"op":"ping","id":1}"#;

/// Bytes that end the connection with a code; what the server said before it.
#[track_caller]
fn check_closed(server: &Server, bytes: &[u8], code: u16) -> Vec<String> {
    let mut raw = Raw::connect(server.address);
    raw.send(bytes);
    let (texts, got) = raw.closing();
    let shown = &bytes[..bytes.len().min(20)];
    assert_eq!(got, Some(code), "{shown:x?}: {texts:?}");
    texts.into_iter().filter(|text| !text.starts_with("{\"type\":\"heartbeat\"")).collect()
}

/// Each ends its connection with a code, and nothing is said. All at once: TCP ends a little later.
#[track_caller]
fn check_all_closed(server: &Server, code: u16, all: Vec<Vec<u8>>) {
    let open = all.into_iter().map(|bytes| {
        let mut raw = Raw::connect(server.address);
        raw.send(&bytes);
        (raw, bytes)
    });
    for (mut raw, bytes) in open.collect::<Vec<_>>() {
        let (texts, got) = raw.closing();
        assert_eq!(got, Some(code), "{:x?}: {texts:?}", &bytes[..bytes.len().min(20)]);
        assert!(texts.iter().all(|text| text.starts_with("{\"type\":\"heartbeat\"")), "{texts:?}");
    }
}

/// Frames that are answered with a pong to the operation `ping`.
#[track_caller]
fn check_understood(server: &Server, frames: &[Vec<u8>]) {
    let mut raw = Raw::connect(server.address);
    for frame in frames {
        raw.send(frame);
    }
    let answer = loop {
        let frame = raw.frame().expect("an answer");
        if frame.opcode == 1 && !frame.payload.starts_with(b"{\"type\":\"heartbeat\"") {
            break String::from_utf8(frame.payload).unwrap();
        }
    };
    assert!(answer.starts_with(r#"{"type":"pong","id":1,"#), "{answer}");
}

#[test]
fn what_breaks_the_protocol_is_closed_with_1002() {
    let server = Server::shared();
    let mut all = vec![[&[TEXT, u8::try_from(PING.len()).unwrap()], PING].concat()];
    for first in [0xC1, 0xA1, 0x91, 0xF1, 0x83, 0x84, 0x85, 0x86, 0x87, 0x8B, 0x8C, 0x8F] {
        all.push(masked(first, PING));
    }
    for first in [0x09, 0x08, 0x0A] {
        all.push(masked(first, b""));
    }
    all.push(head(0x89, 126));
    all.push(masked(0x80, PING));
    all.push(masked(0x00, PING));
    all.push([masked(0x01, b"{"), masked(TEXT, PING)].concat());
    all.push([masked(0x01, b"{"), masked(0x02, PING)].concat());
    all.push([vec![TEXT, 0x80 | 126, 0, 5, 1, 2, 3, 4], vec![0; 5]].concat());
    all.push(vec![TEXT, 0x80 | 127, 0x80, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4]);
    check_all_closed(&server, 1002, all);
}

#[test]
fn a_close_that_is_none_is_closed_with_1002() {
    let server = Server::shared();
    let mut all = vec![masked(0x88, &[3])];
    for code in [0_u16, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
        all.push(masked(0x88, &code.to_be_bytes()));
    }
    check_all_closed(&server, 1002, all);
}

#[test]
fn a_close_is_answered_at_once_with_its_code() {
    let server = Server::shared();
    for code in [1000_u16, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999] {
        let mut raw = Raw::connect(server.address);
        let started = monotonic();
        raw.send(&masked(0x88, &[&code.to_be_bytes()[..], b"bye"].concat()));
        let close = raw.control().unwrap();
        assert_eq!((close.opcode, &close.payload[..]), (8, &code.to_be_bytes()[..]));
        assert!(since(started) < Duration::from_millis(200), "{:?}", since(started));
    }
    let mut raw = Raw::connect(server.address);
    let started = monotonic();
    raw.send(&masked(0x88, b""));
    let close = raw.control().unwrap();
    assert_eq!((close.opcode, close.payload.len()), (8, 0), "no code is answered with none");
    assert_eq!(raw.frame(), None, "then TCP ends");
    assert!(since(started) < Duration::from_millis(1_200), "{:?}", since(started));
}

#[test]
fn nothing_is_done_after_a_close() {
    let server = Server::shared();
    let texts = check_closed(
        &server,
        &[masked(TEXT, PING), masked(0x88, &1000_u16.to_be_bytes()), masked(TEXT, PING)].concat(),
        1000,
    );
    assert_eq!(texts.len(), 1, "{texts:?}");
}

#[test]
fn binary_is_not_understood() {
    let server = Server::shared();
    check_closed(&server, &masked(0x82, PING), 1003);
    check_closed(&server, &masked(0x82, b""), 1003);
    check_closed(&server, &[masked(0x02, &PING[..5]), masked(0x80, &PING[5..])].concat(), 1003);
}

#[test]
fn text_must_be_utf8() {
    let server = Server::shared();
    check_closed(&server, &masked(TEXT, b"{\"op\":\"\xff\"}"), 1007);
    check_closed(&server, &masked(TEXT, b"\xed\xa0\x80"), 1007);
    check_closed(&server, &[masked(0x01, b"\"\xc3"), masked(0x80, b"\"")].concat(), 1007);
}

#[test]
fn fragments_make_one_message() {
    let server = Server::shared();
    check_understood(&server, &[masked(0x01, &PING[..7]), masked(0x80, &PING[7..])]);
    check_understood(&server, &[masked(0x01, PING), masked(0x80, b"")]);
    let bytewise = PING.iter().enumerate().map(|(index, byte)| {
        let first = if index == 0 { 0x01 } else { 0x00 };
        let last = if index + 1 == PING.len() { 0x80 } else { 0 };
        masked(first | last, &[*byte])
    });
    check_understood(&server, &bytewise.collect::<Vec<_>>());
    // A character in two fragments.
    let text = "{\"op\":\"ping\",\"id\":1,\"x\":\"é\"}".as_bytes();
    let cut = text.len() - 3;
    check_understood(&server, &[masked(0x01, &text[..cut]), masked(0x80, &text[cut..])]);
    // A frame in many packets.
    let mut raw = Raw::connect(server.address);
    for byte in masked(TEXT, PING) {
        raw.send(&[byte]);
    }
    while !raw.frame().unwrap().payload.starts_with(b"{\"type\":\"pong\"") {}
}

#[test]
fn control_frames_between_fragments_are_answered_at_once() {
    let server = Server::shared();
    let mut raw = Raw::connect(server.address);
    raw.send(&masked(0x01, &PING[..7]));
    raw.send(&masked(0x89, b"between"));
    let pong = raw.control().unwrap();
    assert_eq!((pong.opcode, &pong.payload[..]), (10, &b"between"[..]));
    raw.send(&masked(0x8A, b"unasked"));
    raw.send(&masked(0x80, &PING[7..]));
    while !raw.frame().unwrap().payload.starts_with(b"{\"type\":\"pong\"") {}
}

#[test]
fn a_ping_is_answered_with_its_bytes() {
    let server = Server::shared();
    let mut raw = Raw::connect(server.address);
    for payload in [vec![], b"x".to_vec(), vec![0xFF; 125]] {
        raw.send(&masked(0x89, &payload));
        let pong = raw.control().unwrap();
        assert_eq!((pong.opcode, pong.payload), (10, payload));
    }
}

#[test]
fn a_message_too_large_is_said_and_closed_with_1009() {
    let server = Server::shared();
    let large = |texts: Vec<String>| {
        let [text] = &texts[..] else { panic!("{texts:?}") };
        assert!(
            text.starts_with(r#"{"type":"error","code":"message_too_large","message":""#)
                && text.ends_with(r#"","retry":false}"#)
                && text.contains("65536"),
            "{text}"
        );
    };
    large(check_closed(&server, &masked(TEXT, &vec![b' '; 65_537]), 1009));
    large(check_closed(&server, &head(TEXT, 1 << 30), 1009));
    large(check_closed(&server, &head(0x82, i64::MAX as u64), 1009));
    let symbols: Vec<_> = (0..100_000).map(|index| format!("\"sim:S{index}\"")).collect();
    let op =
        format!(r#"{{"op":"subscribe","channel":"ticker","symbols":[{}]}}"#, symbols.join(","));
    large(check_closed(&server, &masked(TEXT, op.as_bytes()), 1009));
    // Fragments whose sum is too large, fragments without end, and empty ones.
    let two = [masked(0x01, &[b' '; 40_000]), masked(0x80, &[b' '; 40_000])].concat();
    large(check_closed(&server, &two, 1009));
    let many: Vec<_> = (0..1_000).flat_map(|_| masked(0x00, b" ")).collect();
    large(check_closed(&server, &[masked(0x01, b" "), many].concat(), 1009));
    let empty: Vec<_> = (0..1_000).flat_map(|_| masked(0x00, b"")).collect();
    large(check_closed(&server, &[masked(0x01, b" "), empty].concat(), 1009));
    // The largest that is allowed.
    let mut op = PING.to_vec();
    op.resize(65_536, b' ');
    check_understood(&server, &[masked(TEXT, &op)]);
}

#[test]
fn what_was_asked_before_a_breach_is_answered() {
    let server = Server::shared();
    let bytes = [masked(TEXT, PING), head(TEXT, 1 << 30)].concat();
    let texts = check_closed(&server, &bytes, 1009);
    assert!(texts[0].starts_with(r#"{"type":"pong","id":1,"#), "{texts:?}");
    assert!(texts[1].contains("message_too_large"), "{texts:?}");
}

#[test]
fn announced_and_streamed_giants_take_no_memory() {
    let server = Server::start(&[]);
    let before = server.memory_bytes();
    let mut idle = Vec::new();
    for _ in 0..20 {
        let mut raw = Raw::connect(server.address);
        raw.send(&head(TEXT, 1 << 30));
        idle.push(raw);
    }
    let mut raw = Raw::connect(server.address);
    raw.send(&head(TEXT, 1 << 30));
    let block = vec![b'x'; 1 << 20];
    // The server may end it at any time; a hundred megabytes are no more than it must refuse.
    let sent = (0..100).take_while(|_| raw.send(&block)).count();
    let (_, code) = raw.closing();
    assert!(code.is_none_or(|code| code == 1009), "{code:?} after {sent} MiB");
    let grown = server.memory_bytes() - before;
    assert!(grown < 6 << 20, "{grown} bytes more after {sent} MiB");
    for mut raw in idle {
        assert_eq!(raw.closing().1, Some(1009));
    }
}

#[test]
fn two_million_empty_fragments_take_no_memory() {
    let server = Server::start(&[]);
    let before = server.memory_bytes();
    let mut raw = Raw::connect(server.address);
    raw.send(&masked(0x01, b""));
    let block = masked(0x00, b"").repeat(20_000);
    // The server may end it at any time: it takes no more than 64.
    let sent = (0..100).take_while(|_| raw.send(&block)).count();
    let (_, code) = raw.closing();
    assert!(code.is_none_or(|code| code == 1009), "{code:?} after {sent} blocks");
    let grown = server.memory_bytes() - before;
    assert!(grown < 6 << 20, "{grown} bytes more after {sent} blocks");
}

#[test]
fn a_flood_of_pings_holds_no_memory_and_nobody_up() {
    let server = Server::start(&[]);
    let before = server.memory_bytes();
    let mut flood = Raw::connect(server.address);
    flood.stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let pings: Vec<u8> = (0..1_000).flat_map(|_| masked(0x89, &[b'x'; 125])).collect();
    let started = monotonic();
    // Nothing of the answers is read.
    while since(started) < Duration::from_secs(2) && flood.send(&pings) {}
    let mut honest = Raw::connect(server.address);
    let asked = monotonic();
    honest.send(&masked(TEXT, PING));
    while !honest.frame().unwrap().payload.starts_with(b"{\"type\":\"pong\"") {}
    assert!(since(asked) < Duration::from_secs(1), "{:?}", since(asked));
    let grown = server.memory_bytes() - before;
    assert!(grown < 8 << 20, "{grown} bytes more");
}

#[test]
fn a_head_that_never_ends_is_cut() {
    let server = Server::start(&[("http.head_timeout_ms", "500")]);
    let whole = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let both = format!("{whole}GET /v1/st");
    for (answers, begun) in [(0, ""), (0, "GET /v1/stream HTTP/1.1\r\nHost:"), (1, &both)] {
        let mut raw = Raw::open(server.address);
        let started = monotonic();
        raw.send(begun.as_bytes());
        if !begun.is_empty() {
            drip(&raw);
        }
        for _ in 0..answers {
            assert_eq!(raw.status(), Some(200));
        }
        let rest = rest(&mut raw);
        let late = since(started);
        assert!(rest.contains("HTTP/1.1 408 "), "{begun:?}: {rest:?}");
        assert!(rest.ends_with(r#""no request came within http.head_timeout_ms"}}"#), "{rest:?}");
        assert!((370..1_500).contains(&late.as_millis()), "{begun:?} {late:?}");
    }
}

/// Sends a byte each 50 ms, as long as they are taken.
fn drip(raw: &Raw) {
    use std::io::Write as _;
    let mut stream = raw.stream.try_clone().unwrap();
    std::thread::spawn(move || {
        while stream.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
    });
}

#[test]
fn who_waits_for_an_answer_is_not_cut() {
    let server = Server::start(&[
        ("http.head_timeout_ms", "300"),
        ("feeds.sim.symbols", "30"),
        ("feeds.sim.ticks_per_s", "1"),
        ("stream.heartbeat_ms", "60000"),
    ]);
    let path = "/v1/poll?channel=trades&symbols=sim:S00025-USD&wait_ms=1500";
    let mut cursor = String::new();
    let polls = std::iter::from_fn(|| {
        let started = monotonic();
        let polled = crate::client::get(server.address, &format!("{path}{cursor}"));
        assert_eq!(polled.status, 200);
        cursor = format!("&cursor={}", polled.json()["cursor"].as_str().unwrap());
        Some(since(started))
    });
    // Some find a trade.
    assert!(polls.take(20).any(|took| took > Duration::from_secs(1)));
    let mut stream = Raw::open(server.address);
    stream.send(b"GET /v1/sse?channel=ticker&symbols=sim:BTC-USD HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(stream.status(), Some(200));
    let started = monotonic();
    while since(started) < Duration::from_secs(2) {
        assert!(stream.fill(), "a stream goes on");
    }
}

/// What the server says until it ends the connection.
fn rest(raw: &mut Raw) -> String {
    while raw.fill() {}
    String::from_utf8(std::mem::take(&mut raw.bytes)).unwrap()
}

#[test]
fn a_storm_of_connections_leaves_nothing_behind() {
    let server = Server::start(&[("http.head_timeout_ms", "1000")]);
    let mut first = Raw::connect(server.address);
    let before = server.descriptors();
    for round in 0..300 {
        let mut raw = Raw::open(server.address);
        match round % 6 {
            0 => {}
            1 => drop(raw.send(b"GET / HT")),
            2 => drop(raw.send(upgrade("").as_bytes())),
            3 => {
                raw.send(upgrade("").as_bytes());
                raw.head();
                raw.send(&masked(
                    TEXT,
                    br#"{"op":"subscribe","channel":"ticker","symbols":["*:*"]}"#,
                ));
            }
            4 => {
                raw.send(upgrade("").as_bytes());
                raw.head();
                raw.send(&masked(0x88, b""));
            }
            _ => {
                raw.send(upgrade("").as_bytes());
                raw.head();
                raw.send(&head(TEXT, 1 << 40));
            }
        }
    }
    let connections = || crate::http::metric(&server, "tickwire_shard_connections");
    eventually("connections are forgotten", || connections() == 1);
    eventually("sockets are closed", || server.descriptors() <= before + 3);
    eventually("streams are ended", || crate::http::metric(&server, "tickwire_shard_streams") == 0);
    first.send(&masked(TEXT, PING));
    while !first.frame().unwrap().payload.starts_with(b"{\"type\":\"pong\"") {}
}

#[test]
fn a_peer_that_never_answers_is_found_and_cut() {
    let server = Server::start(&[
        ("stream.ping_ms", "300"),
        ("stream.pong_ms", "500"),
        ("stream.heartbeat_ms", "100"),
    ]);
    // It reads, but does not answer pings.
    let mut silent = Raw::connect(server.address);
    let started = monotonic();
    let (_, code) = silent.closing();
    assert_eq!(code, Some(1001));
    assert!(since(started) < Duration::from_secs(5), "{:?}", since(started));
    // An honest one stays.
    let mut honest = Raw::connect(server.address);
    let started = monotonic();
    while since(started) < Duration::from_millis(1_500) {
        let frame = honest.frame().expect("it stays");
        if frame.opcode == 9 {
            honest.send(&masked(0x8A, &frame.payload));
        }
        assert_ne!(frame.opcode, 8);
    }
}
