//! The store: how fast history is written and read, and what CPU a row costs on either side.
//!
//! `cargo bench --bench store [-- EVENTS]`. Its Postgres has fsync off and is gone afterwards.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    reason = "a benchmark may panic, print and reckon"
)]

use std::fs;
use std::time::Duration;
use std::time::Instant;

use tickwire::board::Board;
use tickwire::clock::monotonic;
use tickwire::event::Event;
use tickwire::event::FeedId;
use tickwire::event::Registry;
use tickwire::event::Seq;
use tickwire::event::SymbolId;
use tickwire::store::Filter;
use tickwire::store::Reader;
use tickwire::store::Recorder;
use tickwire::store::Settings;
use tickwire::store::Url;
use tickwire::tape;
use tickwire_feeds::Nanos;
use tickwire_feeds::Price;
use tickwire_feeds::Size;
use tickwire_feeds::Symbol;
use tickwire_feeds::Tick;
use tickwire_feeds::tick;

use postgres::Postgres;

#[path = "../tests/it/postgres.rs"]
mod postgres;

const NOW: Nanos = Nanos(1_763_700_000_000_000_000);
const EVENTS: usize = 4_000_000;
const SYMBOLS: u32 = 1_000;

/// 80 % quotes and 20 % trades of a thousand symbols, as a board stamps them.
struct Market {
    board: Board,
    symbols: Vec<Symbol>,
    random: u64,
    now: Nanos,
}

impl Market {
    fn new() -> (Self, Vec<Event>) {
        let mut board = Board::default();
        let change = Registry::Feed { id: FeedId(0), name: "sim".into(), venue: "sim".into() };
        let mut events = vec![board.stamp_registry(change, NOW, Seq(1))];
        let names = (0..SYMBOLS).map(|at| Symbol::parse(&format!("sim:S{at:06}-USD")));
        let symbols: Vec<_> = names.map(Result::unwrap).collect();
        for symbol in &symbols {
            let listing = tick::Listing { symbol: symbol.clone(), raw: None, recv: NOW };
            let seq = board.seq().next();
            events.push(board.stamp(FeedId(0), Tick::Listed(listing), seq).unwrap());
        }
        (Self { board, symbols, random: 1, now: NOW }, events)
    }

    fn event(&mut self) -> Event {
        loop {
            self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let random = self.random >> 33;
            self.now = Nanos(self.now.0 + i64::try_from(random % 7919).unwrap());
            let (recv, ts) = (self.now, Some(Nanos(self.now.0 - 3_000_000)));
            let at = usize::try_from(random).unwrap() % self.symbols.len();
            let symbol = self.symbols[at].clone();
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
                    side: Some(tick::Side::Sell),
                    trade_id: Some(tick::TradeId::Number(4_000_000_000 + random)),
                    extra: None,
                })
            } else {
                Tick::Quote(tick::Quote { symbol, ts, recv, bid: level(0), ask: level(1) })
            };
            if let Ok(event) = self.board.stamp(FeedId(0), tick, self.board.seq().next()) {
                return event;
            }
        }
    }
}

/// Wall time, CPU time of this process and of Postgres.
struct Meter<'a> {
    postgres: &'a Postgres,
    begun: Instant,
    own: Duration,
    theirs: Duration,
}

impl<'a> Meter<'a> {
    fn start(postgres: &'a Postgres) -> Self {
        let (own, theirs) = (cpu_time(), postgres.cpu_time());
        Self { postgres, begun: monotonic(), own, theirs }
    }

    fn tell(&self, what: &str, rows: u64) {
        let wall = self.begun.elapsed();
        let (own, theirs) = (cpu_time() - self.own, self.postgres.cpu_time() - self.theirs);
        let each = |time: Duration| time.as_secs_f64() * 1e6 / rows as f64;
        println!(
            "{what:42} {:>9.0} rows/s ({rows} in {:.2} s); CPU a row: ours {:.2} us, Postgres {:.2} us",
            rows as f64 / wall.as_secs_f64(),
            wall.as_secs_f64(),
            each(own),
            each(theirs),
        );
    }
}

/// CPU time of this process.
fn cpu_time() -> Duration {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    let nanos = tasks.map(|task| {
        let text = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        text.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0)
    });
    Duration::from_nanos(nanos.sum())
}

fn main() {
    let events = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(EVENTS);
    let settings =
        ["shared_buffers=512MB", "max_wal_size=8GB", "checkpoint_timeout=30min", "fsync=off"];
    let Some(postgres) = Postgres::start(&settings) else { return };
    let dir = tempfile::tempdir().unwrap();
    let of_tape = tape::Settings { segment_bytes: 64 << 20, ..tape::Settings::new(dir.path()) };
    let mut opened = tape::open(&of_tape, NOW).unwrap();
    let (mut market, first) = Market::new();
    opened.journal.append(&first).unwrap();
    for _ in 0..events / 1_000 {
        let events: Vec<Event> = (0..1_000).map(|_| market.event()).collect();
        opened.journal.append(&events).unwrap();
        opened.journal.tend(&market.board, NOW).unwrap();
    }
    let rows = opened.tape.head().0;
    println!("{rows} events of {SYMBOLS} symbols, {} bytes each in the journal", {
        opened.tape.bytes() / rows
    });
    let settings = Settings::new(Url::parse(&postgres.url()).unwrap());
    let meter = Meter::start(&postgres);
    let recorder = Recorder::start(opened.tape.clone(), settings.clone()).unwrap();
    while recorder.status().behind() != Some(0) {
        std::thread::sleep(Duration::from_millis(5));
    }
    meter.tell("record", rows);
    println!("{:?}", recorder.stop(Duration::from_secs(60)));
    let sizes = "SELECT relname || ' ' || pg_relation_size(c.oid) / \
                 (SELECT sum(events) FROM slices) || ' B a row' FROM pg_class c \
                 WHERE relname LIKE 'events_2%' AND pg_relation_size(c.oid) > 99999";
    println!("{}", postgres.ask(sizes));
    read(&postgres, &settings, rows);
}

fn read(postgres: &Postgres, settings: &Settings, rows: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let reader = Reader::new(settings).unwrap();
    let epoch = runtime.block_on(reader.epochs()).unwrap().pop().unwrap();
    let all = |filter: Filter| {
        let mut reading = reader.read(&epoch, epoch.oldest, Seq::MAX, filter);
        let mut batch = Vec::new();
        let mut count = 0;
        runtime.block_on(async {
            loop {
                batch.clear();
                match reading.next_batch(&mut batch).await.unwrap() {
                    0 => return count,
                    some => count += some as u64,
                }
            }
        })
    };
    for _ in 0..3 {
        let meter = Meter::start(postgres);
        assert_eq!(all(Filter::default()), rows);
        meter.tell("read all", rows);
    }
    for (what, count) in [("read 1 symbol of 1,000", 1), ("read 50 symbols of 1,000", 50)] {
        let symbols = (0..count).map(|at| SymbolId(at * 17)).collect();
        let meter = Meter::start(postgres);
        let found = all(Filter::default().symbols(symbols));
        meter.tell(what, found);
    }
    let begun = monotonic();
    const SEEKS: u64 = 20;
    for at in 0..SEEKS {
        let seq = Seq(rows * at / SEEKS + 12_345);
        runtime.block_on(reader.board_at(&epoch, seq)).unwrap();
    }
    println!("board at a place: {:.1} ms", begun.elapsed().as_secs_f64() * 1e3 / SEEKS as f64);
}
