//! Files that another version wrote, or somebody else.

use std::fs;

use super::Life;
use super::NOW;
use super::flip;
use super::fresh;
use super::segment_paths;
use crate::tape::Error;
use crate::tape::open;

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
fn a_later_version_is_refused() {
    let (dir, life) = fresh();
    let (settings, _) = life.crash();
    flip(&segment_paths(dir.path())[0], 8, 1);
    let error = open(&settings, NOW).unwrap_err();
    assert!(matches!(error, Error::Version { version: 3, known: 2, .. }), "{error}");
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
