//! Retention: whole days go, and with them what stands beside their events.

use sqlx::Executor as _;
use sqlx::PgConnection;
use tickwire_feeds::time::Day;

use super::books;
use super::days;
use crate::board::Board;
use crate::event::Seq;

/// The tape that is being written: it stays, however old it is.
#[derive(Clone, Copy)]
pub(super) struct Current<'a> {
    pub(super) epoch_id: i32,
    pub(super) stored: Seq,
    pub(super) board: &'a Board,
}

/// How far each tape reaches back now: to the first checkpoint behind what goes. Events between
/// that and the end of the day go too, as no board leads to them.
const MOVE_OLDEST: &str = "\
    UPDATE epochs e SET oldest = greatest(e.oldest, coalesce((\
        SELECT min(c.seq) FROM checkpoints c WHERE c.epoch_id = e.epoch_id AND c.seq >= gone.last\
    ), e.stored)) \
    FROM (\
        SELECT epoch_id, max(last) AS last FROM slices WHERE recv_min < $1 GROUP BY epoch_id\
    ) gone \
    WHERE gone.epoch_id = e.epoch_id";

/// What is beside the events. A tape of which nothing is left goes whole, its names too.
const CLEAN: &[&str] = &[
    "DELETE FROM slices s USING epochs e WHERE s.epoch_id = e.epoch_id AND s.last <= e.oldest",
    "DELETE FROM checkpoints c USING epochs e WHERE c.epoch_id = e.epoch_id AND c.seq < e.oldest",
    "DELETE FROM gaps g USING epochs e WHERE g.epoch_id = e.epoch_id AND g.seq <= e.oldest",
    "DELETE FROM losses l USING epochs e WHERE l.epoch_id = e.epoch_id AND l.upto <= e.oldest",
];

/// Bars of the days that go. Where a venue's time is not ours those stay whose events do.
const OLD_BARS: &str = "\
    DELETE FROM closed_bars b USING epochs e \
    WHERE b.epoch_id = e.epoch_id AND b.start < $1 AND b.seq <= e.oldest";

/// Tapes of which nothing is left; one that another program began just now is none of them.
const FORGET: &str = "\
    DELETE FROM epochs e WHERE e.oldest = e.stored AND e.epoch_id <> $1 \
    AND e.begun_at < time_of($2) \
    AND NOT EXISTS (SELECT FROM slices s WHERE s.epoch_id = e.epoch_id)";

/// Drops the days, all of which are before `first`.
pub(super) async fn retire(
    connection: &mut PgConnection,
    old: &[Day],
    first: Day,
    current: Current<'_>,
) -> Result<(), sqlx::Error> {
    connection.execute("BEGIN").await?;
    let cutoff = first.start().0;
    sqlx::query(MOVE_OLDEST).bind(cutoff).execute(&mut *connection).await?;
    // Where all of it goes, only this leads on.
    let Current { epoch_id, stored, board } = current;
    books::checkpoint(connection, epoch_id, stored, board).await?;
    for sql in CLEAN {
        sqlx::query(*sql).execute(&mut *connection).await?;
    }
    sqlx::query(OLD_BARS).bind(cutoff).execute(&mut *connection).await?;
    sqlx::query("DELETE FROM sessions WHERE day < date '1970-01-01' + $1")
        .bind(first.0)
        .execute(&mut *connection)
        .await?;
    sqlx::query(FORGET).bind(epoch_id).bind(cutoff).execute(&mut *connection).await?;
    sqlx::query("DELETE FROM events_before WHERE recv < $1")
        .bind(cutoff)
        .execute(&mut *connection)
        .await?;
    days::drop_all(connection, old).await?;
    connection.execute("COMMIT").await.map(drop)
}
