//! The partitions of `events`: one a UTC day, made ahead, dropped whole.

use std::collections::BTreeSet;

use sqlx::AssertSqlSafe;
use sqlx::Executor as _;
use sqlx::PgConnection;
use sqlx::Row as _;
use tickwire_feeds::time::Day;

/// Days outside have partitions already, which the migration made: 1990-01-01 to 2199-12-31.
const DAYS: std::ops::RangeInclusive<i32> = 7_305..=84_005;
/// What a partition's name begins with; the day follows, without its dashes.
const PREFIX: &str = "events_";

/// The days that have a partition.
pub(super) async fn known(connection: &mut PgConnection) -> Result<BTreeSet<Day>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
         WHERE i.inhparent = 'events'::regclass",
    );
    let rows = rows.fetch_all(connection).await?;
    let days = rows.iter().map(|row| Ok(day_of(row.try_get(0)?)));
    days.filter_map(Result::transpose).collect()
}

/// Makes partitions for those of the days that have none. Readers are not in its way.
pub(super) async fn make(
    connection: &mut PgConnection,
    known: &mut BTreeSet<Day>,
    wanted: impl IntoIterator<Item = Day>,
) -> Result<(), sqlx::Error> {
    for day in wanted {
        if known.contains(&day) || !DAYS.contains(&day.0) {
            continue;
        }
        let (name, from, to) = (name(day), day.start().0, Day(day.0 + 1).start().0);
        // A partition that is made in one step would have to wait for all readers.
        let sql = format!(
            "BEGIN; CREATE TABLE {name} (LIKE events); ALTER TABLE events ATTACH PARTITION {name} \
             FOR VALUES FROM ({from}) TO ({to}); COMMIT"
        );
        connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await?;
        known.insert(day);
    }
    Ok(())
}

/// Brings the index by times up to date for a day, as far as it is not.
pub(super) async fn index(connection: &mut PgConnection, day: Day) -> Result<(), sqlx::Error> {
    sqlx::query(
        "SELECT brin_summarize_new_values(h.inhrelid) FROM pg_inherits h \
         JOIN pg_index i ON i.indexrelid = h.inhrelid \
         WHERE h.inhparent = 'events_time'::regclass AND i.indrelid = to_regclass($1)",
    )
    .bind(name(day))
    .execute(connection)
    .await
    .map(drop)
}

/// Drops the partitions of these days, within the transaction that is open.
pub(super) async fn drop_all(
    connection: &mut PgConnection,
    days: &[Day],
) -> Result<(), sqlx::Error> {
    for day in days {
        let sql = format!("DROP TABLE {}", name(*day));
        connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await?;
    }
    Ok(())
}

fn name(day: Day) -> String {
    format!("{PREFIX}{}", day.to_string().replace('-', ""))
}

/// What [`name`] made; `None` for another table.
fn day_of(name: &str) -> Option<Day> {
    let digits = name.strip_prefix(PREFIX).filter(|digits| digits.len() == 8)?;
    let (year, rest) = digits.split_at_checked(4)?;
    let (month, day) = rest.split_at_checked(2)?;
    let start = format!("{year}-{month}-{day}T00:00:00Z");
    tickwire_feeds::Nanos::parse_rfc3339(&start).ok().map(|start| start.day())
}

#[cfg(test)]
mod tests {
    use tickwire_feeds::Nanos;

    use super::*;

    #[test]
    fn a_name_tells_its_day() {
        let day = |text| Nanos::parse_rfc3339(text).unwrap().day();
        assert_eq!(name(day("2026-11-21T23:59:59Z")), "events_20261121");
        for number in DAYS {
            assert_eq!(day_of(&name(Day(number))), Some(Day(number)));
        }
        assert_eq!(*DAYS.start(), day("1990-01-01T00:00:00Z").0);
        assert_eq!(*DAYS.end() + 1, day("2200-01-01T00:00:00Z").0);
        for other in ["events_before", "events_after", "events_2026112", "events_20261341", "a"] {
            assert_eq!(day_of(other), None, "{other}");
        }
    }
}
