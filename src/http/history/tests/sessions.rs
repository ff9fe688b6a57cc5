//! Sessions, as store and journal tell of them.

use super::Library;
use crate::event::Body;
use crate::history;
use crate::history::History;
use crate::history::Roster;

#[test]
fn sessions_are_told_from_store_and_journal() {
    let Some(mut library) = Library::with_a_seam() else { return };
    let live = Roster::of(&library.life.board);
    let sessions = |history: &History, library: &Library, epoch: Option<&str>| {
        let told = library.world.runtime.block_on(history.sessions(epoch, &live)).unwrap();
        assert!(told.is_complete);
        told.list
    };
    let with_store = library.history();
    let whole = |library: &Library| {
        let events = library.all.iter().filter(|event| {
            !matches!(event.body, Body::Clock | Body::Registry(crate::event::Registry::Feed { .. }))
        });
        events.count() as u64
    };
    for _ in 0..3 {
        let told = sessions(&with_store, &library, None);
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].figures.events, whole(&library));
        assert_eq!(told[0].epoch, library.life.tape.epoch());
        library.go_on(70);
    }
    // Without a store it is what the journal still has, also as segments go.
    let bare = library.history_without_store();
    for _ in 0..10 {
        let told = sessions(&bare, &library, Some(library.life.tape.epoch()));
        let oldest = library.life.tape.oldest();
        let kept = library
            .all
            .iter()
            .filter(|event| event.seq > oldest && !matches!(event.body, Body::Clock));
        let place = (oldest, library.life.tape.head());
        // At times it has nothing but a checkpoint.
        let counted = told.first().map_or(0, |session| session.figures.events);
        assert_eq!(counted, kept.count() as u64, "{place:?}");
        assert!(told.len() <= 1);
        library.go_on(333);
    }
    let nobody = library.world.runtime.block_on(bare.sessions(Some("aaaaaaaa"), &live));
    assert!(matches!(nobody, Err(history::Error::NoTape(_))), "{nobody:?}");
}
