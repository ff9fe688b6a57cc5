//! Single events and whole boards as bytes of their own, for who keeps them elsewhere than in a
//! segment. The encoding is that of the segments.

use tickwire_feeds::Nanos;

use super::bytes::Reader;
use super::checkpoint;
use super::entry;
use super::entry::Base;
use super::entry::Entry;
use crate::board::Board;
use crate::event::Event;
use crate::event::Seq;

/// The version of this encoding, which is that of the segments.
pub const FORMAT: u32 = super::segment::VERSION;

/// Appends an event, all but its `seq` and its `recv`.
pub fn put_event(out: &mut Vec<u8>, event: &Event) {
    entry::put_event(out, event, &mut Base::new(event.seq, event.recv));
}

/// Reads what [`put_event`] wrote; `None` if it is not that.
#[inline]
#[must_use]
pub fn take_event(seq: Seq, recv: Nanos, bytes: &[u8]) -> Option<Event> {
    let mut reader = Reader::new(bytes);
    let entry = Entry::take(&mut reader, &mut Base::new(seq, recv)).ok()?;
    entry.decode().ok().filter(|event| reader.is_empty() && event.seq == seq)
}

/// Appends a board.
pub fn put_board(out: &mut Vec<u8>, board: &Board) {
    checkpoint::encode(board, out);
}

/// Reads what [`put_board`] wrote; `None` if it is not that.
#[must_use]
pub fn take_board(bytes: &[u8]) -> Option<Board> {
    checkpoint::decode_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tape::samples::a_board;
    use crate::tape::samples::an_event;

    proptest! {
        #[test]
        fn every_event_comes_back(event in an_event()) {
            let mut bytes = Vec::new();
            put_event(&mut bytes, &event);
            let again = take_event(event.seq, event.recv, &bytes).unwrap();
            prop_assert_eq!(format!("{again:?}"), format!("{event:?}"));
            bytes.push(0);
            prop_assert_eq!(take_event(event.seq, event.recv, &bytes), None);
        }

        #[test]
        fn every_board_comes_back(board in a_board()) {
            let mut bytes = Vec::new();
            put_board(&mut bytes, &board);
            prop_assert_eq!(take_board(&bytes), Some(board));
        }

        #[test]
        fn damage_is_seen(
            board in a_board(), at in any::<prop::sample::Index>(), bit in 0_u8..8,
        ) {
            let mut bytes = Vec::new();
            put_board(&mut bytes, &board);
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert_eq!(take_board(&bytes), None);
        }
    }

    #[test]
    fn a_board_of_many_blocks_comes_back() {
        use crate::board::SymbolBoard;
        use crate::board::Symbols;
        use crate::event::FeedId;
        use tickwire_feeds::Symbol;
        let name = |at| Symbol::parse(&format!("sim:S{at:08}-USD")).unwrap();
        let symbols = (0..20_000).map(|at| SymbolBoard::new(name(at), FeedId(0), None));
        let symbols = Symbols::all(symbols.collect());
        let board = Board::from_parts(Seq(5), Nanos(6), symbols, Vec::new());
        let mut bytes = Vec::new();
        put_board(&mut bytes, &board);
        assert!(bytes.len() > 512 * 1024);
        assert_eq!(take_board(&bytes), Some(board));
        assert_eq!(take_board(&bytes[..bytes.len() / 2]), None);
    }
}
