//! The tape as a whole: lives, damage, retention.

use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::thread;

use proptest::prelude::*;
use tempfile::TempDir;
use tickwire_feeds::Price;
use tickwire_feeds::Size;
use tickwire_feeds::Symbol;
use tickwire_feeds::Tick;
use tickwire_feeds::tick;

use super::*;
use crate::event::FeedId;
use crate::event::Registry;

mod checkup;

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

#[test]
fn what_was_appended_is_read() {
    let (_dir, mut life) = fresh();
    assert_eq!(life.journal.next_seq(), Seq(SYMBOLS + 2));
    life.quotes(1000);
    let events = life.all();
    assert_eq!(events.len() as u64, 1000 + 1 + SYMBOLS);
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

fn copy_of(dir: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    copy
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

#[test]
fn a_tail_torn_anywhere_leaves_whole_batches() {
    let (dir, mut life) = fresh();
    let mut batches = Vec::new();
    for count in 1..8 {
        life.quotes(count);
        batches.push((life.tape.bytes(), life.tape.head()));
    }
    let (events, next) = (life.all(), life.journal.next_seq());
    let checkpoint_end = usize::try_from(life.tape.segments()[0].events_at()).unwrap();
    life.crash();
    let path = segment_paths(dir.path()).pop().unwrap();
    let whole = fs::read(&path).unwrap();
    let end = usize::try_from(batches.last().unwrap().0).unwrap();
    for cut in 0..=end {
        let copy = copy_of(dir.path());
        let torn = copy.path().join(path.file_name().unwrap());
        let mut bytes = whole[..cut].to_vec();
        if cut % 2 == 0 {
            bytes.resize(whole.len(), 0);
        }
        fs::write(&torn, &bytes).unwrap();
        let Opened { journal, tape, board } = open(&settings(copy.path()), NOW).unwrap();
        if !bytes.starts_with(&whole[..checkpoint_end]) {
            assert_eq!(board, Board::default());
            assert_eq!(tape.head(), Seq(0));
            continue;
        }
        assert!(journal.next_seq() > next);
        let found = tape.segments()[0].clone();
        if found.path == torn {
            assert_eq!(fs::metadata(&torn).unwrap().len(), found.end(), "cut at {cut}");
        }
        let kept = read_from(&tape, Seq(0));
        assert_eq!(kept, events[..kept.len()], "cut at {cut}");
        // Zeros in place of zeros tear nothing.
        let is_whole = |end: u64| {
            let end = usize::try_from(end).unwrap();
            bytes.get(..end) == whole.get(..end)
        };
        let head = batches.iter().rev().find(|(end, _)| is_whole(*end)).map(|(_, head)| *head);
        if let Some(head) = head {
            assert_eq!(tape.head(), head, "cut at {cut}");
        }
        assert_eq!(tape.head(), kept.last().map_or(Seq(0), |event| event.seq));
        assert_eq!(board.seq(), tape.head());
    }
}

#[test]
fn a_second_writer_is_refused() {
    let (dir, life) = fresh();
    let error = open(&settings(dir.path()), NOW).unwrap_err();
    assert!(matches!(error, Error::Locked { .. }));
    assert!(error.to_string().contains(dir.path().to_str().unwrap()), "{error}");
    life.crash();
    open(&settings(dir.path()), NOW).unwrap();
}

#[test]
fn a_full_segment_is_followed_by_another_and_nothing_is_lost() {
    let (_dir, mut life) = fresh();
    life.fill(5);
    let events = life.all();
    assert_eq!(events.len() as u64, life.tape.head().0);
    assert!(events.iter().map(|event| event.seq.0).eq(1..=life.tape.head().0));
    for event in &events {
        assert_eq!(life.tape.get(event.seq).unwrap().as_ref(), Some(event));
    }
    let (settings, board) = life.crash();
    let life = Life::begin(&settings);
    assert_eq!(life.board, board);
    assert_eq!(life.all(), events);
    for event in events.iter().step_by(17) {
        assert_eq!(life.tape.get(event.seq).unwrap().as_ref(), Some(event));
    }
    assert_eq!(life.tape.get(Seq(0)).unwrap(), None);
    assert_eq!(life.tape.get(life.tape.head().next()).unwrap(), None);
}

#[test]
fn a_board_of_any_place_is_the_one_that_stood_there() {
    let (_dir, mut life) = fresh();
    let mut boards = vec![life.board.clone()];
    while life.tape.segments_count() < 4 {
        life.quotes(30);
        boards.push(life.board.clone());
    }
    for board in &boards {
        assert_eq!(&life.tape.board_at(board.seq()).unwrap(), board);
    }
    let newest = life.tape.checkpoint().unwrap();
    assert!(boards.contains(&newest));
}

#[test]
fn retention_by_bytes_lets_the_oldest_go_and_tells_who_reads_it() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { retention_bytes: 60 * 1024, ..settings(dir.path()) };
    let mut life = Life::begin(&settings);
    life.quotes(10);
    let mut lapped = life.tape.read_after(Seq(0)).unwrap();
    let mut events = Vec::new();
    assert_eq!(lapped.next_batch(3, &mut events).unwrap(), 3);
    while life.tape.oldest() == Seq(0) {
        life.quotes(50);
        thread::yield_now();
    }
    assert!(life.tape.bytes() <= 60 * 1024 || life.tape.segments_count() == 1);
    let error = lapped.next_batch(3, &mut events).unwrap_err();
    assert!(matches!(error, Error::Expired { cursor: Seq(3), .. }), "{error}");
    let oldest = life.tape.oldest();
    assert_eq!(life.tape.resumable(Seq(oldest.0 - 1)), Resume::Expired);
    assert!(matches!(life.tape.read_after(Seq(oldest.0 - 1)), Err(Error::Expired { .. })));
    assert!(matches!(life.tape.get(oldest), Err(Error::Expired { .. })));
    assert!(matches!(life.tape.board_at(Seq(oldest.0 - 1)), Err(Error::Expired { .. })));
    assert_eq!(life.tape.resumable(oldest), Resume::Yes);
    assert_eq!(read_from(&life.tape, oldest).len() as u64, life.tape.head().0 - oldest.0);
    let (settings, board) = life.crash();
    let life = Life::begin(&settings);
    assert_eq!(life.board, board);
    assert_eq!(segment_paths(dir.path()).len(), life.tape.segments_count());
    assert_eq!(life.tape.oldest(), oldest);
}

#[test]
fn retention_by_age_keeps_the_segment_being_written() {
    let (_dir, mut life) = fresh();
    life.fill(2);
    let age_ms = life.settings.retention_age_ms;
    life.journal.tend(&life.board, life.now).unwrap();
    assert_eq!(life.tape.oldest(), Seq(0));
    life.journal.tend(&life.board, life.now.plus_millis(age_ms + 1)).unwrap();
    assert_eq!(life.tape.segments_count(), 1);
    assert!(life.tape.oldest() > Seq(0));
    assert_eq!(life.tape.checkpoint().unwrap().seq(), life.tape.oldest());
}

#[test]
fn what_is_held_goes_for_bytes_alone() {
    let (_dir, mut life) = fresh();
    life.fill(2);
    life.tape.hold_after(Seq(0));
    let late = life.now.plus_millis(life.settings.retention_age_ms + 1);
    life.journal.tend(&life.board, late).unwrap();
    assert_eq!(life.tape.oldest(), Seq(0));
    life.tape.hold_after(life.tape.head());
    life.journal.tend(&life.board, late).unwrap();
    assert!(life.tape.oldest() > Seq(0));

    let (_dir, mut life) = fresh();
    life.fill(2);
    life.tape.hold_after(Seq(0));
    let most = life.tape.bytes() / 2;
    life.journal.settings.retention_bytes = most;
    life.journal.tend(&life.board, life.now).unwrap();
    assert!(life.tape.oldest() > Seq(0));
}

#[test]
fn a_reader_follows_the_writer_across_segments() {
    const EVENTS: u64 = 20_000;
    let (_dir, mut life) = fresh();
    let tape = life.tape.clone();
    let readers: Vec<_> = [1, 64, 5000]
        .map(|batch| {
            let tape = tape.clone();
            thread::spawn(move || {
                let mut cursor = tape.read_after(Seq(0)).unwrap();
                let mut events = Vec::new();
                while cursor.seq() < Seq(EVENTS) {
                    if cursor.next_batch(batch, &mut events).unwrap() == 0 {
                        thread::yield_now();
                    }
                }
                assert!(events.iter().map(|event| event.seq.0).eq(1..=cursor.seq().0));
            })
        })
        .into();
    while life.tape.head() < Seq(EVENTS) {
        life.quotes(40);
    }
    readers.into_iter().for_each(|reader| reader.join().unwrap());
    assert!(life.tape.segments_count() > 1);
}

#[test]
fn who_looks_for_some_events_meets_the_head_of_each() {
    let (_dir, mut life) = fresh();
    life.quotes(1000);
    let mut cursor = life.tape.read_after(Seq(0)).unwrap();
    let (mut events, mut peeks) = (Vec::new(), Vec::new());
    let one = Some(SymbolId(3));
    while cursor
        .next_where(100, &mut events, |peek| {
            peeks.push(peek);
            peek.symbol == one
        })
        .unwrap()
        > 0
    {}
    assert_eq!(peeks.len() as u64, life.tape.head().0);
    assert_eq!(peeks[0], Peek { kind: Kind::Symbol, symbol: None, seq: Seq(1) });
    let all = life.all();
    assert!(!events.is_empty() && events.len() < 500);
    assert!(events.iter().all(|event| all.contains(event)));
}

#[test]
fn damage_within_a_sealed_segment_is_named_and_never_skipped() {
    let (dir, mut life) = fresh();
    life.fill(3);
    let events = life.all();
    let (settings, board) = life.crash();
    let paths = segment_paths(dir.path());
    let at = usize::try_from(fs::metadata(&paths[1]).unwrap().len()).unwrap() / 2;
    flip(&paths[1], at, 0x10);
    let life = Life::begin(&settings);
    assert_eq!(life.board, board);
    let mut cursor = life.tape.read_after(Seq(0)).unwrap();
    let mut read = Vec::new();
    let first = loop {
        if let Err(error) = cursor.next_batch(64, &mut read) {
            break error;
        }
    };
    assert!(matches!(&first, Error::Corrupt { path, .. } if *path == paths[1]), "{first}");
    assert_eq!(read, events[..read.len()]);
    let again = cursor.next_batch(64, &mut read).unwrap_err();
    assert_eq!(again.to_string(), first.to_string());
    let last = events.last().unwrap();
    assert_eq!(life.tape.get(last.seq).unwrap().as_ref(), Some(last));
}

#[test]
fn a_sealed_segment_that_ends_early_is_damaged() {
    let (dir, mut life) = fresh();
    life.fill(3);
    let mut blocks = life.tape.segments()[1].blocks(segment::HEADER_BYTES).unwrap();
    for _ in 0..5 {
        blocks.next(u64::MAX).unwrap().unwrap();
    }
    let end = usize::try_from(blocks.offset()).unwrap();
    let (settings, _) = life.crash();
    let path = &segment_paths(dir.path())[1];
    let mut bytes = fs::read(path).unwrap();
    bytes[end..].fill(0);
    fs::write(path, bytes).unwrap();
    let life = Life::begin(&settings);
    let mut cursor = life.tape.read_after(Seq(0)).unwrap();
    let error = loop {
        if let Err(error) = cursor.next_batch(64, &mut Vec::new()) {
            break error;
        }
    };
    assert!(error.to_string().contains("ends before its last event"), "{error}");
}

#[test]
fn what_stands_behind_damage_is_still_found() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { segment_bytes: 256 * 1024, ..settings(dir.path()) };
    let mut life = Life::begin(&settings);
    life.fill(1);
    let events = life.all();
    let last = life.tape.segments()[0].last();
    let (settings, _) = life.crash();
    flip(&segment_paths(dir.path())[0], 50_000, 1);
    let life = Life::begin(&settings);
    let at = usize::try_from(last.0 - 1).unwrap();
    assert_eq!(life.tape.get(last).unwrap().as_ref(), Some(&events[at]));
    let read = life.tape.board_at(Seq(last.0 - 1)).map(|board| board.seq());
    assert!(matches!(read, Err(Error::Corrupt { .. })), "{read:?}");
}

