//! Versions of the tables, and migrations from one to the next.

use super::waits;
use crate::store::Error;
use crate::store::State;
use crate::store::schema;
use crate::store::tests::Life;
use crate::store::tests::World;
use crate::store::tests::are_the_same;
use crate::store::tests::eventually;

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
