//! Opening: where a tape is to go on in the store.

use sqlx::Executor as _;
use sqlx::PgConnection;
use sqlx::Row as _;
use tickwire_feeds::Nanos;
use tracing::error;
use tracing::info;

use super::books;
use super::books::signed;
use super::connection::Patience;
use super::error::Error;
use super::ledger::Slice;
use crate::board::Board;
use crate::event::Seq;
use crate::tape;
use crate::tape::Resume;
use crate::tape::Tape;

/// Where a tape is to go on in the store.
pub(super) struct Position {
    pub(super) epoch_id: i32,
    /// Everything up to here is there.
    pub(super) stored: Seq,
    /// The greatest `recv` up to there.
    pub(super) recv_high: Nanos,
    /// The last slice, if it may go on.
    pub(super) open: Option<Slice>,
    /// What turned out to be lost: after the first place, up to the second.
    pub(super) lost: Option<(Seq, Seq)>,
    /// The board after `stored`.
    pub(super) board: Board,
}

/// From where the tape is to be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    /// From where the store is.
    Stored,
    /// From behind that segment of the journal, as it is damaged there.
    BehindDamage,
}

/// What the store knows of a tape.
struct Known {
    epoch_id: i32,
    stored: Seq,
    recv_high: Nanos,
}

/// Finds where the tape is to go on, and begins it if the store does not know it.
pub(super) async fn open(
    connection: &mut PgConnection,
    patience: Patience,
    tape: &Tape,
    from: From,
) -> Result<Position, Error> {
    const DOING: &str = "find where to go on";
    let Some(known) = patience.wait(DOING, find(connection, tape.epoch())).await? else {
        return begin(connection, patience, tape).await;
    };
    let Known { epoch_id, stored, recv_high } = known;
    let position = |board| Position { epoch_id, stored, recv_high, open: None, lost: None, board };
    if from == From::BehindDamage
        && let Some(upto) = tape.beyond(stored)
    {
        return lose(connection, patience, (tape, upto), position(Board::default())).await;
    }
    match tape.resumable(stored) {
        Resume::Yes => {
            let open = patience.wait(DOING, last_slice(connection, epoch_id)).await?;
            Ok(Position { open, ..position(tape.board_at(stored)?) })
        }
        Resume::Ahead => Err(Error::Ahead { stored, head: tape.head() }),
        Resume::Expired if stored < tape.oldest() => {
            let lost = (tape, tape.oldest());
            lose(connection, patience, lost, position(Board::default())).await
        }
        // A loss of power cost the journal what the store has. What comes next does not know of
        // that, so the board begins anew here.
        Resume::Expired => {
            let board = tape.board_at(stored)?;
            let keep = books::checkpoint(connection, epoch_id, stored, &board);
            patience.wait("write a checkpoint", keep).await?;
            Ok(position(board))
        }
    }
}

async fn find(connection: &mut PgConnection, epoch: &str) -> Result<Option<Known>, sqlx::Error> {
    // The lock waits for the transaction of a writer that died, if it is not over yet.
    let row =
        sqlx::query("SELECT epoch_id, stored, recv_high FROM epochs WHERE name = $1 FOR UPDATE")
            .bind(epoch)
            .fetch_optional(connection)
            .await?;
    let known = |row: sqlx::postgres::PgRow| {
        Ok(Known {
            epoch_id: row.try_get(0)?,
            stored: Seq(row.try_get::<i64, _>(1)?.cast_unsigned()),
            recv_high: Nanos(row.try_get(2)?),
        })
    };
    row.map(known).transpose()
}

/// Begins a tape that the store does not know, where it reaches back to.
async fn begin(
    connection: &mut PgConnection,
    patience: Patience,
    tape: &Tape,
) -> Result<Position, Error> {
    let (oldest, board) = readable(tape, tape.oldest())?;
    let (epoch, of_board) = (tape.epoch(), &board);
    let begin = async move {
        connection.execute("BEGIN").await?;
        let row = sqlx::query(
            "INSERT INTO epochs (name, oldest, stored, recv_high, bars_upto) \
             VALUES ($1, $2, $2, $3, CASE WHEN $2 = 0 THEN 0 END) RETURNING epoch_id",
        )
        .bind(epoch)
        .bind(signed(oldest))
        .bind(i64::MIN)
        .fetch_one(&mut *connection)
        .await?;
        let epoch_id = row.try_get(0)?;
        books::name_all(connection, epoch_id, of_board).await?;
        books::checkpoint(connection, epoch_id, oldest, of_board).await?;
        connection.execute("COMMIT").await?;
        Ok(epoch_id)
    };
    let epoch_id = patience.wait("begin a tape", begin).await?;
    info!(epoch, after = oldest.0, "the store begins this tape");
    let (recv_high, open, lost) = (Nanos(i64::MIN), None, None);
    Ok(Position { epoch_id, stored: oldest, recv_high, open, lost, board })
}

/// Notes that a part of the tape was gone before it could be stored, and goes on behind it.
async fn lose(
    connection: &mut PgConnection,
    patience: Patience,
    (tape, upto): (&Tape, Seq),
    position: Position,
) -> Result<Position, Error> {
    let (epoch_id, after) = (position.epoch_id, position.stored);
    let (upto, board) = readable(tape, upto)?;
    let of_board = &board;
    let lose = async move {
        connection.execute("BEGIN").await?;
        let moved =
            sqlx::query("UPDATE epochs SET stored = $3 WHERE epoch_id = $1 AND stored = $2")
                .bind(epoch_id)
                .bind(signed(after))
                .bind(signed(upto))
                .execute(&mut *connection)
                .await?;
        if moved.rows_affected() != 1 {
            return Ok(None);
        }
        sqlx::query("INSERT INTO losses (epoch_id, after, upto) VALUES ($1, $2, $3)")
            .bind(epoch_id)
            .bind(signed(after))
            .bind(signed(upto))
            .execute(&mut *connection)
            .await?;
        books::name_all(connection, epoch_id, of_board).await?;
        books::checkpoint(connection, epoch_id, upto, of_board).await?;
        connection.execute("COMMIT").await.map(Some)
    };
    patience.wait("note a loss", lose).await?.ok_or(Error::Rival)?;
    error!(
        epoch = tape.epoch(),
        after = after.0,
        upto = upto.0,
        "the journal gave up what was not stored yet, or is damaged: this part of history is lost"
    );
    Ok(Position { stored: upto, lost: Some((after, upto)), board, ..position })
}

/// The first place, from `begins` on, where a segment begins whose checkpoint can be read, and it.
fn readable(tape: &Tape, mut begins: Seq) -> Result<(Seq, Board), tape::Error> {
    loop {
        match (tape.board_at(begins), tape.beyond(begins)) {
            (Err(tape::Error::Corrupt { .. }), Some(next)) => begins = next,
            (board, _) => return Ok((begins, board?)),
        }
    }
}

async fn last_slice(
    connection: &mut PgConnection,
    epoch_id: i32,
) -> Result<Option<Slice>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT s.first, s.last, s.recv_min, s.recv_max, s.recv_high, s.events FROM slices s \
         JOIN epochs e USING (epoch_id) WHERE s.epoch_id = $1 AND s.format = $2 \
         AND s.last = e.stored ORDER BY s.first DESC LIMIT 1",
    )
    .bind(epoch_id)
    .bind(books::FORMAT)
    .fetch_optional(connection)
    .await?;
    row.as_ref().map(super::slices::of_row).transpose()
}