#[test]
fn a_missing_segment_is_a_hole() {
    let (dir, mut life) = fresh();
    life.fill(3);
    let (settings, board) = life.crash();
    let paths = segment_paths(dir.path());
    fs::remove_file(&paths[1]).unwrap();
    let life = Life::begin(&settings);
    assert_eq!(life.board, board);
    let missing_to = segment::first_of(paths[2].file_name().unwrap().to_str().unwrap()).unwrap();
    assert_eq!(life.tape.oldest(), Seq(missing_to.0 - 1));
    assert_eq!(life.tape.resumable(Seq(3)), Resume::Expired);
    assert_eq!(life.tape.resumable(life.tape.oldest()), Resume::Yes);
    assert!(matches!(life.tape.read_after(Seq(3)), Err(Error::Expired { .. })));
}

#[test]
fn a_last_segment_that_was_not_begun_whole_is_set_aside() {
    let (dir, mut life) = fresh();
    life.fill(1);
    let (head, board) = (life.tape.head(), life.board.clone());
    let (settings, _) = life.crash();
    let begin = segment_paths(dir.path()).pop().unwrap();
    let name = format!("{:016}.tape", head.0 + 1);
    for torn in [Vec::new(), vec![0; 4096], fs::read(&begin).unwrap()[..90].to_vec()] {
        fs::write(dir.path().join(&name), torn).unwrap();
        let life = Life::begin(&settings);
        assert_eq!(life.board, board);
        assert_eq!(life.tape.head(), head);
        life.crash();
    }
}

