//! `tickwire bench`: many clients at once, which check what they get and measure how fast it came.

use std::io;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Args;
use clap::ValueEnum;
use clap::builder::RangedU64ValueParser;

use crate::cli::bench::bar::Bar;
use crate::cli::bench::result::Outcome;
use crate::cli::bench::target::Clocks;
use crate::cli::bench::target::Target;
use crate::cli::credential::Credential;
use crate::cli::endpoint::Endpoint;
use crate::cli::failure::Failure;
use crate::cli::instant;
use crate::cli::request::ChannelName;
use crate::cli::signals;
use crate::cli::signals::Signal;
use crate::cli::talk::Talk;
use crate::descriptors;
use crate::load;
use crate::load::Go;
use crate::load::cores::Cores;
use crate::load::plan::Plan;
use crate::load::ramp::Ramp;
use crate::load::report::Report;

mod bar;
pub mod own;
mod result;
mod target;

/// Files of this process besides the connections: standard streams, the poll, a server's output.
const OTHER_FILES: usize = 64;
/// The highest rate of the simulator.
const TICKS_MAX: u64 = tickwire_feeds::sim::TICKS_PER_S_MAX as u64;

/// Measure a server.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = EXAMPLES)]
pub struct Bench {
    /// Connections
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = count(1_000_000))]
    connections: u64,
    /// Symbols that each connection subscribes to, spread evenly
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = count(1_000_000))]
    streams: u64,
    /// Symbols of the server that is started
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = count(1_000_000))]
    symbols: u64,
    /// Ticks in a second, of all symbols together, of the server that is started
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = count(TICKS_MAX))]
    ticks: u64,
    /// The measured time
    #[arg(long = "for", value_name = "TIME", default_value = "5s", value_parser = instant::span)]
    span: Duration,
    /// Time before it, which no figure has
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = instant::span)]
    warm_up: Duration,
    /// What to subscribe to
    #[arg(long, value_enum, default_value_t, value_name = "CHANNEL")]
    channel: ChannelName,
    /// Take at most one snapshot in so many ms of each symbol
    #[arg(long, value_name = "MS", default_value_t = 0, hide_default_value = true,
          value_parser = RangedU64ValueParser::<u64>::new().range(0..=60_000))]
    conflate_ms: u64,
    /// What messages shall come as
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
    /// What the server shall do when a client is too slow
    #[arg(long, value_enum, value_name = "POLICY")]
    slow: Option<Slow>,
    /// Connections that stop reading when the measured time begins
    #[arg(long, value_name = "K", default_value_t = 0, hide_default_value = true)]
    stalled: u64,
    /// For how long; by itself the whole measured time
    #[arg(long, value_name = "TIME", requires = "stalled", value_parser = instant::span)]
    stall_for: Option<Duration>,
    /// Streams to subscribe again in a second, over all connections
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true,
          value_parser = RangedU64ValueParser::<u64>::new().range(0..=1_000_000))]
    churn: u64,
    /// Handshakes under way at a time; 2000 is a storm
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = count(100_000))]
    opening: u64,
    /// Find the highest rate that the server keeps up with, from --ticks on
    #[arg(long, conflicts_with_all = ["url", "stalled"])]
    ramp: bool,
    /// With --ramp, the longest time that 99 of 100 messages may take
    #[arg(long, value_name = "TIME", default_value = "250ms", value_parser = instant::span)]
    p99_max: Duration,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// A server that runs already, as ws://HOST:PORT; by itself one is started
    #[arg(long, value_name = "URL", value_parser = Endpoint::parse)]
    url: Option<Endpoint>,
    /// What is shown there.
    #[command(flatten)]
    credential: Credential,
    /// Its process, to measure its CPU and memory
    #[arg(long, value_name = "PID", requires = "url")]
    pid: Option<u32>,
    /// A setting of the server that is started, as http.workers=2; may be repeated
    #[arg(long, value_name = "KEY=VALUE", conflicts_with = "url",
          value_parser = own::parse_setting)]
    set: Vec<(String, String)>,
    /// Worker threads of the server that is started
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = count(256))]
    workers: u64,
    /// Processors of the server that is started, as 0-2; by itself all but the last
    #[arg(long, value_name = "LIST", conflicts_with = "url")]
    server_cpus: Option<Cores>,
    /// Processors of the load, as 3; by itself the last one
    #[arg(long, value_name = "LIST")]
    cpu: Option<Cores>,
    /// Let the system choose the processors
    #[arg(long, conflicts_with_all = ["cpu", "server_cpus"])]
    no_pin: bool,
}

