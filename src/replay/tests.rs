//! A replay whose time and events are arguments.

use tickwire_feeds::Symbol;
use tickwire_feeds::Tick;
use tickwire_feeds::tick;
use tickwire_feeds::tick::Level;

use super::*;
use crate::event::FeedId;
use crate::event::Registry;
use crate::tape;
use crate::wire::Code;
use crate::wire::answer::Limits;

const BEGAN: Nanos = Nanos(1_795_219_200_000_000_000);
const MS: i64 = 1_000_000;

/// Some symbols that trade and are quoted each 10 ms, from a second after the beginning on.
fn market(symbols: usize, ticks: i64) -> (Board, Vec<Event>) {
    let mut board = Board::default();
    let change = Registry::Feed { id: FeedId(0), name: "aa".into(), venue: "aa".into() };
    board.stamp_registry(change, BEGAN, Seq(1));
    let names = (0..symbols).map(|at| Symbol::parse(&format!("aa:S{at:03}-USD")).unwrap());
    let names: Vec<Symbol> = names.collect();
    for symbol in &names {
        let listing = tick::Listing { symbol: symbol.clone(), raw: None, recv: BEGAN };
        let seq = board.seq().next();
        board.stamp(FeedId(0), Tick::Listed(listing), seq).unwrap();
    }
    let first = board.clone();
    let mut events = Vec::new();
    for at in 0..ticks {
        let recv = Nanos(BEGAN.0 + 1_000 * MS + at * 10 * MS);
        let seq = board.seq().next();
        if at % 100 == 99 {
            events.push(board.stamp_clock(recv, seq));
            continue;
        }
        let symbol = names[usize::try_from(at).unwrap() % symbols].clone();
        let price = tickwire_feeds::Price::from_parts(u128::try_from(1_000 + at).unwrap(), 2);
        let size = tickwire_feeds::Size::from_parts(7, 1);
        let tick = if at % 2 == 0 {
            Tick::Trade(tick::Trade {
                symbol,
                ts: Some(recv),
                recv,
                price: price.unwrap(),
                size: size.unwrap(),
                side: None,
                trade_id: None,
                extra: None,
            })
        } else {
            let bid = price.map(|price| Level { price, size });
            Tick::Quote(tick::Quote { symbol, ts: Some(recv), recv, bid, ask: None })
        };
        events.push(board.stamp(FeedId(0), tick, seq).unwrap());
    }
    (first, events)
}