#[test]
fn foreign_files_are_let_be() {
    let (dir, mut life) = fresh();
    life.quotes(10);
    let (settings, board) = life.crash();
    for name in ["notes.txt", "1.tape", "000000000000000x.tape", "0000000000000099.tape.bad"] {
        fs::write(dir.path().join(name), "mine").unwrap();
    }
    fs::create_dir(dir.path().join("0000000000000007.tape")).unwrap();
    let life = Life::begin(&settings);
    assert_eq!(life.board, board);
    assert_eq!(fs::read(dir.path().join("1.tape")).unwrap(), b"mine");
}

#[test]
fn a_tape_of_nothing_but_damage_gets_a_new_epoch() {
    let (dir, life) = fresh();
    let epoch = life.tape.epoch().to_owned();
    let (settings, _) = life.crash();
    segment_paths(dir.path()).iter().for_each(|path| flip(path, 30, 1));
    let life = Life::begin(&settings);
    assert_ne!(life.tape.epoch(), epoch);
    assert_eq!(life.tape.epoch().len(), 8);
}

#[test]
fn a_lost_state_file_costs_no_event_and_no_seq() {
    let (dir, mut life) = fresh();
    life.quotes(10);
    let (settings, board) = life.close();
    fs::remove_file(dir.path().join("state")).unwrap();
    let life = Life::begin(&settings);
    assert_eq!(life.board, board);
    assert!(life.journal.next_seq().0 > 16 << 20);
}

