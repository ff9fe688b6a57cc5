//! Losses: what was given up, damaged or deleted is told, and nothing else is lost.

use std::fs;

use tickwire_feeds::Nanos;

use super::waits;
use crate::event::Event;
use crate::event::Seq;
use crate::store::Error;
use crate::store::Filter;
use crate::store::State;
use crate::store::tests::DAY_NS;
use crate::store::tests::Life;
use crate::store::tests::World;
use crate::store::tests::are_the_same;
use crate::store::tests::eventually;
use crate::tape;

#[test]
fn what_the_journal_gives_up_before_it_is_stored_is_told() {
    let Some(mut world) = World::begin() else { return };
    let settings = tape::Settings {
        segment_bytes: 16 * 1024,
        retention_bytes: 64 * 1024,
        ..tape::Settings::new(world.dir.path())
    };
    let mut life = Life::begin_with(&settings);
    life.ticks(500);
    let recorder = world.record(&life.tape);
    eventually("all is stored", || recorder.status().behind() == Some(0));
    let before = (life.events(), life.tape.head());
    world.postgres.stop();
    waits(&recorder, State::Unavailable);
    while life.tape.oldest() < Seq(before.1.0 + 1_000) {
        life.ticks(500);
    }
    // At once, though the store cannot know it yet.
    let status = recorder.status();
    assert_eq!((status.losses, status.lost), (1, Some((before.1, life.tape.oldest()))));
    assert_eq!(status.state, State::Unavailable);
    life.ticks(200);
    world.postgres.begin();
    eventually("all is stored", || recorder.status().behind() == Some(0));
    let status = recorder.status();
    assert_eq!((status.trouble(), status.last_error.is_some()), (None, true), "{status:?}");
    assert_eq!(status.losses, 1, "{status:?}");
    assert!(status.is_degraded());
    let (after, upto) = status.lost.unwrap();
    assert_eq!((after, upto), (before.1, life.tape.oldest()));
    drop(recorder);

    let (reader, epoch) = (world.reader(), world.epoch(life.tape.epoch()));
    let losses = world.runtime.block_on(reader.losses(&epoch)).unwrap();
    assert_eq!(losses, [(after, upto)]);
    // Before it and behind it all is there; to read across it is an error where it stands.
    let mut got = Vec::new();
    let error = world.runtime.block_on(async {
        let mut reading = reader.read(&epoch, epoch.oldest, Seq::MAX, Filter::default());
        loop {
            match reading.next_batch(&mut got).await {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) => return Some(error),
            }
        }
    });
    assert!(matches!(error, Some(Error::Lost { .. })), "{error:?}");
    are_the_same(&got, &before.0);
    are_the_same(&world.read(&epoch, (upto, Seq::MAX), Filter::default()), &life.events());
    for seq in [upto, Seq(upto.0 + 77), life.tape.head()] {
        let board = world.runtime.block_on(reader.board_at(&epoch, seq)).unwrap();
        assert_eq!(board, life.tape.board_at(seq).unwrap());
    }
    let within = world.runtime.block_on(reader.board_at(&epoch, Seq(upto.0 - 1)));
    assert!(matches!(within, Err(Error::Lost { .. })), "{within:?}");
}

/// Damages the events of a tape's second segment, and the checkpoints of as many that follow as are
/// said. What can be read before and behind that is stored, and the loss is told.
fn damage(checkpoints: usize) {
    const IN_CHECKPOINT: usize = 120;
    let Some(world) = World::begin() else { return };
    let settings =
        tape::Settings { segment_bytes: 16 * 1024, ..tape::Settings::new(world.dir.path()) };
    let mut life = Life::begin_with(&settings);
    eventually("some segments are full", || {
        life.ticks(500);
        life.tape.segments_count() > 4
    });
    let wanted = life.events();
    let mut segments: Vec<_> = fs::read_dir(world.dir.path())
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "tape"))
        .collect();
    segments.sort();
    for (nth, path) in segments[1..=1 + checkpoints].iter().enumerate() {
        let mut bytes = fs::read(path).unwrap();
        let place = if nth == 0 { bytes.len() / 2 } else { IN_CHECKPOINT };
        bytes[place] ^= 1;
        fs::write(path, bytes).unwrap();
    }

    let recorder = world.record(&life.tape);
    eventually("what follows is stored", || recorder.status().behind() == Some(0));
    let status = recorder.status();
    let (after, upto) = status.lost.unwrap();
    let behind = segments[2 + checkpoints].file_stem().unwrap().to_str().unwrap();
    assert_eq!(upto, Seq(behind.parse::<u64>().unwrap() - 1));
    assert!(status.last_error.unwrap().contains("is damaged at byte"));
    drop(recorder);
    assert!(after > Seq(0));
    let epoch = world.epoch(life.tape.epoch());
    let part = |range: std::ops::Range<u64>| -> Vec<Event> {
        let within = |event: &&Event| range.contains(&(event.seq.0 - 1));
        wanted.iter().filter(within).cloned().collect()
    };
    are_the_same(&world.read(&epoch, (Seq(0), after), Filter::default()), &part(0..after.0));
    let behind = world.read(&epoch, (upto, Seq::MAX), Filter::default());
    are_the_same(&behind, &part(upto.0..u64::MAX));
    assert_eq!(
        life.tape.board_at(upto).unwrap(),
        world.runtime.block_on(world.reader().board_at(&epoch, upto)).unwrap()
    );
}

#[test]
fn a_damaged_part_of_the_journal_is_a_loss_and_what_follows_is_stored() {
    damage(0);
}

#[test]
fn a_loss_goes_on_to_where_a_checkpoint_can_be_read() {
    damage(1);
    damage(2);
}

#[test]
fn the_journal_keeps_what_is_not_stored_whatever_its_age() {
    let Some(mut world) = World::begin() else { return };
    let settings = tape::Settings {
        segment_bytes: 16 * 1024,
        retention_age_ms: 60_000,
        ..tape::Settings::new(world.dir.path())
    };
    let mut life = Life::begin_with(&settings);
    world.postgres.stop();
    let recorder = world.record(&life.tape);
    // Segments are begun when there is a file for them.
    eventually("some segments are full", || {
        life.ticks(500);
        life.tape.segments_count() > 3
    });
    life.now = Nanos(life.now.0 + DAY_NS);
    life.ticks(2_000);
    assert_eq!(life.tape.oldest(), Seq(0));
    let wanted = life.events();
    world.postgres.begin();
    eventually("all is stored", || recorder.status().behind() == Some(0));
    life.journal.tend(&life.board, life.now).unwrap();
    assert!(life.tape.oldest() > Seq(0), "then it goes");
    drop(recorder);
    are_the_same(&world.stored(life.tape.epoch()), &wanted);
}

#[test]
fn rows_that_somebody_deleted_are_missed() {
    let Some(world) = World::begin() else { return };
    let mut life = Life::begin(world.dir.path());
    life.ticks(1_000);
    world.record_all(&life.tape);
    world.postgres.ask("DELETE FROM events WHERE seq = 77");
    let (reader, epoch) = (world.reader(), world.epoch(life.tape.epoch()));
    let mut reading = reader.read(&epoch, Seq(0), Seq::MAX, Filter::default());
    let missed = world.runtime.block_on(reading.next_batch(&mut Vec::new()));
    assert!(matches!(missed, Err(Error::Incomplete { .. })), "{missed:?}");
}
