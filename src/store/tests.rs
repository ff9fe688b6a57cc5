//! The store against a Postgres of its own: what is stored is what comes back, once.

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use tempfile::TempDir;
use tickwire_feeds::Nanos;
use tickwire_feeds::Price;
use tickwire_feeds::Size;
use tickwire_feeds::Symbol;
use tickwire_feeds::Tick;
use tickwire_feeds::tick;

use super::*;
use crate::board::Board;
use crate::clock;
use crate::event::Body;
use crate::event::Event;
use crate::event::FeedId;
use crate::event::Registry;
use crate::event::Seq;
use crate::event::SymbolId;
use crate::tape;
use crate::tape::Journal;
use crate::tape::Kind;
use crate::tape::Tape;
use crate::tape::samples::an_event;
use postgres::Postgres;

#[path = "../../tests/it/postgres.rs"]
mod postgres;

const NOW: Nanos = Nanos(1_763_700_000_000_000_000);
const DAY_NS: i64 = 86_400_000_000_000;
const SYMBOLS: u64 = 5;
/// What a test waits for comes within this time, or never.
const PATIENCE: Duration = Duration::from_secs(30);

/// A writer of a tape, as the sequencer is one.
pub(crate) struct Life {
    pub(crate) journal: Journal,
    pub(crate) tape: Tape,
    pub(crate) board: Board,
    random: u64,
    pub(crate) now: Nanos,
}

impl Life {
    pub(crate) fn begin(dir: &Path) -> Self {
        Self::begin_with(&tape::Settings { segment_bytes: 64 * 1024, ..tape::Settings::new(dir) })
    }

    pub(crate) fn begin_with(settings: &tape::Settings) -> Self {
        let tape::Opened { journal, tape, board } = tape::open(settings, NOW).unwrap();
        let random = board.seq().0 + 1;
        let mut life = Self { journal, tape, board, random, now: NOW };
        if life.board.feed_id("sim").is_none() {
            let change = Registry::Feed { id: FeedId(0), name: "sim".into(), venue: "sim".into() };
            let seq = life.journal.next_seq();
            let mut events = vec![life.board.stamp_registry(change, NOW, seq)];
            for name in 0..SYMBOLS {
                let symbol = Symbol::parse(&format!("sim:S{name}-USD")).unwrap();
                let listing = tick::Listing { symbol, raw: None, recv: NOW };
                let seq = life.board.seq().next();
                events.push(life.board.stamp(FeedId(0), Tick::Listed(listing), seq).unwrap());
            }
            life.append(&events);
        }
        life
    }

    fn append(&mut self, events: &[Event]) {
        self.journal.append(events).unwrap();
        self.journal.tend(&self.board, self.now).unwrap();
    }

    /// Appends market data.
    pub(crate) fn ticks(&mut self, count: usize) {
        for begun in (0..count).step_by(500) {
            let events: Vec<Event> = (begun..count.min(begun + 500)).map(|_| self.tick()).collect();
            self.append(&events);
        }
    }

    /// Lets time be told so often.
    pub(crate) fn clocks(&mut self, count: usize) {
        for _ in 0..count {
            let next = self.board.seq().next().max(self.journal.next_seq());
            let event = self.board.stamp_clock(self.now, next);
            self.append(&[event]);
        }
    }

    fn tick(&mut self) -> Event {
        loop {
            self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let random = self.random >> 33;
            // At times the clock steps back a little.
            let step = i64::try_from(random % 1_000_000).unwrap() - 100_000;
            self.now = Nanos(self.now.0 + step);
            let symbol = Symbol::parse(&format!("sim:S{}-USD", random % SYMBOLS)).unwrap();
            let (recv, ts) = (self.now, Some(Nanos(self.now.0 - 3_000_000)));
            let price = |at| Price::from_parts(u128::from(970_010 + random / 64 % 50 * 10 + at), 4);
            let size = Size::from_parts(u128::from(random % 100 * 10), 3);
            let level = |at| price(at).map(|price| tick::Level { price, size });
            let next = self.board.seq().next().max(self.journal.next_seq());
            let tick = match random % 50 {
                0 => {
                    let event = self.board.stamp_clock(recv, next);
                    return event;
                }
                1 => Tick::Gap(tick::Gap {
                    scope: tick::Scope::Symbol(symbol),
                    recv,
                    covers: tick::Covers::Trades,
                    cause: tick::Cause::VenueSequence,
                    missing: Some(random),
                    state: tick::GapState::Lost,
                    settles_disconnect: false,
                }),
                2 => Tick::Status(tick::Status {
                    scope: tick::Scope::Feed,
                    recv,
                    state: if random % 100 < 50 { tick::State::Live } else { tick::State::Stale },
                    trading: None,
                    reason: Some(format!("reason {}", random % 7).into()),
                }),
                3..20 => Tick::Trade(tick::Trade {
                    symbol,
                    ts,
                    recv,
                    price: price(0).unwrap(),
                    size: size.unwrap(),
                    side: Some(tick::Side::Sell),
                    trade_id: Some(tick::TradeId::Number(random)),
                    extra: None,
                }),
                _ => Tick::Quote(tick::Quote { symbol, ts, recv, bid: level(0), ask: level(1) }),
            };
            if let Ok(event) = self.board.stamp(FeedId(0), tick, next) {
                return event;
            }
        }
    }