#[test]
fn a_later_version_is_refused() {
    let (dir, life) = fresh();
    let (settings, _) = life.crash();
    flip(&segment_paths(dir.path())[0], 8, 1);
    let error = open(&settings, NOW).unwrap_err();
    assert!(matches!(error, Error::Version { version: 3, known: 2, .. }), "{error}");
}

#[test]
fn a_crash_loop_leaves_no_files() {
    let (dir, mut life) = fresh();
    life.fill(2);
    let (settings, board) = life.crash();
    for _ in 0..5 {
        let life = Life::begin(&settings);
        assert_eq!(life.board, board);
        life.crash();
    }
    let life = Life::begin(&settings);
    assert_eq!(life.tape.segments_count(), 4);
    assert_eq!(segment_paths(dir.path()).len(), 4);
    assert_eq!(life.all().len() as u64, life.tape.head().0);
}

#[test]
fn a_seq_out_of_order_is_refused_whole() {
    let (_dir, mut life) = fresh();
    life.quotes(10);
    let (seq, head) = (life.journal.next_seq(), life.tape.head());
    let mut board = life.board.clone();
    let first = board.stamp_clock(NOW, seq);
    let mut stale = first.clone();
    stale.seq = head;
    for events in [vec![stale.clone()], vec![first.clone(), first.clone()], vec![first, stale]] {
        let error = life.journal.append(&events).unwrap_err();
        assert!(matches!(error, Error::OutOfOrder { .. }), "{error}");
        assert_eq!(life.tape.head(), head);
        assert_eq!(life.journal.next_seq(), seq);
    }
    life.quotes(10);
    assert_eq!(life.all().len() as u64, life.tape.head().0);
}

