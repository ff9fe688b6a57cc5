//! Fan-out beside its floor: the same load for the real server and for the least that the kernel
//! demands, in turn, on the same processors.
//!
//! `cargo bench --bench fanout -- one spread flush --runs 5 --seconds 5` runs the scenarios named,
//! or all; without any argument it does nothing. `--set KEY=VALUE` gives the real server a setting,
//! `--format msgpack` has it pack its messages, `--only real` leaves the floor out, `--ticks N` is
//! another rate, `--flush` says that the server has `http.flush_ms_min` and `_max`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark that cannot go on has failed"
)]

mod floor;
mod scenario;
mod side;
mod table;

use std::time::Duration;

use tickwire::cli::bench::own::parse_setting;
use tickwire::descriptors;
use tickwire::load;
use tickwire::load::Go;
use tickwire::load::cores::Cores;
use tickwire::load::plan;
use tickwire::load::plan::Plan;
use tickwire::load::ramp::Ramp;
use tickwire::load::report::Report;

use crate::scenario::Goal;
use crate::scenario::Scenario;
use crate::side::Server;
use crate::side::Side;
use crate::side::Start;

/// What the arguments ask for.
struct Asked {
    scenarios: Vec<Scenario>,
    runs: usize,
    seconds: u64,
    /// In place of each scenario's own.
    ticks: Option<u32>,
    sides: Vec<Side>,
    settings: Vec<(String, String)>,
    has_flush: bool,
    /// The subprotocol, for the real server.
    protocol: String,
    /// Where servers run, and where the load does.
    cores: (Cores, Cores),
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --benches` only wants to see that it builds.
    if arguments.is_empty() || arguments.iter().any(|argument| argument == "--test") {
        return;
    }
    if let Some((first, work)) = arguments.split_first()
        && first == "--floor"
    {
        floor::serve(side::work(work));
    }
    let asked = Asked::read(&arguments);
    descriptors::raise(asked.scenarios.iter().map(|s| s.connections).max().unwrap()).unwrap();
    asked.cores.1.pin().unwrap();
    for scenario in &asked.scenarios {
        asked.compare(scenario);
    }
}

impl Asked {
    fn read(arguments: &[String]) -> Self {
        let home = Cores::here();
        let (_, last) = home.split().unwrap_or((home.first(), home.first()));
        let mut asked = Self {
            scenarios: Vec::new(),
            runs: 5,
            seconds: 5,
            ticks: None,
            sides: vec![Side::Floor, Side::Real],
            settings: Vec::new(),
            has_flush: false,
            protocol: "tickwire.v1.json".to_owned(),
            cores: (home.first(), last),
        };
        let mut words = arguments.iter().filter(|word| *word != "--bench");
        while let Some(word) = words.next() {
            let mut value = || words.next().expect("a value");
            match word.as_str() {
                "--runs" => asked.runs = value().parse().expect("a number of runs"),
                "--seconds" => asked.seconds = value().parse().expect("a number of seconds"),
                "--ticks" => asked.ticks = Some(value().parse().expect("ticks in a second")),
                "--set" => asked.settings.push(parse_setting(value()).expect("KEY=VALUE")),
                "--format" => asked.protocol = format!("tickwire.v1.{}", value()),
                "--flush" => asked.has_flush = true,
                "--only" => {
                    asked.sides = vec![match value().as_str() {
                        "real" => Side::Real,
                        _ => Side::Floor,
                    }];
                }
                name => {
                    let meant = scenario::ALL.iter().filter(|scenario| scenario.is_meant(name));
                    let before = asked.scenarios.len();
                    asked.scenarios.extend(meant);
                    let names = scenario::ALL.map(|scenario| scenario.name);
                    assert!(asked.scenarios.len() > before, "{name} is none of {names:?}");
                }
            }
        }
        if asked.scenarios.is_empty() {
            asked.scenarios = scenario::ALL.to_vec();
        }
        if let Some(ticks_per_s) = asked.ticks {
            asked.scenarios.iter_mut().for_each(|scenario| scenario.ticks_per_s = ticks_per_s);
        }
        asked
    }

    /// Runs both sides in turn and prints their medians.
    fn compare(&self, scenario: &Scenario) {
        println!("\n{}: {}", scenario.name, scenario.what);
        let mut reports: Vec<(Side, Vec<Report>)> =
            self.sides_of(scenario).map(|side| (side, Vec::new())).collect();
        for run in 0..self.runs {
            for (side, reports) in &mut reports {
                eprintln!("{} {side:?}, run {} of {}", scenario.name, run + 1, self.runs);
                reports.push(self.measure(scenario, *side));
            }
        }
        let baseline = match scenario.goal {
            Goal::Stalled(_) => Some(self.unstalled(scenario)),
            _ => None,
        };
        table::print(scenario, &reports, baseline.as_deref());
    }

    fn sides_of(&self, scenario: &Scenario) -> impl Iterator<Item = Side> {
        let has_floor = !matches!(scenario.goal, Goal::Stalled(_));
        self.sides.iter().copied().filter(move |side| has_floor || *side == Side::Real)
    }

    fn measure(&self, scenario: &Scenario, side: Side) -> Report {
        match scenario.goal {
            Goal::Rate(_) => self.climb(scenario, side),
            _ => self.once(scenario, side, scenario.ticks_per_s.into(), scenario.stalled()),
        }
    }

    /// The same with nobody standing still.
    fn unstalled(&self, scenario: &Scenario) -> Vec<Report> {
        let rate = u64::from(scenario.ticks_per_s);
        (0..self.runs).map(|_| self.once(scenario, Side::Real, rate, 0)).collect()
    }

    /// The highest rate with a p99 below 250 ms.
    fn climb(&self, scenario: &Scenario, side: Side) -> Report {
        let ticks = u64::from(scenario.ticks_per_s);
        let mut ramp = Ramp::new(ticks, 10_000_000, Duration::from_millis(250));
        while let Some(ticks) = ramp.due() {
            let report = self.once(scenario, side, ticks, 0);
            eprintln!(
                "  {ticks} ticks/s: {} messages/s, p99 {} us, generator {} %, {}",
                report.messages_per_s,
                report.latency.p99_us,
                report.generator_cpu / 100,
                report.faults,
            );
            ramp.note(ticks, &report);
        }
        ramp.found().0.map(|(_, report)| report.clone()).unwrap_or_default()
    }

    fn once(&self, scenario: &Scenario, side: Side, ticks_per_s: u64, stalled: usize) -> Report {
        let (settings, has_flush) = (&self.settings, self.has_flush);
        let start = Start { scenario, ticks_per_s, cores: &self.cores.0, settings, has_flush };
        let server = Server::start(side, &start);
        let span = match scenario.goal {
            Goal::Rate(_) => self.seconds.min(3),
            _ => self.seconds,
        };
        let symbols = plan::sim_symbols(scenario.symbols).unwrap();
        let plan = Plan {
            connections: scenario.connections,
            streams: scenario.streams,
            opening: scenario.opening,
            stalled,
            stall_for: Duration::from_secs(span),
            warm_up: Duration::from_secs(if scenario.symbols > 10_000 { 4 } else { 1 }),
            measure: Duration::from_secs(span),
            pid: Some(server.pid()),
            protocol: self.protocol.clone(),
            ..Plan::new(server.address(), symbols)
        };
        load::run(&plan, &mut |_| Go::On).unwrap()
    }
}
