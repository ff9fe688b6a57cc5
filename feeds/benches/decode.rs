//! Nanoseconds from a venue's frame to its tick, for each kind of frame: copying it into the
//! buffer and writing its next number included, sequencing and sockets not.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark may panic")]
#![allow(missing_docs, reason = "criterion's macros make functions without")]

use std::fs;
use std::hint::black_box;
use std::path::PathBuf;

use criterion::Criterion;
use criterion::Throughput;
use criterion::criterion_group;
use criterion::criterion_main;
use tickwire_feeds::Feed;
use tickwire_feeds::Nanos;
use tickwire_feeds::Output;
use tickwire_feeds::Symbol;
use tickwire_feeds::Venue;

/// Venue, sample, the text of the number that grows from frame to frame, and the ticks of each.
const CASES: &[(Venue, &str, &str, usize)] = &[
    (Venue::Binance, "trade", "\"t\":7001", 1),
    (Venue::Binance, "agg_trade", "\"a\":501", 1),
    (Venue::Binance, "book_ticker", "\"u\":900000001", 1),
    (Venue::Binance, "depth_update", "\"u\":900000003", 0),
    (Venue::Coinbase, "match", "\"trade_id\":4001", 1),
    (Venue::Coinbase, "ticker", "\"sequence\":810001", 1),
    (Venue::Coinbase, "heartbeat", "\"sequence\":810002", 0),
    (Venue::Kraken, "trade", "\"trade_id\":501", 1),
    (Venue::Kraken, "ticker_snapshot", "\"trades\":40123", 1),
    (Venue::Kraken, "heartbeat", "", 0),
];

/// Digits of the growing number.
const DIGITS: usize = 10;

/// A frame with room for a number.
struct Template {
    text: Vec<u8>,
    number_at: Option<usize>,
    buffer: Vec<u8>,
}

impl Template {
    fn new(sample: &str, number: &str) -> Self {
        let sample = sample.trim();
        let Some((name, _)) = number.split_once(':') else {
            return Self { text: sample.into(), number_at: None, buffer: sample.into() };
        };
        let at = sample.find(number).unwrap();
        let zeros = format!("{name}:{}", "0".repeat(DIGITS));
        let text = sample.replacen(number, &zeros, 1).into_bytes();
        Self { number_at: Some(at + name.len() + 1), buffer: text.clone(), text }
    }

    /// The frame with this number, which is above 10^9 so that it has no leading zeros.
    fn frame(&mut self, mut number: u64) -> &mut [u8] {
        self.buffer.copy_from_slice(&self.text);
        if let Some(at) = self.number_at {
            for digit in self.buffer[at..at + DIGITS].iter_mut().rev() {
                *digit = b'0' + u8::try_from(number % 10).unwrap();
                number /= 10;
            }
        }
        &mut self.buffer
    }
}

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(1));
    for (venue, name, number, ticks) in CASES {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join(format!("samples/{}/{name}.json", venue.name()));
        let mut template = Template::new(&fs::read_to_string(path).unwrap(), number);
        let mut feed = opened(*venue);
        let (mut out, mut number) = (Output::default(), 1_000_000_000);
        group.bench_function(format!("{venue}/{name}"), |bencher| {
            bencher.iter(|| {
                number += 1;
                let result = feed.on_frame(
                    template.frame(number),
                    Nanos(1_800_000_000_000_000_000),
                    &mut out,
                );
                assert_eq!(out.ticks.len(), *ticks);
                black_box((&out, result.is_ok()));
                out.ticks.clear();
            });
        });
    }
    group.finish();
}

fn opened(venue: Venue) -> Box<dyn Feed> {
    let quote = if venue == Venue::Binance { "USDT" } else { "USD" };
    let symbols: Vec<_> = ["BTC", "ETH", "SOL", "XRP", "ADA"]
        .iter()
        .map(|base| Symbol::parse(&format!("{venue}:{base}-{quote}")).unwrap())
        .collect();
    let mut feed = venue.feed(&symbols).unwrap();
    feed.on_open(Nanos(0), &mut Output::default());
    feed
}

criterion_group!(benches, decode);
criterion_main!(benches);
