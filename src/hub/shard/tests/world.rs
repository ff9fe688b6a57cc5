//! A world in a box: a journal on disk, a board that stamps, shards with small rings.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use tempfile::TempDir;
use tickwire_feeds::Nanos;
use tickwire_feeds::Price;
use tickwire_feeds::Size;
use tickwire_feeds::Symbol;
use tickwire_feeds::Tick;
use tickwire_feeds::tick;
use tickwire_feeds::tick::Scope;

use crate::board::Board;
use crate::clock;
use crate::event::Body;
use crate::event::Channel;
use crate::event::Event;
use crate::event::FeedId;
use crate::event::Registry;
use crate::event::Seq;
use crate::event::SymbolId;
use crate::hub::Hub;
use crate::hub::Publisher;
use crate::hub::Shared;
use crate::hub::shard::FlushRule;
use crate::hub::shard::Shard;
use crate::hub::shard::pump::Turn;
use crate::subscriber::Rules;
use crate::tape;
use crate::tape::Journal;
use crate::tape::Settings;
use crate::tape::Tape;
use crate::wire::answer::Limits;
use crate::wire::json;

/// Noon, so that half a day is not yet the next one.
const START: Nanos = Nanos(1_763_726_400_000_000_000);
/// Listed from the start are all but the last two.
pub(super) const NAMES: [&str; 7] =
    ["aa:A-USD", "aa:B-USD", "aa:C-EUR", "bb:A-USD", "bb:D-USD", "aa:E-USD", "bb:F-EUR"];
const LISTED_FIRST: usize = 5;

/// A stream by its names.
pub(super) type Stream = (Channel, String);

/// Something that a venue might say; the numbers choose what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Raw {
    pub(super) kind: u8,
    pub(super) symbol: u8,
    pub(super) a: u8,
    pub(super) b: u8,
    pub(super) c: u8,
}

impl Raw {
    /// Another state.
    pub(super) const fn changed(self) -> Self {
        Self { a: self.a + 1, ..self }
    }
}

/// What is true of each stream, as the board that stamped it has it.
#[derive(Debug, Default)]
pub(super) struct Truth {
    /// Places of its messages.
    pub(super) messages: HashMap<Stream, Vec<u64>>,
    /// Its snapshot at each of its places; more than one if it was listed anew there.
    pub(super) snapshots: HashMap<Stream, BTreeMap<u64, Vec<Vec<u8>>>>,
    /// From which event on its last message was which.
    lasts: HashMap<Stream, BTreeMap<u64, u64>>,
    /// Where its symbol was listed.
    pub(super) listings: HashMap<String, Vec<u64>>,
    /// Where it ceased to be.
    unlistings: HashMap<String, Vec<u64>>,
    /// The bytes of each message as the witness got it.
    pub(super) bytes: HashMap<(Stream, u64), Vec<u8>>,
}

pub(super) struct World {
    _dir: TempDir,
    journal: Journal,
    pub(super) board: Board,
    publisher: Publisher,
    pub(super) tape: Tape,
    pub(super) shards: Vec<Shard>,
    pub(super) truth: Truth,
    pub(super) now: Instant,
    wall: Nanos,
    last: Seq,
    trades: u64,
}

/// The rules of a shard whose clients may have so many bytes waiting.
pub(super) fn rules(buffer_bytes: usize) -> Rules {
    let forever = Duration::from_secs(1_000_000);
    Rules {
        limits: Limits {
            symbols: 100,
            message_bytes: 65_536,
            ops_per_s: 1_000_000,
            buffer_bytes,
            ..Limits::default()
        },
        heartbeat: Duration::from_secs(3),
        ping: forever,
        pong: forever,
        write_deadline: forever,
        reconnect_spread: Duration::ZERO,
        gate: None,
    }
}

impl World {
    pub(super) fn new(ring_events: usize, buffers: &[usize]) -> Self {
        let buffers: Vec<Rules> = buffers.iter().map(|bytes| rules(*bytes)).collect();
        Self::with(ring_events, buffers, |settings| settings.segment_bytes = 1 << 20)
    }