struct World {
    replay: Replay,
    began: Instant,
    taken: Vec<String>,
    _dir: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let opened = tape::open(&tape::Settings::new(dir.path()), BEGAN).unwrap();
        let began = crate::clock::monotonic();
        let second = Duration::from_secs(1);
        let rules = Rules {
            limits: Limits {
                symbols: 1_000,
                message_bytes: 65_536,
                ops_per_s: 1_000,
                buffer_bytes: 64 * 1024,
            },
            heartbeat: 5 * second,
            ping: 20 * second,
            pong: 20 * second,
            write_deadline: 90 * second,
            reconnect_spread: second,
            gate: None,
        };
        let moment = Moment { now: began, wall: BEGAN, age_ms: 0 };
        let replay = Replay::new(Arc::new(rules), opened.tape, moment);
        Self { replay, began, taken: Vec::new(), _dir: dir }
    }

    fn at(&self, ms: u64) -> Moment {
        Moment { now: self.began + Duration::from_millis(ms), wall: BEGAN, age_ms: 0 }
    }

    /// Opens everything there is, and hands it in.
    fn open(&mut self, more: &str, (board, mut events): (Board, Vec<Event>)) {
        self.open_unread(more, (board, &events));
        self.replay.hand_in(&mut events, true);
    }

    /// Opens everything there is.
    fn open_unread(&mut self, more: &str, (board, events): (Board, &[Event])) {
        let text =
            format!(r#"{{"op":"open","id":1,"symbols":["*:*"],"from":"x:0","to":"x:9"{more}}}"#);
        let moment = self.at(0);
        let Some(Errand::Open(id, open)) = self.replay.on_text(text.as_bytes(), moment) else {
            panic!("{:?}", self.replay.take_bytes());
        };
        let (from, to) = (board.seq(), events.last().unwrap().seq);
        let range = Range { epoch: "x".into(), from, to, times: (None, None) };
        let spot = Spot { seq: from, at: Some(BEGAN), board };
        self.replay.open((id, &open), (range, spot), Coming::default(), moment);
    }

    /// As [`World::run`], where what is read next is lost; says how often that was read.
    fn run_to_the_hole(&mut self, ms: u64) -> (Next, usize) {
        for reads in 0..1_000 {
            match self.run(ms) {
                Next::Read => self.replay.on_unreadable(Reject::new(Code::CursorExpired, "lost")),
                next => return (next, reads),
            }
        }
        panic!("{:?}", &self.taken[self.taken.len() - 9..]);
    }

    /// The ids of all positions, and the last one's state.
    fn positions(&self) -> (Vec<String>, String) {
        let positions = self.taken.iter().filter(|text| text.contains("\"position\""));
        let positions: Vec<serde_json::Value> =
            positions.map(|text| serde_json::from_str(text).unwrap()).collect();
        let ids = positions.iter().map(|position| position["id"].to_string());
        (ids.collect(), positions.last().unwrap()["state"].as_str().unwrap().to_owned())
    }

    fn op(&mut self, text: &str, ms: u64) {
        let moment = self.at(ms);
        assert!(self.replay.on_text(text.as_bytes(), moment).is_none());
    }

    /// Goes on at a time until there is nothing to do; takes all bytes.
    fn run(&mut self, ms: u64) -> Next {
        let moment = self.at(ms);
        self.replay.on_timeout(moment);
        loop {
            let next = self.replay.advance(moment);
            self.take();
            if !matches!(next, Next::More | Next::Room) {
                return next;
            }
        }
    }

    fn take(&mut self) {
        let bytes = self.replay.take_bytes();
        let mut rest = &bytes[..];
        while let [_, length, after @ ..] = rest {
            let (length, after) = match length {
                126 => (usize::from(u16::from_be_bytes([after[0], after[1]])), &after[2..]),
                length => (usize::from(*length), after),
            };
            self.taken.push(String::from_utf8(after[..length].to_vec()).unwrap());
            rest = &after[length..];
        }
    }

    fn count(&self, kind: &str) -> usize {
        let kind = format!("{{\"type\":\"{kind}\"");
        self.taken.iter().filter(|text| text.starts_with(&kind)).count()
    }

    fn last_position(&self) -> serde_json::Value {
        let text = self.taken.iter().rfind(|text| text.starts_with("{\"type\":\"position\""));
        serde_json::from_str(text.unwrap()).unwrap()
    }
}

