//! What can not be written: a number out of order, and anything on a full disk.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use super::Life;
use super::NOW;
use super::fresh;
use super::settings;
use crate::event::Seq;
use crate::tape::Error;
use crate::tape::Settings;

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

/// Fills a small file system; runs in a mount namespace of its own, which needs root.
#[test]
#[expect(clippy::print_stdout, reason = "a skipped test says so")]
fn a_full_disk_stops_the_tape_until_there_is_room() {
    const INSIDE: &str = "TICKWIRE_TEST_FULL_DISK";
    const NAME: &str = "tape::tests::writing::a_full_disk_stops_the_tape_until_there_is_room";
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
