//! Clients: a WebSocket of independent make for what is well-formed, bare sockets for the rest.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::io::Read as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use tickwire::clock::monotonic;
use tokio_tungstenite::tungstenite;
use tungstenite::Message;
use tungstenite::WebSocket;
use tungstenite::client::IntoClientRequest as _;

use crate::harness::PATIENCE;

/// A well-behaved WebSocket client.
pub(crate) struct Client {
    socket: WebSocket<TcpStream>,
    /// Its first message.
    pub(crate) welcome: Value,
}

impl Client {
    /// Connects and takes the `welcome`.
    #[track_caller]
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).unwrap(), address)
    }

    /// Connects to another path than that of the streams, and takes the `welcome`.
    #[track_caller]
    pub(crate) fn connect_to(address: SocketAddr, path: &str) -> Self {
        Self::upgrade(TcpStream::connect(address).unwrap(), &format!("ws://{address}{path}"))
    }

    /// Connects to a path with a credential, and takes the `welcome`; else the status.
    #[track_caller]
    pub(crate) fn connect_as(address: SocketAddr, path: &str, token: &str) -> Result<Self, u16> {
        let mut request = format!("ws://{address}{path}").into_client_request().unwrap();
        let shown = format!("Bearer {token}").parse().unwrap();
        request.headers_mut().insert("authorization", shown);
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        match tungstenite::client(request, stream) {
            Ok((socket, _)) => {
                let mut client = Self { socket, welcome: Value::Null };
                client.welcome = client.next();
                Ok(client)
            }
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(response))) => {
                Err(response.status().as_u16())
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Upgrades a connection and takes the `welcome`.
    #[track_caller]
    pub(crate) fn over(stream: TcpStream, address: SocketAddr) -> Self {
        Self::upgrade(stream, &format!("ws://{address}/v1/stream"))
    }

    #[track_caller]
    fn upgrade(stream: TcpStream, url: &str) -> Self {
        let request = url.into_client_request().unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let (socket, _) = tungstenite::client(request, stream).expect("an upgrade");
        let mut client = Self { socket, welcome: Value::Null };
        client.welcome = client.next();
        assert_eq!(client.welcome["type"], "welcome");
        client
    }

    /// The connection by itself.
    pub(crate) fn into_stream(self) -> TcpStream {
        self.socket.get_ref().try_clone().unwrap()
    }

    pub(crate) fn send(&mut self, text: &str) {
        self.socket.send(Message::text(text)).unwrap();
    }

    /// The next message as it came, if it comes before the deadline; `None` also when the
    /// connection has ended.
    #[track_caller]
    pub(crate) fn text_until(&mut self, deadline: Instant) -> Option<String> {
        loop {
            let left = deadline.saturating_duration_since(monotonic());
            if left.is_zero() {
                return None;
            }
            self.socket.get_ref().set_read_timeout(Some(left)).unwrap();
            match self.socket.read() {
                Ok(Message::Text(text)) => return Some(text.to_string()),
                Ok(Message::Close(_)) => return None,
                Ok(_) => {}
                Err(tungstenite::Error::Io(error)) if is_timeout(&error) => return None,
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// The next message as it came.
    #[track_caller]
    pub(crate) fn text(&mut self) -> String {
        self.text_until(monotonic() + PATIENCE).expect("a message")
    }

    /// The next message.
    #[track_caller]
    pub(crate) fn next(&mut self) -> Value {
        serde_json::from_str(&self.text()).expect("JSON")
    }

    /// The next message of a type.
    #[track_caller]
    pub(crate) fn next_of(&mut self, kind: &str) -> Value {
        let deadline = monotonic() + PATIENCE;
        while monotonic() < deadline {
            let message = self.next();
            if message["type"] == kind {
                return message;
            }
        }
        panic!("no {kind}");
    }

    /// Sends an operation; its answer as it came. Data and heartbeats before it are passed over.
    #[track_caller]
    pub(crate) fn ask(&mut self, op: &str) -> String {
        self.send(op);
        let deadline = monotonic() + PATIENCE;
        while monotonic() < deadline {
            let text = self.text();
            if is_answer(&text) {
                return text;
            }
        }
        panic!("no answer to {op}");
    }

    /// Sends an operation; its answer.
    #[track_caller]
    pub(crate) fn ask_json(&mut self, op: &str) -> Value {
        serde_json::from_str(&self.ask(op)).unwrap()
    }

    /// All messages of some time.
    #[track_caller]
    pub(crate) fn during(&mut self, time: Duration) -> Vec<String> {
        let deadline = monotonic() + time;
        std::iter::from_fn(|| self.text_until(deadline)).collect()
    }

    /// Everything up to the close frame of the server, whose code is given.
    #[track_caller]
    pub(crate) fn rest(&mut self) -> (Vec<String>, u16) {
        let mut texts = Vec::new();
        self.socket.get_ref().set_read_timeout(Some(PATIENCE)).unwrap();
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => texts.push(text.to_string()),
                Ok(Message::Close(frame)) => {
                    return (texts, frame.map_or(1005, |frame| frame.code.into()));
                }
                Ok(_) => {}
                Err(error) => panic!("no close frame but {error} after {texts:?}"),
            }
        }
    }
}

/// Whether a message answers an operation.
pub(crate) fn is_answer(text: &str) -> bool {
    ["subscribed", "unsubscribed", "subscriptions", "pong", "error", "plan", "opened", "auth"]
        .iter()
        .any(|kind| text.starts_with(&format!("{{\"type\":\"{kind}\"")))
}

/// The one rule for clients, applied to everything a connection gets.
#[derive(Debug, Default)]
pub(crate) struct Chains {
    /// One place for each stream, by channel and symbol.
    pub(crate) held: HashMap<(String, String), u64>,
    /// Messages that were linked to the one before.
    pub(crate) linked: usize,
    /// Snapshots.
    pub(crate) snapshots: usize,
    /// Messages that the server said it dropped because this client was slow.
    pub(crate) dropped: u64,
}

impl Chains {
    /// Applies one message; anything missed or repeated is a failure.
    #[track_caller]
    pub(crate) fn see(&mut self, message: &Value) {
        let Some(symbol) = message["symbol"].as_str() else { return };
        let key = (message["channel"].as_str().unwrap().to_owned(), symbol.to_owned());
        if message["cause"] == "slow_consumer" {
            return self.see_dropped(key, message);
        }
        let seq = message["seq"].as_u64().unwrap();
        if message["type"] == "snapshot" {
            self.held.insert(key, seq);
            self.snapshots += 1;
            return;
        }
        let held = self.held.get(&key).unwrap_or_else(|| panic!("not held: {message}"));
        assert_eq!(message["prev"].as_u64(), Some(*held), "a silent gap before {message}");
        assert!(seq > *held, "a repeat: {message}");
        self.held.insert(key, seq);
        self.linked += 1;
    }

    fn see_dropped(&mut self, key: (String, String), gap: &Value) {
        let number = |key: &str| gap[key].as_u64().unwrap_or_else(|| panic!("no {key}: {gap}"));
        let (from, to, missing) = (number("from"), number("to"), number("missing"));
        let held = self.held.get(&key).unwrap_or_else(|| panic!("not held: {gap}"));
        assert!(*held < from && from <= to, "it was seen: {gap}");
        assert!(missing > 0 && missing <= to - from + 1, "{gap}");
        self.held.insert(key, to);
        self.dropped += missing;
    }

    /// Applies one message as it came.
    #[track_caller]
    pub(crate) fn see_text(&mut self, text: &str) {
        self.see(&serde_json::from_str(text).unwrap());
    }
}

/// A bare connection to the stream, whose frames are made by hand.
pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
    pub(crate) bytes: Vec<u8>,
}