/// How messages are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Format {
    /// JSON
    #[default]
    Json,
    /// MessagePack
    Msgpack,
}

/// What a server does with a client that is too slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Slow {
    /// Send the present state when it reads again
    Conflate,
    /// Send all of it later
    Spill,
    /// Close the connection
    Close,
}

const EXAMPLES: &str = "\
Starts a server of its own unless --url names one. The exit code is 6 when a message was lost,
doubled or out of order.

Examples:
  tickwire bench --connections 200 --symbols 1000 --streams 50 --ticks 10000
  tickwire bench --url ws://127.0.0.1:8080 --connections 500 --for 30s --json";

impl Bench {
    /// Measures, and tells what was found.
    ///
    /// # Errors
    /// [`Failure::Usage`] for what makes no sense, [`Failure::Connection`] for a server that cannot
    /// be reached, [`Failure::Missing`] when data was lost, doubled or out of order.
    pub fn run(&self, talk: Talk) -> Result<(), Failure> {
        self.check()?;
        descriptors::raise(self.number(self.connections).saturating_add(OTHER_FILES))
            .map_err(Failure::Usage)?;
        let run = Arc::new(Run::new());
        let watched = Arc::clone(&run);
        signals::watch(move |signal| watched.note(signal))
            .map_err(|error| Failure::General(format!("cannot watch for signals: {error}")))?;
        let outcome = match self.ramp {
            true => self.climb(talk, &run),
            false => self.once(self.ticks, talk, &run).map(|(report, clocks)| {
                let ticks_per_s = self.url.is_none().then_some(self.ticks);
                Outcome { report, clocks, ticks_per_s, ramp: None }
            }),
        };
        // What was started is gone by now.
        if let Some(signal) = run.signal() {
            signal.end();
        }
        let outcome = outcome?;
        let text = if self.json { outcome.json() } else { outcome.to_string() };
        writeln!(io::stdout().lock(), "{text}")?;
        outcome.verdict()
    }

    fn check(&self) -> Result<(), Failure> {
        let usage = |text: String| Err(Failure::Usage(text));
        if self.url.is_none() && self.streams > self.symbols {
            return usage(format!(
                "--streams {} of --symbols {}: a connection can have no more than there are",
                self.streams, self.symbols
            ));
        }
        if self.stalled >= self.connections {
            return usage(format!(
                "--stalled {} of --connections {}: at least one has to go on reading",
                self.stalled, self.connections
            ));
        }
        if self.span.is_zero() {
            return usage("--for 0s: expected some time, like 5s".to_owned());
        }
        if self.conflate_ms > 0 && self.channel == ChannelName::Trades {
            return usage("--conflate-ms is for --channel ticker: trades are events".to_owned());
        }
        if self.slow == Some(Slow::Conflate) && self.channel == ChannelName::Trades {
            return usage("--slow conflate is for --channel ticker; spill or close?".to_owned());
        }
        Ok(())
    }

    /// Measures at one rate.
    fn once(&self, ticks: u64, talk: Talk, run: &Run) -> Result<(Report, Clocks), Failure> {
        let target = Target::of(self, ticks, &run.home)?;
        let plan = self.plan(&target)?;
        let bar = Bar::new(talk, self.ramp.then_some(ticks));
        let watch = &mut |progress| {
            bar.show(progress);
            if run.signal().is_some() { Go::Stop } else { Go::On }
        };
        let report = load::run(&plan, watch).map_err(|error| match error {
            load::Error::Connect { .. } | load::Error::Stuck { .. } => {
                Failure::Connection(error.to_string())
            }
            load::Error::Refused(_) if self.ramp => Failure::Connection(error.to_string()),
            load::Error::Refused(_) => Failure::Usage(error.to_string()),
            _ => Failure::General(error.to_string()),
        })?;
        Ok((report, target.clocks))
    }

    fn climb(&self, talk: Talk, run: &Run) -> Result<Outcome, Failure> {
        let mut ramp = Ramp::new(self.ticks, TICKS_MAX, self.p99_max);
        let mut last = None;
        while let Some(ticks) = ramp.due() {
            let (report, clocks) = match self.once(ticks, talk, run) {
                // A server with too much to do lets nobody in: that is an answer.
                Err(Failure::Connection(why)) => {
                    talk.note(&format!("{ticks} ticks/s: {why}"));
                    ramp.note_refusal(ticks);
                    continue;
                }
                measured => measured?,
            };
            talk.note(&format!("{ticks} ticks/s:\n{report}"));
            ramp.note(ticks, &report);
            last = Some((report, clocks));
        }
        let Some((last, clocks)) = last else {
            return Err(Failure::General("the server kept up with no rate".to_owned()));
        };
        let (found, steps) = ramp.found();
        let report = found.map_or(last, |(_, report)| report.clone());
        Ok(Outcome {
            report,
            clocks,
            ticks_per_s: found.map(|(ticks, _)| *ticks),
            ramp: Some(steps),
        })
    }

