//! Messages as clients see them, of events that a real board has stamped.

use tickwire_feeds::Symbol;
use tickwire_feeds::Tick;
use tickwire_feeds::tick;
use tickwire_feeds::tick::Cause;
use tickwire_feeds::tick::Covers;
use tickwire_feeds::tick::GapState;
use tickwire_feeds::tick::Scope;
use tickwire_feeds::tick::State;

use super::*;
use crate::board::Refused;
use crate::event::FeedId;
use crate::event::Registry;

mod bars;
mod gaps;
mod health;
mod listings;
mod message;
mod prints;
mod ticker;

const NAME: &str = "sim:BTC-USD";

/// A board with one feed and one symbol, and what became of the last tick.
struct Desk {
    board: Board,
    last: Option<Event>,
}

fn at(time: &str) -> Nanos {
    let day = if time.contains('T') { "" } else { "2026-11-21T" };
    Nanos::parse_rfc3339(&format!("{day}{time}Z")).unwrap()
}

fn symbol() -> Symbol {
    Symbol::parse(NAME).unwrap()
}

fn level(price: &str, size: &str) -> Option<Level> {
    Level::parse(price, Some(size)).unwrap()
}

fn print(time: &str, price: &str, size: &str) -> tick::Trade {
    tick::Trade {
        symbol: symbol(),
        ts: Some(at(time)),
        recv: at(time).plus_millis(1),
        price: Price::parse(price).unwrap(),
        size: Size::parse(size).unwrap(),
        side: None,
        trade_id: None,
        extra: None,
    }
}

fn status(scope: Scope, time: &str, state: State) -> tick::Status {
    tick::Status { scope, recv: at(time), state, trading: None, reason: None }
}

fn gap(scope: Scope, time: &str, covers: Covers, state: GapState) -> tick::Gap {
    tick::Gap {
        scope,
        recv: at(time),
        covers,
        cause: Cause::VenueDisconnect,
        missing: None,
        state,
        settles_disconnect: state != GapState::Open,
    }
}

impl Desk {
    fn open() -> Self {
        let mut desk = Self { board: Board::default(), last: None };
        let feed = Registry::Feed { id: FeedId(0), name: "sim".into(), venue: "sim".into() };
        desk.board.stamp_registry(feed, at("09:00:00"), Seq(1));
        desk.list(NAME);
        desk
    }

    fn list(&mut self, name: &str) {
        let symbol = Symbol::parse(name).unwrap();
        self.tick(Tick::Listed(tick::Listing { symbol, raw: None, recv: at("09:00:00") })).unwrap();
    }

    fn tick(&mut self, tick: Tick) -> Result<(), Refused> {
        let seq = self.board.seq().next();
        self.last = Some(self.board.stamp(FeedId(0), tick, seq)?);
        Ok(())
    }

    fn trade(&mut self, trade: tick::Trade) {
        self.tick(Tick::Trade(trade)).unwrap();
    }

    fn quote(&mut self, time: &str, bid: Option<Level>, ask: Option<Level>) {
        let (symbol, recv) = (symbol(), at(time));
        self.tick(Tick::Quote(tick::Quote { symbol, ts: None, recv, bid, ask })).unwrap();
    }

    fn message(&self, channel: Channel, name: &str) -> String {
        let (mut out, event) = (Vec::new(), self.last.as_ref().unwrap());
        let id = self.board.id(name).unwrap();
        let stream = StreamName { channel, id, symbol: name };
        write_event(&mut out, stream, event, Seq(4_000));
        String::from_utf8(out).unwrap()
    }

    fn snapshot(&self, channel: Channel) -> String {
        let mut out = Vec::new();
        write_snapshot(&mut out, channel, self.board.id(NAME).unwrap(), &self.board);
        String::from_utf8(out).unwrap()
    }

    /// What the last tick was in a channel, from `seq` on.
    #[track_caller]
    fn is(&self, channel: Channel, expected: &str) -> &Self {
        let message = self.message(channel, NAME);
        let rest = message.split_once(&format!("\"{NAME}\",")).map_or("", |(_, rest)| rest);
        assert_eq!(rest.trim_end_matches('}'), expected);
        self
    }

    /// The end of the ticker's snapshot, from `from` on.
    #[track_caller]
    fn shows(&self, from: &str, expected: &str) -> &Self {
        let snapshot = self.snapshot(Channel::Ticker);
        let rest = snapshot.split_once(from).map_or("", |(_, rest)| rest);
        assert_eq!(rest, expected);
        self
    }
}

const DOWN: &str = r#""state":"down","since":"1970-01-01T00:00:00Z"}"#;
