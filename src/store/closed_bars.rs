//! Final bars as rows: written in the transaction of their batch, read instead of their trades.

use std::collections::BTreeMap;

use sqlx::PgConnection;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use tickwire_feeds::Nanos;
use tickwire_feeds::Price;
use tickwire_feeds::Size;

use super::books::signed;
use super::error::Error;
use super::reader::Epoch;
use super::reader::Reader;
use super::reader::place;
use super::reader::time;
use super::row;
use crate::board::Bar;
use crate::board::Board;
use crate::board::Close;
use crate::board::Range;
use crate::board::Series;
use crate::board::Stage;
use crate::event::Body;
use crate::event::Event;
use crate::event::Interval;
use crate::event::Seq;
use crate::event::SymbolId;

/// The bars that are stored.
pub(super) const STORED: [Interval; 4] =
    [Interval::Minute, Interval::FiveMinutes, Interval::Hour, Interval::Day];

/// Final bars of a batch, as they were last, and where.
#[derive(Debug, Default)]
pub(super) struct ClosedBars {
    bars: BTreeMap<(SymbolId, Interval, Nanos), (Seq, Bar)>,
}

impl ClosedBars {
    /// Notes what an event made final, or changed after it was; the board has been through it.
    pub(super) fn add(&mut self, event: &Event, board: &Board) {
        match &event.body {
            Body::Trade(trade) => {
                let Some(symbol) = board.symbol(trade.symbol) else { return };
                for interval in STORED {
                    self.note((trade.symbol, interval), symbol.series(interval), event.seq);
                }
            }
            Body::Clock => {
                for (channel, id) in board.closed() {
                    let interval = channel.interval().filter(|of| STORED.contains(of));
                    if let (Some(interval), Some(symbol)) = (interval, board.symbol(*id)) {
                        self.note((*id, interval), symbol.series(interval), event.seq);
                    }
                }
            }
            _ => {}
        }
    }

    fn note(&mut self, (id, interval): (SymbolId, Interval), of: Option<&Series>, seq: Seq) {
        let Some(series) = of.filter(|series| series.own() == seq) else { return };
        if let Some(bar) = series.changed().filter(|bar| bar.is_final()) {
            self.bars.insert((id, interval, bar.start), (seq, bar.clone()));
        }
    }

    /// Writes them.
    pub(super) async fn keep(
        &self,
        connection: &mut PgConnection,
        epoch_id: i32,
    ) -> Result<(), sqlx::Error> {
        if self.bars.is_empty() {
            return Ok(());
        }
        let numbers = |of: fn(&Bar) -> i64| self.bars.values().map(|(_, bar)| of(bar)).collect();
        let prices = |of: fn(&Bar) -> Option<Price>| -> Vec<Option<String>> {
            let prices = self.bars.values().map(|(_, bar)| of(bar));
            prices.map(|price| price.map(|price| price.to_string())).collect()
        };
        let volumes = self.bars.values().map(|(_, bar)| bar.volume.map(|of| of.to_string()));
        let seqs: Vec<i64> = self.bars.values().map(|(seq, _)| signed(*seq)).collect();
        let symbols: Vec<i32> = self.bars.keys().map(|(id, ..)| row::id(*id)).collect();
        let lengths: Vec<i32> = self.bars.keys().map(|(_, of, _)| seconds(*of)).collect();
        let starts: Vec<i64> = numbers(|bar| bar.start.0);
        let trades: Vec<i64> = numbers(|bar| bar.trades.cast_signed());
        let revisions: Vec<i64> = numbers(|bar| bar.revision().into());
        sqlx::query(
            "INSERT INTO closed_bars (epoch_id, symbol_id, seconds, start, seq, trades, revision, \
             open, high, low, close, volume) \
             SELECT $1, a, b, c, d, e, f, g::numeric, h::numeric, i::numeric, j::numeric, \
             k::numeric FROM unnest($2::int[], $3::int[], $4::bigint[], $5::bigint[], \
             $6::bigint[], $7::bigint[], $8::text[], $9::text[], $10::text[], $11::text[], \
             $12::text[]) AS x(a, b, c, d, e, f, g, h, i, j, k) \
             ON CONFLICT (epoch_id, symbol_id, seconds, start) DO UPDATE SET seq = EXCLUDED.seq, \
             trades = EXCLUDED.trades, revision = EXCLUDED.revision, open = EXCLUDED.open, \
             high = EXCLUDED.high, low = EXCLUDED.low, close = EXCLUDED.close, \
             volume = EXCLUDED.volume",
        )
        .bind(epoch_id)
        .bind(symbols)
        .bind(lengths)
        .bind(starts)
        .bind(seqs)
        .bind(trades)
        .bind(revisions)
        .bind(prices(|bar| bar.range.map(|range| range.open)))
        .bind(prices(|bar| bar.range.map(|range| range.high)))
        .bind(prices(|bar| bar.range.map(|range| range.low)))
        .bind(prices(|bar| bar.close.map(|close| close.price)))
        .bind(volumes.collect::<Vec<_>>())
        .execute(connection)
        .await
        .map(drop)
    }
}