/// A frame of the server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) opcode: u8,
    pub(crate) payload: Vec<u8>,
}

impl Raw {
    /// A bare TCP connection.
    pub(crate) fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { stream, bytes: Vec::new() }
    }

    /// Upgraded, with the `welcome` taken.
    #[track_caller]
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let mut raw = Self::open(address);
        raw.send(upgrade("").as_bytes());
        let head = raw.head();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        let welcome = raw.frame().expect("welcome");
        assert!(welcome.payload.starts_with(b"{\"type\":\"welcome\""), "{welcome:?}");
        raw
    }

    /// Sends bytes; whether the server still takes them.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// The head of a response.
    #[track_caller]
    pub(crate) fn head(&mut self) -> String {
        loop {
            if let Some(end) = self.bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = self.bytes.drain(..end + 4).collect();
                return String::from_utf8(head).unwrap();
            }
            assert!(self.fill(), "no head: {:?}", String::from_utf8_lossy(&self.bytes));
        }
    }

    /// The status of a response, whose head is taken; `None` if the connection ends before it.
    #[track_caller]
    pub(crate) fn status(&mut self) -> Option<u16> {
        while self.bytes.is_empty() {
            if !self.fill() {
                return None;
            }
        }
        let head = self.head();
        assert!(!head.contains(" 429 ") || head.contains("retry-after: "), "{head}");
        head.split(' ').nth(1).unwrap().parse().ok()
    }

    /// The next frame; `None` when the connection has ended.
    #[track_caller]
    pub(crate) fn frame(&mut self) -> Option<Frame> {
        loop {
            if let Some((frame, length)) = parse(&self.bytes) {
                self.bytes.drain(..length);
                return Some(frame);
            }
            if !self.fill() {
                assert!(self.bytes.is_empty(), "half a frame: {:?}", self.bytes);
                return None;
            }
        }
    }

    /// The next frame that is no text.
    #[track_caller]
    pub(crate) fn control(&mut self) -> Option<Frame> {
        std::iter::from_fn(|| self.frame()).find(|frame| frame.opcode != 1)
    }

    /// What the server says until it closes, its close code, and that TCP ends then.
    #[track_caller]
    pub(crate) fn closing(&mut self) -> (Vec<String>, Option<u16>) {
        let mut texts = Vec::new();
        while let Some(frame) = self.frame() {
            if frame.opcode == 8 {
                assert_eq!(self.frame(), None, "nothing follows a close");
                let code = frame.payload.first_chunk::<2>().map(|code| u16::from_be_bytes(*code));
                return (texts, code);
            }
            if frame.opcode == 1 {
                texts.push(String::from_utf8(frame.payload).unwrap());
            }
        }
        (texts, None)
    }

    /// Reads more; `false` at the end of the connection.
    #[track_caller]
    pub(crate) fn fill(&mut self) -> bool {
        let mut chunk = [0; 16 * 1024];
        match self.stream.read(&mut chunk) {
            Ok(0) => false,
            Ok(count) => {
                self.bytes.extend_from_slice(&chunk[..count]);
                true
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&self.bytes)),
        }
    }
}