    pub(super) fn with(
        ring_events: usize,
        rules: Vec<Rules>,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut settings = Settings::new(dir.path());
        change(&mut settings);
        let tape::Opened { journal, tape, board } = tape::open(&settings, START).unwrap();
        let now = clock::monotonic();
        clock::stop_at(now);
        let hub = Arc::new(Hub::new(ring_events, now));
        let flush = FlushRule { min: Duration::ZERO, max: Duration::ZERO };
        let join =
            |rules| Shard::join((Arc::clone(&hub), tape.clone()), (rules, flush), now).unwrap();
        let mut world = Self {
            _dir: dir,
            journal,
            board,
            publisher: Publisher::new(Arc::clone(&hub)),
            shards: rules.into_iter().map(Arc::new).map(join).collect(),
            tape,
            truth: Truth::default(),
            now,
            wall: START,
            last: Seq::START,
            trades: 0,
        };
        world.begin();
        world
    }

    fn begin(&mut self) {
        let mut events = Vec::new();
        for (id, name) in [(0, "aa"), (1, "bb")] {
            let change = Registry::Feed { id: FeedId(id), name: name.into(), venue: name.into() };
            let seq = self.next(&events);
            events.push(self.board.stamp_registry(change, self.wall, seq));
        }
        for name in NAMES.iter().take(LISTED_FIRST) {
            let tick = self.listing(name);
            self.stamp(feed_of(name), tick, &mut events);
        }
        self.publish(events);
    }

    pub(super) fn advance(&mut self, by: Duration) {
        self.now += by;
        clock::stop_at(self.now);
    }

    /// Puts a batch on the tape and offers it to the shards.
    pub(super) fn write(&mut self, raws: &[Raw]) {
        let mut events = Vec::new();
        for raw in raws {
            self.wall = self.wall.plus_millis(10);
            self.raw(*raw, &mut events);
        }
        self.publish(events);
    }

    /// One turn of a shard; says whether it would sleep then.
    pub(super) fn turn(&mut self, shard: usize) -> bool {
        let shard = &mut self.shards[shard];
        shard.turn() == Turn::Idle && shard.next_timer() > self.now
    }

    /// Runs a shard until it has nothing to do.
    pub(super) fn settle(&mut self, shard: usize) {
        for _ in 0..100_000 {
            if self.turn(shard) {
                return;
            }
        }
        panic!("the shard never comes to rest");
    }

    fn next(&self, events: &[Event]) -> Seq {
        events.last().map_or_else(|| self.journal.next_seq(), |event| event.seq.next())
    }

    fn publish(&mut self, events: Vec<Event>) {
        self.journal.append(&events).unwrap();
        self.journal.tend(&self.board, self.wall).unwrap();
        let shared = events.into_iter().map(|event| {
            let after = std::mem::replace(&mut self.last, event.seq);
            Shared::new(event, after)
        });
        let shared = shared.collect();
        self.publisher.publish(shared);
    }

    fn raw(&mut self, raw: Raw, events: &mut Vec<Event>) {
        let name = NAMES[usize::from(raw.symbol) % NAMES.len()];
        let symbol = Symbol::parse(name).unwrap();
        let known = self.board.id(name).and_then(|id| self.board.symbol(id));
        let feed = known.map_or_else(|| feed_of(name), |symbol| symbol.feed);
        let tick = match raw.kind {
            0..=119 => self.trade(symbol, raw),
            120..=179 => self.quote(symbol, raw),
            180..=199 => self.status(Scope::Symbol(symbol), raw),
            200..=209 => self.status(Scope::Feed, raw),
            210..=217 => self.gap(Scope::Symbol(symbol), raw),
            218..=225 => self.gap(Scope::Feed, raw),
            226..=233 => {
                self.wall = self.wall.plus_millis(12 * 3_600_000);
                self.quote(symbol, raw)
            }
            234..=239 => {
                let pauses = [0, 900, 2_500, 62_000, 310_000];
                self.wall = self.wall.plus_millis(pauses[usize::from(raw.a) % pauses.len()]);
                let seq = self.next(events);
                events.push(self.board.stamp_clock(self.wall, seq));
                return self.note(events);
            }
            240..=245 => {
                let feed = if raw.c.is_multiple_of(4) { FeedId(1 - feed.0) } else { feed };
                let listing = self.listing(name);
                return self.stamp(feed, listing, events);
            }
            246..=252 => return self.unlist(name, events),
            _ => Tick::AllListed,
        };
        self.stamp(feed, tick, events);
    }

