//! What a tick costs from the feed's queue to the shards' rings: stamped, journaled, published.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark that cannot go on has failed"
)]

use std::hint::black_box;
use std::sync::Arc;

use criterion::Criterion;
use criterion::Throughput;
use criterion::criterion_group;
use criterion::criterion_main;
use tickwire::board::Board;
use tickwire::clock;
use tickwire::event::FeedId;
use tickwire::event::Registry;
use tickwire::event::Seq;
use tickwire::hub::Hub;
use tickwire::hub::Publisher;
use tickwire::hub::Shared;
use tickwire::hub::ring::Reader;
use tickwire::tape;
use tickwire_feeds::Feed as _;
use tickwire_feeds::Nanos;
use tickwire_feeds::Output;
use tickwire_feeds::Tick;
use tickwire_feeds::sim::Settings;
use tickwire_feeds::sim::Sim;

const FEED: FeedId = FeedId(0);

/// A tape with what writes it, and the readers of two shards.
struct Rig {
    opened: tape::Opened,
    publisher: Publisher,
    readers: Vec<Reader>,
    next: Seq,
    last: Seq,
    _dir: tempfile::TempDir,
}

impl Rig {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut settings = tape::Settings::new(dir.path());
        settings.retention_bytes = 512 << 20;
        let opened = tape::open(&settings, clock::now()).unwrap();
        let hub = Arc::new(Hub::new(65_536, clock::monotonic()));
        let readers = vec![hub.join(), hub.join()];
        let next = opened.journal.next_seq();
        let publisher = Publisher::new(hub);
        let mut rig = Self { opened, publisher, readers, next, last: Seq::START, _dir: dir };
        let feed = Registry::Feed { id: FEED, name: "sim".into(), venue: "sim".into() };
        let event = rig.opened.board.stamp_registry(feed, clock::now(), rig.next);
        rig.next = rig.next.next();
        rig.opened.journal.append(&[event]).unwrap();
        rig
    }

    fn write(&mut self, ticks: &[Tick]) {
        let board: &mut Board = &mut self.opened.board;
        let mut events = Vec::with_capacity(ticks.len());
        for tick in ticks {
            if let Ok(event) = board.stamp(FEED, tick.clone(), self.next) {
                self.next = self.next.next();
                events.push(event);
            }
        }
        self.opened.journal.append(&events).unwrap();
        self.opened.journal.tend(board, Nanos(0)).unwrap();
        let shared = events.into_iter().map(|event| {
            let after = std::mem::replace(&mut self.last, event.seq);
            Shared::new(event, after)
        });
        self.publisher.publish(shared.collect());
        for reader in &self.readers {
            while let Some(shared) = reader.next() {
                black_box(shared);
            }
        }
    }
}

fn ticks(count: usize) -> Vec<Tick> {
    let mut sim = Sim::new(Settings { ticks_per_s: 1_000_000, ..Settings::default() }).unwrap();
    let (mut out, mut now) = (Output::default(), Nanos::from_millis(1_700_000_000_000));
    sim.on_open(now, &mut out);
    while out.ticks.len() < count {
        now = now.plus_millis(1);
        sim.on_timeout(now, &mut out);
    }
    out.ticks
}

fn sequencer(criterion: &mut Criterion) {
    let ticks = ticks(200_000);
    let mut group = criterion.benchmark_group("sequencer");
    for batch in [1, 64, 1_024] {
        let mut rig = Rig::new();
        rig.write(&ticks[..21]);
        let mut batches = ticks[21..].chunks_exact(batch).cycle();
        group.throughput(Throughput::Elements(batch as u64));
        group.bench_function(
            format!("stamp, append, publish to 2 rings, batches of {batch}"),
            |of| {
                of.iter(|| rig.write(batches.next().unwrap_or_default()));
            },
        );
    }
    group.finish();
}

criterion_group!(benches, sequencer);
criterion_main!(benches);
