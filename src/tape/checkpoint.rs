//! A checkpoint: a whole board as blocks of entries, and back.

use std::collections::BTreeSet;

use tickwire_feeds::Nanos;
use tickwire_feeds::Symbol;

use super::bars;
use super::block;
use super::block::Blocks;
use super::block::Content;
use super::block::Encoder;
use super::body;
use super::bytes::Reader;
use super::bytes::put_option;
use super::bytes::put_price;
use super::bytes::put_signed;
use super::bytes::put_size;
use super::bytes::put_text;
use super::bytes::put_varint;
use super::entry;
use super::error::Error;
use crate::board::Board;
use crate::board::DayFigures;
use crate::board::FeedBoard;
use crate::board::LastTrade;
use crate::board::SymbolBoard;
use crate::board::Symbols;
use crate::board::Ticker;
use crate::event::Seq;
use crate::event::SymbolId;

const HEAD: u8 = 0;
const FEED: u8 = 1;
/// A symbol without bars; in version 1 none had any.
const SYMBOL: u8 = 2;
const SYMBOL_AND_BARS: u8 = 3;

/// Appends a board.
pub(super) fn encode(board: &Board, out: &mut Vec<u8>) {
    let (seq, clock) = (board.seq, board.clock);
    let mut encoder = Encoder::begin(out, Content::Checkpoint, seq, clock);
    encoder.checkpoint_part(|out| {
        out.push(HEAD);
        put_varint(out, board.feeds.len() as u64);
        put_varint(out, board.symbols.len() as u64);
    });
    for feed in &board.feeds {
        encoder.checkpoint_part(|out| put_feed(out, feed, clock));
    }
    for (_, symbol) in board.symbols() {
        encoder.checkpoint_part(|out| put_symbol(out, symbol, (seq, clock)));
    }
    encoder.end();
}

/// Reads the board that stands next, or `only` some symbols of it. Afterwards the events do.
pub(super) fn decode(
    blocks: &mut Blocks,
    end: u64,
    only: Option<&BTreeSet<SymbolId>>,
) -> Result<Board, Error> {
    let mut parts: Option<Parts> = None;
    while !parts.as_ref().is_some_and(Parts::is_whole) {
        let torn = blocks.corrupt("the checkpoint is cut short");
        let block = blocks.next(end)?.ok_or(torn)?;
        let offset = block.offset;
        if block.content != Content::Checkpoint {
            return Err(blocks.unreadable(offset, "events within a checkpoint"));
        }
        let (seq, clock) = (block.seq, block.recv);
        let mut entries = Reader::new(blocks.bytes(&block));
        while !entries.is_empty() {
            let part = entry::take_checkpoint_part(&mut entries)
                .map_err(|what| blocks.unreadable(offset, what))?;
            Parts::take(&mut parts, part, (seq, clock), only)
                .ok_or_else(|| blocks.unreadable(offset, "a part of a checkpoint"))?;
        }
    }
    parts.map(Parts::board).ok_or_else(|| blocks.corrupt("no checkpoint"))
}

/// Reads a board from bytes that hold nothing else.
pub(super) fn decode_bytes(bytes: &[u8]) -> Option<Board> {
    let mut parts: Option<Parts> = None;
    let mut from = Reader::new(bytes);
    while !from.is_empty() {
        let (content, seq, clock, mut entries) = block::take(&mut from)?;
        if content != Content::Checkpoint {
            return None;
        }
        while !entries.is_empty() {
            let part = entry::take_checkpoint_part(&mut entries).ok()?;
            Parts::take(&mut parts, part, (seq, clock), None)?;
        }
    }
    parts.filter(Parts::is_whole).map(Parts::board)
}

/// The board as far as it has been read.
struct Parts {
    seq: Seq,
    clock: Nanos,
    feeds_count: u64,
    symbols_count: u64,
    feeds: Vec<FeedBoard>,
    symbols: Symbols,
    /// Read so far, or passed over.
    symbols_seen: u32,
}

impl Parts {
    fn take(
        parts: &mut Option<Self>,
        mut from: Reader<'_>,
        (seq, clock): (Seq, Nanos),
        only: Option<&BTreeSet<SymbolId>>,
    ) -> Option<()> {
        match (from.byte()?, parts) {
            (HEAD, parts @ None) => {
                *parts = Some(Self {
                    seq,
                    clock,
                    feeds_count: from.varint()?,
                    symbols_count: from.varint()?,
                    feeds: Vec::new(),
                    symbols: Symbols::wanted(only),
                    symbols_seen: 0,
                });
            }
            (FEED, Some(parts)) => parts.feeds.push(feed(&mut from, clock)?),
            (kind @ (SYMBOL | SYMBOL_AND_BARS), Some(parts)) => {
                let id = SymbolId(parts.symbols_seen);
                parts.symbols_seen += 1;
                if only.is_some_and(|only| !only.contains(&id)) {
                    return Some(());
                }
                let mut board = symbol(&mut from, (seq, clock))?;
                if kind == SYMBOL_AND_BARS {
                    board.bars = Some(Box::new(bars::take(&mut from, clock)?));
                }
                parts.symbols.add(id, board);
            }
            _ => return None,
        }
        from.is_empty().then_some(())
    }

    fn board(self) -> Board {
        Board::from_parts(self.seq, self.clock, self.symbols, self.feeds)
    }

    fn is_whole(&self) -> bool {
        self.feeds.len() as u64 >= self.feeds_count
            && u64::from(self.symbols_seen) >= self.symbols_count
    }
}

