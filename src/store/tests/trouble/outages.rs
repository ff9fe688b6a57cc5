//! Outages: a database that hangs, comes late, or has no room.

use std::time::Duration;

use super::waits;
use crate::clock;
use crate::store::Error;
use crate::store::Reader;
use crate::store::Recorder;
use crate::store::Settings;
use crate::store::State;
use crate::store::tests::Life;
use crate::store::tests::World;
use crate::store::tests::are_the_same;
use crate::store::tests::eventually;
use crate::store::tests::postgres::Postgres;

#[test]
fn a_database_that_hangs_is_given_up_and_found_again() {
    let Some(world) = World::begin() else { return };
    let mut life = Life::begin(world.dir.path());
    life.ticks(1_000);
    let recorder = world.record(&life.tape);
    eventually("all is stored", || recorder.status().behind() == Some(0));
    world.postgres.freeze();
    life.ticks(1_000);
    waits(&recorder, State::Unavailable);
    let told = recorder.status().last_error.unwrap();
    assert!(told.contains("no answer within 1000 ms"), "{told}");
    // Who reads is told within the same time.
    let reader = world.reader();
    let begun = clock::monotonic();
    let error = world.runtime.block_on(reader.epochs()).unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error}");
    assert!(clock::monotonic() - begun < Duration::from_secs(3));
    // And an end is an end, however much there still is to do.
    let other = world.record(&life.tape);
    assert_eq!(other.stop(Duration::from_millis(50)).state, State::Stopped);
    assert!(clock::monotonic() - begun < Duration::from_secs(4));
    world.postgres.thaw();
    eventually("all is stored", || recorder.status().behind() == Some(0));
    assert_eq!(recorder.status().state, State::Recording);
    drop(recorder);
    are_the_same(&world.stored(life.tape.epoch()), &life.events());
}

#[test]
fn who_reads_from_a_database_that_is_known_to_hang_is_told_within_a_second() {
    let Some(world) = World::begin() else { return };
    let settings = Settings { timeout_ms: 3_000, ..world.settings() };
    let reader = Reader::new(&settings).unwrap();
    let ask = || {
        let begun = clock::monotonic();
        let answer = world.runtime.block_on(reader.epochs()).map(drop);
        (answer, begun.elapsed())
    };
    let mut life = Life::begin(world.dir.path());
    life.ticks(100);
    world.record_all(&life.tape);
    ask().0.unwrap();
    world.postgres.freeze();
    let (answer, took) = ask();
    assert!(matches!(answer, Err(Error::Timeout { .. })), "{answer:?}");
    assert!(took < Duration::from_secs(4), "{took:?}");
    for _ in 0..6 {
        let (answer, took) = ask();
        assert!(matches!(answer, Err(Error::Timeout { .. })), "{answer:?}");
        assert!(took < Duration::from_secs(1), "{took:?}");
    }
    // Another one learns it from the recorder.
    let recorder = Recorder::start(life.tape.clone(), world.settings()).unwrap();
    waits(&recorder, State::Unavailable);
    let other = Reader::new(&settings).unwrap();
    other.heed(recorder.watch());
    let begun = clock::monotonic();
    assert!(world.runtime.block_on(other.epochs()).is_err());
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    world.postgres.thaw();
    eventually("it answers", || ask().0.is_ok());
    eventually("all is well", || recorder.status().state == State::Recording);
    assert!(world.runtime.block_on(other.epochs()).is_ok());
}

#[test]
fn a_database_that_comes_late_gets_everything() {
    let Some(mut world) = World::begin() else { return };
    world.postgres.stop();
    let mut life = Life::begin(world.dir.path());
    life.ticks(5_000);
    let recorder = world.record(&life.tape);
    life.ticks(5_000);
    waits(&recorder, State::Unavailable);
    let status = recorder.status();
    assert!(status.is_degraded() && status.trouble().is_some());
    assert_eq!((status.behind(), status.lost), (None, None), "nobody can know");
    world.postgres.begin();
    eventually("all is stored", || recorder.status().behind() == Some(0));
    assert!(!recorder.status().is_degraded());
    // A restart that its users are not asked about.
    world.postgres.stop();
    world.postgres.begin();
    life.ticks(5_000);
    eventually("all is stored", || recorder.status().behind() == Some(0));
    drop(recorder);
    are_the_same(&world.stored(life.tape.epoch()), &life.events());
}

#[test]
#[expect(clippy::print_stdout, reason = "what is skipped is told")]
fn a_full_disk_of_the_database_is_waited_out() {
    let disk = tempfile::Builder::new().prefix("tw-pg-").tempdir_in("/tmp").unwrap();
    let mount = |options: &str| {
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(disk.path());
        mount.output().is_ok_and(|done| done.status.success())
    };
    if !mount("size=44m") {
        println!("SKIPPED: needs the right to mount a tmpfs");
        assert_ne!(std::env::var("REQUIRE").as_deref(), Ok("all"));
        return;
    }
    let told = Postgres::start_in(disk.path(), &["max_wal_size=8MB"]).map(|postgres| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut world = World { postgres, dir: tempfile::tempdir().unwrap(), runtime };
        let mut life = Life::begin(world.dir.path());
        let recorder = world.record(&life.tape);
        while recorder.status().state != State::Unavailable {
            life.ticks(5_000);
        }
        assert!(mount("remount,size=256m"));
        // It may have given up.
        if world.postgres.psql("SELECT 1").is_err() {
            world.postgres.begin();
        }
        eventually("all is stored", || recorder.status().behind() == Some(0));
        drop(recorder);
        are_the_same(&world.stored(life.tape.epoch()), &life.events());
        world.postgres.told()
    });
    drop(std::process::Command::new("umount").arg("-l").arg(disk.path()).output());
    assert!(told.is_none_or(|told| told.contains("No space left on device")));
}
