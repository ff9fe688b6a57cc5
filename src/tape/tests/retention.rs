//! Retention: what goes, when, and who is told.

use std::thread;

use super::Life;
use super::fresh;
use super::read_from;
use super::segment_paths;
use super::settings;
use crate::event::Seq;
use crate::tape::Error;
use crate::tape::Resume;
use crate::tape::Settings;

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
