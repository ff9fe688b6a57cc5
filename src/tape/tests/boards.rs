//! Boards of any place, and checkpoints.

use std::collections::BTreeSet;

use super::fresh;
use super::read_from;
use crate::event::Seq;
use crate::event::SymbolId;

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