#[test]
fn more_seqs_than_were_reserved_are_waited_for() {
    let (_dir, mut life) = fresh();
    for jump in [1_u64 << 21, 1 << 30, 1 << 50] {
        let seq = Seq(life.journal.next_seq().0 + jump);
        let event = life.board.stamp_clock(NOW, seq);
        life.journal.append(&[event]).unwrap();
    }
    let (settings, board) = life.crash();
    let life = Life::begin(&settings);
    assert_eq!(life.board, board);
    assert!(life.journal.next_seq() > board.seq());
}

/// What a killed process had appended, and told of, is there.
#[test]
fn kill_9_loses_nothing() {
    const INSIDE: &str = "TICKWIRE_TEST_KILL_9";
    const NAME: &str = "tape::tests::kill_9_loses_nothing";
    if let Some(dir) = std::env::var_os(INSIDE) {
        write_and_tell(Path::new(&dir));
    }
    let dir = tempfile::tempdir().unwrap();
    let (mut told, mut kept) = (0, 0);
    for kill in 0..5 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", NAME, "--nocapture"])
            .env(INSIDE, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        for (at, line) in lines.enumerate() {
            if let Some(seq) = line.strip_prefix("seq ") {
                let seq = seq.parse().unwrap();
                assert!(seq > told, "seq {seq} was given after {told}");
                told = seq;
            }
            if at == 50 + 37 * kill {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        let mut life = Life::begin(&settings(dir.path()));
        let events = life.all();
        assert!(events.len() > kept);
        kept = events.len();
        assert!(life.tape.head() >= Seq(told));
        life.quotes(1);
        told = life.tape.head().0;
        life.crash();
    }
}

#[expect(clippy::print_stdout, reason = "this is how it tells")]
fn write_and_tell(dir: &Path) {
    let mut life = Life::begin(&settings(dir));
    loop {
        life.quotes(20);
        println!("seq {}", life.tape.head());
    }
}

/// Fills a small file system; runs in a mount namespace of its own, which needs root.
#[test]
#[expect(clippy::print_stdout, reason = "a skipped test says so")]
fn a_full_disk_stops_the_tape_until_there_is_room() {
    const INSIDE: &str = "TICKWIRE_TEST_FULL_DISK";
    const NAME: &str = "tape::tests::a_full_disk_stops_the_tape_until_there_is_room";
    if let Some(dir) = std::env::var_os(INSIDE) {
        return on_a_full_disk(Path::new(&dir));
    }
    let dir = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=1m tmpfs \"$0\" || exit 77; exec \"$1\" --exact \"$2\"";
    let run = Command::new("unshare")
        .args(["-m", "sh", "-c", script])
        .args([dir.path().as_os_str(), std::env::current_exe().unwrap().as_os_str()])
        .arg(NAME)
        .env(INSIDE, dir.path())
        .output();
    match run {
        Ok(run) if run.status.success() => {}
        Ok(run) if run.status.code() == Some(101) => {
            panic!("{}", String::from_utf8_lossy(&run.stdout))
        }
        _ => println!("SKIPPED: needs root and unshare"),
    }
}

fn on_a_full_disk(dir: &Path) {
    let mut life = Life::begin(&Settings { segment_bytes: 96 * 1024, ..settings(dir) });
    let ballast = dir.join("ballast");
    fs::write(&ballast, vec![1; 600 * 1024]).unwrap();
    let mut refused = Vec::new();
    while refused.is_empty() {
        let seq = life.journal.next_seq();
        let batch: Vec<_> = (0..100).map(|at| life.quote(Seq(seq.0 + at))).collect();
        match life.journal.append(&batch) {
            Ok(()) => life.journal.tend(&life.board, NOW).unwrap(),
            Err(Error::NoSpace { .. }) => refused = batch,
            Err(error) => panic!("{error}"),
        }
    }
    let (head, before) = (life.tape.head(), life.all());
    assert_eq!(before.len() as u64, head.0);
    assert!(matches!(life.journal.append(&refused), Err(Error::NoSpace { .. })));
    let segment = life.tape.segments().back().cloned().unwrap();
    assert_eq!(fs::metadata(&segment.path).unwrap().len(), segment.end(), "half a batch is left");
    assert_eq!(life.all(), before);
    fs::remove_file(&ballast).unwrap();
    life.journal.append(&refused).unwrap();
    let segments = life.tape.segments_count();
    while life.tape.segments_count() == segments {
        life.now = life.now.plus_millis(2000);
        life.journal.tend(&life.board, life.now).unwrap();
        thread::yield_now();
    }
    let events = life.all();
    assert_eq!(events[..before.len()], before);
    assert_eq!(events[before.len()..], refused);
    let (settings, board) = life.crash();
    assert_eq!(Life::begin(&settings).board, board);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn flipped_bits_never_panic_and_never_invent(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0..8_u32), 1..4),
        which in any::<prop::sample::Index>(),
    ) {
        let (dir, mut life) = fresh();
        life.fill(2);
        let events = life.all();
        let (settings, _) = life.crash();
        let paths = segment_paths(dir.path());
        let path = &paths[which.index(paths.len())];
        let len = usize::try_from(fs::metadata(path).unwrap().len()).unwrap();
        for (at, bit) in flips {
            flip(path, at.index(len), 1 << bit);
        }
        let Ok(Opened { tape, .. }) = open(&settings, NOW) else { return Ok(()) };
        let mut read = Vec::new();
        if let Ok(mut cursor) = tape.read_after(tape.oldest()) {
            while cursor.next_batch(64, &mut read).is_ok_and(|count| count > 0) {}
        }
        for event in &read {
            prop_assert!(events.contains(event));
        }
        drop(tape.get(Seq(400)));
        drop(tape.board_at(tape.head()));
    }
}

