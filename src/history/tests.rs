//! What is read is what was written, wherever it stands.

use std::fs;
use std::path::Path;

use tickwire_feeds::Nanos;

use super::*;
use crate::event::Event;
use crate::event::Seq;
use crate::event::SymbolId;
use crate::store::tests::Life;
use crate::store::tests::World;
use crate::store::tests::are_the_same;
use crate::tape::Kind;
use crate::tape::Peek;

fn read(world: &World, volume: &Volume, (after, upto): (Seq, Seq), filter: Filter) -> Vec<Event> {
    let mut got = Vec::new();
    let mut events = volume.read(after, upto, filter);
    world.runtime.block_on(async { while events.next_batch(&mut got).await.unwrap() {} });
    got
}

fn part(all: &[Event], (after, upto): (Seq, Seq), filter: &Filter) -> Vec<Event> {
    let within = |event: &&Event| event.seq > after && event.seq <= upto;
    let wanted = |event: &&Event| filter.wants(Peek::of(event));
    all.iter().filter(within).filter(wanted).cloned().collect()
}

fn first_at(all: &[Event], at: Nanos) -> Option<Seq> {
    all.iter().find(|event| event.recv >= at).map(|event| event.seq)
}

/// A journal that has the end of a tape, and a store that has all of it.
fn with_a_seam(world: &World, dir: &Path) -> (Life, Vec<Event>) {
    let settings = tape::Settings {
        segment_bytes: 16 * 1024,
        retention_bytes: 64 * 1024,
        ..tape::Settings::new(dir)
    };
    let mut life = Life::begin_with(&settings);
    let mut all = life.events();
    while life.tape.oldest() < Seq(1_000) {
        life.ticks(200);
        let known = all.last().map_or(Seq::START, |event| event.seq);
        all.extend(life.events().into_iter().filter(|event| event.seq > known));
        world.record_all(&life.tape);
    }
    (life, all)
}

#[test]
fn the_seam_between_journal_and_store_is_not_seen() {
    let Some(world) = World::begin() else { return };
    let (mut life, mut all) = with_a_seam(&world, world.dir.path());
    // The journal is ahead of the store, as it always is.
    life.ticks(150);
    let known = all.last().unwrap().seq;
    all.extend(life.events().into_iter().filter(|event| event.seq > known));
    let history = History::new(Some(life.tape.clone()), world.dir.path(), Some(world.reader()));
    let volume = world.runtime.block_on(history.volume(None)).unwrap();
    let (seam, head) = (life.tape.oldest(), life.tape.head());
    assert!(seam > Seq(1_000) && head > Seq(seam.0 + 500));
    assert_eq!(world.runtime.block_on(volume.oldest()).unwrap(), Seq(0));

    let of_two = Filter::default().symbols(vec![SymbolId(1), SymbolId(3)]);
    let trades = of_two.clone().kind(Kind::Trade);
    let places = [0, 1, 2, 500, seam.0 - 1, seam.0, seam.0 + 1, known.0, known.0 + 1, head.0];
    for after in places.map(Seq) {
        for upto in places.into_iter().chain([u64::MAX]).map(Seq) {
            for filter in [Filter::default(), of_two.clone(), trades.clone()] {
                let got = read(&world, &volume, (after, upto), filter.clone());
                are_the_same(&got, &part(&all, (after, upto), &filter));
            }
        }
        let board = world.runtime.block_on(volume.board_at(after)).unwrap();
        assert_eq!(board.seq(), after);
        let mut event = board;
        all.iter().filter(|of| of.seq > after).for_each(|of| event.apply(of));
        assert_eq!(event, life.board, "from {after}");
    }
    for event in all.iter().step_by(37).chain(all.last()) {
        for at in [event.recv, Nanos(event.recv.0 + 1)] {
            let found = world.runtime.block_on(volume.before(at)).unwrap();
            let wanted = first_at(&all, at).map_or(head, |seq| Seq(seq.0 - 1));
            assert_eq!(found, wanted, "{at:?}");
        }
    }
}