/// The request of an upgrade, with more headers before its end.
pub(crate) fn upgrade(headers: &str) -> String {
    format!(
        "GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
    )
}

/// A masked frame; `first` is its first byte.
pub(crate) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = head(first, payload.len() as u64);
    frame.extend(payload.iter().zip([7, 11, 13, 17].iter().cycle()).map(|(a, b)| a ^ b));
    frame
}

/// The head of a masked frame that announces so many bytes.
pub(crate) fn head(first: u8, length: u64) -> Vec<u8> {
    let mut frame = vec![first];
    match length {
        0..=125 => frame.push(0x80 | u8::try_from(length).unwrap()),
        126..=0xFFFF => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        _ => {
            frame.push(0x80 | 127);
            frame.extend(length.to_be_bytes());
        }
    }
    frame.extend([7, 11, 13, 17]);
    frame
}

/// The frame at the beginning of bytes, and how many it takes.
fn parse(bytes: &[u8]) -> Option<(Frame, usize)> {
    let [first, second, rest @ ..] = bytes else { return None };
    assert_eq!(first & 0x70, 0, "reserved bits of the server");
    assert_ne!(first & 0x80, 0, "the server's frames are whole");
    assert_eq!(second & 0x80, 0, "the server's frames are not masked");
    let (length, rest) = match second {
        126 => (u64::from(u16::from_be_bytes(*rest.first_chunk()?)), rest.get(2..)?),
        127 => (u64::from_be_bytes(*rest.first_chunk()?), rest.get(8..)?),
        length => (u64::from(*length), rest),
    };
    let payload = rest.get(..usize::try_from(length).unwrap())?.to_vec();
    let taken = bytes.len() - rest.len() + payload.len();
    Some((Frame { opcode: first & 0x0F, payload }, taken))
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// The keys of an object, in the order in which they stand.
pub(crate) fn keys(text: &str) -> Vec<String> {
    let (mut keys, mut depth, mut rest) = (Vec::new(), 0, text);
    while let Some(at) = rest.find(['{', '}', '"']) {
        let (mark, after) = (rest.as_bytes()[at], &rest[at + 1..]);
        rest = after;
        match mark {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {
                let (word, after) = after.split_once('"').unwrap();
                if depth == 1 && after.starts_with(':') {
                    keys.push(word.to_owned());
                }
                rest = after;
            }
        }
    }
    keys
}

/// An HTTP response.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Response {
    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// A header by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    }
}

/// `GET`s a path.
#[track_caller]
pub(crate) fn get(address: SocketAddr, path: &str) -> Response {
    request(address, &format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
}

/// `GET`s a path with a credential.
#[track_caller]
pub(crate) fn get_as(address: SocketAddr, path: &str, token: &str) -> Response {
    let head = format!("Host: x\r\nAuthorization: Bearer {token}\r\nConnection: close");
    request(address, &format!("GET {path} HTTP/1.1\r\n{head}\r\n\r\n"))
}

/// Sends a whole request and reads until the server ends the connection.
#[track_caller]
pub(crate) fn request(address: SocketAddr, text: &str) -> Response {
    let mut raw = Raw::open(address);
    raw.send(text.as_bytes());
    let head = raw.head();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut response = Response { status, head, body: String::new() };
    if let Some(length) = response.header("content-length")
        && !text.starts_with("HEAD")
    {
        let length: usize = length.parse().unwrap();
        while raw.bytes.len() < length && raw.fill() {}
    }
    response.body = String::from_utf8(std::mem::take(&mut raw.bytes)).unwrap();
    response
}
