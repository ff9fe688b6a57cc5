//! Kills: of the database, of a recorder, of the whole program.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use crate::event::Seq;
use crate::store::Recorder;
use crate::store::Settings;
use crate::store::State;
use crate::store::Url;
use crate::store::tests::Life;
use crate::store::tests::PATIENCE;
use crate::store::tests::World;
use crate::store::tests::are_the_same;
use crate::store::tests::eventually;

/// Kills in a quick run; `CRASHES=20` for the long one.
fn crashes() -> u64 {
    std::env::var("CRASHES").ok().and_then(|count| count.parse().ok()).unwrap_or(3)
}

/// Appends to a tape all the while something is done to its recorder.
fn under_load(life: &mut Life, trouble: impl FnOnce() + Send) {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let troubling = scope.spawn(|| {
            trouble();
            is_over.store(true, Relaxed);
        });
        while !is_over.load(Relaxed) && !troubling.is_finished() {
            life.ticks(100);
            std::thread::park_timeout(Duration::from_millis(2));
        }
        troubling.join().unwrap();
    });
}

#[test]
fn a_database_killed_again_and_again_has_each_event_once() {
    let Some(mut world) = World::begin() else { return };
    let mut life = Life::begin(world.dir.path());
    let recorder = world.record(&life.tape);
    let tape = life.tape.clone();
    under_load(&mut life, || {
        for crash in 0..crashes() {
            let stored = recorder.status().stored.unwrap_or(Seq::START);
            eventually("something more is stored", || {
                recorder.status().stored > Some(Seq(stored.0 + 200))
            });
            // Each time at another moment of a batch.
            std::thread::park_timeout(Duration::from_millis(crash * 7 % 23));
            world.postgres.kill();
            world.postgres.begin();
        }
    });
    eventually("all is stored", || recorder.status().stored == Some(tape.head()));
    let status = recorder.stop(PATIENCE);
    assert!(status.failures >= crashes(), "{status:?}");
    assert_eq!((status.losses, status.state), (0, State::Stopped));
    are_the_same(&world.stored(life.tape.epoch()), &life.events());
}

#[test]
fn a_recorder_cut_off_at_any_moment_leaves_each_event_once() {
    let Some(world) = World::begin() else { return };
    let mut life = Life::begin(world.dir.path());
    let tape = life.tape.clone();
    under_load(&mut life, || {
        for crash in 0..10 * crashes() {
            // Dropping it cuts its connection wherever it is.
            let recorder = world.record(&tape);
            std::thread::park_timeout(Duration::from_millis(5 + crash * 13 % 97));
            drop(recorder);
        }
    });
    world.record_all(&life.tape);
    are_the_same(&world.stored(life.tape.epoch()), &life.events());
}

/// The child of the next test: records for as long as it lives.
#[test]
fn a_process_that_records() {
    let Ok(dir) = std::env::var("TICKWIRE_TEST_RECORDS_IN") else { return };
    let mut life = Life::begin(Path::new(&dir));
    let settings = Settings {
        batch_ms: 10,
        ..Settings::new(Url::parse(&std::env::var("TICKWIRE_TEST_RECORDS_TO").unwrap()).unwrap())
    };
    let _recorder = Recorder::start(life.tape.clone(), settings).unwrap();
    loop {
        life.ticks(500);
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

#[test]
fn a_program_killed_again_and_again_stores_each_event_once() {
    let Some(world) = World::begin() else { return };
    drop(Life::begin(world.dir.path()));
    for crash in 0..crashes() {
        let before = world.postgres.psql("SELECT stored FROM epochs").unwrap_or_default();
        let mut program = std::process::Command::new(std::env::current_exe().unwrap());
        program.args(["--exact", "store::tests::trouble::kills::a_process_that_records"]);
        program.env("TICKWIRE_TEST_RECORDS_IN", world.dir.path());
        program.env("TICKWIRE_TEST_RECORDS_TO", world.postgres.url());
        program.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        let mut program = program.spawn().unwrap();
        eventually("it stores more", || {
            world.postgres.psql("SELECT stored FROM epochs").is_ok_and(|now| now != before)
        });
        std::thread::park_timeout(Duration::from_millis(crash * 11 % 37));
        program.kill().unwrap();
        program.wait().unwrap();
    }
    let life = Life::begin(world.dir.path());
    assert!(life.tape.head() > Seq(1_000));
    world.record_all(&life.tape);
    are_the_same(&world.stored(life.tape.epoch()), &life.events());
}