#[test]
fn a_reader_that_the_journal_gives_up_goes_on_in_the_store() {
    let Some(world) = World::begin() else { return };
    let (mut life, _) = with_a_seam(&world, world.dir.path());
    let history = History::new(Some(life.tape.clone()), world.dir.path(), Some(world.reader()));
    let volume = world.runtime.block_on(history.volume(None)).unwrap();
    let begins = life.tape.oldest();
    let mut events = volume.read(begins, Seq::MAX, Filter::default());
    let mut got = Vec::new();
    assert!(world.runtime.block_on(events.next_batch(&mut got)).unwrap());
    while life.tape.oldest() < Seq(begins.0 + 3_000) {
        life.ticks(200);
        world.record_all(&life.tape);
    }
    world.runtime.block_on(async { while events.next_batch(&mut got).await.unwrap() {} });
    let seqs: Vec<u64> = got.iter().map(|event| event.seq.0).collect();
    assert_eq!(seqs, (begins.0 + 1..=life.tape.head().0).collect::<Vec<_>>());
    // And goes on as the tape grows.
    life.ticks(10);
    world.runtime.block_on(async { while events.next_batch(&mut got).await.unwrap() {} });
    assert_eq!(got.last().unwrap().seq, life.tape.head());
}

#[test]
fn a_tape_whose_journal_is_gone_is_still_read_by_its_name() {
    let Some(world) = World::begin() else { return };
    let (old, new) = (world.dir.path().join("old"), world.dir.path().join("new"));
    let mut life = Life::begin(&old);
    life.ticks(700);
    world.record_all(&life.tape);
    let (name, wanted) = (life.tape.epoch().to_owned(), life.events());
    drop(life);
    fs::remove_dir_all(&old).unwrap();
    let life = Life::begin(&new);
    let history = History::new(Some(life.tape.clone()), &new, Some(world.reader()));
    let volume = world.runtime.block_on(history.volume(Some(&name))).unwrap();
    are_the_same(&read(&world, &volume, (Seq(0), Seq::MAX), Filter::default()), &wanted);
    let names = world.runtime.block_on(history.names()).unwrap();
    assert_eq!(names, [life.tape.epoch(), &name]);
    let unknown = world.runtime.block_on(history.volume(Some("aaaaaaaa")));
    assert!(matches!(unknown, Err(Error::NoTape(_))), "{unknown:?}");
}

#[test]
fn what_is_damaged_in_the_journal_is_read_in_the_store() {
    let Some(world) = World::begin() else { return };
    let settings =
        tape::Settings { segment_bytes: 16 * 1024, ..tape::Settings::new(world.dir.path()) };
    let mut life = Life::begin_with(&settings);
    while life.tape.segments_count() < 4 {
        life.ticks(300);
    }
    world.record_all(&life.tape);
    let wanted = life.events();
    let mut files: Vec<_> = fs::read_dir(world.dir.path())
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "tape"))
        .collect();
    files.sort();
    let mut bytes = fs::read(&files[1]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&files[1], bytes).unwrap();
    let whole = (Seq(0), Seq::MAX);
    let history = History::new(Some(life.tape.clone()), world.dir.path(), Some(world.reader()));
    let volume = world.runtime.block_on(history.volume(None)).unwrap();
    are_the_same(&read(&world, &volume, whole, Filter::default()), &wanted);
    for event in wanted.iter().step_by(97) {
        let board = world.runtime.block_on(volume.board_at(event.seq)).unwrap();
        assert_eq!(board.seq(), event.seq);
    }
    // Alone it is an error where it stands.
    let volume = Volume::new(life.tape.epoch(), Some(life.tape.clone()), None);
    let mut got = Vec::new();
    let error = world.runtime.block_on(async {
        let mut events = volume.read(whole.0, whole.1, Filter::default());
        loop {
            match events.next_batch(&mut got).await {
                Ok(true) => {}
                ended => return ended,
            }
        }
    });
    assert!(matches!(error, Err(Error::Tape(tape::Error::Corrupt { .. }))), "{error:?}");
    are_the_same(&got, &wanted[..got.len()]);
}

#[test]
fn without_its_store_the_journal_is_read_and_what_is_older_is_an_error() {
    let Some(mut world) = World::begin() else { return };
    let (life, all) = with_a_seam(&world, world.dir.path());
    world.postgres.stop();
    let history = History::new(Some(life.tape.clone()), world.dir.path(), Some(world.reader()));
    let volume = world.runtime.block_on(history.volume(None)).unwrap();
    let seam = life.tape.oldest();
    let recent = (seam, Seq::MAX);
    let got = read(&world, &volume, recent, Filter::default());
    are_the_same(&got, &part(&all, recent, &Filter::default()));
    let mut older = volume.read(Seq(5), Seq::MAX, Filter::default());
    let older = world.runtime.block_on(older.next_batch(&mut Vec::new()));
    assert!(matches!(older, Err(Error::Store(_))), "{older:?}");
    // With no store at all it is known to be gone.
    let volume = Volume::new(life.tape.epoch(), Some(life.tape.clone()), None);
    let mut older = volume.read(Seq(5), Seq::MAX, Filter::default());
    let older = world.runtime.block_on(older.next_batch(&mut Vec::new()));
    assert!(matches!(older, Err(Error::Expired { .. })), "{older:?}");
    let ahead = world.runtime.block_on(volume.board_at(Seq(life.tape.head().0 + 1)));
    assert!(matches!(ahead, Err(Error::Ahead { .. })), "{ahead:?}");
}

