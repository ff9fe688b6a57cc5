//! Nobody misses anything: random worlds, random clients, and the one rule held against each log.

mod bounds;
mod client;
mod model;
mod plans;
mod unjudged;
mod withdrawn;
mod world;

use std::cell::RefCell;
use std::rc::Rc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::Config;

use self::client::Client;
use self::client::Start;
use self::client::Wish;
use self::world::Raw;
use self::world::World;
use crate::event::Channel;
use crate::hub::shard::keep_up;
use crate::wire::op::Slow;

const CLIENTS: usize = 3;
/// What clients name.
const WISHES: [&str; 14] = [
    "aa:A-USD",
    "aa:B-USD",
    "aa:C-EUR",
    "bb:A-USD",
    "bb:D-USD",
    "aa:E-USD",
    "bb:F-EUR",
    "aa:NOPE-X",
    "*:*",
    "*:*",
    "aa:*",
    "*:A-USD",
    "bb:*-USD",
    "aa:E-*",
];

#[derive(Debug, Clone)]
enum Action {
    Write(Vec<Raw>),
    Turn(usize),
    Take(usize, usize),
    Subscribe(usize, RawWish),
    Unsubscribe(usize, RawWish),
    Reconnect(usize, usize),
    Advance(u64),
}

#[derive(Debug, Clone)]
struct RawWish {
    channel: Channel,
    names: Vec<usize>,
    conflation: usize,
    slow: usize,
    start: u8,
    number: u8,
}

fn raw() -> impl Strategy<Value = Raw> {
    any::<(u8, u8, u8, u8, u8)>().prop_map(|(kind, symbol, a, b, c)| Raw { kind, symbol, a, b, c })
}

fn raw_wish() -> impl Strategy<Value = RawWish> {
    let names = vec(0..WISHES.len(), 1..4);
    let numbers = (0..4_usize, 0..3_usize, any::<u8>(), any::<u8>());
    let channel = prop_oneof![
        2 => Just(Channel::Ticker),
        2 => Just(Channel::Trades),
        2 => Just(Channel::Bars1s),
        1 => Just(Channel::Bars1m),
        1 => Just(Channel::Bars1d),
    ];
    (channel, names, numbers).prop_map(|(channel, names, numbers)| {
        let (conflation, slow, start, number) = numbers;
        RawWish { channel, names, conflation, slow, start, number }
    })
}

fn action() -> impl Strategy<Value = Action> {
    let client = || 0..CLIENTS;
    prop_oneof![
        6 => vec(raw(), 1..12).prop_map(Action::Write),
        5 => (0..2_usize).prop_map(Action::Turn),
        5 => (client(), 1..5_usize).prop_map(|(client, times)| Action::Take(client, times)),
        4 => (client(), raw_wish()).prop_map(|(client, wish)| Action::Subscribe(client, wish)),
        2 => (client(), raw_wish()).prop_map(|(client, wish)| Action::Unsubscribe(client, wish)),
        1 => (client(), 0..2_usize).prop_map(|(client, shard)| Action::Reconnect(client, shard)),
        2 => (1..3_000_u64).prop_map(Action::Advance),
    ]
}

impl RawWish {
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.names.iter().map(|name| WISHES[*name].to_owned()).collect();
        names.sort();
        names.dedup();
        names
    }

    fn subscribe(&self, world: &World, heartbeat: Option<u64>) -> Wish {
        let channel = self.channel;
        let (is_trades, is_ticker) = (channel == Channel::Trades, channel == Channel::Ticker);
        let conflate_ms = if is_trades { 0 } else { [0, 0, 100, 1_000][self.conflation] };
        let slow = match self.slow {
            0 if !is_trades => Slow::Conflate,
            0 => Slow::Gap,
            1 if self.number.is_multiple_of(4) => Slow::Close,
            _ if conflate_ms > 0 => Slow::Conflate,
            _ => Slow::Spill,
        };
        let (epoch, head) = (world.tape.epoch().to_owned(), world.tape.head().0);
        let start = match self.start {
            0..=59 if !is_ticker && conflate_ms == 0 => Start::Last((self.number % 12).into()),
            0..=119 => Start::Now,
            120..=179 => Start::From(epoch, heartbeat.unwrap_or(head)),
            180..=243 => Start::From(epoch, head * u64::from(self.number) / 255),
            244..=247 => Start::From(epoch, head + 1 + u64::from(self.number)),
            248..=251 => Start::From(epoch, 1 << 50),
            _ => Start::From("other".into(), head),
        };
        Wish::Subscribe { channel, names: self.names(), conflate_ms, slow, start }
    }
}

/// A world with a witness that is never slow, and some clients that are what they are.
struct Play {
    world: World,
    witness: Client,
    clients: Vec<Client>,
    gone: Vec<Client>,
}