fn put_feed(out: &mut Vec<u8>, feed: &FeedBoard, clock: Nanos) {
    let FeedBoard { name, venue, health, status_seq, touched, disconnect, listed_all } = feed;
    out.push(FEED);
    put_text(out, name);
    put_text(out, venue);
    body::put_health(out, health, clock);
    for seq in [status_seq, touched, disconnect] {
        put_varint(out, seq.0);
    }
    out.push(u8::from(*listed_all));
}

fn feed(from: &mut Reader<'_>, clock: Nanos) -> Option<FeedBoard> {
    Some(FeedBoard {
        name: from.text()?.into(),
        venue: from.text()?.into(),
        health: body::health(from, clock)?,
        status_seq: seq(from)?,
        touched: seq(from)?,
        disconnect: seq(from)?,
        listed_all: from.byte()? != 0,
    })
}

fn put_symbol(out: &mut Vec<u8>, board: &SymbolBoard, (seq, clock): (Seq, Nanos)) {
    let SymbolBoard {
        symbol,
        raw,
        feed,
        listed,
        listed_at,
        health,
        status_seq,
        touched,
        ticker,
        trades_own,
        last_trade,
        trade_ts_max,
        bars,
    } = board;
    out.push(if bars.is_some() { SYMBOL_AND_BARS } else { SYMBOL });
    put_text(out, symbol.as_str());
    put_option(out, raw.as_deref(), put_text);
    put_varint(out, feed.0.into());
    out.push(u8::from(*listed));
    put_option(out, health.as_ref(), |out, health| body::put_health(out, health, clock));
    for seq in [listed_at, status_seq, touched, trades_own] {
        put_varint(out, seq.0);
    }
    put_ticker(out, ticker);
    put_option(out, last_trade.as_ref(), |out, last| {
        let LastTrade { ts, recv, trade } = last;
        put_option(out, *ts, body::put_time);
        body::put_time(out, *recv);
        put_varint(out, trade.symbol.0.into());
        body::put_trade(out, trade, seq);
    });
    put_option(out, *trade_ts_max, body::put_time);
    if let Some(bars) = bars {
        bars::put(out, bars, clock);
    }
}

fn symbol(from: &mut Reader<'_>, (base, clock): (Seq, Nanos)) -> Option<SymbolBoard> {
    Some(SymbolBoard {
        symbol: Symbol::parse(from.text()?).ok()?,
        raw: from.option(Reader::text)?.map(Into::into),
        feed: body::feed(from)?,
        listed: from.byte()? != 0,
        health: from.option(|from| body::health(from, clock))?,
        listed_at: seq(from)?,
        status_seq: seq(from)?,
        touched: seq(from)?,
        trades_own: seq(from)?,
        ticker: ticker(from)?,
        last_trade: from.option(|from| {
            Some(LastTrade {
                ts: from.option(body::time)?,
                recv: body::time(from)?,
                trade: {
                    let symbol = body::symbol(from)?;
                    body::trade(from, symbol, base)?
                },
            })
        })?,
        trade_ts_max: from.option(body::time)?,
        bars: None,
    })
}

fn put_ticker(out: &mut Vec<u8>, ticker: &Ticker) {
    let Ticker { own, ts, recv, bid, ask, last, last_size, day } = ticker;
    put_varint(out, own.0);
    put_option(out, *ts, body::put_time);
    put_option(out, *recv, body::put_time);
    put_option(out, *bid, body::put_level);
    put_option(out, *ask, body::put_level);
    put_option(out, *last, put_price);
    put_option(out, *last_size, put_size);
    put_option(out, day.as_ref(), |out, figures| {
        let DayFigures { day, day_from, prev_close, open, high, low, volume, trades } = figures;
        put_signed(out, day.0.into());
        put_option(out, *day_from, body::put_time);
        for price in [prev_close, open, high, low] {
            put_option(out, *price, put_price);
        }
        put_option(out, *volume, put_size);
        put_varint(out, *trades);
    });
}

fn ticker(from: &mut Reader<'_>) -> Option<Ticker> {
    Some(Ticker {
        own: seq(from)?,
        ts: from.option(body::time)?,
        recv: from.option(body::time)?,
        bid: from.option(body::whole_level)?,
        ask: from.option(body::whole_level)?,
        last: from.option(Reader::price)?,
        last_size: from.option(Reader::size)?,
        day: from.option(|from| {
            Some(DayFigures {
                day: body::day(from)?,
                day_from: from.option(body::time)?,
                prev_close: from.option(Reader::price)?,
                open: from.option(Reader::price)?,
                high: from.option(Reader::price)?,
                low: from.option(Reader::price)?,
                volume: from.option(Reader::size)?,
                trades: from.varint()?,
            })
        })?,
    })
}

fn seq(from: &mut Reader<'_>) -> Option<Seq> {
    from.varint().map(Seq)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tape::samples::a_board;

    proptest! {
        #[test]
        fn every_board_comes_back(board in a_board()) {
            let mut bytes = Vec::new();
            encode(&board, &mut bytes);
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("checkpoint");
            std::fs::write(&path, &bytes).unwrap();
            let file = std::fs::File::open(&path).unwrap();
            let mut blocks = Blocks::new(file, path, 0);
            let again = decode(&mut blocks, bytes.len() as u64, None).unwrap();
            prop_assert_eq!(blocks.offset(), bytes.len() as u64);
            prop_assert_eq!(format!("{:?}", &again.symbols), format!("{:?}", &board.symbols));
            prop_assert_eq!(again, board);
        }
    }
}
