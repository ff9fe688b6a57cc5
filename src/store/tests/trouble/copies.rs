//! Copies of a tape, and two who write one.

use std::fs;
use std::time::Duration;

use super::waits;
use crate::event::Seq;
use crate::store::Filter;
use crate::store::State;
use crate::store::tests::Life;
use crate::store::tests::World;
use crate::store::tests::are_the_same;
use crate::store::tests::eventually;

#[test]
fn an_older_copy_of_a_tape_is_refused() {
    let Some(world) = World::begin() else { return };
    let (dir, copy) = (world.dir.path().join("tape"), world.dir.path().join("copy"));
    let mut life = Life::begin(&dir);
    life.ticks(50);
    life.journal.close(&life.board).unwrap();
    fs::create_dir(&copy).unwrap();
    for file in fs::read_dir(&dir).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), copy.join(file.file_name())).unwrap();
    }
    let mut life = Life::begin(&dir);
    life.ticks(500);
    world.record_all(&life.tape);
    let life = Life::begin(&copy);
    let recorder = world.record(&life.tape);
    waits(&recorder, State::Refused);
    let told = recorder.status().last_error.unwrap();
    assert!(told.contains("an older copy of it?"), "{told}");
}

#[test]
fn two_who_write_one_tape_do_not_write_it_twice() {
    let Some(world) = World::begin() else { return };
    let mut life = Life::begin(world.dir.path());
    let recorders = [world.record(&life.tape), world.record(&life.tape)];
    for _ in 0..100 {
        life.ticks(100);
        std::thread::park_timeout(Duration::from_millis(3));
    }
    eventually("one has stored all", || {
        recorders.iter().any(|recorder| recorder.status().behind() == Some(0))
    });
    drop(recorders);
    world.record_all(&life.tape);
    are_the_same(&world.stored(life.tape.epoch()), &life.events());
}

#[test]
fn a_lost_tail_of_the_journal_does_not_mislead_who_replays_what_follows() {
    let Some(world) = World::begin() else { return };
    let (dir, cut) = (world.dir.path().join("tape"), world.dir.path().join("cut"));
    let mut life = Life::begin(&dir);
    life.ticks(300);
    // What a loss of power may leave: all files as they were a moment ago.
    fs::create_dir(&cut).unwrap();
    for file in fs::read_dir(&dir).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), cut.join(file.file_name())).unwrap();
    }
    life.ticks(300);
    world.record_all(&life.tape);
    let stored = life.tape.head();
    drop(life);
    let mut life = Life::begin(&cut);
    assert!(life.tape.head() < stored);
    life.ticks(300);
    world.record_all(&life.tape);
    let epoch = world.epoch(life.tape.epoch());
    let all = world.read(&epoch, (Seq(0), Seq::MAX), Filter::default());
    assert!(all.iter().any(|event| event.seq == stored), "what was stored stays");
    // A range that ends where no place was ever given.
    let part = world.read(&epoch, (Seq(0), Seq(stored.0 + 5)), Filter::default());
    are_the_same(&part, &all[..part.len()]);
    assert_eq!(part.last().map(|event| event.seq), Some(stored));
    for seq in [life.tape.head(), Seq(life.tape.head().0 - 50)] {
        let board = world.runtime.block_on(world.reader().board_at(&epoch, seq)).unwrap();
        assert_eq!(board, life.tape.board_at(seq).unwrap());
    }
}
