//! A server under attack, and an honest witness of it.

use std::io::ErrorKind;
use std::io::Read as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use tickwire::clock;
use tickwire::clock::monotonic;
use tickwire::load::cores::Cores;
use tickwire_feeds::Nanos;

use crate::client::Chains;
use crate::client::Client;
use crate::client::get;
use crate::harness::Server;
use crate::harness::eventually;
use crate::harness::since;

/// What attackers may cost in memory, besides what their limits allow.
const FLAT: i64 = 48 << 20;
/// By how much, in ns, two measurements of the same differ.
const SLACK: i64 = 100_000;
/// Where attackers come from: limits of an address are for them alone.
const ENEMY: [u8; 4] = [127, 0, 0, 66];
/// Threads of an attack that sends as fast as it can.
pub(super) const FLOOD: usize = 4;
/// Before it is looked at what comes of it.
const LEAD: Duration = Duration::from_millis(100);
/// How long a connection of the crowd is not read.
const PAUSE: Duration = Duration::from_micros(500);

/// How long it is looked on, and what may come of it.
#[derive(Debug, Clone, Copy)]
struct Patience {
    rounds: usize,
    /// Of quiet, and of attack, in each round.
    phase: Duration,
    /// Whether the witness is to notice next to nothing, instead of not too much.
    is_strict: bool,
}

impl Patience {
    fn of_environment() -> Self {
        match std::env::var("TICKWIRE_SIEGE_S").ok().and_then(|text| text.parse().ok()) {
            Some(rounds) => Self { rounds, phase: Duration::from_secs(1), is_strict: true },
            None => Self { rounds: 2, phase: Duration::from_millis(300), is_strict: false },
        }
    }
}

/// What the witness lives through.
#[derive(Debug, Default)]
struct Weather {
    over: AtomicBool,
    /// 0 between two of them; odd ones are calm, the even ones after them are not.
    phase: AtomicUsize,
    /// Messages that the witness got.
    seen: AtomicU64,
}

/// How late messages were, in ns, by phase.
#[derive(Debug, Default)]
struct Lateness(Vec<Vec<i64>>);

impl Lateness {
    fn note(&mut self, phase: usize, late: i64) {
        self.0.resize_with(self.0.len().max(phase + 1), Vec::new);
        self.0[phase].push(late);
    }

    /// The median of the p99s of each second phase from this one on: whatever else the machine did
    /// in one of them does not count. One without a message was late all along.
    fn p99(&mut self, from: usize, phase: Duration) -> i64 {
        let all_along = i64::try_from(phase.as_nanos()).unwrap();
        let phases = self.0.iter_mut().skip(from).step_by(2);
        let mut all: Vec<i64> = phases
            .map(|of| {
                of.sort_unstable();
                of.get(of.len() * 99 / 100).copied().unwrap_or(all_along)
            })
            .collect();
        all.sort_unstable();
        all[all.len() / 2]
    }
}

/// A server under attack, and the witness.
pub(super) struct Siege {
    pub(super) server: Server,
    patience: Patience,
    weather: Arc<Weather>,
    witness: Option<JoinHandle<(Chains, Lateness)>>,
    crowd: Option<JoinHandle<()>>,
    memory: i64,
}

impl Siege {
    /// Of a server with these settings besides the usual ones.
    pub(super) fn of(settings: &[(&str, &str)]) -> Self {
        Self::with(settings, Server::start, Client::connect)
    }

