//! The journal: appending, scanning, point reads, checkpoints and recovery.
//!
//! Times of appending and scanning are CPU times of the thread, so that a busy machine does not
//! falsify them.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    reason = "a benchmark may panic and print"
)]

use std::fs;
use std::time::Duration;

use criterion::BatchSize;
use criterion::Criterion;
use criterion::Throughput;
use criterion::criterion_group;
use criterion::criterion_main;
use tempfile::TempDir;
use tickwire::board::Board;
use tickwire::event::Event;
use tickwire::event::FeedId;
use tickwire::event::Registry;
use tickwire::event::Seq;
use tickwire::event::SymbolId;
use tickwire::tape;
use tickwire::tape::Opened;
use tickwire::tape::Settings;
use tickwire::tape::Tape;
use tickwire_feeds::Nanos;
use tickwire_feeds::Price;
use tickwire_feeds::Size;
use tickwire_feeds::Symbol;
use tickwire_feeds::Tick;
use tickwire_feeds::tick;

const NOW: Nanos = Nanos(1_763_700_000_000_000_000);
const EVENTS: usize = 400_000;

/// 80 % quotes and 20 % trades, as a board stamps them.
struct Market {
    board: Board,
    symbols: Vec<Symbol>,
    random: u64,
    now: Nanos,
}

impl Market {
    fn new(symbols_count: u32) -> (Self, Vec<Event>) {
        let mut board = Board::default();
        let change = Registry::Feed { id: FeedId(0), name: "sim".into(), venue: "sim".into() };
        let mut events = vec![board.stamp_registry(change, NOW, Seq(1))];
        let names = (0..symbols_count).map(|at| Symbol::parse(&format!("sim:S{at:06}-USD")));
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
            self.now = Nanos(self.now.0 + 20_000 + i64::try_from(random % 7919).unwrap());
            let (recv, ts) = (self.now, Some(Nanos(self.now.0 - 3_000_000)));
            let symbol =
                self.symbols[usize::try_from(random).unwrap() % self.symbols.len()].clone();
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

/// CPU time of this thread.
fn cpu_time() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split(' ').next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.unwrap_or_default())
}

fn begin(settings: &Settings) -> Opened {
    tape::open(settings, NOW).unwrap()
}

fn write(settings: &Settings, events: &[Event], batch: usize) -> (Opened, Duration) {
    let mut opened = begin(settings);
    let begun = cpu_time();
    for batch in events.chunks(batch) {
        opened.journal.append(batch).unwrap();
        // The board is not needed before a segment is full.
        opened.journal.tend(&opened.board, NOW).unwrap();
    }
    let spent = cpu_time() - begun;
    (opened, spent)
}

fn unrotated(dir: &TempDir) -> Settings {
    Settings { segment_bytes: 1 << 30, ..Settings::new(dir.path().join("tape")) }
}

fn append_and_scan(c: &mut Criterion) {
    let (mut market, mut events) = Market::new(20);
    events.extend((0..EVENTS).map(|_| market.event()));
    let dir = tempfile::tempdir().unwrap();
    let mut group = c.benchmark_group("journal");
    group.throughput(Throughput::Elements(events.len() as u64)).sample_size(10);
    for batch in [64, 1024] {
        group.bench_function(format!("append in batches of {batch}"), |bench| {
            bench.iter_custom(|count| {
                (0..count)
                    .map(|_| {
                        let settings = unrotated(&dir);
                        let (_, spent) = write(&settings, &events, batch);
                        fs::remove_dir_all(&settings.dir).unwrap();
                        spent
                    })
                    .sum()
            });
        });
    }
    let settings = unrotated(&dir);
    let (opened, _) = write(&settings, &events, 64);
    println!("bytes per event: {}", opened.tape.bytes() / events.len() as u64);
    group.bench_function("scan", |bench| {
        bench.iter_custom(|count| (0..count).map(|_| scan(&opened.tape, None)).sum());
    });
    group.bench_function("scan for one symbol of 20", |bench| {
        let one = Some(SymbolId(7));
        bench.iter_custom(|count| (0..count).map(|_| scan(&opened.tape, one)).sum());
    });
    group.finish();
    let mut at = 1;
    c.bench_function("journal/get", |bench| {
        bench.iter(|| {
            at = (at + 7919) % EVENTS as u64 + 1;
            opened.tape.get(Seq(at)).unwrap().unwrap()
        });
    });
}

