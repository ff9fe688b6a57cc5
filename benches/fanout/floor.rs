//! The floor: the least that a process can do to send the same frames to as many sockets.
//!
//! One thread, one epoll. It makes the same ticks as the real server's simulator, stamps and
//! encodes each once with the real server's code, and writes it to whoever subscribed: no tape, no
//! other thread, no policy for slow clients, no check of what clients send. Either with one write a
//! delivery, or with one buffer a client that is written every few milliseconds.

use std::io;
use std::io::Read as _;
use std::io::Write as _;
use std::time::Duration;
use std::time::Instant;

use bytes::BytesMut;
use mio::Events;
use mio::Interest;
use mio::Poll;
use mio::Token;
use mio::net::TcpListener;
use mio::net::TcpStream;
use socket2::SockRef;
use tickwire::board::Board;
use tickwire::clock;
use tickwire::event::Body;
use tickwire::event::Channel;
use tickwire::event::FeedId;
use tickwire::event::Registry;
use tickwire::event::Seq;
use tickwire::event::SymbolId;
use tickwire::wire::frame;
use tickwire::wire::frame::Opcode;
use tickwire::wire::json;
use tickwire::wire::json::StreamName;
use tickwire_feeds::Feed as _;
use tickwire_feeds::feed::Output;
use tickwire_feeds::sim;
use tickwire_feeds::sim::Sim;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

const LISTENER: Token = Token(usize::MAX);
/// With so much waiting for any client no more ticks are made: a floor has no policy.
const WAITING_MAX: usize = 4 * 1024 * 1024;

/// When frames are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writes {
    /// Each at once.
    Each,
    /// All of a client together, this often.
    Every(Duration),
}

/// What the floor serves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work {
    pub(crate) symbols: u32,
    pub(crate) ticks_per_s: u32,
    pub(crate) writes: Writes,
}

struct Client {
    stream: TcpStream,
    is_open: bool,
    came: Vec<u8>,
    /// What is to be written; before `sent` it is already.
    waiting: Vec<u8>,
    sent: usize,
}

struct Floor {
    work: Work,
    clients: Vec<Option<Client>>,
    /// By symbol, who listens.
    listeners: Vec<Vec<usize>>,
    sim: Sim,
    out: Output,
    board: Board,
    seq: Seq,
    message: Vec<u8>,
    frame: BytesMut,
    /// Whether a client had so much waiting that no ticks are made.
    is_full: bool,
}

/// Serves for ever, after saying where.
pub(crate) fn serve(work: Work) -> ! {
    let mut poll = Poll::new().unwrap();
    let mut listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    // More than the 128 that a listener has by itself: connections come by the thousand.
    SockRef::from(&listener).listen(4_096).unwrap();
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE).unwrap();
    println!("{}", listener.local_addr().unwrap());
    let mut floor = Floor::new(work);
    let mut events = Events::with_capacity(1_024);
    let mut flushed = clock::monotonic();
    loop {
        poll.poll(&mut events, Some(floor.wait(flushed))).unwrap();
        for event in &events {
            match event.token() {
                LISTENER => floor.accept(&listener, &poll),
                Token(index) => floor.visit(index, event.is_writable()),
            }
        }
        floor.tick();
        if let Writes::Every(span) = work.writes
            && flushed.elapsed() >= span
        {
            flushed = clock::monotonic();
            floor.flush();
        }
    }
}

impl Floor {
    fn new(work: Work) -> Self {
        let settings = sim::Settings {
            symbols: work.symbols,
            ticks_per_s: work.ticks_per_s,
            ..sim::Settings::default()
        };
        let mut floor = Self {
            work,
            clients: Vec::new(),
            listeners: vec![Vec::new(); work.symbols as usize],
            sim: Sim::new(settings).unwrap(),
            out: Output::default(),
            board: Board::default(),
            seq: Seq::START,
            message: Vec::new(),
            frame: BytesMut::new(),
            is_full: false,
        };
        let now = clock::now();
        let feed = Registry::Feed { id: FeedId(0), name: "sim".into(), venue: "sim".into() };
        floor.seq = floor.seq.next();
        floor.board.stamp_registry(feed, now, floor.seq);
        floor.sim.on_open(now, &mut floor.out);
        floor.deliver();
        floor
    }

    /// How long nothing is due.
    fn wait(&self, flushed: Instant) -> Duration {
        let due = self.sim.poll_timeout().map_or(0, |at| at.0 - clock::now().0);
        let due = Duration::from_nanos(u64::try_from(due).unwrap_or(0));
        match self.work.writes {
            Writes::Each => due,
            Writes::Every(span) => due.min(span.saturating_sub(flushed.elapsed())),
        }
    }

    fn tick(&mut self) {
        if self.is_full {
            let full = |client: &Client| client.waiting.len() - client.sent > WAITING_MAX;
            self.is_full = self.clients.iter().flatten().any(full);
            return;
        }
        self.sim.on_timeout(clock::now(), &mut self.out);
        self.deliver();
    }

