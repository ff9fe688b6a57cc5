//! Lives of a tape: how one ends, and where the next begins.

use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;

use super::Life;
use super::NOW;
use super::fresh;
use super::read_from;
use super::segment_paths;
use super::settings;
use crate::event::Seq;
use crate::tape::Error;
use crate::tape::Resume;
use crate::tape::open;

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
    const NAME: &str = "tape::tests::lives::kill_9_loses_nothing";
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
