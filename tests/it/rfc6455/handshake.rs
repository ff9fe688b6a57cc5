//! The upgrade (RFC 6455 §4.2): what is one, what is none, and what is answered.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Mutex;

use super::case::Peer;
use super::masked;
use super::ping;

/// A request, and what must come back.
pub(super) struct Case {
    pub(super) name: String,
    bytes: Vec<Vec<u8>>,
    want: Want,
}

/// What must come back.
#[derive(Debug, Clone, Copy)]
enum Want {
    /// An upgrade that echoes this subprotocol, or none.
    Taken(Option<&'static str>),
    /// A response with this status.
    Status(u16),
}

const JSON: &str = "tickwire.v1.json";
const MSGPACK: &str = "tickwire.v1.msgpack";
const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
/// Of that key (RFC 6455 §1.3).
const ACCEPT: &str = "sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n";

/// Lines of a request, each of which a case may replace.
const LINES: [(&str, &str); 6] = [
    ("request", "GET /v1/stream HTTP/1.1\r\n"),
    ("host", "Host: 127.0.0.1\r\n"),
    ("upgrade", "Upgrade: websocket\r\n"),
    ("connection", "Connection: Upgrade\r\n"),
    ("version", "Sec-WebSocket-Version: 13\r\n"),
    ("key", KEY),
];

/// The request with some of its lines replaced.
fn request(changed: &[(&str, &str)], more: &str) -> String {
    let line = |(name, line): (&str, &'static str)| {
        let change = changed.iter().find(|(of, _)| *of == name);
        change.map_or(line.to_owned(), |(_, line)| (*line).to_owned())
    };
    let lines: String = LINES.into_iter().map(line).collect();
    format!("{lines}{more}\r\n")
}

fn case(name: &str, text: String, want: Want) -> Case {
    Case { name: name.to_owned(), bytes: vec![text.into_bytes()], want }
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    taken(&mut cases);
    refused(&mut cases);
    subprotocols(&mut cases);
    cut(&mut cases);
    cases
}

fn taken(cases: &mut Vec<Case>) {
    for (name, line) in [
        ("connection", "Connection: upgrade\r\n"),
        ("connection", "CONNECTION: UPGRADE\r\n"),
        ("connection", "Connection: keep-alive, Upgrade\r\n"),
        ("connection", "Connection: Upgrade,keep-alive\r\n"),
        ("connection", "Connection:\t Upgrade \t\r\n"),
        ("upgrade", "Upgrade: WebSocket\r\n"),
        ("upgrade", "UPGRADE: WEBSOCKET\r\n"),
        ("upgrade", "upgrade:websocket\r\n"),
        ("upgrade", "Upgrade: h2c, websocket\r\n"),
        ("version", "sec-websocket-version:   13  \r\n"),
        ("key", "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"),
        ("key", "Sec-WebSocket-Key:dGhlIHNhbXBsZSBub25jZQ==   \r\n"),
        ("request", "GET /v1/stream?x=1 HTTP/1.1\r\n"),
        ("host", "Host: localhost:1\r\n"),
    ] {
        let text = request(&[(name, line)], "");
        cases.push(case(&format!("taken with {line:?}"), text, Want::Taken(None)));
    }
    for more in [
        "",
        "Sec-WebSocket-Extensions: permessage-deflate\r\n",
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, x-webkit\r\n",
        "Sec-WebSocket-Extensions: ;;;\r\n",
        "Origin: http://127.0.0.1\r\n",
        "User-Agent: x\r\nAccept: */*\r\nCookie: a=b\r\n",
        "Pragma: no-cache\r\nCache-Control: no-cache\r\n",
        "Content-Length: 0\r\n",
    ] {
        let text = request(&[], more);
        cases.push(case(&format!("taken with {more:?} as well"), text, Want::Taken(None)));
    }
    let mut early = request(&[], "").into_bytes();
    early.extend(masked(0x81, &ping(1)));
    let early = Case {
        bytes: vec![early],
        ..case("a frame after the head", String::new(), Want::Taken(None))
    };
    cases.push(early);
    let slow = request(&[], "").bytes().map(|byte| vec![byte]).collect();
    cases.push(Case {
        bytes: slow,
        ..case("a head byte by byte", String::new(), Want::Taken(None))
    });
}

fn refused(cases: &mut Vec<Case>) {
    for (name, line, status) in [
        ("request", "POST /v1/stream HTTP/1.1\r\n", 405),
        ("request", "PUT /v1/stream HTTP/1.1\r\n", 405),
        ("request", "HEAD /v1/stream HTTP/1.1\r\n", 405),
        ("request", "OPTIONS /v1/stream HTTP/1.1\r\n", 405),
        ("request", "GET /v1/streams HTTP/1.1\r\n", 404),
        ("request", "GET /v1 HTTP/1.1\r\n", 404),
        ("request", "GET /v1/stream HTTP/1.0\r\n", 400),
        ("request", "GET /v1/stream HTTP/3.7\r\n", 400),
        ("request", "GET  HTTP/1.1\r\n", 400),
        ("request", "get /v1/stream HTTP/1.1\r\n", 405),
        ("host", "", 400),
        ("host", "Host: a\r\nHost: b\r\n", 400),
        ("upgrade", "", 400),
        ("upgrade", "Upgrade: \r\n", 400),
        ("upgrade", "Upgrade: h2c\r\n", 400),
        ("upgrade", "Upgrade: notwebsocket\r\n", 400),
        ("upgrade", "Upgrade: websockets\r\n", 400),
        ("connection", "", 400),
        ("connection", "Connection: close\r\n", 400),
        ("connection", "Connection: keep-alive\r\n", 400),
        ("connection", "Connection: notupgrade\r\n", 400),
        ("version", "", 400),
        ("version", "Sec-WebSocket-Version: 0\r\n", 426),
        ("version", "Sec-WebSocket-Version: 7\r\n", 426),
        ("version", "Sec-WebSocket-Version: 8\r\n", 426),
        ("version", "Sec-WebSocket-Version: 12\r\n", 426),
        ("version", "Sec-WebSocket-Version: 14\r\n", 426),
        ("version", "Sec-WebSocket-Version: 013\r\n", 426),
        ("version", "Sec-WebSocket-Version: 130\r\n", 426),
        ("version", "Sec-WebSocket-Version: x\r\n", 426),
        ("version", "Sec-WebSocket-Version: \r\n", 426),
        ("key", "", 400),
        ("key", "Sec-WebSocket-Key: \r\n", 400),
        ("key", "Sec-WebSocket-Key: c2hvcnQ=\r\n", 400),
        ("key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZSBidXQgbG9uZw==\r\n", 400),
        ("key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n", 400),
        ("key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j!Q==\r\n", 400),
        ("key", "Sec-WebSocket-Key: aaaaaaaaaaaaaaaaaaaaaaaa\r\n", 400),
    ] {
        let text = request(&[(name, line)], "");
        let name = format!("{status} for {line:?} as {name}");
        cases.push(case(&name, text, Want::Status(status)));
    }
    let twice = request(&[], KEY);
    cases.push(case("400 for two keys", twice, Want::Status(400)));
    let versions = request(&[], "Sec-WebSocket-Version: 8\r\n");
    cases.push(case("400 for two versions", versions, Want::Status(400)));
    for origin in ["http://evil.example", "null", "http://127.0.0.1:1", "http://localhost"] {
        let text = request(&[], &format!("Origin: {origin}\r\n"));
        cases.push(case(&format!("403 for the origin {origin}"), text, Want::Status(403)));
    }
}

fn subprotocols(cases: &mut Vec<Case>) {
    for (offers, chosen) in [
        (&["tickwire.v1.json"][..], JSON),
        (&["tickwire.v1.msgpack"], MSGPACK),
        (&["tickwire.v1.json, tickwire.v1.msgpack"], JSON),
        (&["tickwire.v1.msgpack, tickwire.v1.json"], MSGPACK),
        (&["tickwire.v1.msgpack,tickwire.v1.json"], MSGPACK),
        (&["chat, tickwire.v1.msgpack, tickwire.v1.json"], MSGPACK),
        (&["chat", "tickwire.v1.json"], JSON),
        (&["chat", "tickwire.v1.msgpack", "tickwire.v1.json"], MSGPACK),
        (&["tickwire.v2.json, tickwire.v1.json"], JSON),
        (&[" \t tickwire.v1.json \t "], JSON),
        (&[", ,tickwire.v1.json,"], JSON),
    ] {
        let lines: String =
            offers.iter().map(|offer| format!("Sec-WebSocket-Protocol: {offer}\r\n")).collect();
        let text = request(&[], &lines);
        let name = format!("{chosen} for {offers:?}");
        cases.push(case(&name, text, Want::Taken(Some(chosen))));
    }
    for offer in [
        "chat",
        "",
        ",",
        "tickwire",
        "tickwire.v1",
        "tickwire.v2.json",
        "TICKWIRE.V1.JSON",
        "tickwire.v1.json.x",
        "tickwire.v1.json tickwire.v1.msgpack",
        "\"tickwire.v1.json\"",
    ] {
        let text = request(&[], &format!("Sec-WebSocket-Protocol: {offer}\r\n"));
        cases.push(case(&format!("400 for the subprotocol {offer:?}"), text, Want::Status(400)));
    }
}

/// Heads that are none, or too much.
fn cut(cases: &mut Vec<Case>) {
    let long = request(&[], &format!("X: {}\r\n", "x".repeat(200_000)));
    cases.push(case("a header of 200 kB", long, Want::Status(431)));
    let many = request(&[], &"X: y\r\n".repeat(1_000));
    cases.push(case("a thousand headers", many, Want::Status(431)));
    for (name, line) in [
        ("no colon", "Nonsense\r\n"),
        ("a blank in a name", "X Y: z\r\n"),
        ("NUL in a value", "X: a\0b\r\n"),
        ("a negative length", "Content-Length: -1\r\n"),
        ("two lengths", "Content-Length: 1\r\nContent-Length: 2\r\n"),
        ("a length and chunks", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"),
    ] {
        let text = request(&[], line);
        cases.push(case(&format!("400 for {name} in the head"), text, Want::Status(400)));
    }
}

impl Case {
    fn run(&self, address: SocketAddr) -> Result<(), String> {
        let mut peer = Peer::open(address)?;
        for bytes in &self.bytes {
            // One that is refused early need not take all of it.
            let _sent = peer.stream.write_all(bytes);
        }
        let head = peer.head()?.to_lowercase();
        let status = head.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0);
        match self.want {
            Want::Status(wanted) if status == wanted => Ok(()),
            Want::Taken(protocol) if status == 101 => {
                let echo = protocol.map(|name| format!("sec-websocket-protocol: {name}\r\n"));
                let is_echoed = match &echo {
                    Some(echo) => head.contains(echo),
                    None => !head.contains("sec-websocket-protocol"),
                };
                let is_right = is_echoed
                    && head.matches(ACCEPT).count() == 1
                    && head.contains("upgrade: websocket\r\n")
                    && head.contains("connection: upgrade\r\n")
                    && !head.contains("sec-websocket-extensions")
                    && !head.contains("content-length");
                let is_json = protocol != Some(MSGPACK);
                is_right.then_some(()).ok_or(head)?;
                if is_json { peer.welcome() } else { Ok(()) }
            }
            want => Err(format!("{head:?}, not {want:?}")),
        }
    }
}

/// Runs cases beside each other; each that fails is named.
pub(super) fn failures(address: SocketAddr, cases: &[Case]) -> Vec<String> {
    let (next, failed) = (Mutex::new(0..cases.len()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                while let Some(index) = { next.lock().unwrap().next() } {
                    let case = &cases[index];
                    if let Err(error) = case.run(address) {
                        failed.lock().unwrap().push(format!("{}: {error}", case.name));
                    }
                }
            });
        }
    });
    failed.into_inner().unwrap()
}
