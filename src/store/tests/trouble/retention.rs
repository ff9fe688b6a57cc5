//! Retention: old days go, and what is left stays whole.

use tickwire_feeds::Nanos;

use crate::clock;
use crate::event::Event;
use crate::event::Seq;
use crate::store::Error;
use crate::store::Filter;
use crate::store::Recorder;
use crate::store::Settings;
use crate::store::tests::DAY_NS;
use crate::store::tests::Life;
use crate::store::tests::SYMBOLS;
use crate::store::tests::World;
use crate::store::tests::are_the_same;
use crate::store::tests::eventually;

#[test]
fn old_days_go_whole_and_what_is_left_can_be_replayed() {
    let Some(world) = World::begin() else { return };
    let mut life = Life::begin(world.dir.path());
    let now = clock::now();
    let mut of_days = Vec::new();
    for days_ago in (0..5).rev() {
        life.now = Nanos((now.day().0 - days_ago) as i64 * DAY_NS + 1_000_000_000);
        life.ticks(2_000);
        world.record_all(&life.tape);
        of_days.push(life.tape.head());
    }
    assert_eq!(world.postgres.ask("SELECT count(*) FROM sessions"), "6");
    let settings = Settings { retention_age_ms: 2 * 86_400_000, ..world.settings() };
    let recorder = Recorder::start(life.tape.clone(), settings).unwrap();
    eventually("old days are dropped", || recorder.status().days_dropped > 0);
    life.ticks(100);
    eventually("all is stored", || recorder.status().behind() == Some(0));
    drop(recorder);

    // Two days went, and that of the names.
    let epoch = world.epoch(life.tape.epoch());
    assert!(epoch.oldest >= of_days[1] && epoch.oldest < of_days[2], "{epoch:?} {of_days:?}");
    let kept: Vec<Event> =
        life.events().into_iter().filter(|event| event.seq > epoch.oldest).collect();
    are_the_same(&world.read(&epoch, (epoch.oldest, Seq::MAX), Filter::default()), &kept);
    for seq in [epoch.oldest, Seq(epoch.oldest.0 + 700), life.tape.head()] {
        let board = world.runtime.block_on(world.reader().board_at(&epoch, seq)).unwrap();
        assert_eq!(board, life.tape.board_at(seq).unwrap());
    }
    let reader = world.reader();
    let mut gone = reader.read(&epoch, Seq(epoch.oldest.0 - 1), Seq::MAX, Filter::default());
    let gone = world.runtime.block_on(gone.next_batch(&mut Vec::new()));
    assert!(matches!(gone, Err(Error::Expired { .. })), "{gone:?}");
    assert_eq!(world.postgres.ask("SELECT count(*) FROM sessions"), "3");
    let oldest = world.postgres.ask("SELECT min(seq) FROM gaps");
    assert!(oldest.parse::<u64>().unwrap() > epoch.oldest.0);
    let names = world.postgres.ask("SELECT count(*) FROM symbols");
    assert_eq!(names, SYMBOLS.to_string(), "names of what is left stay");
}

#[test]
fn a_tape_of_which_nothing_is_left_goes_with_its_names() {
    let Some(world) = World::begin() else { return };
    let (old, new) = (world.dir.path().join("old"), world.dir.path().join("new"));
    let mut life = Life::begin(&old);
    life.now = Nanos(clock::now().0 - 9 * DAY_NS);
    life.ticks(300);
    world.record_all(&life.tape);
    world.postgres.ask("UPDATE epochs SET begun_at = begun_at - interval '9 days'");
    let mut life = Life::begin(&new);
    life.now = clock::now();
    life.ticks(300);
    let settings = Settings { retention_age_ms: 2 * 86_400_000, ..world.settings() };
    let recorder = Recorder::start(life.tape.clone(), settings).unwrap();
    eventually("old days are dropped", || recorder.status().days_dropped > 0);
    eventually("all is stored", || recorder.status().behind() == Some(0));
    drop(recorder);
    assert_eq!(world.postgres.ask("SELECT name FROM epochs"), life.tape.epoch());
    assert_eq!(world.postgres.ask("SELECT count(*) FROM symbols"), SYMBOLS.to_string());
}