    /// The same, as something starts the server and connects its witness.
    pub(super) fn with(
        settings: &[(&str, &str)],
        start: impl FnOnce(&[(&str, &str)]) -> Server,
        connect: impl Fn(SocketAddr) -> Client,
    ) -> Self {
        let patience = Patience::of_environment();
        let (ticks, symbols) = if patience.is_strict { ("10000", "200") } else { ("1000", "20") };
        let usual = [
            ("feeds.sim.ticks_per_s", ticks),
            ("feeds.sim.symbols", symbols),
            ("http.head_timeout_ms", "1000"),
            // The crowd only reads.
            ("stream.ping_ms", "600000"),
        ];
        // The server has processors of its own, if there are two.
        let split = patience.is_strict.then(|| Cores::here().split()).flatten();
        if let Some((theirs, _)) = &split {
            theirs.pin().unwrap();
        }
        let server = start(&[&usual, settings].concat());
        if let Some((_, ours)) = &split {
            ours.pin().unwrap();
        }
        crate::http::wait_until_ready(&server);
        let weather = Arc::new(Weather::default());
        let crowd = patience.is_strict.then(|| {
            let clients = (0..100).map(|_| connect(server.address)).collect();
            let weather = Arc::clone(&weather);
            std::thread::spawn(move || follow(clients, &weather))
        });
        let witness = connect(server.address);
        let told = Arc::clone(&weather);
        let witness = std::thread::spawn(move || bear_witness(witness, &told));
        eventually("the witness follows", || weather.seen.load(Ordering::Relaxed) > 100);
        let memory = server.memory_bytes();
        Self { server, patience, weather, witness: Some(witness), crowd, memory }
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// Quiet and attack by turns; the attack is made by so many threads again and again. The
    /// witness must miss nothing, memory must be flat, and messages must hardly be later.
    #[track_caller]
    pub(super) fn storm(self, name: &str, threads: usize, attack: impl Fn(&Field) + Sync) {
        let field = Field::new(self.server.address);
        let (mut most, mut time) = (0, Duration::ZERO);
        // Who floods leaves the witness no processor that sleeps: in the calm they send as much
        // among themselves, so that what differs is what the server makes of it.
        let talkers = if threads == FLOOD { FLOOD } else { 0 };
        for round in 0..self.patience.rounds {
            self.pass(2 * round + 1, &field, talkers, Field::talk_to_itself);
            let start = monotonic();
            let bytes = self.pass(2 * round + 2, &field, threads, &attack);
            most = most.max(bytes - self.memory);
            time += since(start);
            std::thread::sleep(Duration::from_millis(200));
        }
        let Patience { is_strict, phase, .. } = self.patience;
        let mut lateness = self.end();
        let (calm, storm) = (lateness.p99(1, phase), lateness.p99(2, phase));
        let per_s = |count: &AtomicU64| {
            u128::from(count.load(Ordering::Relaxed)) * 1_000 / time.as_millis().max(1)
        };
        println!(
            "SIEGE {name}: {} attempts/s, {} cut/s, p99 {} → {} µs, {} %, {} KiB more",
            per_s(&field.hits),
            per_s(&field.ends),
            calm / 1_000,
            storm / 1_000,
            storm * 100 / calm,
            most >> 10,
        );
        assert!(most < FLAT, "{} KiB more than before", most >> 10);
        let bound = if is_strict { calm * 11 / 10 + SLACK } else { calm * 10 + 500_000_000 };
        assert!(storm <= bound, "{name}: p99 was {calm} ns and is {storm} ns");
    }

    /// One phase, while so many threads do something again and again; the memory at its end.
    fn pass(
        &self,
        phase: usize,
        field: &Field,
        threads: usize,
        act: impl Fn(&Field) + Sync,
    ) -> i64 {
        field.over.store(false, Ordering::Relaxed);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| field.be_attacked(&act));
            }
            std::thread::sleep(LEAD);
            self.weather.phase.store(phase, Ordering::Relaxed);
            std::thread::sleep(self.patience.phase);
            self.weather.phase.store(0, Ordering::Relaxed);
            let bytes = self.server.memory_bytes();
            field.over.store(true, Ordering::Relaxed);
            bytes
        })
    }

    /// The end of it: nothing missed, nothing kept.
    #[track_caller]
    pub(super) fn lift(self) {
        self.end();
    }

    #[track_caller]
    fn end(mut self) -> Lateness {
        assert_eq!(get(self.server.address, "/healthz").status, 200);
        self.weather.over.store(true, Ordering::Relaxed);
        let witness = self.witness.take().unwrap().join();
        let (chains, lateness) = witness.expect("the witness missed nothing");
        assert!(chains.linked > 100, "{}", chains.linked);
        assert_eq!(chains.dropped, 0);
        if let Some(crowd) = self.crowd.take() {
            crowd.join().expect("the others are served");
        }
        let grown = self.server.memory_bytes() - self.memory;
        assert!(grown < FLAT, "{} KiB more than before", grown >> 10);
        lateness
    }
}

