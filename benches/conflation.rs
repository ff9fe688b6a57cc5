//! A flush of conflated clients: 200 of them, 1,000 symbols each, all of which have changed.
//!
//! `encoded each time` is what it costs when no snapshot is kept for the next client.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use criterion::Criterion;
use criterion::Throughput;
use criterion::criterion_group;
use criterion::criterion_main;
use tickwire::board::Board;
use tickwire::clock;
use tickwire::event::Channel;
use tickwire::event::FeedId;
use tickwire::event::Registry;
use tickwire::event::Seq;
use tickwire::event::SymbolId;
use tickwire::subscriber::Change;
use tickwire::subscriber::Pace;
use tickwire::subscriber::Rates;
use tickwire::subscriber::Rules;
use tickwire::subscriber::Snapshots;
use tickwire::subscriber::Subscriber;
use tickwire::subscriber::View;
use tickwire::tape;
use tickwire::tape::Settings;
use tickwire::tape::Tape;
use tickwire::wire::Form;
use tickwire::wire::answer::Limits;
use tickwire_feeds::Nanos;
use tickwire_feeds::Price;
use tickwire_feeds::Size;
use tickwire_feeds::Symbol;
use tickwire_feeds::Tick;
use tickwire_feeds::tick;

const CLIENTS: usize = 200;
const SYMBOLS: u32 = 1_000;
const START: Nanos = Nanos(1_763_726_400_000_000_000);

fn symbol(index: u32) -> Symbol {
    Symbol::parse(&format!("sim:S{index:04}-USD")).unwrap()
}

struct Bench {
    board: Board,
    tape: Tape,
    _dir: tempfile::TempDir,
    rates: Rates,
    snapshots: Snapshots,
    /// With the slot of each symbol.
    clients: Vec<(Subscriber, Vec<u32>)>,
    now: Instant,
    round: u32,
}

impl Bench {
    fn new(kept_bytes: usize) -> Self {
        let now = clock::monotonic();
        let dir = tempfile::tempdir().unwrap();
        let tape::Opened { tape, mut board, .. } =
            tape::open(&Settings::new(dir.path()), START).unwrap();
        let feed = Registry::Feed { id: FeedId(0), name: "sim".into(), venue: "sim".into() };
        board.stamp_registry(feed, START, Seq(1));
        for index in 0..SYMBOLS {
            let listing = tick::Listing { symbol: symbol(index), raw: None, recv: START };
            let seq = board.seq().next();
            board.stamp(FeedId(0), Tick::Listed(listing), seq).unwrap();
        }
        let (rates, snapshots) = (Rates::new(now), Snapshots::new(kept_bytes));
        let clients = Vec::new();
        let mut bench = Self { board, tape, _dir: dir, rates, snapshots, clients, now, round: 0 };
        bench.change();
        for _ in 0..CLIENTS {
            let client = bench.connect();
            bench.clients.push(client);
        }
        bench.round();
        bench
    }

    fn view(&self) -> View<'_> {
        View {
            board: &self.board,
            tape: &self.tape,
            rates: &self.rates,
            snapshots: &self.snapshots,
            now: self.now,
            wall: START,
            age_ms: 0,
            pace: Pace::Keeping,
        }
    }

    fn connect(&self) -> (Subscriber, Vec<u32>) {
        let forever = Duration::from_secs(1_000_000);
        let rules = Rules {
            limits: Limits {
                symbols: 10_000,
                message_bytes: 65_536,
                ops_per_s: 50,
                buffer_bytes: 1 << 20,
            },
            heartbeat: forever,
            ping: forever,
            pong: forever,
            write_deadline: forever,
            reconnect_spread: Duration::ZERO,
            gate: None,
        };
        let mut subscriber = Subscriber::new(Arc::new(rules), Form::Text, &self.view());
        let op = r#"{"op":"subscribe","channel":"ticker","symbols":["*:*"],"conflate_ms":250}"#;
        subscriber.on_text(op.as_bytes(), &self.view());
        let mut slots = vec![0; SYMBOLS as usize];
        for change in subscriber.take_changes() {
            let Change::Joined(_, symbol, slot) = change else { continue };
            if let Some(place) = slots.get_mut(symbol.index()) {
                *place = slot;
            }
        }
        (subscriber, slots)
    }

    /// Another price of each symbol.
    fn change(&mut self) {
        self.round += 1;
        for index in 0..SYMBOLS {
            let price = u128::from(9_700_000 + self.round % 1_000 * 7 + index);
            let level = |more| tick::Level {
                price: Price::from_parts(price + more, 2).unwrap(),
                size: Size::from_parts(u128::from(self.round % 97 + 1), 3),
            };
            let quote = tick::Quote {
                symbol: symbol(index),
                ts: Some(START),
                recv: START.plus_millis(5),
                bid: Some(level(0)),
                ask: Some(level(1)),
            };
            let seq = self.board.seq().next();
            self.board.stamp(FeedId(0), Tick::Quote(quote), seq).unwrap();
        }
    }

    /// Tells every client that each symbol has changed.
    fn tell(&mut self) {
        for (client, slots) in &mut self.clients {
            for (index, slot) in (0..).zip(slots) {
                let symbol = self.board.symbol(SymbolId(index)).unwrap();
                let seq = self.board.last(Channel::Ticker, symbol);
                let _got = black_box(client.on_message(*slot, seq, b""));
            }
        }
    }

    /// Everybody's clock strikes, and everybody takes everything.
    fn flush(&mut self) -> u64 {
        self.now += Duration::from_millis(250);
        let view = View {
            board: &self.board,
            tape: &self.tape,
            rates: &self.rates,
            snapshots: &self.snapshots,
            now: self.now,
            wall: START,
            age_ms: 0,
            pace: Pace::Keeping,
        };
        let mut bytes = 0;
        for (client, _) in &mut self.clients {
            client.on_timeout(&view);
            loop {
                client.fill(view.board, view.snapshots);
                if client.outbox().is_empty() {
                    break;
                }
                bytes += client.outbox_mut().take(32 * 1024).len() as u64;
            }
        }
        bytes
    }

    fn round(&mut self) -> u64 {
        self.change();
        self.tell();
        self.flush()
    }
}

fn flushes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("flush of 200 clients x 1,000 symbols");
    group.throughput(Throughput::Elements(CLIENTS as u64 * u64::from(SYMBOLS)));
    group.sample_size(20).measurement_time(Duration::from_secs(10));
    for (name, kept_bytes) in [("encoded each time", 0), ("encoded once", 4 << 20)] {
        let mut bench = Bench::new(kept_bytes);
        assert!(bench.round() > CLIENTS as u64 * u64::from(SYMBOLS) * 200);
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|rounds| {
                let mut spent = Duration::ZERO;
                for _ in 0..rounds {
                    bench.change();
                    bench.tell();
                    let started = clock::monotonic();
                    black_box(bench.flush());
                    spent += clock::monotonic().saturating_duration_since(started);
                }
                spent
            });
        });
    }
    group.finish();
}

criterion_group!(benches, flushes);
criterion_main!(benches);
