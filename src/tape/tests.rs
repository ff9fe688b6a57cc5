//! The tape as a whole. Here is the writer that the tests have in common.

use std::fs;
use std::path::Path;
use std::thread;

use tempfile::TempDir;
use tickwire_feeds::Price;
use tickwire_feeds::Size;
use tickwire_feeds::Symbol;
use tickwire_feeds::Tick;
use tickwire_feeds::tick;

use super::*;
use crate::event::FeedId;
use crate::event::Registry;

mod boards;
mod checkup;
mod damage;
mod lives;
mod reading;
mod retention;
mod versions;
mod writing;

const NOW: Nanos = Nanos(1_763_700_000_000_000_000);
const SYMBOLS: u64 = 5;

/// A writer with its board, as the sequencer is one.
struct Life {
    settings: Settings,
    journal: Journal,
    tape: Tape,
    board: Board,
    random: u64,
    now: Nanos,
}

fn settings(dir: &Path) -> Settings {
    Settings { segment_bytes: 16 * 1024, ..Settings::new(dir) }
}

impl Life {
    fn begin(settings: &Settings) -> Self {
        let Opened { journal, tape, board } = open(settings, NOW).unwrap();
        let mut life = Self {
            settings: settings.clone(),
            journal,
            tape,
            random: board.seq().0 + 1,
            board,
            now: NOW,
        };
        if life.board.feed_id("sim").is_none() {
            life.write(1, |life, seq| {
                let change =
                    Registry::Feed { id: FeedId(0), name: "sim".into(), venue: "sim".into() };
                life.board.stamp_registry(change, NOW, seq)
            });
            let mut name = 0;
            life.write(SYMBOLS, |life, seq| {
                let symbol = Symbol::parse(&format!("sim:S{name:05}-USD")).unwrap();
                name += 1;
                let listing = tick::Listing { symbol, raw: None, recv: NOW };
                life.board.stamp(FeedId(0), Tick::Listed(listing), seq).unwrap()
            });
        }
        life
    }

    fn write(&mut self, count: u64, mut stamp: impl FnMut(&mut Self, Seq) -> Event) {
        let mut seq = self.journal.next_seq();
        let mut events = Vec::new();
        for _ in 0..count {
            events.push(stamp(self, seq));
            seq = seq.next();
        }
        self.journal.append(&events).unwrap();
        self.journal.tend(&self.board, self.now).unwrap();
    }

    fn quotes(&mut self, count: u64) {
        self.write(count, |life, seq| life.quote(seq));
    }

    fn quote(&mut self, seq: Seq) -> Event {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let random = self.random >> 33;
        self.now = Nanos(self.now.0 + 1_000_000);
        let price = |at| Price::from_parts(u128::from(9_700_000 + random % 1000 + at), 2);
        let level = |at| {
            let size = Size::from_parts((random % 100_000).into(), 8);
            price(at).map(|price| tick::Level { price, size })
        };
        let symbol = Symbol::parse(&format!("sim:S{:05}-USD", random % SYMBOLS)).unwrap();
        let (recv, ts) = (self.now, Some(Nanos(self.now.0 - 3_000_000)));
        let tick = if random.is_multiple_of(5) {
            Tick::Trade(tick::Trade {
                symbol,
                ts,
                recv,
                price: price(0).unwrap(),
                size: Size::from_parts(random.into(), 8).unwrap(),
                side: Some(tick::Side::Sell),
                trade_id: Some(tick::TradeId::Number(random)),
                extra: None,
            })
        } else {
            Tick::Quote(tick::Quote { symbol, ts, recv, bid: level(0), ask: level(1) })
        };
        self.board.stamp(FeedId(0), tick, seq).unwrap()
    }

    /// Writes until the tape has so many segments.
    fn fill(&mut self, segments: usize) {
        let begun = self.tape.segments_count();
        while self.tape.segments_count() < begun + segments {
            self.quotes(50);
            thread::yield_now();
        }
        self.quotes(50);
    }

    fn all(&self) -> Vec<Event> {
        read_from(&self.tape, self.tape.oldest())
    }

    /// `kill -9`.
    fn crash(self) -> (Settings, Board) {
        (self.settings.clone(), self.board)
    }

    fn close(self) -> (Settings, Board) {
        self.journal.close(&self.board).unwrap();
        (self.settings, self.board)
    }
}

fn read_from(tape: &Tape, cursor: Seq) -> Vec<Event> {
    let mut cursor = tape.read_after(cursor).unwrap();
    let mut events = Vec::new();
    while cursor.next_batch(7, &mut events).unwrap() > 0 {}
    events
}

fn fresh() -> (TempDir, Life) {
    let dir = tempfile::tempdir().unwrap();
    let life = Life::begin(&settings(dir.path()));
    (dir, life)
}

fn segment_paths(dir: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|kind| kind == "tape")).collect();
    paths.sort();
    paths
}

/// Changes a byte of a file.
fn flip(path: &Path, at: usize, bits: u8) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= bits;
    fs::write(path, bytes).unwrap();
}