impl Play {
    fn new(ring_events: usize, buffer_bytes: usize) -> Self {
        let mut world = World::new(ring_events, &[1 << 20, buffer_bytes]);
        let mut witness = Client::connect(&mut world, 0);
        for channel in Channel::ALL {
            let (names, start) = (vec!["*:*".to_owned()], Start::Now);
            let wish = Wish::Subscribe { channel, names, conflate_ms: 0, slow: Slow::Spill, start };
            witness.wish(&mut world, wish);
        }
        let clients = (0..CLIENTS).map(|_| Client::connect(&mut world, 1)).collect();
        Self { world, witness, clients, gone: Vec::new() }
    }

    fn act(&mut self, action: &Action) {
        match action {
            Action::Write(raws) => self.world.write(raws),
            Action::Turn(shard) => {
                self.turn(*shard);
            }
            Action::Take(client, times) => {
                let client = &mut self.clients[*client];
                client.take(&mut self.world, *times);
                client.hand_in(&mut self.world);
            }
            Action::Subscribe(client, wish) => {
                let client = &mut self.clients[*client];
                let heartbeat = client.last_heartbeat();
                let heartbeat = heartbeat.or_else(|| self.gone.last()?.last_heartbeat());
                let wish = wish.subscribe(&self.world, heartbeat);
                client.wish(&mut self.world, wish);
            }
            Action::Unsubscribe(client, wish) => {
                let wish = Wish::Unsubscribe { channel: wish.channel, names: wish.names() };
                self.clients[*client].wish(&mut self.world, wish);
            }
            Action::Reconnect(client, shard) => {
                self.clients[*client].disconnect(&mut self.world);
                let new = Client::connect(&mut self.world, *shard);
                self.gone.push(std::mem::replace(&mut self.clients[*client], new));
            }
            Action::Advance(ms) => self.world.advance(std::time::Duration::from_millis(*ms)),
        }
        self.witness.take(&mut self.world, 100);
    }

    /// One turn of a shard; says whether it is at rest.
    fn turn(&mut self, shard: usize) -> bool {
        let is_at_rest = self.world.turn(shard);
        for client in self.clients.iter_mut().filter(|client| client.shard == shard) {
            client.note_waiting(&self.world);
        }
        is_at_rest
    }

    /// Lets everything that is under way arrive.
    fn drain(&mut self) {
        for round in 0..10 {
            for quiet in 0.. {
                assert!(quiet < 10_000, "the clients never come to rest");
                let mut busy = false;
                for shard in 0..self.world.shards.len() {
                    busy |= !self.turn(shard);
                }
                for client in self.clients.iter_mut().chain([&mut self.witness]) {
                    busy |= client.note_waiting(&self.world);
                    busy |= client.hand_in(&mut self.world);
                    busy |= client.take(&mut self.world, 1) > 0;
                }
                // Who took all that there was may have asked for more of the tape.
                busy |= self.world.shards.iter().any(|shard| !shard.hungry.is_empty());
                if !busy {
                    break;
                }
            }
            if round < 9 {
                self.world.advance(model::LONG);
            }
        }
    }

    fn check(&mut self) {
        let (head, epoch) = (self.world.tape.head().0, self.world.tape.epoch().to_owned());
        let truth = &mut self.world.truth;
        model::check(truth, &epoch, &self.witness, (true, Some(head)));
        for client in &self.gone {
            model::check(truth, &epoch, client, (false, None));
        }
        for client in &self.clients {
            model::check(truth, &epoch, client, (false, Some(head)));
            if client.closed.is_none() && !client.is_cut {
                assert_eq!(client.last_heartbeat(), Some(head), "the last cursor is the head");
            }
        }
    }
}

fn play(ring_events: usize, buffer_bytes: usize, actions: &[Action]) {
    let mut play = Play::new(ring_events, buffer_bytes);
    for action in actions {
        play.act(action);
    }
    play.drain();
    play.check();
}

proptest! {
    #![proptest_config(Config {
        cases: std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(600),
        failure_persistence: None,
        max_shrink_iters: 4_000,
        ..Config::default()
    })]

    #[test]
    fn nobody_misses_anything(
        ring_events in 2..40_usize,
        buffer_bytes in prop_oneof![Just(500_usize), Just(3_000), Just(20_000)],
        actions in vec(action(), 1..120),
    ) {
        play(ring_events, buffer_bytes, &actions);
    }
}

#[test]
fn a_shard_does_what_is_due_in_the_midst_of_other_work_but_not_of_its_own() {
    let mut world = World::new(64, &[1 << 20]);
    world.settle(0);
    let shard = Rc::new(RefCell::new(world.shards.remove(0)));
    let before = shard.borrow().board().seq();
    world.write(&[Raw { kind: 0, symbol: 0, a: 1, b: 1, c: 0 }]);
    let at_work = shard.borrow_mut();
    keep_up(&shard);
    assert_eq!(at_work.board().seq(), before);
    drop(at_work);
    keep_up(&shard);
    assert_eq!(shard.borrow().board().seq(), world.board.seq());
    assert!(world.board.seq() > before);
}
