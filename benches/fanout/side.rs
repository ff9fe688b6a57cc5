//! The two sides of a comparison, each a process on the first processor.

use std::io::BufRead as _;
use std::io::BufReader;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use tickwire::cli::bench::own::Own;
use tickwire::load::cores::Cores;

use crate::floor::Work;
use crate::floor::Writes;
use crate::scenario::Scenario;

/// Who serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Floor,
    Real,
}

/// A server that ends when this is dropped.
pub(crate) enum Server {
    Floor(Child, SocketAddr),
    Real(Own),
}

/// What to start it with.
pub(crate) struct Start<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) ticks_per_s: u64,
    pub(crate) cores: &'a Cores,
    /// Settings of the real server, over the scenario's.
    pub(crate) settings: &'a [(String, String)],
    /// Whether the real server has settings of its flush interval.
    pub(crate) has_flush: bool,
}

impl Server {
    pub(crate) fn start(side: Side, start: &Start<'_>) -> Self {
        match side {
            Side::Floor => start_floor(start),
            Side::Real => {
                let program = Path::new(env!("CARGO_BIN_EXE_tickwire"));
                Self::Real(Own::start(program, &settings(start), Some(start.cores)).unwrap())
            }
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        match self {
            Self::Floor(_, address) => *address,
            Self::Real(own) => own.address(),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        match self {
            Self::Floor(child, _) => child.id(),
            Self::Real(own) => own.pid(),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Self::Floor(child, _) = self {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

fn start_floor(start: &Start<'_>) -> Server {
    let micros = match start.scenario.writes {
        Writes::Each => 0,
        Writes::Every(span) => span.as_micros(),
    };
    let home = Cores::here();
    start.cores.pin().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--floor", &start.scenario.symbols.to_string()])
        .args([start.ticks_per_s.to_string(), micros.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    home.pin().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().parse().unwrap();
    Server::Floor(child, address)
}

/// The work that the arguments of a floor's process name.
pub(crate) fn work(arguments: &[String]) -> Work {
    let number = |index: usize| arguments[index].parse::<u32>().unwrap();
    Work {
        symbols: number(0),
        ticks_per_s: number(1),
        writes: match number(2) {
            0 => Writes::Each,
            micros => Writes::Every(Duration::from_micros(micros.into())),
        },
    }
}

fn settings(start: &Start<'_>) -> Vec<(String, String)> {
    let flush_ms = match start.scenario.writes {
        Writes::Each => 0,
        Writes::Every(span) => span.as_millis(),
    };
    let usual = [
        ("http.workers", "1".to_owned()),
        ("feeds.sim.symbols", start.scenario.symbols.to_string()),
        ("feeds.sim.ticks_per_s", start.ticks_per_s.to_string()),
        ("limits.ops_per_s", "100000".to_owned()),
    ];
    let flush = [("http.flush_ms_min", flush_ms), ("http.flush_ms_max", flush_ms)];
    let flush = flush.into_iter().map(|(key, ms)| (key, ms.to_string()));
    let flush = flush.filter(|_| start.has_flush);
    let all = usual.into_iter().chain(flush).map(|(key, value)| (key.to_owned(), value));
    all.chain(start.settings.iter().cloned()).collect()
}
