//! What MessagePack costs: a message of the ticker, packed from its JSON, beside its JSON being
//! written. An event is packed once for all clients.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]
#![allow(clippy::print_stdout, reason = "lengths are results too")]

use std::hint::black_box;

use criterion::Criterion;
use criterion::Throughput;
use criterion::criterion_group;
use criterion::criterion_main;
use tickwire::board::Board;
use tickwire::event::Channel;
use tickwire::event::Event;
use tickwire::event::FeedId;
use tickwire::event::Registry;
use tickwire::event::Seq;
use tickwire::event::SymbolId;
use tickwire::wire::json;
use tickwire::wire::json::StreamName;
use tickwire::wire::msgpack;
use tickwire_feeds::Nanos;
use tickwire_feeds::Price;
use tickwire_feeds::Size;
use tickwire_feeds::Symbol;
use tickwire_feeds::Tick;
use tickwire_feeds::tick;

const FEED: FeedId = FeedId(0);
const NOON: Nanos = Nanos(1_763_726_400_123_456_789);
const NAME: &str = "sim:BTC-USD";

fn quote(bid: u128, at: Nanos) -> Tick {
    let level = |digits| {
        let price = Price::from_parts(digits, 2).unwrap();
        Some(tick::Level { price, size: Size::from_parts(12_345, 4) })
    };
    Tick::Quote(tick::Quote {
        symbol: Symbol::parse(NAME).unwrap(),
        ts: Some(at),
        recv: at.plus_millis(3),
        bid: level(bid),
        ask: level(bid + 1),
    })
}

fn trade(price: u128, at: Nanos) -> Tick {
    Tick::Trade(tick::Trade {
        symbol: Symbol::parse(NAME).unwrap(),
        ts: Some(at),
        recv: at.plus_millis(3),
        price: Price::from_parts(price, 2).unwrap(),
        size: Size::from_parts(27_625, 8).unwrap(),
        side: Some(tick::Side::Buy),
        trade_id: Some(tick::TradeId::Number(10_218_208)),
        extra: None,
    })
}

/// A board with a day of one symbol on it, and its last quote and trade.
fn stamped() -> (Board, Event, Event) {
    let mut board = Board::default();
    let feed = Registry::Feed { id: FEED, name: "sim".into(), venue: "sim".into() };
    board.stamp_registry(feed, NOON, Seq(184_000));
    let symbol = Symbol::parse(NAME).unwrap();
    let mut stamp = |tick| {
        let seq = board.seq().next();
        board.stamp(FEED, tick, seq).unwrap()
    };
    stamp(Tick::Listed(tick::Listing { symbol, raw: None, recv: NOON }));
    stamp(quote(9_700_001, NOON));
    stamp(trade(9_700_002, NOON));
    let trade = stamp(trade(9_700_110, NOON.plus_millis(10)));
    let quote = stamp(quote(9_700_103, NOON.plus_millis(20)));
    (board, quote, trade)
}

fn packing(criterion: &mut Criterion) {
    let (board, quote, trade) = stamped();
    let mut group = criterion.benchmark_group("packing");
    let mut cost = |name: &str, write: &dyn Fn(&mut Vec<u8>)| {
        let (mut json, mut packed) = (Vec::new(), Vec::new());
        write(&mut json);
        msgpack::pack(&mut packed, &json);
        println!("{name}: {} bytes of JSON, {} packed", json.len(), packed.len());
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("{name}, JSON written"), |bencher| {
            let mut out = Vec::new();
            bencher.iter(|| {
                out.clear();
                write(black_box(&mut out));
            });
        });
        group.bench_function(format!("{name}, packed"), |bencher| {
            let mut out = Vec::new();
            bencher.iter(|| {
                out.clear();
                msgpack::pack(black_box(&mut out), black_box(&json));
            });
        });
    };
    let event = |event: &Event, channel, out: &mut Vec<u8>| {
        let stream = StreamName { channel, id: SymbolId(0), symbol: NAME };
        json::write_event(out, stream, event, Seq(0));
    };
    cost("a delta of a quote", &|out| event(&quote, Channel::Ticker, out));
    cost("a delta of a trade", &|out| event(&trade, Channel::Ticker, out));
    cost("a trade", &|out| event(&trade, Channel::Trades, out));
    cost("a snapshot", &|out| json::write_snapshot(out, Channel::Ticker, SymbolId(0), &board));
    group.finish();
}

criterion_group!(benches, packing);
criterion_main!(benches);
