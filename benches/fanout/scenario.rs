//! What is compared: each scenario is the same load for the floor and for the real server.

use std::time::Duration;

use crate::floor::Writes;

/// A load for both.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scenario {
    /// By which it is chosen.
    pub(crate) name: &'static str,
    /// For people.
    pub(crate) what: &'static str,
    pub(crate) symbols: u32,
    pub(crate) connections: usize,
    pub(crate) streams: usize,
    pub(crate) ticks_per_s: u32,
    /// How the floor writes. The real server waits as long at most and at least.
    pub(crate) writes: Writes,
    pub(crate) opening: usize,
    pub(crate) goal: Goal,
}

/// What is wanted of the real server, and so which figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Goal {
    /// CPU for a delivery, at most so many hundredths of the floor's.
    Cpu(u64),
    /// The highest rate, at least so many hundredths of the floor's.
    Rate(u64),
    /// Memory of a subscribed connection, at most so many bytes.
    Memory(u64),
    /// The 99th of 100 messages, at most so long.
    P99(Duration),
    /// All first snapshots, in at most so long.
    Opening(Duration),
    /// Some stand still: the others' p99 as without them, and at most so many bytes for each.
    Stalled(u64),
}

const FLUSH: Writes = Writes::Every(Duration::from_millis(5));

const BASE: Scenario = Scenario {
    name: "",
    what: "",
    symbols: 1,
    connections: 100,
    streams: 1,
    ticks_per_s: 1_000,
    writes: Writes::Each,
    opening: 256,
    goal: Goal::Cpu(105),
};

const SPREAD: Scenario =
    Scenario { symbols: 1_000, connections: 200, streams: 50, ticks_per_s: 10_000, ..BASE };

/// All of them.
pub(crate) const ALL: [Scenario; 12] = [
    Scenario { name: "one", what: "1 symbol × 100 clients, 1,000 ticks/s, no delay", ..BASE },
    Scenario {
        name: "spread",
        what: "1,000 symbols, 200 clients × 50, 10,000 ticks/s, no delay",
        ..SPREAD
    },
    Scenario {
        name: "flush",
        what: "1,000 symbols, 200 clients × 50, 10,000 ticks/s, 5 ms flush",
        writes: FLUSH,
        goal: Goal::Cpu(115),
        ..SPREAD
    },
    Scenario {
        name: "saturate1",
        what: "highest rate with p99 < 250 ms, 1 symbol × 100 clients",
        writes: FLUSH,
        ticks_per_s: 16_000,
        goal: Goal::Rate(50),
        ..BASE
    },
    Scenario {
        name: "saturate1000",
        what: "highest rate with p99 < 250 ms, 1,000 symbols, 200 clients × 50",
        writes: FLUSH,
        ticks_per_s: 80_000,
        goal: Goal::Rate(40),
        ..SPREAD
    },
    Scenario {
        name: "memory",
        what: "10,000 idle connections, one of 1,000 symbols each",
        connections: 10_000,
        streams: 1,
        ticks_per_s: 1,
        goal: Goal::Memory(16 * 1_024),
        ..SPREAD
    },
    Scenario {
        name: "stalled1",
        what: "1 of 100 clients stands still, 1 symbol, 1,000 ticks/s",
        goal: Goal::Stalled(1_258_291),
        ..BASE
    },
    Scenario {
        name: "stalled50",
        what: "50 of 100 clients stand still, 1 symbol, 1,000 ticks/s",
        goal: Goal::Stalled(1_258_291),
        ..BASE
    },
    Scenario {
        name: "many",
        what: "18,000 connections, 1 symbol, 1 tick/s",
        connections: 18_000,
        ticks_per_s: 1,
        goal: Goal::P99(Duration::from_secs(1)),
        ..BASE
    },
    Scenario {
        name: "many1000",
        what: "18,000 connections, one of 1,000 symbols each, 1,000 ticks/s",
        symbols: 1_000,
        connections: 18_000,
        goal: Goal::P99(Duration::from_secs(1)),
        ..BASE
    },
    Scenario {
        name: "storm",
        what: "2,000 handshakes at once, 20 symbols, 1,000 ticks/s",
        symbols: 20,
        connections: 2_000,
        opening: 2_000,
        goal: Goal::Opening(Duration::from_secs(1)),
        ..BASE
    },
    Scenario {
        name: "symbols",
        what: "100,000 symbols, 100 clients × 1,000, 100,000 ticks/s, 5 ms flush",
        symbols: 100_000,
        streams: 1_000,
        ticks_per_s: 100_000,
        writes: FLUSH,
        goal: Goal::Cpu(115),
        ..BASE
    },
];

impl Scenario {
    /// Whether an argument means it: its name, or what its name begins with up to the digits.
    pub(crate) fn is_meant(&self, word: &str) -> bool {
        self.name == word || self.name.trim_end_matches(|c: char| c.is_ascii_digit()) == word
    }

    /// Clients that stand still.
    pub(crate) fn stalled(&self) -> usize {
        match self.name {
            "stalled1" => 1,
            "stalled50" => 50,
            _ => 0,
        }
    }
}