impl Reader {
    /// Before which time all bars of a symbol are stored as they will always be; `None` if that can
    /// not be said.
    ///
    /// # Errors
    /// As [`Reader::epochs`].
    pub async fn bars_settled(
        &self,
        epoch: &Epoch,
        (symbol, interval): (SymbolId, Interval),
    ) -> Result<Option<Nanos>, Error> {
        // No more bars than these may still change, and all of those begin later than the others.
        let rows = sqlx::query(
            "SELECT b.start FROM closed_bars b JOIN epochs e USING (epoch_id) \
             WHERE b.epoch_id = $1 AND e.bars_upto = e.stored AND b.symbol_id = $2 \
             AND b.seconds = $3 ORDER BY b.start DESC OFFSET $4 LIMIT 1",
        );
        let rows = rows.bind(epoch.id).bind(row::id(symbol)).bind(seconds(interval));
        let open_max = i64::try_from(Series::kept(interval)).unwrap_or(i64::MAX);
        let rows = rows.bind(open_max - 1);
        let found = self.all("find the last final bars", rows, |row| time(row, 0)).await?;
        Ok(found.into_iter().next())
    }

    /// Stored bars that begin at or after a time and before another, the oldest first, at most
    /// `limit`, with the place of their last message. The times of prices are not known.
    ///
    /// # Errors
    /// As [`Reader::epochs`].
    pub async fn bars(
        &self,
        epoch: &Epoch,
        (symbol, interval): (SymbolId, Interval),
        (from, to): (Nanos, Nanos),
        limit: u32,
    ) -> Result<Vec<(Seq, Bar)>, Error> {
        let rows = sqlx::query(
            "SELECT seq, start, open::text, high::text, low::text, close::text, volume::text, \
             trades, revision FROM closed_bars WHERE epoch_id = $1 AND symbol_id = $2 \
             AND seconds = $3 AND start >= $4 AND start < $5 ORDER BY start LIMIT $6",
        );
        let rows = rows.bind(epoch.id).bind(row::id(symbol)).bind(seconds(interval));
        let rows = rows.bind(from.0).bind(to.0).bind(i64::from(limit));
        self.all("read bars", rows, bar_of).await
    }
}

fn bar_of(row: &PgRow) -> Result<(Seq, Bar), sqlx::Error> {
    let text = |at: usize| row.try_get::<Option<&str>, _>(at);
    let price = |at| text(at).map(|text| text.and_then(|text| Price::parse(text).ok()));
    let start = time(row, 1)?;
    let range = match (price(2)?, price(3)?, price(4)?) {
        (Some(open), Some(high), Some(low)) => Some(Range { open, opened_at: start, high, low }),
        _ => None,
    };
    let close = price(5)?.map(|price| Close { price, closed_at: start });
    let volume = text(6)?.and_then(|text| Size::parse(text).ok());
    let trades = row.try_get::<i64, _>(7)?.cast_unsigned();
    let revision = u32::try_from(row.try_get::<i64, _>(8)?).unwrap_or(u32::MAX);
    let stage = Stage::Final { revision };
    Ok((place(row, 0)?, Bar { start, range, close, volume, trades, stage }))
}

fn seconds(interval: Interval) -> i32 {
    i32::try_from(interval.nanos() / 1_000_000_000).unwrap_or(i32::MAX)
}