#[test]
fn a_tape_of_version_1_goes_on_with_the_bars_that_its_last_segment_tells() {
    let (dir, mut life) = fresh();
    life.quotes(200);
    let head = life.tape.head();
    let (settings, board) = life.crash();
    // Version 1 wrote the same bytes, but for bars in checkpoints; here the checkpoint is empty.
    for path in segment_paths(dir.path()) {
        let mut bytes = fs::read(&path).unwrap();
        bytes[8] = 1;
        let checksum = crc32fast::hash(&bytes[..76]);
        bytes[76..80].copy_from_slice(&checksum.to_le_bytes());
        fs::write(&path, bytes).unwrap();
    }
    let life = Life::begin(&settings);
    assert_eq!(life.board, board);
    assert!(life.board.symbols().any(|(_, symbol)| symbol.bars.is_some()));
    assert_eq!(life.tape.board_at(head).unwrap(), board);
    assert_eq!(life.tape.checkpoint().unwrap(), board, "of this version, with bars");
}

#[test]
fn a_checkpoint_of_some_symbols_follows_the_tape_as_the_whole_one_does() {
    let (_dir, mut life) = fresh();
    life.fill(2);
    let only = BTreeSet::from([SymbolId(1), SymbolId(3), SymbolId(77)]);
    let before = Seq(life.tape.head().0 - 60);
    let mut board = life.tape.board_before(before, &only).unwrap();
    assert!(board.seq() > Seq::START && board.seq() <= before);
    for event in read_from(&life.tape, board.seq()) {
        board.apply(&event);
    }
    assert_eq!(board.seq(), life.board.seq());
    for id in (0..5).map(SymbolId) {
        let expected = life.board.symbol(id).filter(|_| only.contains(&id));
        assert_eq!(board.symbol(id), expected);
    }
    let names: Vec<SymbolId> = board.symbols().map(|(id, _)| id).collect();
    assert_eq!(names, [SymbolId(1), SymbolId(3)]);
}