    fn unlist(&mut self, name: &str, events: &mut Vec<Event>) {
        let id = self.board.id(name);
        let listed = |id: &SymbolId| self.board.symbol(*id).is_some_and(|of| of.listed);
        if let Some(id) = id.filter(listed) {
            let seq = self.next(events);
            let change = Registry::Unlisted { id };
            events.push(self.board.stamp_registry(change, self.wall, seq));
            self.note(events);
        }
    }

    fn listing(&self, name: &str) -> Tick {
        let symbol = Symbol::parse(name).unwrap();
        Tick::Listed(tick::Listing { symbol, raw: None, recv: self.wall })
    }

    fn trade(&mut self, symbol: Symbol, raw: Raw) -> Tick {
        self.trades += 1;
        let ts = match raw.c % 8 {
            0 => None,
            1 => Some(self.wall.plus_millis(-25)),
            2 => Some(self.wall.plus_millis(-13 * 3_600_000)),
            4 => Some(self.wall.plus_millis(-i64::from(raw.a) * 100)),
            _ => Some(self.wall),
        };
        let extra = (raw.b.is_multiple_of(8)).then(|| {
            Box::new(tick::TradeExtra {
                no_last: raw.c & 1 > 0,
                no_range: raw.c & 2 > 0,
                no_volume: raw.c & 4 > 0,
                ..tick::TradeExtra::default()
            })
        });
        Tick::Trade(tick::Trade {
            symbol,
            ts,
            recv: self.wall,
            price: price(raw.a),
            size: size(raw.b),
            side: None,
            trade_id: Some(tick::TradeId::Number(self.trades)),
            extra,
        })
    }

    fn quote(&self, symbol: Symbol, raw: Raw) -> Tick {
        let level = |price_of: u8, size_of: u8| {
            let size = (!size_of.is_multiple_of(5)).then(|| size(size_of));
            (!price_of.is_multiple_of(5)).then(|| tick::Level { price: price(price_of), size })
        };
        let ts = (raw.c.is_multiple_of(2)).then_some(self.wall);
        let (bid, ask) = (level(raw.a, raw.b), level(raw.a / 5, raw.c));
        Tick::Quote(tick::Quote { symbol, ts, recv: self.wall, bid, ask })
    }

    fn status(&self, scope: Scope, raw: Raw) -> Tick {
        let states = tick::State::ALL;
        let trading =
            (scope != Scope::Feed && raw.b.is_multiple_of(3)).then_some(tick::Trading::Halted);
        Tick::Status(tick::Status {
            scope,
            recv: self.wall,
            state: states[usize::from(raw.a) % states.len()],
            trading,
            reason: (raw.c.is_multiple_of(3)).then(|| "because".into()),
        })
    }

    fn gap(&self, scope: Scope, raw: Raw) -> Tick {
        let states = tick::GapState::ALL;
        let state = states[usize::from(raw.b) % states.len()];
        Tick::Gap(tick::Gap {
            settles_disconnect: scope == Scope::Feed && state != tick::GapState::Open,
            scope,
            recv: self.wall,
            covers: tick::Covers::ALL[usize::from(raw.a) % tick::Covers::ALL.len()],
            cause: tick::Cause::VenueSequence,
            missing: None,
            state,
        })
    }

    fn stamp(&mut self, feed: FeedId, tick: Tick, events: &mut Vec<Event>) {
        let seq = self.next(events);
        if let Ok(event) = self.board.stamp(feed, tick, seq) {
            events.push(event);
            self.note(events);
        }
    }

    /// Notes what the last event did to each stream.
    fn note(&mut self, events: &[Event]) {
        let event = events.last().unwrap();
        if let Body::Registry(change) = &event.body {
            let (id, list) = match change {
                Registry::Listed { id, .. } => (*id, &mut self.truth.listings),
                Registry::Unlisted { id } => (*id, &mut self.truth.unlistings),
                _ => return,
            };
            let name = self.board.symbol(id).unwrap().symbol.to_string();
            list.entry(name).or_default().push(event.seq.0);
        }
        for (id, symbol) in self.board.symbols() {
            for channel in Channel::ALL {
                let stream = (channel, symbol.symbol.to_string());
                self.truth.note(
                    stream,
                    event,
                    (id, self.board.last(channel, symbol).0),
                    &self.board,
                );
            }
        }
    }
}

