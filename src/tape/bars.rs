//! The bars of a symbol within a checkpoint: what is written first is read first.

use std::collections::VecDeque;

use tickwire_feeds::Nanos;

use super::bytes::Reader;
use super::bytes::put_option;
use super::bytes::put_price;
use super::bytes::put_signed;
use super::bytes::put_size;
use super::bytes::put_varint;
use crate::board::Bar;
use crate::board::Close;
use crate::board::Range;
use crate::board::Series;
use crate::board::Stage;
use crate::board::SymbolBars;
use crate::event::Interval;
use crate::event::Seq;

/// Appends the bars of a symbol; times are distances from `clock`, or from the bar's beginning.
pub(super) fn put(out: &mut Vec<u8>, bars: &SymbolBars, clock: Nanos) {
    put_signed(out, bars.lag);
    for interval in Interval::ALL {
        let series = bars.series(interval);
        let Series { own, before, changed, latest, older } = series;
        put_varint(out, own.0);
        put_varint(out, own.0.wrapping_sub(before.0));
        put_distance(out, *changed, clock);
        put_varint(out, (older.len() + usize::from(latest.is_some())) as u64);
        for bar in series.bars() {
            put_bar(out, bar, clock);
        }
    }
}

/// Reads what [`put`] wrote.
pub(super) fn take(from: &mut Reader<'_>, clock: Nanos) -> Option<SymbolBars> {
    let lag = from.signed()?;
    let mut all = [const { None }; Interval::ALL.len()];
    for place in &mut all {
        *place = Some(series(from, clock)?);
    }
    Some(SymbolBars::from_parts(lag, all.map(Option::unwrap_or_default)))
}

fn series(from: &mut Reader<'_>, clock: Nanos) -> Option<Series> {
    let own = from.varint()?;
    let before = Seq(own.wrapping_sub(from.varint()?));
    let changed = distance(from, clock)?;
    let bars = (0..from.varint()?).map(|_| bar(from, clock));
    let mut older: VecDeque<Bar> = bars.collect::<Option<_>>()?;
    let latest = older.pop_back();
    Some(Series { own: Seq(own), before, changed, latest, older })
}

fn put_bar(out: &mut Vec<u8>, bar: &Bar, clock: Nanos) {
    let Bar { start, range, close, volume, trades, stage } = bar;
    put_distance(out, *start, clock);
    put_option(out, range.as_ref(), |out, range| {
        let Range { open, opened_at, high, low } = range;
        put_distance(out, *opened_at, *start);
        [open, high, low].into_iter().for_each(|price| put_price(out, *price));
    });
    put_option(out, close.as_ref(), |out, Close { price, closed_at }| {
        put_distance(out, *closed_at, *start);
        put_price(out, *price);
    });
    put_option(out, *volume, put_size);
    put_varint(out, *trades);
    match stage {
        Stage::Open => put_varint(out, 0),
        Stage::Final { revision } => put_varint(out, u64::from(*revision) + 1),
    }
}

fn bar(from: &mut Reader<'_>, clock: Nanos) -> Option<Bar> {
    let start = distance(from, clock)?;
    Some(Bar {
        start,
        range: from.option(|from| {
            let opened_at = distance(from, start)?;
            let (open, high, low) = (from.price()?, from.price()?, from.price()?);
            Some(Range { open, opened_at, high, low })
        })?,
        close: from.option(|from| {
            let closed_at = distance(from, start)?;
            Some(Close { price: from.price()?, closed_at })
        })?,
        volume: from.option(Reader::size)?,
        trades: from.varint()?,
        stage: match from.varint()?.checked_sub(1) {
            None => Stage::Open,
            Some(revision) => Stage::Final { revision: u32::try_from(revision).ok()? },
        },
    })
}

fn put_distance(out: &mut Vec<u8>, time: Nanos, base: Nanos) {
    put_signed(out, time.0.wrapping_sub(base.0));
}

fn distance(from: &mut Reader<'_>, base: Nanos) -> Option<Nanos> {
    Some(Nanos(base.0.wrapping_add(from.signed()?)))
}
