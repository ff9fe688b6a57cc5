//! What no page can give: it is not there, out of reach, or damaged.

use std::fs;

use super::Library;
use super::refused;
use crate::event::Seq;
use crate::http::history::rows::What;
use crate::store::tests::World;

#[test]
fn what_is_not_there_is_refused() {
    let Some(library) = Library::with_a_seam() else { return };
    let (history, bare) = (library.history(), library.history_without_store());
    let ask = |history, query: &str| {
        library.ask_of(history, What::Trades, &format!("symbol=sim:S1-USD&{query}"))
    };
    let ahead = library.cursor(library.life.tape.head().next());
    assert_eq!(ask(&history, &format!("from={ahead}")), refused(409, "ahead"));
    assert_eq!(ask(&history, "cursor=aaaaaaaa:1"), refused(409, "epoch_mismatch"));
    assert_eq!(ask(&history, "epoch=aaaaaaaa"), refused(404, "not_found"));
    assert_eq!(ask(&history, "epoch=..%2F..%2Fetc"), refused(404, "not_found"));
    let two = format!("epoch=aaaaaaaa&from={ahead}");
    assert_eq!(ask(&history, &two), refused(409, "epoch_mismatch"));
    let older = library.cursor(Seq(5));
    assert!(ask(&history, &format!("from={older}")).is_ok());
    assert_eq!(ask(&bare, &format!("from={older}")), refused(409, "cursor_expired"));
    for bad in ["sim:S9-USD", "simm:S1-USD"] {
        let got = library.ask_of(&history, What::Trades, &format!("symbol={bad}"));
        assert_eq!(got, refused(404, "unknown_symbol"));
    }
    let nobody = library.ask_of(&history, What::Gaps, "feed=nobody");
    assert_eq!(nobody, refused(404, "not_found"));
    for bad in [
        "limit=0",
        "limit=10001",
        "limit=-1",
        "limit=%2B5",
        "limit=",
        "limit=1e3",
        "format=xml",
        "by=time",
        "from=yesterday",
        "to=2026-11-21",
        "cursor=x",
        "cursor=a:b",
        "epoch=",
        "cursor=:5",
    ] {
        assert_eq!(ask(&history, bad), refused(400, "bad_request"), "{bad}");
    }
    let inverted = "from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z";
    assert_eq!(ask(&history, inverted), refused(400, "range_empty"));
}

#[test]
fn without_its_store_what_the_journal_has_is_served() {
    let Some(mut library) = Library::with_a_seam() else { return };
    library.world.postgres.stop();
    let history = library.history();
    let seam = library.life.tape.oldest();
    let query = format!("symbol=sim:S1-USD&from={}", library.cursor(seam));
    let wanted = library.expected(What::Trades, 1, |event| event.seq > seam);
    assert_eq!(library.pages(&history, What::Trades, &query), wanted);
    for older in [
        format!("symbol=sim:S1-USD&from={}", library.cursor(Seq(5))),
        "symbol=sim:S1-USD".to_owned(),
        "symbol=sim:S1-USD&epoch=aaaaaaaa".to_owned(),
    ] {
        let told = library.ask_of(&history, What::Trades, &older).unwrap_err();
        assert_eq!((told.status, &*told.code), (503, "unavailable"), "{older}");
    }
}

#[test]
fn a_page_ends_before_what_is_damaged_and_the_next_says_so() {
    let Some(world) = World::begin() else { return };
    let library = Library::of_journal(world, 5);
    let mut files: Vec<_> = fs::read_dir(library.world.dir.path())
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "tape"))
        .collect();
    files.sort();
    assert!(files.len() > 3);
    let mut bytes = fs::read(&files[1]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&files[1], bytes).unwrap();
    let beyond = library.life.tape.beyond(Seq(library.life.tape.beyond(Seq(0)).unwrap().0 + 1));
    let beyond = beyond.unwrap();
    let history = library.history_without_store();
    let begun = library.ask_of(&history, What::Trades, "symbol=sim:S1-USD&format=ndjson").unwrap();
    let (rows, next) = begun;
    let mut got: Vec<String> = rows.lines().map(str::to_owned).collect();
    let query = format!("symbol=sim:S1-USD&cursor={}", next.unwrap());
    let told = library.ask_of(&history, What::Trades, &query).unwrap_err();
    assert_eq!((told.status, &*told.code), (409, "cursor_expired"));
    assert_eq!(told.next, Some(library.cursor(beyond)));
    let before = got.len();
    let query = format!("symbol=sim:S1-USD&from={}", told.next.unwrap());
    got.extend(library.pages(&history, What::Trades, &query));
    let all = library.expected(What::Trades, 1, |_| true);
    assert_eq!(got[..before], all[..before]);
    assert_eq!(got[before..], library.expected(What::Trades, 1, |of| of.seq > beyond));
    assert!(got.len() < all.len());
}