impl Truth {
    fn note(&mut self, stream: Stream, event: &Event, (id, last): (SymbolId, u64), board: &Board) {
        let mut snapshot = Vec::new();
        json::write_snapshot(&mut snapshot, stream.0, id, board);
        let is_listing = matches!(event.body, Body::Registry(_));
        let snapshots = self.snapshots.entry(stream.clone()).or_default().entry(last).or_default();
        if snapshots.last() != Some(&snapshot) {
            assert!(snapshots.is_empty() || is_listing, "{stream:?}: two snapshots at {last}");
            snapshots.push(snapshot);
        }
        if last == event.seq.0 {
            self.messages.entry(stream.clone()).or_default().push(last);
        }
        self.lasts.entry(stream).or_default().insert(event.seq.0, last);
    }

    /// The place of a stream's last message at a place of the tape; `None` before it was known.
    pub(super) fn last_at(&self, stream: &Stream, at: u64) -> Option<u64> {
        self.lasts.get(stream)?.range(..=at).next_back().map(|(_, last)| *last)
    }

    /// The first message after a place.
    pub(super) fn after(&self, stream: &Stream, held: u64) -> Option<u64> {
        let messages = self.messages.get(stream)?;
        messages.get(messages.partition_point(|seq| *seq <= held)).copied()
    }

    /// The message before one.
    pub(super) fn before(&self, stream: &Stream, seq: u64) -> u64 {
        let bytes: serde_json::Value =
            serde_json::from_slice(&self.bytes[&(stream.clone(), seq)]).unwrap();
        bytes["prev"].as_u64().unwrap()
    }

    /// Messages within (after, until] that are final bars, as the witness got them.
    pub(super) fn finals_in(
        &self,
        stream: &Stream,
        (after, until): (u64, u64),
    ) -> impl Iterator<Item = u64> {
        let messages = self.messages.get(stream).map_or(&[][..], Vec::as_slice);
        let within = messages.iter().copied().filter(move |seq| *seq > after && *seq <= until);
        within.filter(|seq| {
            let bytes = self.bytes.get(&(stream.clone(), *seq));
            bytes.is_some_and(|bytes| String::from_utf8_lossy(bytes).contains("\"final\":true"))
        })
    }

    pub(super) fn count(&self, stream: &Stream, (after, until): (u64, u64)) -> usize {
        let messages = self.messages.get(stream).map_or(&[][..], Vec::as_slice);
        messages.iter().filter(|seq| **seq > after && **seq <= until).count()
    }

    /// Whether the symbol was listed within (after, until].
    pub(super) fn was_listed_in(&self, name: &str, (after, until): (u64, u64)) -> bool {
        let listings = self.listings.get(name).map_or(&[][..], Vec::as_slice);
        listings.iter().any(|at| *at > after && *at <= until)
    }

    /// The place of a stream when its symbol was listed last, as seen from some place.
    pub(super) fn last_at_listing(&self, stream: &Stream, at: u64) -> Option<u64> {
        let listed_at = self.listings.get(&stream.1)?.iter().rfind(|seq| **seq <= at)?;
        self.last_at(stream, *listed_at)
    }

    pub(super) fn is_listed_at(&self, name: &str, at: u64) -> bool {
        let latest = |of: &HashMap<String, Vec<u64>>| {
            of.get(name).and_then(|list| list.iter().rfind(|seq| **seq <= at).copied())
        };
        latest(&self.listings) > latest(&self.unlistings)
    }
}

fn feed_of(name: &str) -> FeedId {
    FeedId(u32::from(name.starts_with("bb")))
}

fn price(of: u8) -> Price {
    Price::from_parts(u128::from(1_000 + u16::from(of % 4)), 1).unwrap()
}

fn size(of: u8) -> Size {
    Size::from_parts(u128::from(of % 3 + 1), 0).unwrap()
}
