//! A recorded tape as a recording: its events as frames, and a feed that makes ticks of them again.
//!
//! What other recordings have as lines, a tape has as events: `seq`, `recv`, and the bytes that
//! stand in its segments. The frames begin with the symbols that were listed where it begins.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use tickwire_feeds::Error;
use tickwire_feeds::Feed;
use tickwire_feeds::Nanos;
use tickwire_feeds::Output;
use tickwire_feeds::Profile;
use tickwire_feeds::Symbol;
use tickwire_feeds::Tick;
use tickwire_feeds::tick;
use tickwire_feeds::tick::TradeId;

use crate::event::Body;
use crate::event::Event;
use crate::event::Registry;
use crate::event::Scope;
use crate::event::Seq;
use crate::event::SymbolId;
use crate::tape;
use crate::tape::Tape;
use crate::tape::packed;

/// Events read at once.
const EVENTS: usize = 256;
/// A tape may have a week without anything, and is no dead feed then.
const SILENCE_MS: i64 = 7 * 86_400_000;
/// `seq` and `recv` of a frame.
const HEAD_BYTES: usize = 16;

/// The feed of a recorded tape.
#[derive(Debug, Default)]
pub(super) struct Played {
    symbols: HashMap<SymbolId, Symbol>,
}

/// The tape in a directory, read from its beginning or from a time on.
#[derive(Debug)]
pub(super) struct Reel {
    cursor: tape::Cursor,
    /// Symbols that were listed before its first event.
    listed: Vec<Event>,
    from: Option<Nanos>,
}

impl Reel {
    /// Opens the tape in a directory, which may have a writer; what that appends is not seen.
    pub(super) fn open(dir: &Path, from: Option<Nanos>) -> io::Result<Self> {
        let tape = tape::look(dir).map_err(io::Error::other)?;
        let tape = tape.ok_or_else(|| io::Error::other("there is no tape"))?;
        let (seq, listed) = begin(&tape, from).map_err(io::Error::other)?;
        let cursor = tape.read_after(seq).map_err(io::Error::other)?;
        Ok(Self { cursor, listed, from })
    }

    /// The next frames, each with its time; none at the end.
    pub(super) fn next(&mut self, mut put: impl FnMut(&[u8], Option<Nanos>)) -> io::Result<usize> {
        let mut events = std::mem::take(&mut self.listed);
        let is_listing = !events.is_empty();
        if !is_listing {
            self.cursor.next_batch(EVENTS, &mut events).map_err(io::Error::other)?;
        }
        let mut frame = Vec::new();
        for event in &events {
            frame.clear();
            frame.extend_from_slice(&event.seq.0.to_le_bytes());
            frame.extend_from_slice(&event.recv.0.to_le_bytes());
            packed::put_event(&mut frame, event);
            // Without a time to begin at, the first event of the tape begins.
            put(&frame, if is_listing { self.from } else { Some(event.recv) });
        }
        Ok(events.len())
    }
}

/// The place where a tape begins to be played, and what was listed there.
fn begin(tape: &Tape, from: Option<Nanos>) -> Result<(Seq, Vec<Event>), tape::Error> {
    let seq = match from {
        Some(at) => tape.before(at)?,
        None => tape.oldest(),
    };
    let board = tape.board_at(seq)?;
    let recv = from.unwrap_or_else(|| board.clock());
    let listed = board.symbols().filter(|(_, symbol)| symbol.listed).map(|(id, symbol)| {
        let (symbol, feed, raw) = (symbol.symbol.clone(), symbol.feed, symbol.raw.clone());
        let body = Body::Registry(Registry::Listed { id, symbol, feed, raw });
        Event { seq, recv, ts: None, body }
    });
    Ok((seq, listed.collect()))
}

impl Played {
    /// The tick that an event was; `None` if it is of no symbol, or was made by the sequencer.
    fn tick(&mut self, event: Event, now: Nanos) -> Option<Tick> {
        let Event { ts, recv, body, .. } = event;
        let ts = ts.or(Some(recv));
        match body {
            Body::Trade(trade) => Some(Tick::Trade(tick::Trade {
                symbol: self.symbols.get(&trade.symbol)?.clone(),
                ts,
                recv: now,
                price: trade.price,
                size: trade.size,
                side: trade.side,
                trade_id: trade.trade_id,
                extra: trade.extra,
            })),
            Body::Quote(quote) => Some(Tick::Quote(tick::Quote {
                symbol: self.symbols.get(&quote.symbol)?.clone(),
                ts,
                recv: now,
                bid: quote.bid,
                ask: quote.ask,
            })),
            Body::Status(status) => {
                let Scope::Symbol(symbol, _) = status.scope else { return None };
                Some(Tick::Status(tick::Status {
                    scope: tick::Scope::Symbol(self.symbols.get(&symbol)?.clone()),
                    recv: now,
                    state: status.health.state,
                    trading: status.health.trading,
                    reason: status.health.reason,
                }))
            }
            Body::Gap(gap) => {
                let Scope::Symbol(symbol, _) = gap.scope else { return None };
                Some(Tick::Gap(tick::Gap {
                    scope: tick::Scope::Symbol(self.symbols.get(&symbol)?.clone()),
                    recv: now,
                    covers: gap.covers,
                    cause: gap.cause,
                    missing: gap.missing,
                    state: gap.state,
                    settles_disconnect: false,
                }))
            }
            Body::Registry(Registry::Listed { id, symbol, raw, .. }) => {
                self.symbols.insert(id, symbol.clone());
                Some(Tick::Listed(tick::Listing { symbol, raw, recv: now }))
            }
            Body::Registry(_) | Body::Clock => None,
        }
    }
}

impl Feed for Played {
    fn profile(&self) -> Profile {
        Profile {
            venue: "file",
            url: "",
            silence_ms: SILENCE_MS,
            rotate_after_ms: None,
            send_gap_ms: 0,
            connect_gap_ms: 0,
            frame_bytes_max: 1 << 20,
            trade_continuity: "none",
        }
    }

    /// Does nothing: a recording is played anew.
    fn resume_after(&mut self, _: &Symbol, _: &TradeId) {}

    fn on_open(&mut self, _: Nanos, _: &mut Output) {}

    fn on_frame(&mut self, frame: &mut [u8], now: Nanos, out: &mut Output) -> Result<(), Error> {
        out.alive = true;
        let event = unpack(frame).ok_or_else(|| Error::bad_frame("file", &"no event", frame))?;
        out.ticks.extend(self.tick(event, now));
        Ok(())
    }

    fn on_close(&mut self, _: Nanos, _: &mut Output) {}

    fn poll_timeout(&self) -> Option<Nanos> {
        None
    }

    fn on_timeout(&mut self, _: Nanos, _: &mut Output) {}
}

fn unpack(frame: &[u8]) -> Option<Event> {
    let (head, bytes) = frame.split_first_chunk::<HEAD_BYTES>()?;
    let (seq, recv) = head.split_first_chunk::<8>()?;
    let seq = Seq(u64::from_le_bytes(*seq));
    let recv = Nanos(i64::from_le_bytes(*recv.first_chunk()?));
    packed::take_event(seq, recv, bytes)
}
