//! The tables: which migrations there are, which were applied, and applying the rest.

use std::borrow::Cow;
use std::collections::BTreeMap;

use sqlx::PgConnection;
use sqlx::Row as _;
use sqlx::SqlSafeStr as _;
use sqlx::migrate::MigrateError;
use sqlx::migrate::Migration;
use sqlx::migrate::MigrationType;
use sqlx::migrate::Migrator;

use super::Settings;
use super::connection::Patience;
use super::connection::connect;
use super::error::Error;

/// All migrations, in their order. What was released is never edited, only followed by another.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "history", include_str!("../../migrations/0001_history.sql")),
    (2, "bars", include_str!("../../migrations/0002_bars.sql")),
];

/// Longest time that migrations may take in all: they are made so that they are quick.
const PATIENCE: Patience = Patience { timeout_ms: 120_000 };

/// A migration, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its number.
    pub version: i64,
    /// Its name.
    pub name: String,
    /// How it stands.
    pub standing: Standing,
}

/// How a migration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// It was applied.
    Applied,
    /// It is to be applied.
    Pending,
    /// A later version of the program applied it.
    Unknown,
    /// It was applied with another content.
    Changed,
}

/// How all migrations stand, those that only the database knows included.
///
/// # Errors
/// [`Error::Database`] and [`Error::Timeout`] if the database can not say.
pub async fn status(settings: &Settings) -> Result<Vec<Step>, Error> {
    let mut connection = connect(settings).await?;
    steps(&mut connection, settings.patience()).await
}

/// Applies what is pending, and tells how all migrations stand then. Two that do so at once wait
/// for each other.
///
/// # Errors
/// [`Error::Newer`] if a later version of the program was here, [`Error::Changed`] if what was
/// applied is not what is known; [`Error::Migrate`]; as [`status`].
pub async fn migrate(settings: &Settings) -> Result<Vec<Step>, Error> {
    let mut connection = connect(settings).await?;
    bring_up(&mut connection, settings.patience()).await?;
    steps(&mut connection, settings.patience()).await
}

/// As [`migrate`], on a connection. Afterwards it is as good as new: statements that were prepared
/// before would fail.
pub(super) async fn bring_up(
    connection: &mut PgConnection,
    patience: Patience,
) -> Result<(), Error> {
    match check(&steps(connection, patience).await?) {
        Err(Error::Behind { .. }) => {}
        settled => return settled,
    }
    let migrator = migrator();
    let run = migrator.run_direct(None, connection, false);
    PATIENCE.wait("migrate", async { Ok(run.await) }).await?.map_err(refused)
}

/// Whether the tables are those of this program.
///
/// # Errors
/// [`Error::Newer`], [`Error::Changed`], [`Error::Behind`].
pub fn check(steps: &[Step]) -> Result<(), Error> {
    let is = |standing| move |step: &&Step| step.standing == standing;
    if let Some(step) = steps.iter().rfind(is(Standing::Unknown)) {
        let known = MIGRATIONS.last().map_or(0, |(version, ..)| *version);
        return Err(Error::Newer { found: step.version, known });
    }
    if let Some(step) = steps.iter().find(is(Standing::Changed)) {
        return Err(Error::Changed { version: step.version });
    }
    match steps.iter().filter(is(Standing::Pending)).count() {
        0 => Ok(()),
        missing => Err(Error::Behind { missing }),
    }
}

/// How all migrations stand, by their numbers.
pub(super) async fn steps(
    connection: &mut PgConnection,
    patience: Patience,
) -> Result<Vec<Step>, Error> {
    let applied = patience.wait("read the migrations", applied(connection)).await?;
    let mut steps = BTreeMap::new();
    for migration in migrator().iter() {
        let name = migration.description.to_string();
        steps.insert(migration.version, (name, Standing::Pending, migration.checksum.clone()));
    }
    for (version, name, checksum) in applied {
        let standing = match steps.get(&version) {
            None => Standing::Unknown,
            Some((.., known)) if **known == *checksum => Standing::Applied,
            Some(_) => Standing::Changed,
        };
        steps.insert(version, (name, standing, checksum.into()));
    }
    let step = |(version, (name, standing, _))| Step { version, name, standing };
    Ok(steps.into_iter().map(step).collect())
}

async fn applied(
    connection: &mut PgConnection,
) -> Result<Vec<(i64, String, Vec<u8>)>, sqlx::Error> {
    let there = sqlx::query("SELECT to_regclass('_sqlx_migrations') IS NOT NULL");
    if !there.fetch_one(&mut *connection).await?.try_get::<bool, _>(0)? {
        return Ok(Vec::new());
    }
    let rows = sqlx::query(
        "SELECT version, description, checksum FROM _sqlx_migrations WHERE success ORDER BY version",
    );
    let rows = rows.fetch_all(connection).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))).collect()
}

fn migrator() -> Migrator {
    let migration = |(version, name, sql): &(i64, &'static str, &'static str)| {
        let (name, kind) = (Cow::Borrowed(*name), MigrationType::Simple);
        Migration::new(*version, name, kind, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(MIGRATIONS.iter().map(migration).collect())
}

/// Between our look and the run somebody else may have been there.
fn refused(error: MigrateError) -> Error {
    match error {
        MigrateError::VersionMissing(found) => {
            Error::Newer { found, known: MIGRATIONS.last().map_or(0, |(version, ..)| *version) }
        }
        MigrateError::VersionMismatch(version) => Error::Changed { version },
        error => Error::Migrate(error),
    }
}
