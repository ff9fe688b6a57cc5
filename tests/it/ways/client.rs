//! A client of answers without an end, which reads what a proxy or browser would.

use std::io::ErrorKind;
use std::io::Read as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::net::TcpStream;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::client::Response;
use crate::client::get;
use crate::harness::PATIENCE;

/// An answer that is being read.
pub(super) struct Stream {
    pub(super) socket: TcpStream,
    pub(super) status: u16,
    pub(super) head: String,
    /// As it came, and what it is without the frames of chunks.
    raw: Vec<u8>,
    text: Vec<u8>,
    end: Option<End>,
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// As it should.
    Whole,
    /// In the middle.
    Cut,
}

/// One event of a stream of them.
#[derive(Debug, Default)]
pub(super) struct Event {
    pub(super) retry: Option<u64>,
    pub(super) id: Option<String>,
    pub(super) data: String,
}

impl Event {
    /// Its data.
    #[track_caller]
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Stream {
    /// Asks for a path, and reads the head of the answer.
    #[track_caller]
    pub(super) fn open(address: SocketAddr, path: &str, headers: &str) -> Self {
        Self::over(TcpStream::connect(address).unwrap(), path, headers)
    }

    /// The same over a connection that is there.
    #[track_caller]
    pub(super) fn over(mut socket: TcpStream, path: &str, headers: &str) -> Self {
        socket.set_nodelay(true).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n");
        socket.write_all(request.as_bytes()).unwrap();
        let (head, raw, text) = (String::new(), Vec::new(), Vec::new());
        let mut stream = Self { socket, status: 0, head, raw, text, end: None };
        let end = loop {
            if let Some(at) = stream.raw.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(stream.fill(), "no head: {:?}", String::from_utf8_lossy(&stream.raw));
        };
        stream.head = String::from_utf8(stream.raw.drain(..end).collect()).unwrap();
        stream.status = stream.head.split(' ').nth(1).unwrap().parse().unwrap();
        stream
    }

    /// A header by its name in lower case.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        let response = Response { status: 0, head: self.head.clone(), body: String::new() };
        response.header(name)
    }

    /// How it ended, once it has.
    pub(super) fn end(&self) -> Option<End> {
        self.end
    }

    /// The next line, without its end; `None` at the end of the answer.
    #[track_caller]
    pub(super) fn line(&mut self) -> Option<String> {
        loop {
            if let Some(at) = self.text.iter().position(|byte| *byte == b'\n') {
                let line = self.text.drain(..=at).collect::<Vec<u8>>();
                return Some(String::from_utf8(line[..at].to_vec()).unwrap());
            }
            if self.end.is_some() {
                let rest = String::from_utf8_lossy(&self.text);
                assert!(self.end == Some(End::Cut) || rest.is_empty(), "half a line: {rest:?}");
                return None;
            }
            self.decode();
        }
    }

    /// The next line as JSON.
    #[track_caller]
    pub(super) fn next(&mut self) -> Value {
        let line = self.line().expect("a line");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// The next event, as the specification of a browser has it; `None` at the end.
    #[track_caller]
    pub(super) fn event(&mut self) -> Option<Event> {
        let mut event = Event::default();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Some(event);
            }
            let (field, value) = line.split_once(": ").expect("a field and its value");
            match field {
                "" => {}
                "retry" => event.retry = Some(value.parse().unwrap()),
                "id" => event.id = Some(value.to_owned()),
                "data" if event.data.is_empty() => value.clone_into(&mut event.data),
                _ => panic!("a field that no event has: {line}"),
            }
        }
    }

    /// The body, if its length was said.
    #[track_caller]
    pub(super) fn body(&mut self) -> Vec<u8> {
        let length: usize = self.header("content-length").expect("a length").parse().unwrap();
        while self.raw.len() < length {
            assert!(self.fill(), "the body ends early");
        }
        self.raw.drain(..length).collect()
    }

    /// Takes the chunk that is there as a whole, or waits for more.
    #[track_caller]
    fn decode(&mut self) {
        if self.header("content-length").is_some() {
            let body = self.body();
            self.text.extend(body);
            self.end = Some(End::Whole);
            return;
        }
        let Some(at) = self.raw.windows(2).position(|two| two == b"\r\n") else {
            return self.fill_or_end();
        };
        let length = std::str::from_utf8(&self.raw[..at]).unwrap();
        let length = usize::from_str_radix(length, 16).expect("the length of a chunk");
        if self.raw.len() < at + 4 + length {
            return self.fill_or_end();
        }
        self.text.extend_from_slice(&self.raw[at + 2..at + 2 + length]);
        assert_eq!(&self.raw[at + 2 + length..at + 4 + length], b"\r\n");
        self.raw.drain(..at + 4 + length);
        if length == 0 {
            self.end = Some(End::Whole);
        }
    }

    #[track_caller]
    fn fill_or_end(&mut self) {
        if !self.fill() {
            self.end = Some(End::Cut);
        }
    }

    #[track_caller]
    fn fill(&mut self) -> bool {
        let mut chunk = [0; 16 * 1024];
        match self.socket.read(&mut chunk) {
            Ok(0) => false,
            Ok(count) => {
                self.raw.extend_from_slice(&chunk[..count]);
                true
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&self.raw)),
        }
    }
}

/// The answer to a poll.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Page {
    pub(super) cursor: String,
    pub(super) resumed: bool,
    pub(super) reason: Option<String>,
    messages: Vec<Box<RawValue>>,
    #[serde(default)]
    pub(super) rejected: Vec<Value>,
}

impl Page {
    /// Its messages as they came.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.messages.iter().map(|message| message.get())
    }

    /// Its messages.
    pub(super) fn messages(&self) -> Vec<Value> {
        self.texts().map(|text| serde_json::from_str(text).unwrap()).collect()
    }
}

/// Polls once.
#[track_caller]
pub(super) fn poll(address: SocketAddr, query: &str) -> Page {
    let response = get(address, &format!("/v1/poll?{query}"));
    assert_eq!(response.status, 200, "{response:?}");
    serde_json::from_str(&response.body).unwrap_or_else(|error| panic!("{error}: {response:?}"))
}

/// The place of a cursor.
#[track_caller]
pub(super) fn seq_of(cursor: &str) -> u64 {
    let (epoch, seq) = cursor.rsplit_once(':').expect("epoch:seq");
    assert!(!epoch.is_empty());
    seq.parse().unwrap()
}