    /// All that the journal has.
    pub(crate) fn events(&self) -> Vec<Event> {
        let mut cursor = self.tape.read_after(self.tape.oldest()).unwrap();
        let mut events = Vec::new();
        while cursor.next_batch(4096, &mut events).unwrap() > 0 {}
        events
    }
}

/// A Postgres, a tape, and a runtime to read with.
pub(crate) struct World {
    pub(crate) postgres: Postgres,
    pub(crate) dir: TempDir,
    pub(crate) runtime: tokio::runtime::Runtime,
}

impl World {
    pub(crate) fn begin() -> Option<Self> {
        let postgres = Postgres::start(&[])?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Some(Self { postgres, dir: tempfile::tempdir().unwrap(), runtime })
    }

    pub(crate) fn settings(&self) -> Settings {
        let url = Url::parse(&self.postgres.url()).unwrap();
        Settings { batch_ms: 20, timeout_ms: 1_000, ..Settings::new(url) }
    }

    fn record(&self, tape: &Tape) -> Recorder {
        Recorder::start(tape.clone(), self.settings()).unwrap()
    }

    /// Records all that is on the tape, and ends.
    pub(crate) fn record_all(&self, tape: &Tape) -> Status {
        let status = self.record(tape).stop(PATIENCE);
        assert_eq!(status.behind(), Some(0), "{status:?}");
        status
    }

    pub(crate) fn reader(&self) -> Reader {
        Reader::new(&self.settings()).unwrap()
    }

    fn epoch(&self, name: &str) -> Epoch {
        self.runtime.block_on(self.reader().epoch(name)).unwrap()
    }

    fn read(&self, epoch: &Epoch, (after, upto): (Seq, Seq), filter: Filter) -> Vec<Event> {
        self.runtime.block_on(async {
            let mut events = Vec::new();
            let mut reading = self.reader().read(epoch, after, upto, filter);
            while reading.next_batch(&mut events).await.unwrap() > 0 {}
            events
        })
    }

    /// What is stored of a tape, each event once or this fails.
    fn stored(&self, name: &str) -> Vec<Event> {
        let epoch = self.epoch(name);
        let events = self.read(&epoch, (epoch.oldest, Seq::MAX), Filter::default());
        let rows = self.postgres.ask("SELECT count(*) FROM events");
        assert_eq!(rows.parse(), Ok(events.len()), "no row is there that is not read");
        events
    }
}

