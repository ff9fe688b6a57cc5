//! What stands beside the events, written in the transaction of their batch.

use sqlx::PgConnection;

use super::ledger::GapRow;
use super::ledger::Ledger;
use super::ledger::Slice;
use super::row;
use super::tally::Figures;
use crate::board::Board;
use crate::event::FeedId;
use crate::event::Seq;
use crate::event::SymbolId;
use crate::tape::packed;

/// The version of what is stored.
pub(super) const FORMAT: i16 = 1;
const _: () = assert!(packed::FORMAT == 2, "a new encoding needs a new number here, and a reader");

/// Writes what a batch adds up to; the board is as it stands after it.
pub(super) async fn keep(
    connection: &mut PgConnection,
    epoch_id: i32,
    ledger: &Ledger,
    board: &Board,
) -> Result<(), sqlx::Error> {
    name(connection, epoch_id, board, (&ledger.feeds, &ledger.symbols)).await?;
    add_slices(connection, epoch_id, &ledger.slices).await?;
    if !ledger.tally.figures().is_empty() {
        add_figures(connection, epoch_id, ledger).await?;
    }
    if !ledger.gaps.is_empty() {
        add_gaps(connection, epoch_id, &ledger.gaps).await?;
    }
    ledger.bars.keep(connection, epoch_id).await?;
    sqlx::query("UPDATE epochs SET recv_high = $2 WHERE epoch_id = $1")
        .bind(epoch_id)
        .bind(ledger.recv_high().0)
        .execute(connection)
        .await
        .map(drop)
}

/// Writes a board, which holds from after `seq`.
pub(super) async fn checkpoint(
    connection: &mut PgConnection,
    epoch_id: i32,
    seq: Seq,
    board: &Board,
) -> Result<(), sqlx::Error> {
    let mut bytes = Vec::new();
    packed::put_board(&mut bytes, board);
    sqlx::query(
        "INSERT INTO checkpoints (epoch_id, seq, format, board) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (epoch_id, seq) DO UPDATE SET format = $3, board = $4",
    )
    .bind(epoch_id)
    .bind(signed(seq))
    .bind(FORMAT)
    .bind(bytes)
    .execute(connection)
    .await
    .map(drop)
}

/// Writes the names of all feeds and symbols of a board.
pub(super) async fn name_all(
    connection: &mut PgConnection,
    epoch_id: i32,
    board: &Board,
) -> Result<(), sqlx::Error> {
    let feeds: Vec<FeedId> = board.feeds().map(|(id, _)| id).collect();
    let symbols: Vec<SymbolId> = board.symbols().map(|(id, _)| id).collect();
    name(connection, epoch_id, board, (&feeds, &symbols)).await
}

async fn name(
    connection: &mut PgConnection,
    epoch_id: i32,
    board: &Board,
    (feeds, symbols): (&[FeedId], &[SymbolId]),
) -> Result<(), sqlx::Error> {
    let (mut ids, mut names, mut venues) = (Vec::new(), Vec::new(), Vec::new());
    for (id, feed) in unique(feeds, |id| board.feed(id)) {
        ids.push(id.0.cast_signed());
        names.push(text(&feed.name));
        venues.push(text(&feed.venue));
    }
    if !ids.is_empty() {
        sqlx::query(
            "INSERT INTO feeds (epoch_id, feed_id, name, venue) \
             SELECT $1, * FROM unnest($2::int[], $3::text[], $4::text[]) \
             ON CONFLICT (epoch_id, feed_id) DO UPDATE SET name = EXCLUDED.name, \
             venue = EXCLUDED.venue",
        )
        .bind(epoch_id)
        .bind(ids)
        .bind(names)
        .bind(venues)
        .execute(&mut *connection)
        .await?;
    }
    let (mut ids, mut feeds, mut names, mut raws) = <(Vec<_>, Vec<_>, Vec<_>, Vec<_>)>::default();
    for (id, symbol) in unique(symbols, |id| board.symbol(id)) {
        ids.push(row::id(id));
        feeds.push(symbol.feed.0.cast_signed());
        names.push(symbol.symbol.as_str().to_owned());
        raws.push(symbol.raw.as_deref().map(text));
    }
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO symbols (epoch_id, symbol_id, feed_id, name, raw) \
         SELECT $1, * FROM unnest($2::int[], $3::int[], $4::text[], $5::text[]) \
         ON CONFLICT (epoch_id, symbol_id) DO UPDATE SET feed_id = EXCLUDED.feed_id, \
         name = EXCLUDED.name, raw = EXCLUDED.raw",
    )
    .bind(epoch_id)
    .bind(ids)
    .bind(feeds)
    .bind(names)
    .bind(raws)
    .execute(connection)
    .await
    .map(drop)
}