#[test]
fn what_an_open_begins_with_stands_in_its_order() {
    let mut world = World::new();
    world.open(r#","channel":"trades","speed":0"#, market(3, 100));
    assert_eq!(world.run(0), Next::Rest);
    let kinds: Vec<String> = (world.taken.iter())
        .map(|text| serde_json::from_str::<serde_json::Value>(text).unwrap()["type"].to_string())
        .collect();
    let begins = ["welcome", "opened", "snapshot", "snapshot", "snapshot", "position", "trade"];
    for (kind, begin) in kinds.iter().zip(begins) {
        assert_eq!(kind.trim_matches('"'), begin, "{kinds:?}");
    }
    assert_eq!(world.last_position()["state"], "ended");
    assert_eq!(world.count("trade"), 50);
}

#[test]
fn each_event_is_played_in_its_time_and_the_position_is_told_each_second() {
    let mut world = World::new();
    world.open(r#","channel":"trades""#, market(3, 400));
    let (mut now, mut played) = (0, Vec::new());
    loop {
        let before = world.count("trade");
        let next = world.run(now);
        played.extend(std::iter::repeat_n(now, world.count("trade") - before));
        let Next::At(due) = next else { break };
        let timeout = world.replay.poll_timeout();
        let wake = (due.min(timeout) - world.began).as_millis();
        now = u64::try_from(wake).unwrap().max(now + 1);
    }
    let expected: Vec<u64> = (0..200).map(|trade| 1_000 + trade * 20).collect();
    assert_eq!(played, expected, "a second after `from`, then each 20 ms");
    // 5 s, told each 0.9 s; the first and the last.
    assert!((6..=8).contains(&world.count("position")), "{}", world.count("position"));
    assert_eq!(world.last_position()["state"], "ended");
}

#[test]
fn who_takes_nothing_is_waited_for_within_the_bound() {
    let mut world = World::new();
    world.open(r#","channel":"ticker","speed":0"#, market(3, 20_000));
    let moment = world.at(0);
    for _ in 0..1_000 {
        let next = world.replay.advance(moment);
        if next == Next::Room {
            break;
        }
    }
    assert_eq!(world.replay.advance(moment), Next::Room);
    let waiting = world.replay.subscriber().outbox().len();
    assert!(waiting > 4_096 && waiting < 6_000, "{waiting}: a sixteenth of the bound");
    assert_eq!(world.run(0), Next::Rest);
    assert!(world.count("delta") > 19_000, "{}", world.count("delta"));
}

#[test]
fn final_bars_of_a_conflated_stream_are_all_sent_and_do_not_pile_up() {
    let mut world = World::new();
    let market = market(1, 100_000);
    world.open(r#","channel":"bars.1s","conflate_ms":60000,"speed":0"#, market);
    assert_eq!(world.run(0), Next::Rest);
    let finals = world.taken.iter().filter(|text| text.contains("\"final\":true")).count();
    // 1,000 s, of which some 250 finals fit in the bound and wait for the clock's stroke.
    assert!((600..1_000).contains(&finals), "{finals}");
    let _next = world.run(60_001);
    let finals = world.taken.iter().filter(|text| text.contains("\"final\":true")).count();
    assert!(finals > 990, "{finals}");
}

#[test]
fn a_step_that_is_interrupted_is_told_before_what_interrupts_it() {
    let mut world = World::new();
    world.open(r#","channel":"trades","paused":true"#, market(3, 100));
    let _next = world.run(0);
    world.op(r#"{"op":"step","id":2,"n":3}"#, 1);
    let _next = world.run(1);
    assert_eq!(world.count("trade"), 3);
    assert_eq!(world.last_position()["id"], 2);
    world.op(r#"{"op":"step","id":3,"n":1000000000000}"#, 2);
    world.op(r#"{"op":"pause","id":4}"#, 2);
    let _next = world.run(2);
    let ids: Vec<_> = (world.taken.iter().filter(|text| text.contains("\"position\"")))
        .map(|text| serde_json::from_str::<serde_json::Value>(text).unwrap()["id"].to_string())
        .collect();
    assert_eq!(ids, ["1", "2", "3", "4"]);
    assert_eq!(world.count("trade"), 3);
}

#[test]
fn a_seek_begins_every_stream_anew_and_keeps_what_was_subscribed() {
    let mut world = World::new();
    let (board, events) = market(3, 400);
    world.open(r#","channel":"trades","paused":true"#, (board.clone(), events.clone()));
    let _next = world.run(0);
    let mut there = board;
    events[..200].iter().for_each(|event| there.apply(event));
    let spot = Spot { seq: there.seq(), at: None, board: there };
    world.replay.seek(None, spot);
    world.replay.hand_in(&mut events[200..].to_vec(), true);
    world.op(r#"{"op":"speed","speed":0}"#, 5);
    world.op(r#"{"op":"play"}"#, 5);
    assert_eq!(world.run(5), Next::Rest);
    assert_eq!(world.count("snapshot"), 6);
    assert_eq!(world.count("trade"), 100);
    let position = world.last_position();
    assert_eq!((&position["state"], &position["done"]), (&"ended".into(), &1.0.into()));
}

#[test]
fn a_lost_part_is_told_once_after_what_is_before_it_and_the_replay_stands_still() {
    let mut world = World::new();
    let (board, events) = market(3, 400);
    world.open_unread(r#","channel":"trades","speed":0"#, (board, &events));
    world.replay.hand_in(&mut events[..100].to_vec(), false);
    let (next, _) = world.run_to_the_hole(0);
    assert_eq!(next, Next::Rest);
    assert_eq!((world.count("trade"), world.count("error")), (50, 1));
    assert_eq!(world.positions(), (vec!["1".into(), "null".into()], "paused".into()));
    // Nothing more comes of it by itself.
    for ms in [1, 1_000, 2_000] {
        assert_eq!(world.run_to_the_hole(ms), (Next::Rest, 0));
    }
    assert_eq!((world.count("error"), world.count("position")), (1, 2));
    // It is tried again when the client says so.
    world.op(r#"{"op":"play","id":2}"#, 2_000);
    assert_eq!(world.run_to_the_hole(2_000), (Next::Rest, 1));
    assert_eq!((world.count("error"), world.count("position")), (2, 4));
    assert_eq!(world.last_position()["state"], "paused");
    world.op(r#"{"op":"play","id":3}"#, 2_000);
    assert_eq!(world.run(2_000), Next::Read);
    world.replay.hand_in(&mut events[100..].to_vec(), true);
    assert_eq!(world.run(2_000), Next::Rest);
    assert_eq!((world.count("trade"), world.count("error")), (200, 2));
    assert_eq!(world.last_position()["state"], "ended");
}

#[test]
fn what_cannot_be_read_is_told_in_its_time() {
    let mut world = World::new();
    let (board, events) = market(3, 400);
    world.open_unread(r#","channel":"trades""#, (board, &events));
    world.replay.hand_in(&mut events[..100].to_vec(), false);
    world.replay.on_unreadable(Reject::new(Code::CursorExpired, "lost"));
    assert!(matches!(world.run(0), Next::At(_)));
    assert!(matches!(world.run(1_500), Next::At(_)));
    assert_eq!((world.count("trade"), world.count("error")), (26, 0));
    assert_eq!(world.run(1_999), Next::Rest);
    assert_eq!((world.count("trade"), world.count("error")), (50, 1));
}

#[test]
fn a_step_at_a_lost_part_ends_there_and_a_seek_behind_it_goes_on() {
    let mut world = World::new();
    let (board, events) = market(3, 400);
    world.open_unread(r#","channel":"trades","paused":true"#, (board.clone(), &events));
    world.replay.hand_in(&mut events[..100].to_vec(), false);
    let _next = world.run_to_the_hole(0);
    world.op(r#"{"op":"step","id":2,"n":1000}"#, 1);
    assert_eq!(world.run_to_the_hole(1).0, Next::Rest);
    assert_eq!((world.count("trade"), world.count("error")), (50, 1));
    world.op(r#"{"op":"pause","id":3}"#, 2);
    assert_eq!(world.run_to_the_hole(2), (Next::Rest, 0));
    let mut there = board;
    events[..200].iter().for_each(|event| there.apply(event));
    world
        .replay
        .seek(Some(Id::Number(4.into())), Spot { seq: there.seq(), at: None, board: there });
    assert_eq!(world.run(3), Next::Read);
    world.replay.hand_in(&mut events[200..].to_vec(), true);
    assert_eq!(world.run(3), Next::Rest);
    assert_eq!(
        world.positions(),
        (vec!["1".into(), "2".into(), "3".into(), "4".into()], "paused".into())
    );
    world.op(r#"{"op":"step","id":5,"n":10}"#, 4);
    assert_eq!(world.run(4), Next::Rest);
    assert_eq!((world.count("trade"), world.count("error")), (60, 1));
}

#[test]
fn any_other_operation_ends_a_step() {
    for (op, ends) in [
        (r#"{"op":"pause","id":3}"#, "paused"),
        (r#"{"op":"speed","id":3,"speed":2}"#, "paused"),
        (r#"{"op":"play","id":3}"#, "playing"),
    ] {
        let mut world = World::new();
        world.open(r#","channel":"trades","paused":true"#, market(3, 100));
        let _next = world.run(0);
        world.op(r#"{"op":"step","id":2,"n":1000}"#, 1);
        world.op(op, 1);
        let _next = world.run(1);
        assert_eq!(
            world.positions(),
            (vec!["1".into(), "2".into(), "3".into()], ends.into()),
            "{op}"
        );
    }
}
