//! What is read: by number, in order, behind the writer, and some of it.

use std::thread;

use super::Life;
use super::SYMBOLS;
use super::fresh;
use crate::board::Board;
use crate::event::Seq;
use crate::event::SymbolId;
use crate::tape::Kind;
use crate::tape::Peek;

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