async fn add_slices(
    connection: &mut PgConnection,
    epoch_id: i32,
    slices: &[Slice],
) -> Result<(), sqlx::Error> {
    let column = |of: fn(&Slice) -> i64| slices.iter().map(of).collect::<Vec<i64>>();
    sqlx::query(
        "INSERT INTO slices (epoch_id, format, first, last, recv_min, recv_max, recv_high, events) \
         SELECT $1, $2, * FROM unnest($3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], \
         $7::bigint[], $8::bigint[]) \
         ON CONFLICT (epoch_id, first) DO UPDATE SET last = EXCLUDED.last, \
         recv_min = EXCLUDED.recv_min, recv_max = EXCLUDED.recv_max, \
         recv_high = EXCLUDED.recv_high, events = EXCLUDED.events",
    )
    .bind(epoch_id)
    .bind(FORMAT)
    .bind(column(|slice| signed(slice.first)))
    .bind(column(|slice| signed(slice.last)))
    .bind(column(|slice| slice.recv_min.0))
    .bind(column(|slice| slice.recv_max.0))
    .bind(column(|slice| slice.recv_high.0))
    .bind(column(|slice| slice.events.into()))
    .execute(connection)
    .await
    .map(drop)
}

async fn add_figures(
    connection: &mut PgConnection,
    epoch_id: i32,
    ledger: &Ledger,
) -> Result<(), sqlx::Error> {
    let figures = ledger.tally.figures();
    let column = |of: fn(&Figures) -> i64| figures.values().map(of).collect::<Vec<i64>>();
    let feeds: Vec<i32> = figures.keys().map(|(feed, _)| feed.0.cast_signed()).collect();
    let days: Vec<i32> = figures.keys().map(|(_, day)| day.0).collect();
    sqlx::query(
        "INSERT INTO sessions AS s (epoch_id, feed_id, day, first, last, recv_first, recv_last, \
         events, trades, quotes, gaps) \
         SELECT $1, f, date '1970-01-01' + d, a, b, c, e, g, h, i, j \
         FROM unnest($2::int[], $3::int[], $4::bigint[], $5::bigint[], $6::bigint[], \
         $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[]) \
         AS x(f, d, a, b, c, e, g, h, i, j) \
         ON CONFLICT (epoch_id, feed_id, day) DO UPDATE SET last = EXCLUDED.last, \
         recv_first = least(s.recv_first, EXCLUDED.recv_first), \
         recv_last = greatest(s.recv_last, EXCLUDED.recv_last), \
         events = s.events + EXCLUDED.events, trades = s.trades + EXCLUDED.trades, \
         quotes = s.quotes + EXCLUDED.quotes, gaps = s.gaps + EXCLUDED.gaps",
    )
    .bind(epoch_id)
    .bind(feeds)
    .bind(days)
    .bind(column(|figures| signed(figures.first)))
    .bind(column(|figures| signed(figures.last)))
    .bind(column(|figures| figures.recv_first.0))
    .bind(column(|figures| figures.recv_last.0))
    .bind(column(|figures| figures.events.cast_signed()))
    .bind(column(|figures| figures.trades.cast_signed()))
    .bind(column(|figures| figures.quotes.cast_signed()))
    .bind(column(|figures| figures.gaps.cast_signed()))
    .execute(connection)
    .await
    .map(drop)
}

async fn add_gaps(
    connection: &mut PgConnection,
    epoch_id: i32,
    gaps: &[GapRow],
) -> Result<(), sqlx::Error> {
    let places = |of: fn(&GapRow) -> i64| gaps.iter().map(of).collect::<Vec<i64>>();
    let words = |of: fn(&GapRow) -> &'static str| gaps.iter().map(of).collect::<Vec<_>>();
    let feeds: Vec<i32> = gaps.iter().map(|row| row.feed.0.cast_signed()).collect();
    let symbols: Vec<Option<i32>> = gaps.iter().map(|row| row.symbol.map(row::id)).collect();
    let missing = gaps.iter().map(|row| row.gap.missing.map(|count| count.to_string()));
    let missing: Vec<Option<String>> = missing.collect();
    sqlx::query(
        "INSERT INTO gaps (epoch_id, seq, recv, of_seq, feed_id, symbol_id, missing, covers, \
         cause, state) \
         SELECT $1, a, b, c, d, e, f::numeric, g, h, i FROM unnest($2::bigint[], $3::bigint[], \
         $4::bigint[], $5::int[], $6::int[], $7::text[], $8::text[], $9::text[], $10::text[]) \
         AS x(a, b, c, d, e, f, g, h, i)",
    )
    .bind(epoch_id)
    .bind(places(|row| signed(row.seq)))
    .bind(places(|row| row.recv.0))
    .bind(places(|row| signed(row.gap.of)))
    .bind(feeds)
    .bind(symbols)
    .bind(missing)
    .bind(words(|row| row.gap.covers.word()))
    .bind(words(|row| row.gap.cause.word()))
    .bind(words(|row| row.gap.state.word()))
    .execute(connection)
    .await
    .map(drop)
}

/// Each id once, the board's knowledge with it: one statement may not meet a row twice.
fn unique<'a, I: Copy + Ord, T: 'a>(ids: &[I], of: impl Fn(I) -> Option<&'a T>) -> Vec<(I, &'a T)> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    ids.into_iter().filter_map(|id| Some((id, of(id)?))).collect()
}

/// Text without the one character that Postgres has not.
fn text(text: &str) -> String {
    text.replace('\0', "")
}

/// Places are below 2^53.
pub(super) const fn signed(seq: Seq) -> i64 {
    seq.0.cast_signed()
}
