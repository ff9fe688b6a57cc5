//! Snapshots of the past.

use tickwire_feeds::Nanos;

use super::Library;
use super::told;
use crate::board::Board;
use crate::http::history::board_before;

#[test]
fn a_snapshot_of_the_past_is_the_board_before_the_first_later_event() {
    let Some(library) = Library::with_a_seam() else { return };
    for event in library.all.iter().step_by(173) {
        let at = event.recv;
        let before = library.all.iter().take_while(|event| event.recv <= at);
        let mut board = Board::default();
        before.for_each(|event| board.apply(event));
        let history = library.history();
        let got = library.world.runtime.block_on(board_before(&history, (at, None)));
        let (seq, epoch) = got.map(|(got, volume)| (got, volume.epoch().to_owned())).unwrap();
        assert_eq!((seq, &*epoch), (board, library.life.tape.epoch()));
    }
    let bare = library.history_without_store();
    let (early, first) = (library.all[100].recv, library.all[0].recv);
    for (history, at) in [(bare, early), (library.history(), Nanos(first.0 - 1))] {
        let told_of = library.world.runtime.block_on(board_before(&history, (at, None)));
        assert_eq!(told(told_of.map(drop).unwrap_err()).code, "cursor_expired");
    }
}
