//! What bars cost: a trade counted on a board, and a clock event that closes those of many symbols.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot go on has failed"
)]

use std::hint::black_box;

use criterion::BatchSize;
use criterion::Criterion;
use criterion::Throughput;
use criterion::criterion_group;
use criterion::criterion_main;
use tickwire::board::Board;
use tickwire::event::Event;
use tickwire::event::FeedId;
use tickwire::event::Registry;
use tickwire::event::Seq;
use tickwire_feeds::Nanos;
use tickwire_feeds::Price;
use tickwire_feeds::Size;
use tickwire_feeds::Symbol;
use tickwire_feeds::Tick;
use tickwire_feeds::tick;

const FEED: FeedId = FeedId(0);
const NOON: Nanos = Nanos(1_763_726_400_000_000_000);

fn name(of: usize) -> Symbol {
    Symbol::parse(&format!("sim:S{of:06}-USD")).unwrap()
}

fn trade(of: usize, at: Nanos, random: u64) -> Tick {
    Tick::Trade(tick::Trade {
        symbol: name(of),
        ts: Some(at),
        recv: at.plus_millis(3),
        price: Price::from_parts(u128::from(9_700_000 + random % 1_000), 2).unwrap(),
        size: Size::from_parts(u128::from(random % 1_000_000), 8).unwrap(),
        side: Some(tick::Side::Buy),
        trade_id: Some(tick::TradeId::Number(random)),
        extra: None,
    })
}

fn board(symbols: usize) -> Board {
    let mut board = Board::default();
    let feed = Registry::Feed { id: FEED, name: "sim".into(), venue: "sim".into() };
    board.stamp_registry(feed, NOON, Seq(1));
    for of in 0..symbols {
        let listing = tick::Listing { symbol: name(of), raw: None, recv: NOON };
        let seq = board.seq().next();
        board.stamp(FEED, Tick::Listed(listing), seq).unwrap();
    }
    board
}

/// Trades of 20 symbols, so many a second, and the board before them.
fn trades(count: usize, per_s: i64) -> (Board, Vec<Event>) {
    let board = board(20);
    let (mut writer, mut events, mut random) = (board.clone(), Vec::new(), 1_u64);
    for at in 0..i64::try_from(count).unwrap() {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let at = Nanos(NOON.0 + at * 1_000_000_000 / per_s);
        let of = usize::try_from((random >> 33) % 20).unwrap();
        let seq = writer.seq().next();
        events.push(writer.stamp(FEED, trade(of, at, random >> 20), seq).unwrap());
        if writer.is_clock_overdue(at) {
            let seq = writer.seq().next();
            events.push(writer.stamp_clock(at.plus_millis(3), seq));
        }
    }
    (board, events)
}

fn bars(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("bars");
    for per_s in [100_000, 100] {
        let (board, events) = trades(50_000, per_s);
        group.throughput(Throughput::Elements(events.len() as u64));
        group.bench_function(format!("apply trades of 20 symbols, {per_s} a second"), |of| {
            let run = |mut board: Board| {
                events.iter().for_each(|event| board.apply(event));
                board
            };
            of.iter_batched(|| board.clone(), run, BatchSize::LargeInput);
        });
    }
    let mut full = board(100_000);
    for of in 0..100_000 {
        let seq = full.seq().next();
        full.stamp(FEED, trade(of, NOON, 5), seq).unwrap();
    }
    group.throughput(Throughput::Elements(100_000));
    group.sample_size(10);
    group.bench_function("one clock event closes a bar of 100000 symbols", |of| {
        let run = |mut board: Board| {
            let seq = board.seq().next();
            black_box(board.stamp_clock(NOON.plus_millis(3_100), seq));
            assert_eq!(board.closed().len(), 100_000);
            board
        };
        of.iter_batched(|| full.clone(), run, BatchSize::PerIteration);
    });
    group.finish();
}

criterion_group!(benches, bars);
criterion_main!(benches);
