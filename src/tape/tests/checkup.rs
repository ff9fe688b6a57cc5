//! Checkups and copies of whole, living and damaged tapes.

use super::*;

fn checkup(dir: &Path) -> Checkup {
    check(dir, |_, _| true).unwrap().unwrap()
}

/// A tape of several lives, one of which ended badly.
fn some_lives() -> (TempDir, Settings, Board) {
    let (dir, mut life) = fresh();
    life.fill(3);
    let (settings, _) = life.crash();
    let mut life = Life::begin(&settings);
    life.fill(1);
    let (settings, _) = life.close();
    let mut life = Life::begin(&settings);
    life.quotes(100);
    let (settings, board) = life.close();
    (dir, settings, board)
}

#[test]
fn a_whole_tape_is_found_whole() {
    let (dir, settings, board) = some_lives();
    let found = checkup(dir.path());
    assert_eq!(found.findings, []);
    assert_eq!((found.damages, found.range), (0, Some((Seq(1), board.seq()))));
    let life = Life::begin(&settings);
    assert_eq!(found.events, life.all().len() as u64);
    assert_eq!(found.segments, life.tape.segments_count());
    assert_eq!(checkup(dir.path()).damages, 0, "one that is open is whole too");
    assert!(check(&dir.path().join("none"), |_, _| true).is_err());
    assert!(check(tempfile::tempdir().unwrap().path(), |_, _| true).unwrap().is_none());
    assert!(matches!(check(dir.path(), |_, _| false), Err(Error::Abandoned)));
}

#[test]
fn a_changed_byte_anywhere_is_found_where_it_is() {
    let (dir, _, _) = some_lives();
    let paths = segment_paths(dir.path());
    for path in &paths[..paths.len() - 1] {
        let bytes = fs::read(path).unwrap().len();
        for at in (0..bytes).step_by(997).chain([17, 81, bytes - 1]) {
            flip(path, at, 0x10);
            let found = checkup(dir.path());
            assert!(found.damages > 0, "byte {at} of {}", path.display());
            let is_here = |finding: &Finding| finding.path == *path && finding.offset <= at as u64;
            assert!(found.findings.iter().any(is_here), "byte {at}: {:?}", found.findings);
            flip(path, at, 0x10);
        }
    }
    assert_eq!(checkup(dir.path()).damages, 0);
}

#[test]
fn what_a_crash_leaves_behind_is_told_and_no_damage() {
    let (dir, mut life) = fresh();
    life.fill(1);
    life.quotes(20);
    let events = life.all().len() as u64;
    let end = usize::try_from(life.tape.segments().back().unwrap().end()).unwrap();
    life.crash();
    let path = segment_paths(dir.path()).pop().unwrap();
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..end - 3]).unwrap();
    let found = checkup(dir.path());
    assert_eq!((found.damages, found.findings.len()), (0, 1), "{:?}", found.findings);
    assert_eq!(found.findings[0].gravity, Gravity::Note);
    assert!(found.events < events);
}

#[test]
fn an_end_that_went_after_it_was_kept_is_damage() {
    let (dir, mut life) = fresh();
    life.quotes(200);
    life.close();
    let paths = segment_paths(dir.path());
    fs::remove_file(paths.last().unwrap()).unwrap();
    let bytes = fs::read(&paths[0]).unwrap();
    fs::write(&paths[0], &bytes[..bytes.len() - 50]).unwrap();
    let found = checkup(dir.path());
    assert_eq!(found.damages, 1, "{:?}", found.findings);
    assert!(found.findings.iter().any(|finding| finding.what.contains("ended well")));
}

#[test]
fn damage_before_the_end_of_the_last_segment_is_damage() {
    let (dir, mut life) = fresh();
    (0..20).for_each(|_| life.quotes(20));
    let events_at = usize::try_from(life.tape.segments()[0].events_at()).unwrap();
    life.crash();
    flip(&segment_paths(dir.path())[0], events_at + 200, 1);
    let found = checkup(dir.path());
    assert_eq!(found.damages, 1, "{:?}", found.findings);
}

#[test]
fn a_missing_segment_is_found() {
    let (dir, _, _) = some_lives();
    fs::remove_file(&segment_paths(dir.path())[1]).unwrap();
    let found = checkup(dir.path());
    assert_eq!(found.damages, 1, "{:?}", found.findings);
    assert!(found.findings[0].what.contains("is missing"), "{:?}", found.findings);
}

#[test]
fn events_that_do_not_follow_what_they_say_are_found() {
    let (dir, mut life) = fresh();
    life.quotes(50);
    life.write(1, |life, seq| {
        let mut event = life.quote(seq);
        match &mut event.body {
            crate::event::Body::Trade(trade) => trade.link.prev = Seq(1),
            crate::event::Body::Quote(quote) => {
                quote.ticker.as_mut().unwrap().link.prev = Seq(1);
            }
            _ => unreachable!(),
        }
        event
    });
    life.quotes(50);
    life.crash();
    let found = checkup(dir.path());
    assert_eq!(found.damages, 1, "{:?}", found.findings);
    assert!(found.findings[0].what.contains("does not follow"), "{:?}", found.findings);
}

#[test]
fn a_copy_of_a_living_tape_is_whole_and_gives_no_place_twice() {
    let (dir, mut life) = fresh();
    life.fill(2);
    let copy_dir = tempfile::tempdir().unwrap();
    let copied = copy(dir.path(), copy_dir.path(), |_, _| true).unwrap().unwrap();
    assert_eq!((copied.head, copied.oldest), (life.tape.head(), life.tape.oldest()));
    let (events, board) = (life.all(), life.board.clone());
    life.quotes(500);
    assert_eq!(checkup(copy_dir.path()).findings, []);
    assert_eq!(checkup(copy_dir.path()).events, events.len() as u64);
    let restored = Life::begin(&settings(copy_dir.path()));
    assert_eq!(restored.board, board);
    assert_eq!(restored.all(), events);
    assert_eq!(restored.tape.epoch(), life.tape.epoch());
    assert!(restored.journal.next_seq().0 > life.journal.next_seq().0 + (1 << 40) - 1000);
    assert_eq!(restored.tape.resumable(life.tape.head()), Resume::Expired);
}

#[test]
fn a_copy_of_nothing_and_one_that_is_given_up() {
    let (dir, mut life) = fresh();
    life.quotes(5);
    let to = tempfile::tempdir().unwrap();
    assert!(copy(to.path(), to.path(), |_, _| true).unwrap().is_none());
    assert!(matches!(copy(dir.path(), to.path(), |_, _| false), Err(Error::Abandoned)));
}
