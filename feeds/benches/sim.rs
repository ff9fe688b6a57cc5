//! What a simulated tick costs.
#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

use criterion::Criterion;
use criterion::Throughput;
use criterion::criterion_group;
use criterion::criterion_main;
use tickwire_feeds::Feed;
use tickwire_feeds::Nanos;
use tickwire_feeds::Output;
use tickwire_feeds::Sim;
use tickwire_feeds::sim::Settings;

const BATCH: u64 = 1_000;

fn ticks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sim");
    group.throughput(Throughput::Elements(BATCH));
    for symbols in [20, 1_000, 100_000] {
        let settings = Settings { symbols, ticks_per_s: 1_000_000, ..Settings::default() };
        let mut sim = Sim::new(settings).unwrap();
        let mut out = Output::default();
        let mut now = Nanos(1_000_000_000);
        sim.on_open(now, &mut out);
        group.bench_function(format!("{symbols} symbols, 1,000 ticks"), |bencher| {
            bencher.iter(|| {
                out.ticks.clear();
                now = now.plus_millis(1);
                sim.on_timeout(now, &mut out);
                assert!(out.ticks.len() >= 1_000);
            });
        });
    }
    group.finish();
}

fn construction(criterion: &mut Criterion) {
    criterion.bench_function("sim/100,000 symbols made", |bencher| {
        bencher.iter(|| Sim::new(Settings { symbols: 100_000, ..Settings::default() }).unwrap());
    });
}

criterion_group!(benches, ticks, construction);
criterion_main!(benches);