#[test]
fn a_tape_that_is_whole_on_the_disk_does_not_ask_the_store() {
    let Some(world) = World::begin() else { return };
    let dir = world.dir.path();
    let mut life = Life::begin(dir);
    life.ticks(700);
    // One that was imported, which stands beside it.
    let other = imports(dir).join("z2me9f55");
    fs::create_dir_all(&other).unwrap();
    let mut of_other = Life::begin(&other);
    of_other.ticks(700);
    let epoch = of_other.tape.epoch().to_owned();
    fs::rename(&other, imports(dir).join(&epoch)).unwrap();
    world.postgres.freeze();
    let history = History::new(Some(life.tape.clone()), dir, Some(world.reader()));
    let begun = crate::clock::monotonic();
    world.runtime.block_on(async {
        for name in [None, Some(&*epoch)] {
            let volume = history.volume(name).await.unwrap();
            assert_eq!(volume.oldest().await.unwrap(), Seq::START);
            assert_eq!(volume.before(Nanos(0)).await.unwrap(), Seq::START);
            history.roster(&volume).await.unwrap();
            let mut events = volume.read(Seq::START, Seq::MAX, Filter::default());
            while events.next_batch(&mut Vec::new()).await.unwrap() {}
        }
    });
    let took = begun.elapsed();
    world.postgres.thaw();
    assert!(took < std::time::Duration::from_millis(900), "{took:?}");
}

#[test]
fn a_time_is_found_as_a_walk_along_the_tape_finds_it() {
    let dir = tempfile::tempdir().unwrap();
    let settings = tape::Settings { segment_bytes: 256 * 1024, ..tape::Settings::new(dir.path()) };
    let mut life = Life::begin_with(&settings);
    while life.tape.segments_count() < 3 {
        life.ticks(3_000);
    }
    let all = life.events();
    let look = || tape::look(dir.path()).unwrap().unwrap();
    drop(life.journal);
    for tape in [life.tape.clone(), look()] {
        for event in all.iter().step_by(61).chain(all.last()) {
            for at in [event.recv, Nanos(event.recv.0 + 1), Nanos(event.recv.0 - 1)] {
                let wanted = first_at(&all, at).map_or(tape.head(), |seq| Seq(seq.0 - 1));
                assert_eq!(tape.before(at).unwrap(), wanted);
            }
        }
        assert_eq!(tape.before(Nanos(i64::MIN)).unwrap(), Seq(0));
        assert_eq!(tape.before(Nanos(i64::MAX)).unwrap(), tape.head());
    }
}

#[test]
fn a_look_at_a_tape_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    assert!(tape::look(dir.path()).unwrap().is_none());
    let mut life = Life::begin_with(&tape::Settings::new(dir.path()));
    life.ticks(2_000);
    let files = || {
        let files = fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().path());
        let mut files: Vec<_> = files.map(|path| (fs::read(&path).unwrap(), path)).collect();
        files.sort_by(|one, other| one.1.cmp(&other.1));
        files
    };
    let before = files();
    // While it is written.
    let looked = tape::look(dir.path()).unwrap().unwrap();
    assert_eq!((looked.epoch(), looked.head()), (life.tape.epoch(), life.tape.head()));
    assert_eq!(looked.board_at(looked.head()).unwrap(), life.board);
    let mut events = Vec::new();
    let mut cursor = looked.read_after(Seq(0)).unwrap();
    while cursor.next_batch(4096, &mut events).unwrap() > 0 {}
    are_the_same(&events, &life.events());
    assert!(before == files());
    // A torn tail is passed over, and stays.
    let (_, newest) =
        before.iter().rfind(|(_, path)| path.ends_with("0000000000000001.tape")).unwrap();
    let (end, mut bytes) = (usize::try_from(life.tape.bytes()).unwrap(), fs::read(newest).unwrap());
    bytes[end - 1] ^= 1;
    fs::write(newest, &bytes).unwrap();
    let looked = tape::look(dir.path()).unwrap().unwrap();
    assert!(looked.head() < life.tape.head());
    assert_eq!(fs::read(newest).unwrap(), bytes);
}
