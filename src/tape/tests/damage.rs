//! Damage: torn tails, changed bytes and lost files.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;

use super::Life;
use super::NOW;
use super::flip;
use super::fresh;
use super::read_from;
use super::segment_paths;
use super::settings;
use crate::board::Board;
use crate::event::Seq;
use crate::tape::Error;
use crate::tape::Opened;
use crate::tape::Resume;
use crate::tape::Settings;
use crate::tape::open;
use crate::tape::segment;

fn copy_of(dir: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    copy
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
fn a_tape_of_nothing_but_damage_gets_a_new_epoch() {
    let (dir, life) = fresh();
    let epoch = life.tape.epoch().to_owned();
    let (settings, _) = life.crash();
    segment_paths(dir.path()).iter().for_each(|path| flip(path, 30, 1));
    let life = Life::begin(&settings);
    assert_ne!(life.tape.epoch(), epoch);
    assert_eq!(life.tape.epoch().len(), 8);
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