    fn plan(&self, target: &Target) -> Result<Plan, Failure> {
        let streams = self.number(self.streams);
        if streams > target.symbols.len() {
            let there = target.symbols.len();
            return Err(Failure::Usage(format!("--streams {streams}: the server has {there}")));
        }
        let protocol = match self.format {
            Format::Json => "tickwire.v1.json",
            Format::Msgpack => "tickwire.v1.msgpack",
        };
        let slow = self.slow.and_then(|slow| slow.to_possible_value());
        Ok(Plan {
            host: target.host.clone(),
            tls: target.tls.clone(),
            path: target.path.clone(),
            token: target.token.clone(),
            protocol: protocol.to_owned(),
            connections: self.number(self.connections),
            streams,
            channel: self.channel.word().to_owned(),
            conflate_ms: self.conflate_ms,
            slow: slow.map(|slow| slow.get_name().to_owned()),
            stalled: self.number(self.stalled),
            stall_for: self.stall_for.unwrap_or(self.span),
            churn_per_s: self.churn,
            opening: self.number(self.opening),
            warm_up: self.warm_up,
            measure: self.span,
            pid: target.pid,
            ..Plan::new(target.address, target.symbols.clone())
        })
    }

    fn number(&self, value: u64) -> usize {
        usize::try_from(value).unwrap_or(usize::MAX)
    }
}

/// This run: where it may run, and the wish to end, if there was one.
#[derive(Debug)]
struct Run {
    /// The processors that this program was given.
    home: Cores,
    interrupt: AtomicBool,
    terminate: AtomicBool,
}

impl Run {
    fn new() -> Self {
        let home = Cores::here();
        Self { home, interrupt: AtomicBool::new(false), terminate: AtomicBool::new(false) }
    }

    /// The first is a wish; a second ends at once.
    fn note(&self, signal: Signal) {
        let flag = match signal {
            Signal::Interrupt => &self.interrupt,
            Signal::Terminate => &self.terminate,
        };
        if flag.swap(true, Ordering::AcqRel) {
            signal.end();
        }
    }

    fn signal(&self) -> Option<Signal> {
        let asked = |flag: &AtomicBool| flag.load(Ordering::Acquire);
        if asked(&self.interrupt) {
            return Some(Signal::Interrupt);
        }
        asked(&self.terminate).then_some(Signal::Terminate)
    }
}

fn count(most: u64) -> RangedU64ValueParser<u64> {
    RangedU64ValueParser::new().range(1..=most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        bench: Bench,
    }

    fn parse(flags: &str) -> Result<Bench, clap::Error> {
        let words = std::iter::once("bench").chain(flags.split_whitespace());
        Line::try_parse_from(words).map(|line| line.bench)
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_would() {
        for (flags, said) in [
            ("--streams 5", "--symbols 1"),
            ("--stalled 100", "at least one"),
            ("--for 0s", "like 5s"),
            ("--channel trades --conflate-ms 5", "--channel ticker"),
            ("--channel trades --slow conflate", "spill or close"),
        ] {
            let error = parse(flags).unwrap().check().unwrap_err();
            assert!(error.to_string().contains(said), "{flags}: {error}");
            assert_eq!(error.code(), 2);
        }
        assert!(parse("--streams 50 --symbols 1000 --stalled 50").unwrap().check().is_ok());
    }

    #[test]
    fn flags_that_exclude_each_other_are_refused() {
        for flags in [
            "--ramp --url ws://127.0.0.1:1",
            "--pid 5",
            "--url ws://127.0.0.1:1 --set a.b=c",
            "--no-pin --cpu 1",
            "--connections 0",
            "--set x",
            "--cpu a",
        ] {
            assert!(parse(flags).is_err(), "{flags}");
        }
    }

    #[test]
    fn a_second_signal_is_told_from_the_first() {
        let run = Run::new();
        assert_eq!(run.signal(), None);
        run.note(Signal::Terminate);
        assert_eq!(run.signal(), Some(Signal::Terminate));
        run.note(Signal::Interrupt);
        assert_eq!(run.signal(), Some(Signal::Interrupt));
    }
}