fn scan(tape: &Tape, only: Option<SymbolId>) -> Duration {
    let begun = cpu_time();
    let mut cursor = tape.read_after(Seq::START).unwrap();
    let mut events = Vec::new();
    loop {
        events.clear();
        let looks = match only {
            None => cursor.next_batch(1024, &mut events),
            Some(_) => cursor.next_where(1024, &mut events, |peek| peek.symbol == only),
        };
        if looks.unwrap() == 0 {
            return cpu_time() - begun;
        }
    }
}

fn checkpoint(c: &mut Criterion) {
    const SYMBOLS: u32 = 100_000;
    let (mut market, mut events) = Market::new(SYMBOLS);
    events.extend((0..3 * SYMBOLS).map(|_| market.event()));
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings::new(dir.path().join("tape"));
    let (opened, _) = write(&settings, &events, 1024);
    opened.journal.close(&market.board).unwrap();
    let opened = begin(&settings);
    let mut group = c.benchmark_group("journal");
    group.sample_size(10);
    group.bench_function("read a checkpoint of 100,000 symbols", |bench| {
        bench.iter(|| opened.tape.checkpoint().unwrap());
    });
    assert_eq!(opened.tape.checkpoint().unwrap(), market.board);
    drop(opened);
    group.bench_function("begin a segment with 100,000 symbols", |bench| {
        bench.iter_custom(|count| (0..count).map(|_| rotate(&dir, &events, &market.board)).sum());
    });
    group.finish();
}

/// The longest that the writer is away from appending when a segment begins.
fn rotate(dir: &TempDir, events: &[Event], board: &Board) -> Duration {
    const ENOUGH: u64 = 4096;
    let dir = dir.path().join("rotating");
    let settings = Settings { segment_bytes: ENOUGH, ..Settings::new(&dir) };
    let mut opened = begin(&settings);
    opened.journal.append(events).unwrap();
    assert!(opened.tape.bytes() > ENOUGH);
    let mut longest = Duration::ZERO;
    while opened.tape.segments_count() == 1 {
        let begun = cpu_time();
        opened.journal.tend(board, NOW).unwrap();
        longest = longest.max(cpu_time() - begun);
        std::thread::yield_now();
    }
    drop(opened);
    fs::remove_dir_all(&dir).unwrap();
    longest
}

fn recovery(c: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings::new(dir.path().join("tape"));
    let (mut market, events) = Market::new(20);
    let mut opened = begin(&settings);
    opened.journal.append(&events).unwrap();
    while opened.tape.bytes() < 1 << 30 {
        let events: Vec<_> = (0..1024).map(|_| market.event()).collect();
        opened.journal.append(&events).unwrap();
        opened.journal.tend(&market.board, NOW).unwrap();
    }
    println!("{} events in {} segments", opened.tape.head(), opened.tape.segments_count());
    let count = opened.tape.segments_count();
    drop(opened);
    let mut group = c.benchmark_group("journal");
    group.sample_size(10);
    group.bench_function("open 1 GiB after a crash", |bench| {
        bench.iter_batched(
            || remove_newest(&settings, count),
            |()| assert_eq!(begin(&settings).board, market.board),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

/// What opening began would make the next opening faster.
fn remove_newest(settings: &Settings, keep: usize) {
    let files = fs::read_dir(&settings.dir).unwrap().map(|entry| entry.unwrap().path());
    let mut segments: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|kind| kind == "tape")).collect();
    segments.sort();
    segments.iter().skip(keep).for_each(|path| fs::remove_file(path).unwrap());
}

criterion_group!(benches, append_and_scan, checkpoint, recovery);
criterion_main!(benches);
