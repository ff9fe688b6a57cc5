//! One case of the suite: what a client sends, and what must come back, to the byte.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::io::Read as _;
use std::io::Write as _;
use std::net::Shutdown;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::sync::Mutex;

use crate::harness::PATIENCE;

/// Cases that are under way at once.
const THREADS: usize = 32;
/// The `id` of the operation that shows that a connection still serves.
const PROBE: u64 = 424_242;

/// A conversation after the upgrade.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) name: String,
    path: &'static str,
    sends: Vec<Vec<u8>>,
    wants: Vec<Want>,
    half_close: HalfClose,
}

/// Whether a client says that it sends no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HalfClose {
    No,
    Yes,
}

/// What must come next; heartbeats and the server's own pings between are passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Want {
    /// The answer to the operation `ping` with this `id`.
    Answer(u64),
    /// A refusal with this code.
    Error(&'static str),
    /// A pong frame with exactly these bytes.
    Pong(Vec<u8>),
    /// A close frame with this code, or none, and then the end of TCP.
    Close(Option<u16>),
    /// Texts, then a close frame with this code.
    Cut(u16),
    /// The end of TCP, and nothing before it.
    End,
}

impl Case {
    /// A client that sends these bytes, each in a write of its own.
    pub(crate) fn new(name: impl Into<String>, sends: Vec<Vec<u8>>) -> Self {
        let (path, wants) = ("/v1/stream", Vec::new());
        Self { name: name.into(), path, sends, wants, half_close: HalfClose::No }
    }

    /// What must come back, in order. If that does not end the connection, it must still serve.
    pub(crate) fn wants(mut self, wants: impl IntoIterator<Item = Want>) -> Self {
        self.wants.extend(wants);
        self
    }

    /// The connection is closed with a code, and nothing else is said.
    pub(crate) fn closed(self, code: u16) -> Self {
        self.wants([Want::Close(Some(code))])
    }

    /// The same bytes in writes of so many.
    pub(crate) fn chopped(mut self, bytes: usize) -> Self {
        let all = self.sends.concat();
        self.sends = all.chunks(bytes).map(<[u8]>::to_vec).collect();
        self.name = format!("{}, in writes of {bytes}", self.name);
        self
    }

    /// The same bytes in one write.
    pub(crate) fn at_once(mut self) -> Self {
        self.sends = vec![self.sends.concat()];
        self.name = format!("{}, in one write", self.name);
        self
    }

    /// The same of another path.
    pub(crate) fn of(mut self, path: &'static str) -> Self {
        self.name = format!("{}, of {path}", self.name);
        self.path = path;
        self
    }

    /// After that it sends no more, and says so.
    pub(crate) fn half_closed(mut self) -> Self {
        self.half_close = HalfClose::Yes;
        self
    }

    /// Whether the connection is to be over in the end.
    fn ends(&self) -> bool {
        matches!(self.wants.last(), Some(Want::Close(_) | Want::Cut(_) | Want::End))
    }

    fn run(&self, address: SocketAddr) -> Result<(), String> {
        let mut peer = Peer::connect(address, self.path)?;
        for bytes in &self.sends {
            // One that is cut early need not take all of it.
            let sent = peer.stream.write_all(bytes);
            if !self.ends() {
                sent.map_err(|error| error.to_string())?;
            }
        }
        if self.half_close == HalfClose::Yes {
            peer.stream.shutdown(Shutdown::Write).map_err(|error| error.to_string())?;
        }
        for want in &self.wants {
            peer.expect(want)?;
        }
        if self.ends() || self.half_close == HalfClose::Yes {
            return Ok(());
        }
        let probe = super::masked(0x81, &super::ping(PROBE));
        peer.stream.write_all(&probe).map_err(|error| format!("it does not serve: {error}"))?;
        peer.expect(&Want::Answer(PROBE)).map_err(|error| format!("it does not serve: {error}"))
    }
}

