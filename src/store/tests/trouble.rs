//! What can go wrong, and what comes of it.

use std::fs;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use super::*;

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

fn waits(recorder: &Recorder, state: State) {
    eventually(state.word(), || recorder.status().state == state);
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
        program.args(["--exact", "store::tests::trouble::a_process_that_records"]);
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
fn a_later_version_of_the_tables_is_left_alone() {
    let Some(world) = World::begin() else { return };
    let mut life = Life::begin(world.dir.path());
    life.ticks(100);
    world.record_all(&life.tape);
    let (insert, delete) = (
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'later', true, '\\x00', 0)",
        "DELETE FROM _sqlx_migrations WHERE version = 9999",
    );
    world.postgres.ask(insert);
    life.ticks(100);
    let recorder = world.record(&life.tape);
    waits(&recorder, State::Newer);
    let told = recorder.status().last_error.unwrap();
    assert!(told.contains("later version") && told.contains("9999"), "{told}");
    let refused = world.runtime.block_on(schema::migrate(&world.settings()));
    assert!(matches!(refused, Err(Error::Newer { found: 9999, known: 2 })), "{refused:?}");
    let steps = world.runtime.block_on(schema::status(&world.settings())).unwrap();
    assert_eq!(steps.last().map(|step| step.standing), Some(schema::Standing::Unknown));
    assert!(recorder.status().behind() != Some(0));
    world.postgres.ask(delete);
    eventually("all is stored", || recorder.status().behind() == Some(0));
    drop(recorder);
    are_the_same(&world.stored(life.tape.epoch()), &life.events());
}

#[test]
fn migrations_are_applied_once_and_watched_over() {
    let Some(world) = World::begin() else { return };
    let settings = world.settings();
    let standings = |steps: Vec<schema::Step>| -> Vec<_> {
        steps.into_iter().map(|step| (step.version, step.standing)).collect()
    };
    world.runtime.block_on(async {
        let status = standings(schema::status(&settings).await.unwrap());
        assert_eq!(status, [(1, schema::Standing::Pending), (2, schema::Standing::Pending)]);
        // Two at once, as two programs that start together.
        let both = tokio::join!(schema::migrate(&settings), schema::migrate(&settings));
        for steps in [both.0, both.1] {
            assert_eq!(
                standings(steps.unwrap()),
                [(1, schema::Standing::Applied), (2, schema::Standing::Applied)]
            );
        }
        schema::migrate(&settings).await.unwrap();
    });
    world.postgres.ask("UPDATE _sqlx_migrations SET checksum = '\\x01' WHERE version = 1");
    let changed = world.runtime.block_on(schema::migrate(&settings));
    assert!(matches!(changed, Err(Error::Changed { version: 1 })), "{changed:?}");
    let life = Life::begin(world.dir.path());
    waits(&world.record(&life.tape), State::Refused);
}

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
