//! Replays: how fast one client can be sent the past, what CPU a message costs, and how soon the
//! first frame comes after a seek.
//!
//! `cargo bench --bench replay [-- EVENTS]`. The journal is made first, in a directory that is gone
//! afterwards; the client is a bare socket that counts frames.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    reason = "a benchmark may panic, print and reckon"
)]

use std::io::Read as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use tickwire::board::Board;
use tickwire::clock::monotonic;
use tickwire::event::Event;
use tickwire::event::FeedId;
use tickwire::event::Registry;
use tickwire::event::Seq;
use tickwire::tape;
use tickwire_feeds::Nanos;
use tickwire_feeds::Price;
use tickwire_feeds::Size;
use tickwire_feeds::Symbol;
use tickwire_feeds::Tick;
use tickwire_feeds::tick;

const EVENTS: u64 = 5_000_000;
const SYMBOLS: usize = 20;
const DAY: Nanos = Nanos(1_795_219_200_000_000_000);

/// Ticks of a venue: four quotes to a trade, each second a clock event.
struct Market {
    board: Board,
    symbols: Vec<Symbol>,
    random: u64,
    now: Nanos,
    clock: Nanos,
}

impl Market {
    fn new() -> (Self, Vec<Event>) {
        let mut board = Board::default();
        let change = Registry::Feed { id: FeedId(0), name: "file".into(), venue: "file".into() };
        let mut events = vec![board.stamp_registry(change, DAY, Seq(1))];
        let names = (0..SYMBOLS).map(|at| Symbol::parse(&format!("file:S{at:02}-USD")));
        let symbols: Vec<_> = names.map(Result::unwrap).collect();
        for symbol in &symbols {
            let listing = tick::Listing { symbol: symbol.clone(), raw: None, recv: DAY };
            let seq = board.seq().next();
            events.push(board.stamp(FeedId(0), Tick::Listed(listing), seq).unwrap());
        }
        (Self { board, symbols, random: 1, now: DAY, clock: DAY }, events)
    }

    fn event(&mut self) -> Event {
        loop {
            self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let random = self.random >> 33;
            self.now = Nanos(self.now.0 + 200_000);
            let seq = self.board.seq().next();
            if self.now.0 >= self.clock.0 + 1_000_000_000 {
                self.clock = self.now;
                return self.board.stamp_clock(self.now, seq);
            }
            let (recv, ts) = (self.now, Some(Nanos(self.now.0 - 3_000_000)));
            let symbol = self.symbols[usize::try_from(random).unwrap() % SYMBOLS].clone();
            let price = |at| Price::from_parts(u128::from(9_700_000 + random / 64 % 1000 + at), 2);
            let size = Size::from_parts(u128::from(random % 100_000_000 + 1000), 8);
            let level = |at| price(at).map(|price| tick::Level { price, size });
            let tick = if random.is_multiple_of(5) {
                Tick::Trade(tick::Trade {
                    symbol,
                    ts,
                    recv,
                    price: price(0).unwrap(),
                    size: size.unwrap(),
                    side: Some(tick::Side::Buy),
                    trade_id: Some(tick::TradeId::Number(random)),
                    extra: None,
                })
            } else {
                Tick::Quote(tick::Quote { symbol, ts, recv, bid: level(0), ask: level(1) })
            };
            if let Ok(event) = self.board.stamp(FeedId(0), tick, seq) {
                return event;
            }
        }
    }
}

/// Writes the tape; its name and its last place.
fn write_tape(dir: &Path, events: u64) -> (String, u64) {
    let mut opened = tape::open(&tape::Settings::new(dir), DAY).unwrap();
    let (mut market, first) = Market::new();
    opened.journal.append(&first).unwrap();
    for _ in 0..events / 1_000 {
        let batch: Vec<Event> = (0..1_000).map(|_| market.event()).collect();
        opened.journal.append(&batch).unwrap();
        opened.journal.tend(&market.board, market.now).unwrap();
    }
    let (epoch, head) = (opened.tape.epoch().to_owned(), opened.tape.head().0);
    println!("{} segments, {} bytes", opened.tape.segments_count(), opened.tape.bytes());
    opened.journal.close(&market.board).unwrap();
    (epoch, head)
}

struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(dir: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tickwire"));
        let address = free_address();
        command.env("TICKWIRE__HTTP__LISTEN", address.to_string());
        command.env("TICKWIRE__TAPE__DIR", dir).env("TICKWIRE__FEEDS__SIM__TICKS_PER_S", "1");
        command.env("TICKWIRE__TAPE__RETENTION_AGE", "3650d");
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let deadline = monotonic() + Duration::from_secs(30);
        while TcpStream::connect(address).is_err() {
            assert!(monotonic() < deadline, "the server does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { child, address }
    }

    /// Seconds of CPU that it took so far.
    fn cpu_s(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
        (ticks(11) + ticks(12)) / 100.0
    }

    fn memory_mib(&self) -> f64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn free_address() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A client that looks no further into a frame than it must.
struct Client {
    socket: TcpStream,
    bytes: Vec<u8>,
    at: usize,
}

impl Client {
    fn connect(address: SocketAddr) -> Self {
        let mut socket = TcpStream::connect(address).unwrap();
        let request = "GET /v1/replay HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        socket.write_all(request.as_bytes()).unwrap();
        let mut client = Self { socket, bytes: Vec::new(), at: 0 };
        loop {
            client.fill();
            if let Some(end) = client.bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                client.at = end + 4;
                break;
            }
        }
        assert!(client.next().starts_with(b"{\"type\":\"welcome\""));
        client
    }

    fn send(&mut self, text: &str) {
        let mut frame = vec![0x81];
        match u8::try_from(text.len()) {
            Ok(short @ ..=125) => frame.push(0x80 | short),
            _ => {
                frame.push(0x80 | 126);
                frame.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend_from_slice(text.as_bytes());
        self.socket.write_all(&frame).unwrap();
    }

    fn next(&mut self) -> &[u8] {
        loop {
            let bytes = &self.bytes[self.at..];
            let head = match bytes {
                [_, 126, a, b, ..] => Some((4, usize::from(u16::from_be_bytes([*a, *b])))),
                [_, length @ ..=125, ..] => Some((2, usize::from(*length))),
                [_, 127, rest @ ..] => rest
                    .first_chunk()
                    .map(|length| (10, usize::try_from(u64::from_be_bytes(*length)).unwrap())),
                _ => None,
            };
            if let Some((head, length)) = head.filter(|(head, length)| bytes.len() >= head + length)
            {
                let start = self.at + head;
                self.at = start + length;
                return &self.bytes[start..start + length];
            }
            self.fill();
        }
    }

    fn fill(&mut self) {
        self.bytes.drain(..self.at);
        self.at = 0;
        let before = self.bytes.len();
        self.bytes.resize(before + (1 << 18), 0);
        let read = self.socket.read(&mut self.bytes[before..]).unwrap();
        assert!(read > 0, "the server hung up");
        self.bytes.truncate(before + read);
    }
}

fn open(
    address: SocketAddr,
    tape: (&str, u64),
    channel: &str,
    symbols: &str,
    paused: bool,
) -> Client {
    let mut client = Client::connect(address);
    let (epoch, to) = tape;
    client.send(&format!(
        r#"{{"op":"open","id":1,"channel":"{channel}","symbols":["{symbols}"],"speed":0,"paused":{paused},"from":"{epoch}:25","to":"{epoch}:{to}"}}"#
    ));
    let opened = String::from_utf8_lossy(client.next()).into_owned();
    assert!(opened.starts_with("{\"type\":\"opened\""), "{opened}");
    client
}

fn full_speed(server: &Server, tape: (&str, u64), channel: &str, symbols: &str) {
    let (began, cpu) = (monotonic(), server.cpu_s());
    let mut client = open(server.address, tape, channel, symbols, false);
    let (mut messages, mut bytes) = (0_u64, 0_u64);
    loop {
        let message = client.next();
        if message.starts_with(b"{\"type\":\"position\"") {
            if message.windows(7).any(|window| window == b"\"ended\"") {
                break;
            }
            continue;
        }
        messages += 1;
        bytes += message.len() as u64;
    }
    let (took, cpu) = (began.elapsed_s(), server.cpu_s() - cpu);
    println!(
        "{channel:8} {symbols:14} {messages:9} messages in {took:6.2} s: {:9.0} a second, \
         {:7.0} events/s, {:5.0} MB/s, {:.2} us of server CPU a message",
        messages as f64 / took,
        tape.1 as f64 / took,
        bytes as f64 / took / 1e6,
        cpu / messages as f64 * 1e6,
    );
}

fn seek(server: &Server, tape: (&str, u64), channel: &str, symbols: &str) {
    let mut client = open(server.address, tape, channel, symbols, true);
    while !client.next().starts_with(b"{\"type\":\"position\"") {}
    let mut times = Vec::new();
    let mut place = 1_u64;
    for _ in 0..40 {
        place = place.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let to = 25 + (place >> 33) % (tape.1 - 25);
        let began = monotonic();
        client.send(&format!(r#"{{"op":"seek","id":2,"to":"{}:{to}"}}"#, tape.0));
        let first = client.next();
        assert!(first.starts_with(b"{\"type\":\"snapshot\""));
        times.push(began.elapsed_s() * 1e3);
        while !client.next().starts_with(b"{\"type\":\"position\"") {}
    }
    let first = times[0];
    times.sort_by(f64::total_cmp);
    println!(
        "seek     {symbols:14} first frame after: first seek {first:.1} ms, median {:.1} ms, \
         longest {:.1} ms of {}",
        times[times.len() / 2],
        times[times.len() - 1],
        times.len()
    );
}

trait Elapsed {
    fn elapsed_s(self) -> f64;
}

impl Elapsed for Instant {
    fn elapsed_s(self) -> f64 {
        monotonic().saturating_duration_since(self).as_secs_f64()
    }
}

fn main() {
    let events = std::env::args().filter_map(|arg| arg.parse().ok()).next().unwrap_or(EVENTS);
    let dir = tempfile::tempdir().unwrap();
    let tape_dir = dir.path().join("tape");
    let (epoch, last) = write_tape(&tape_dir, events);
    let tape = (epoch.as_str(), last);
    println!("{events} events of {SYMBOLS} symbols");
    let server = Server::start(&tape_dir);
    seek(&server, tape, "ticker", "file:S07-USD");
    seek(&server, tape, "ticker", "*:*");
    for (channel, symbols) in
        [("ticker", "*:*"), ("trades", "*:*"), ("bars.1s", "*:*"), ("ticker", "file:S07-USD")]
    {
        full_speed(&server, tape, channel, symbols);
    }
    println!("{:.0} MiB of memory at most", server.memory_mib());
}