/// Runs cases beside each other; each that fails is named, with what came instead.
pub(crate) fn failures(address: SocketAddr, cases: &[Case]) -> Vec<String> {
    let (next, failed) = (Mutex::new(0..cases.len()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..THREADS.min(cases.len()) {
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

/// A client whose every byte is made by hand.
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
    came: VecDeque<u8>,
}

/// A frame of the server.
#[derive(Debug, PartialEq, Eq)]
struct Frame {
    opcode: u8,
    payload: Vec<u8>,
}

impl Peer {
    fn connect(address: SocketAddr, path: &str) -> Result<Self, String> {
        let mut peer = Self::open(address)?;
        let request = crate::client::upgrade("").replace("/v1/stream", path);
        peer.stream.write_all(request.as_bytes()).map_err(|error| error.to_string())?;
        let head = peer.head()?;
        if !head.starts_with("HTTP/1.1 101 ") {
            return Err(format!("no upgrade: {head}"));
        }
        peer.welcome()?;
        Ok(peer)
    }

    /// A bare TCP connection.
    pub(crate) fn open(address: SocketAddr) -> Result<Self, String> {
        let open = || {
            let stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            Ok(stream)
        };
        let stream = open().map_err(|error: std::io::Error| error.to_string())?;
        Ok(Self { stream, came: VecDeque::new() })
    }

    /// Takes the first message.
    pub(crate) fn welcome(&mut self) -> Result<(), String> {
        let welcome = self.frame()?.ok_or("no welcome")?;
        let is_welcome =
            welcome.opcode == 1 && welcome.payload.starts_with(b"{\"type\":\"welcome\"");
        is_welcome.then_some(()).ok_or_else(|| format!("no welcome: {welcome:?}"))
    }

    /// The head of a response.
    pub(crate) fn head(&mut self) -> Result<String, String> {
        loop {
            let came = self.came.make_contiguous();
            if let Some(end) = came.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = self.came.drain(..end + 4).collect();
                return String::from_utf8(head).map_err(|error| error.to_string());
            }
            if !self.fill()? {
                return Err(format!("no head, but {:?}", self.came));
            }
        }
    }

    fn expect(&mut self, want: &Want) -> Result<(), String> {
        if *want == Want::End {
            let more = self.next()?;
            return more.map_or(Ok(()), |frame| Err(format!("{frame:?}, not the end")));
        }
        let mut frame = self.next()?;
        if let Want::Cut(code) = want {
            while frame.as_ref().is_some_and(|frame| frame.opcode == 1) {
                frame = self.next()?;
            }
            return self.judge(frame, &Want::Close(Some(*code)));
        }
        self.judge(frame, want)
    }

    fn judge(&mut self, frame: Option<Frame>, want: &Want) -> Result<(), String> {
        let Some(frame) = frame else { return Err(format!("the end, not {want:?}")) };
        let text = String::from_utf8_lossy(&frame.payload).into_owned();
        let is_right = match want {
            Want::Answer(id) => {
                frame.opcode == 1
                    && text.starts_with(&format!("{{\"type\":\"pong\",\"id\":{id},\"now\":\""))
            }
            Want::Error(code) => {
                frame.opcode == 1
                    && text.contains(&format!("\"code\":\"{code}\""))
                    && text.starts_with("{\"type\":\"error\"")
            }
            Want::Pong(payload) => frame.opcode == 10 && frame.payload == *payload,
            Want::Close(code) => {
                let got = frame.payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                frame.opcode == 8 && got == *code && frame.payload.len() != 1
            }
            Want::Cut(_) | Want::End => true,
        };
        if !is_right {
            return Err(format!("opcode {} {text:?}, not {want:?}", frame.opcode));
        }
        if frame.opcode == 8
            && let Some(after) = self.frame()?
        {
            return Err(format!("{after:?} after the close"));
        }
        Ok(())
    }

    /// The next frame that answers something; `None` at the end.
    fn next(&mut self) -> Result<Option<Frame>, String> {
        loop {
            let Some(frame) = self.frame()? else { return Ok(None) };
            let is_heartbeat = frame.payload.starts_with(b"{\"type\":\"heartbeat\"");
            if frame.opcode != 9 && !(frame.opcode == 1 && is_heartbeat) {
                return Ok(Some(frame));
            }
        }
    }

    /// The next frame, which must be as RFC 6455 has a server's: whole, not masked, its length in
    /// the shortest form, a text UTF-8, a control frame short.
    fn frame(&mut self) -> Result<Option<Frame>, String> {
        loop {
            if let Some(frame) = self.parse()? {
                return Ok(Some(frame));
            }
            if !self.fill()? {
                let rest = &self.came;
                return if rest.is_empty() { Ok(None) } else { Err(format!("half of {rest:?}")) };
            }
        }
    }

    fn parse(&mut self) -> Result<Option<Frame>, String> {
        let came = self.came.make_contiguous();
        let [first, second, rest @ ..] = &*came else { return Ok(None) };
        let (opcode, second) = (first & 0x0F, *second);
        let shown = format!("a frame that begins with {first:#04x} {second:#04x}");
        if first & 0xF0 != 0x80 || second > 127 || !matches!(opcode, 1 | 2 | 8..=10) {
            return Err(shown);
        }
        let (length, rest) = match (second, rest) {
            (126, [a, b, rest @ ..]) => (u64::from(u16::from_be_bytes([*a, *b])), rest),
            (127, _) => match rest.split_first_chunk() {
                Some((length, rest)) => (u64::from_be_bytes(*length), rest),
                None => return Ok(None),
            },
            (126, _) => return Ok(None),
            (length, rest) => (u64::from(length), rest),
        };
        let is_shortest = match second {
            126 => length > 125,
            127 => length > 0xFFFF,
            _ => true,
        };
        if !is_shortest || (opcode >= 8 && length > 125) {
            return Err(format!("{shown} and {length} bytes"));
        }
        let Some(payload) = rest.get(..usize::try_from(length).unwrap()) else { return Ok(None) };
        let text = if opcode == 8 { payload.get(2..).unwrap_or_default() } else { payload };
        if matches!(opcode, 1 | 8) && std::str::from_utf8(text).is_err() {
            return Err(format!("{shown} and is not UTF-8"));
        }
        let (payload, taken) = (payload.to_vec(), came.len() - rest.len() + payload.len());
        self.came.drain(..taken);
        Ok(Some(Frame { opcode, payload }))
    }

    /// Reads more; `false` at the end.
    fn fill(&mut self) -> Result<bool, String> {
        let mut chunk = [0; 16 * 1024];
        match self.stream.read(&mut chunk) {
            Ok(0) => Ok(false),
            Ok(count) => {
                self.came.extend(&chunk[..count]);
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(false),
            Err(error) => Err(format!("{error} after {:?}", self.came)),
        }
    }
}