/// Follows every stream, applies the one rule, and notes how late messages are.
fn bear_witness(mut client: Client, weather: &Weather) -> (Chains, Lateness) {
    let subscribed = client.ask_json(r#"{"op":"subscribe","channel":"ticker","symbols":["*:*"]}"#);
    assert_eq!(subscribed["type"], "subscribed");
    let (mut chains, mut lateness) = (Chains::default(), Lateness::default());
    while !weather.over.load(Ordering::Relaxed) {
        let text = client.text_until(monotonic() + Duration::from_secs(5));
        let now = clock::now();
        let message: Value = serde_json::from_str(&text.expect("it is served")).unwrap();
        chains.see(&message);
        weather.seen.store(chains.linked as u64, Ordering::Relaxed);
        if message["type"] == "delta" {
            let recv = Nanos::parse_rfc3339(message["recv"].as_str().unwrap()).unwrap();
            let phase = weather.phase.load(Ordering::Relaxed);
            lateness.note(phase, now.0 - recv.0);
        }
    }
    (chains, lateness)
}

/// Others that are served meanwhile: each follows ten symbols and reads what comes.
fn follow(clients: Vec<Client>, weather: &Weather) {
    let mut streams: Vec<TcpStream> = Vec::new();
    for (index, mut client) in clients.into_iter().enumerate() {
        let names = (0..10).map(|n| format!("\"sim:S{:05}-USD\"", 21 + (index * 7 + n) % 180));
        let names = names.collect::<Vec<_>>().join(",");
        client.ask(&format!(r#"{{"op":"subscribe","channel":"ticker","symbols":[{names}]}}"#));
        streams.push(client.into_stream());
    }
    let mut chunk = vec![0; 64 * 1024];
    while !weather.over.load(Ordering::Relaxed) {
        for stream in &mut streams {
            stream.set_nonblocking(true).unwrap();
            match stream.read(&mut chunk) {
                Ok(0) => panic!("a client of the crowd was cut"),
                Ok(_) => {}
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        std::thread::sleep(PAUSE);
    }
}

/// Where attackers stand.
pub(super) struct Field {
    address: SocketAddr,
    over: AtomicBool,
    /// What they attempted, and connections of theirs that were ended.
    hits: AtomicU64,
    ends: AtomicU64,
    turn: AtomicI64,
}

impl Field {
    const fn new(address: SocketAddr) -> Self {
        let (hits, ends) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { address, over: AtomicBool::new(false), hits, ends, turn: AtomicI64::new(0) }
    }

    fn be_attacked(&self, attack: impl Fn(&Self)) {
        // On their processor the witness goes first: it is not to be late on their account. The
        // scheduler takes it from them at once only if they are idlers to it.
        let id = rustix::thread::gettid().as_raw_nonzero().to_string();
        drop(Command::new("chrt").args(["--idle", "--pid", "0", &id]).status());
        while self.goes_on() {
            attack(self);
        }
    }

    pub(super) fn goes_on(&self) -> bool {
        !self.over.load(Ordering::Relaxed)
    }

    /// One of many, by turns.
    pub(super) fn one_of<'a>(&self, many: &'a [Vec<u8>]) -> &'a [u8] {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        &many[usize::try_from(turn).unwrap() % many.len()]
    }

    pub(super) fn hit(&self) {
        self.hits.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn ended(&self) {
        self.ends.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection of an attacker that waits for nothing.
    pub(super) fn open(&self) -> Option<TcpStream> {
        let kind = (socket2::Domain::IPV4, socket2::Type::STREAM);
        let socket = socket2::Socket::new(kind.0, kind.1, None).unwrap();
        socket.bind(&SocketAddr::from((ENEMY, 0)).into()).unwrap();
        socket.connect_timeout(&self.address.into(), Duration::from_secs(1)).ok()?;
        // Ports are few: none is kept by what is over.
        socket.set_linger(Some(Duration::ZERO)).unwrap();
        socket.set_tcp_nodelay(true).unwrap();
        socket.set_nonblocking(true).unwrap();
        Some(socket.into())
    }

    /// Sends as much as in an attack, but to itself.
    pub(super) fn talk_to_itself(&self) {
        let listener = TcpListener::bind(SocketAddr::from((ENEMY, 0))).unwrap();
        let mut speaker = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut hearer, _) = listener.accept().unwrap();
        let mut chunk = [b'x'; 4_096];
        while self.goes_on() {
            speaker.write_all(&chunk).unwrap();
            hearer.read_exact(&mut chunk).unwrap();
        }
    }

    /// Sends some bytes once and others again and again, on one connection until it is ended, and
    /// reads whatever comes.
    pub(super) fn flood(&self, once: &[u8], again: &[u8]) {
        let Some(mut stream) = self.open() else { return };
        let many = again.repeat((4_096 / again.len().max(1)).max(1));
        let (mut rest, mut sent) = (once.to_vec(), 0);
        let mut chunk = [0; 16 * 1024];
        while self.goes_on() {
            if sent == rest.len() {
                (rest, sent) = (many.clone(), 0);
            }
            let wrote = stream.write(&rest[sent..]);
            let read = stream.read(&mut chunk);
            match (&wrote, &read) {
                (_, Ok(0)) => return self.ended(),
                (Err(write), Err(read)) if is_later(write) && is_later(read) => {
                    std::thread::sleep(Duration::from_micros(100));
                }
                (_, Err(error)) | (Err(error), _) if !is_later(error) => return self.ended(),
                _ => {}
            }
            if let Ok(wrote) = wrote {
                sent += wrote;
                let share = wrote.div_ceil(again.len().max(1));
                self.hits.fetch_add(share as u64, Ordering::Relaxed);
            }
        }
    }
}

fn is_later(error: &std::io::Error) -> bool {
    error.kind() == ErrorKind::WouldBlock
}
