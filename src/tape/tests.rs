//! The tape as a whole: lives, damage, retention.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use tickwire_feeds::Price;
use tickwire_feeds::Size;
use tickwire_feeds::Symbol;
use tickwire_feeds::Tick;
use tickwire_feeds::tick;

use super::*;
use crate::event::FeedId;
use crate::event::Registry;

const NOW: Nanos = Nanos(1_763_700_000_000_000_000);
const SYMBOLS: u64 = 20;

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
            let names: Vec<_> = (0..SYMBOLS).collect();
            for name in names {
                let symbol = Symbol::parse(&format!("sim:S{name:05}-USD")).unwrap();
                let listing = tick::Listing { symbol, raw: None, recv: NOW };
                life.write(1, |life, seq| {
                    life.board.stamp(FeedId(0), Tick::Listed(listing.clone()), seq).unwrap()
                });
            }
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
        let tick = if random % 5 == 0 {
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

#[test]
fn what_was_appended_is_read() {
    let (_dir, mut life) = fresh();
    assert_eq!(life.journal.next_seq(), Seq(SYMBOLS + 2));
    life.quotes(1000);
    let events = life.all();
    assert_eq!(events.len(), 1000 + 1 + 20);
    assert_eq!(events.last().unwrap().seq, life.tape.head());
    let mut board = Board::default();
    events.iter().for_each(|event| board.apply(event));
    assert_eq!(board, life.board);
}

#[test]
fn a_clean_end_is_continued_right_behind_the_last_event() {
    let (_dir, mut life) = fresh();
    life.quotes(500);
    let (head, events) = (life.tape.head(), life.all());
    let epoch = life.tape.epoch().to_owned();
    let (settings, board) = life.close();
    for _ in 0..3 {
        let life = Life::begin(&settings);
        assert_eq!(life.board, board);
        assert_eq!(life.tape.epoch(), epoch);
        assert_eq!(life.journal.next_seq(), head.next());
        assert_eq!(life.all(), events);
        life.close();
    }
    let mut life = Life::begin(&settings);
    life.quotes(1);
    assert_eq!(life.tape.head(), head.next());
    assert_eq!(life.tape.resumable(head), Resume::Yes);
    assert_eq!(life.tape.resumable(head.next().next()), Resume::Ahead);
}

#[test]
fn after_a_crash_no_seq_is_given_twice_and_the_hole_is_expired() {
    let (_dir, mut life) = fresh();
    life.quotes(500);
    let (head, events, ceiling) = (life.tape.head(), life.all(), 2 << 20);
    let (settings, board) = life.crash();
    let mut life = Life::begin(&settings);
    assert_eq!(life.board, board);
    assert_eq!(life.all(), events);
    assert!(life.journal.next_seq().0 > ceiling);
    assert_eq!(life.tape.resumable(head), Resume::Yes);
    assert_eq!(life.tape.resumable(head.next()), Resume::Expired);
    let first = life.journal.next_seq();
    assert_eq!(life.tape.resumable(Seq(first.0 - 1)), Resume::Expired);
    assert_eq!(life.tape.resumable(first), Resume::Ahead);
    life.quotes(1);
    assert_eq!(life.tape.head(), first);
    assert_eq!(life.tape.resumable(first), Resume::Yes);
    assert_eq!(life.tape.resumable(head), Resume::Yes);
    assert_eq!(read_from(&life.tape, head).len(), 1);
    assert_eq!(life.all().len(), events.len() + 1);
}