/// Waits until something is so.
#[track_caller]
fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = clock::monotonic() + PATIENCE;
    while !is_so() {
        assert!(clock::monotonic() < deadline, "not within {PATIENCE:?}: {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// By their digits too, which equality of decimals does not see.
#[track_caller]
pub(crate) fn are_the_same(got: &[Event], wanted: &[Event]) {
    assert_eq!(got.len(), wanted.len());
    for (got, wanted) in got.iter().zip(wanted) {
        assert_eq!(format!("{got:?}"), format!("{wanted:?}"));
        assert_eq!(got, wanted);
    }
}

#[test]
fn what_is_stored_is_what_the_journal_has() {
    let Some(world) = World::begin() else { return };
    let mut life = Life::begin(world.dir.path());
    life.ticks(60_000);
    world.record_all(&life.tape);
    let (wanted, epoch) = (life.events(), world.epoch(life.tape.epoch()));
    are_the_same(&world.stored(life.tape.epoch()), &wanted);

    // Parts of it.
    for (after, upto) in [(0, 1), (0, 0), (17, 23_456), (59_000, 99_999), (99_999, 100_000)] {
        let got = world.read(&epoch, (Seq(after), Seq(upto)), Filter::default());
        let part = |event: &&Event| event.seq.0 > after && event.seq.0 <= upto;
        are_the_same(&got, &wanted.iter().filter(part).cloned().collect::<Vec<_>>());
    }
    let some = vec![SymbolId(1), SymbolId(3)];
    let of_some =
        |event: &&Event| tape::Peek::of(event).symbol.is_none_or(|symbol| some.contains(&symbol));
    let got = world.read(&epoch, (Seq(0), Seq::MAX), Filter::default().symbols(some.clone()));
    are_the_same(&got, &wanted.iter().filter(of_some).cloned().collect::<Vec<_>>());
    let filter = Filter::default().symbols(vec![SymbolId(2)]).kind(Kind::Trade);
    let got = world.read(&epoch, (Seq(5_000), Seq(50_000)), filter);
    let trades = wanted.iter().filter(|event| {
        matches!(&event.body, Body::Trade(trade) if trade.symbol == SymbolId(2))
            && (5_001..=50_000).contains(&event.seq.0)
    });
    are_the_same(&got, &trades.cloned().collect::<Vec<_>>());

    // Boards, without the journal.
    for seq in [0, 1, 5, 333, 49_999, 50_000, 50_001, 58_765, epoch.stored.0] {
        let board = world.runtime.block_on(world.reader().board_at(&epoch, Seq(seq))).unwrap();
        assert_eq!(board, life.tape.board_at(Seq(seq)).unwrap(), "{seq}");
    }
    let beyond = world.runtime.block_on(world.reader().board_at(&epoch, Seq(epoch.stored.0 + 1)));
    assert!(matches!(beyond, Err(Error::NotYet { .. })), "{beyond:?}");
}

#[test]
fn a_time_is_the_place_before_the_first_event_at_or_after_it() {
    let Some(world) = World::begin() else { return };
    let mut life = Life::begin(world.dir.path());
    life.ticks(40_000);
    world.record_all(&life.tape);
    let (events, epoch) = (life.events(), world.epoch(life.tape.epoch()));
    let probes = (0..events.len()).step_by(1_999).map(|at| events[at].recv.0);
    let ends = [i64::MIN, NOW.0, epoch.recv_high.0, epoch.recv_high.0 + 1, i64::MAX];
    for at in probes.flat_map(|at| [at, at + 1]).chain(ends) {
        let first = events.iter().find(|event| event.recv.0 >= at);
        let wanted = first.map_or(epoch.stored.0, |event| event.seq.0 - 1);
        let got = world.runtime.block_on(world.reader().before(&epoch, Nanos(at))).unwrap();
        assert_eq!(got, Seq(wanted), "{at}");
    }
}

#[test]
fn any_event_comes_back_exactly() {
    let Some(world) = World::begin() else { return };
    let mut life = Life::begin(world.dir.path());
    // The cases of a property test as one tape: a Postgres for each would take long.
    let mut runner = TestRunner::deterministic();
    let any = (an_event(), 1_u64..4, 0_i64..3 * DAY_NS, prop::bool::weighted(0.05));
    let mut seq = life.board.seq().0;
    let sample = |_| {
        let (mut event, jump, in_days, is_wild) = any.new_tree(&mut runner).unwrap().current();
        seq += jump;
        event.seq = Seq(seq);
        if !is_wild {
            event.recv = Nanos(NOW.0 + in_days);
        }
        event
    };
    let mut events: Vec<Event> = (0..3_000).map(sample).collect();
    // A wild clock may hit any year; a partition for each is no use of a test.
    let is_far = |recv: Nanos| !(7_305..=84_005).contains(&recv.day().0);
    let is_near = |recv: Nanos| recv.day().0.abs_diff(NOW.day().0) < 5;
    events.retain(|event| is_far(event.recv) || is_near(event.recv));
    assert!(events.len() > 2_500 && events.iter().any(|event| is_far(event.recv)));
    // The board of such a tape means nothing, so no new segment is begun.
    life.journal.append(&events).unwrap();
    world.record_all(&life.tape);
    are_the_same(&world.stored(life.tape.epoch()), &life.events());
}

#[test]
fn people_read_prices_with_the_digits_of_the_venue() {
    let Some(world) = World::begin() else { return };
    let mut life = Life::begin(world.dir.path());
    life.ticks(5_000);
    world.record_all(&life.tape);
    let text = |value: Option<&dyn std::fmt::Display>| {
        value.map_or_else(|| "-".to_owned(), ToString::to_string)
    };
    let (mut trades, mut quotes) = (String::new(), String::new());
    for event in life.events() {
        let micros = |at: Nanos| at.0 / 1000;
        let (recv, seq) = (micros(event.recv), event.seq);
        match &event.body {
            Body::Trade(trade) => {
                let (price, size) = (trade.price, trade.size);
                let id = trade.trade_id.as_ref().unwrap();
                trades += &format!("{seq}|{recv}|{price}|{size}|sell|{id}\n");
            }
            Body::Quote(quote) => {
                let of = |level: Option<tick::Level>| {
                    let price = text(level.as_ref().map(|level| &level.price as _));
                    let size = level.and_then(|level| level.size);
                    format!("{price}|{}", text(size.as_ref().map(|size| size as _)))
                };
                quotes += &format!("{seq}|{recv}|{}|{}\n", of(quote.bid), of(quote.ask));
            }
            _ => {}
        }
    }
    let micros = "(extract(epoch FROM recv) * 1000000)::bigint";
    let got = world.postgres.ask(&format!(
        "SELECT seq, {micros}, price, size, side, trade_id FROM trades ORDER BY seq"
    ));
    assert_eq!(got, trades.trim());
    let got = world.postgres.ask(&format!(
        "SELECT seq, {micros}, coalesce(bid::text, '-'), coalesce(bid_size::text, '-'), \
         coalesce(ask::text, '-'), coalesce(ask_size::text, '-') FROM quotes ORDER BY seq"
    ));
    assert_eq!(got, quotes.trim());
    let symbols = world.postgres.ask("SELECT DISTINCT symbol FROM trades ORDER BY 1");
    assert_eq!(symbols.lines().count(), 5);
    assert!(symbols.starts_with("sim:S0-USD\n"), "{symbols}");
}

#[test]
fn sessions_and_gaps_are_those_of_the_events() {
    let Some(world) = World::begin() else { return };
    let mut life = Life::begin(world.dir.path());
    life.ticks(3_000);
    world.record_all(&life.tape);
    life.now = Nanos(NOW.0 + DAY_NS);
    life.ticks(3_000);
    world.record_all(&life.tape);
    let sessions = world.runtime.block_on(world.reader().sessions()).unwrap();
    assert_eq!(sessions.len(), 2);
    for (session, day) in sessions.iter().zip([NOW.day(), Nanos(NOW.0 + DAY_NS).day()]) {
        assert_eq!((&*session.feed, &*session.venue, session.day), ("sim", "sim", day));
        let events: Vec<Event> =
            life.events().into_iter().filter(|e| e.recv.day() == day).collect();
        let count = |of: fn(&Body) -> bool| events.iter().filter(|e| of(&e.body)).count() as u64;
        assert_eq!(session.figures.trades, count(|body| matches!(body, Body::Trade(_))));
        assert_eq!(session.figures.quotes, count(|body| matches!(body, Body::Quote(_))));
        assert_eq!(session.figures.gaps, count(|body| matches!(body, Body::Gap(_))));
        assert!(session.figures.gaps > 0);
        let of_feed =
            |body: &Body| !matches!(body, Body::Clock | Body::Registry(Registry::Feed { .. }));
        assert_eq!(session.figures.events, count(of_feed));
        let first = events.iter().find(|event| of_feed(&event.body)).unwrap().seq;
        assert_eq!(session.figures.first, first);
        assert_eq!(session.upto, life.tape.head());
    }
    let count: u64 = sessions.iter().map(|session| session.figures.gaps).sum();
    let (reader, epoch) = (world.reader(), world.epoch(life.tape.epoch()));
    let gaps = reader.gaps(&epoch, (Seq(0), Seq::MAX), 10_000);
    let gaps = world.runtime.block_on(gaps).unwrap();
    assert_eq!(gaps.len() as u64, count);
    let wanted = life.events().into_iter().filter_map(|event| match event.body {
        Body::Gap(gap) => Some((event.seq, event.recv, gap.missing)),
        _ => None,
    });
    assert!(gaps.iter().map(|gap| (gap.seq, gap.recv, gap.missing)).eq(wanted));
    let first = &gaps[0];
    assert_eq!((&*first.feed, &*first.covers, &*first.state), ("sim", "trades", "lost"));
    assert!(first.symbol.as_ref().is_some_and(|symbol| symbol.starts_with("sim:S")));
    let part = reader.gaps(&epoch, (first.seq, gaps[5].seq), 3);
    assert_eq!(world.runtime.block_on(part).unwrap(), gaps[1..4]);
    let symbols = world.runtime.block_on(reader.symbols(&epoch)).unwrap();
    assert_eq!(symbols.len(), 5);
    assert_eq!((symbols[3].id, &*symbols[3].name), (SymbolId(3), "sim:S3-USD"));
}

mod recording;
mod trouble;