    /// Stamps, encodes and sends what the simulator made.
    fn deliver(&mut self) {
        for tick in std::mem::take(&mut self.out.ticks) {
            let seq = self.seq.next();
            let Ok(event) = self.board.stamp(FeedId(0), tick, seq) else { continue };
            self.seq = seq;
            let id = match &event.body {
                Body::Trade(trade) => trade.symbol,
                Body::Quote(quote) => quote.symbol,
                _ => continue,
            };
            if self.listeners[id.index()].is_empty() {
                continue;
            }
            let symbol = self.board.symbol(id).unwrap().symbol.as_str();
            let stream = StreamName { channel: Channel::Ticker, id, symbol };
            self.message.clear();
            json::write_event(&mut self.message, stream, &event, Seq::START);
            if self.message.is_empty() {
                continue;
            }
            self.frame.clear();
            frame::write(&mut self.frame, Opcode::Text, &self.message);
            for index in &self.listeners[id.index()] {
                let Some(client) = &mut self.clients[*index] else { continue };
                match self.work.writes {
                    Writes::Each if client.waiting.is_empty() => client.write(&self.frame),
                    _ => client.waiting.extend_from_slice(&self.frame),
                }
                self.is_full |= client.waiting.len() > WAITING_MAX;
            }
        }
    }

    fn flush(&mut self) {
        for client in self.clients.iter_mut().flatten() {
            client.flush();
        }
    }

    fn accept(&mut self, listener: &TcpListener, poll: &Poll) {
        while let Ok((mut stream, _)) = listener.accept() {
            stream.set_nodelay(true).unwrap();
            let (token, interest) =
                (Token(self.clients.len()), Interest::READABLE | Interest::WRITABLE);
            poll.registry().register(&mut stream, token, interest).unwrap();
            let (came, waiting) = (Vec::new(), Vec::new());
            self.clients.push(Some(Client { stream, is_open: false, came, waiting, sent: 0 }));
        }
    }

    fn visit(&mut self, index: usize, is_writable: bool) {
        let Some(client) = &mut self.clients[index] else { return };
        if is_writable && self.work.writes == Writes::Each {
            client.flush();
        }
        if !client.read() {
            self.clients[index] = None;
            self.listeners.iter_mut().for_each(|list| list.retain(|listener| *listener != index));
            return;
        }
        if !client.is_open && !client.shake() {
            return;
        }
        while let Some(text) = client.message() {
            subscribe(client, &text, &self.board, |id| self.listeners[id.index()].push(index));
        }
        client.flush();
    }
}

/// A subscription is read just enough to know its symbols.
fn subscribe(client: &mut Client, text: &[u8], board: &Board, mut listen: impl FnMut(SymbolId)) {
    let op: serde_json::Value = serde_json::from_slice(text).unwrap_or_default();
    for name in op["symbols"].as_array().into_iter().flatten().filter_map(|name| name.as_str()) {
        let Some(id) = board.id(name) else { continue };
        listen(id);
        let (mut message, mut frame) = (Vec::new(), BytesMut::new());
        json::write_snapshot(&mut message, Channel::Ticker, id, board);
        frame::write(&mut frame, Opcode::Text, &message);
        client.waiting.extend_from_slice(&frame);
    }
}

impl Client {
    /// Writes one frame at once; what does not fit waits.
    fn write(&mut self, frame: &[u8]) {
        let sent = self.stream.write(frame).unwrap_or(0);
        self.waiting.extend_from_slice(&frame[sent..]);
    }

    /// Writes what waits, as far as it goes.
    fn flush(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        if let Ok(sent) = self.stream.write(&self.waiting[self.sent..]) {
            self.sent += sent;
        }
        if self.sent == self.waiting.len() {
            self.waiting.clear();
            self.sent = 0;
        } else if self.sent > WAITING_MAX / 2 {
            self.waiting.drain(..self.sent);
            self.sent = 0;
        }
    }

    /// Reads all there is; whether there may be more one day.
    fn read(&mut self) -> bool {
        let mut buffer = [0; 8_192];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return false,
                Ok(read) => self.came.extend_from_slice(&buffer[..read]),
                Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
            }
        }
    }

    /// Answers the handshake once it is whole; whether it is.
    fn shake(&mut self) -> bool {
        let Some(end) = self.came.windows(4).position(|window| window == b"\r\n\r\n") else {
            return false;
        };
        let head = String::from_utf8_lossy(&self.came[..end]).into_owned();
        let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
        let accept = derive_accept_key(key.unwrap_or_default().as_bytes());
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        self.waiting.extend_from_slice(answer.as_bytes());
        self.came.drain(..end + 4);
        self.is_open = true;
        true
    }

    /// The next message, unmasked, if it is whole.
    fn message(&mut self) -> Option<Vec<u8>> {
        let (length, head) = match self.came.get(1)? & 0x7F {
            126 => (u16::from_be_bytes([*self.came.get(2)?, *self.came.get(3)?]).into(), 4),
            127 => (u64::from_be_bytes(self.came.get(2..10)?.try_into().ok()?) as usize, 10),
            length => (usize::from(length), 2),
        };
        let mask: [u8; 4] = self.came.get(head..head + 4)?.try_into().ok()?;
        let payload = self.came.get(head + 4..head + 4 + length)?;
        let text = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask);
        let text = text.collect();
        self.came.drain(..head + 4 + length);
        Some(text)
    }
}
