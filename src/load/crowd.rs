//! The run of a load: opening, warming up, measuring, recovering, in the one thread.

use std::io;
use std::time::Duration;
use std::time::Instant;

use mio::Events;
use mio::Poll;
use mio::Token;
use rand::RngExt as _;
use rand::rngs::StdRng;

use crate::clock;
use crate::load::Error;
use crate::load::Go;
use crate::load::Progress;
use crate::load::Stage;
use crate::load::cpu;
use crate::load::cpu::Usage;
use crate::load::hall::Hall;
use crate::load::member::Check;
use crate::load::member::State;
use crate::load::plan::Plan;
use crate::load::recovery::Recovery;
use crate::load::report::Churn;
use crate::load::report::Cost;
use crate::load::report::Opening;
use crate::load::report::Report;
use crate::load::report::ratio;

/// Between two calls of the watcher.
const WATCH: Duration = Duration::from_millis(200);
/// Above so many messages a second only some connections are checked.
const CHECKED_PER_S_MAX: u64 = 2_000_000;
/// Then it is one in so many.
const CHECKED_ONE_IN: usize = 10;
/// How long to wait for what stood still.
const RECOVERY_MAX: Duration = Duration::from_secs(30);

/// A load that runs.
pub(super) struct Crowd<'a> {
    plan: &'a Plan,
    watch: &'a mut dyn FnMut(Progress) -> Go,
    poll: Poll,
    events: Events,
    hall: Hall,
    /// Messages so far and when, at the last call of the watcher.
    watched: (u64, Instant),
    rate: u64,
    churn: StdRng,
    asked: u64,
    opening: Opening,
    checked_one_in: u64,
}

impl<'a> Crowd<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        watch: &'a mut dyn FnMut(Progress) -> Go,
    ) -> Result<Self, Error> {
        let poll = Poll::new().map_err(Error::io("make a poll"))?;
        let registry = poll.registry().try_clone().map_err(Error::io("share a poll"))?;
        Ok(Self {
            plan,
            watch,
            events: Events::with_capacity(1_024),
            hall: Hall::new(plan, registry),
            poll,
            watched: (0, clock::monotonic()),
            rate: 0,
            churn: rand::make_rng(),
            asked: 0,
            opening: Opening::default(),
            checked_one_in: 1,
        })
    }

    /// From the first connection to the last figure.
    pub(super) fn run(mut self) -> Result<Report, Error> {
        let resident_before = self.resident();
        self.open()?;
        self.pass(Stage::WarmingUp, self.plan.warm_up)?;
        let resident_subscribed = self.resident();

        let (server, own) = (self.usage(), Usage::of(std::process::id()));
        let begun = clock::monotonic();
        self.hall.messages += self.hall.ledger.flow.messages;
        self.hall.ledger.begin();
        self.stall();
        self.measure(begun)?;
        let measured = begun.elapsed();
        let own = own.and_then(|own| Some(Usage::of(std::process::id())?.since(&own)));
        let server = server.and_then(|server| Some(self.usage()?.since(&server)));

        let mut report = Report {
            connections: self.plan.connections,
            streams: self.plan.streams,
            symbols: self.plan.symbols.len(),
            opening: self.opening,
            flow: self.hall.ledger.flow,
            latency: self.hall.ledger.latency.quantiles(),
            replaced: self.hall.ledger.replaced,
            checked_one_in: self.checked_one_in,
            generator_cpu: own.map_or(0, |own| share(own.total(), measured)),
            ..Report::default()
        };
        report.rate(measured);
        report.server = server.map(|usage| {
            let mut cost = cost(&usage, report.flow.messages, measured);
            cost.resident_before = resident_before;
            cost.resident_subscribed = resident_subscribed;
            cost.resident_measured = self.resident();
            let added = resident_subscribed.saturating_sub(resident_before);
            cost.bytes_per_connection = ratio(added, 1, self.plan.connections as u64);
            cost
        });
        self.recover()?;
        report.faults = self.hall.ledger.faults;
        let closed = self.hall.closed_stalled;
        let recovery = self.hall.recovery.as_ref();
        report.recovered = recovery.map(|recovery| recovery.told(self.plan.stalled, closed));
        let answered = self.hall.ledger.answers.quantiles();
        report.churn = (self.asked > 0).then_some(Churn { asked: self.asked, answered });
        Ok(report)
    }

    /// Opens all connections and waits for the first snapshot of each stream.
    fn open(&mut self) -> Result<(), Error> {
        let begun = clock::monotonic();
        let mut moved = (0, begun);
        while self.hall.whole < self.plan.connections {
            while self.hall.members.len() < self.plan.connections
                && self.hall.members.len() - self.hall.upgraded < self.plan.opening.max(1)
            {
                self.hall.join(self.plan)?;
            }
            let upgraded = self.hall.upgraded;
            self.turn(Duration::from_millis(50))?;
            if let Some(why) = self.hall.broken.take() {
                return Err(Error::Connect { server: self.plan.server, why });
            }
            if let Some(refused) = self.hall.ledger.refused.take() {
                return Err(Error::Refused(refused));
            }
            let now = clock::monotonic();
            if upgraded < self.hall.upgraded {
                self.opening.upgraded_ms = millis(now - begun);
            }
            if self.hall.whole + self.hall.upgraded > moved.0 {
                moved = (self.hall.whole + self.hall.upgraded, now);
            } else if now - moved.1 > self.plan.patience {
                let (whole, of) = (self.hall.whole, self.plan.connections);
                return Err(Error::Stuck { whole, of, waited: self.plan.patience });
            }
            let done = per_mille(self.hall.whole as u64, self.plan.connections as u64);
            self.tell(Stage::Opening, done)?;
        }
        self.opening.whole_ms = millis(begun.elapsed());
        Ok(())
    }

    /// Lets time pass.
    fn pass(&mut self, stage: Stage, span: Duration) -> Result<(), Error> {
        let begun = clock::monotonic();
        loop {
            let passed = begun.elapsed();
            if passed >= span {
                return Ok(());
            }
            self.turn((span - passed).min(WATCH))?;
            self.tell(stage, per_mille(millis(passed), millis(span)))?;
        }
    }

    fn measure(&mut self, begun: Instant) -> Result<(), Error> {
        let span = self.plan.measure;
        loop {
            let passed = begun.elapsed();
            if passed >= span {
                return Ok(());
            }
            if self.plan.stalled > 0 && passed >= self.plan.stall_for {
                self.resume()?;
            }
            let wait = self.churn(passed)?;
            self.turn((span - passed).min(wait))?;
            self.tell(Stage::Measuring, per_mille(millis(passed), millis(span)))?;
        }
    }

    /// Some of the connections stop reading.
    fn stall(&mut self) {
        for member in self.hall.members.iter_mut().take(self.plan.stalled) {
            if member.state == State::Reading {
                member.state = State::Stalled;
                // The poll must not wake for them. It has them all, so it can let each go.
                self.hall.registry.deregister(member.socket.stream()).ok();
            }
        }
    }

    /// They read again.
    fn resume(&mut self) -> Result<(), Error> {
        if self.hall.recovery.is_some() {
            return Ok(());
        }
        let begun = Recovery::begin(clock::monotonic(), &self.hall.ledger.heads);
        self.hall.recovery = Some(begun);
        for index in 0..self.plan.stalled {
            if let Some(member) = self.hall.members.get_mut(index)
                && member.state == State::Stalled
            {
                member.state = State::Recovering;
                self.hall.register(index).map_err(Error::io("watch a socket"))?;
            }
        }
        Ok(())
    }

    /// Waits for those that stood still.
    fn recover(&mut self) -> Result<(), Error> {
        if self.plan.stalled == 0 {
            return Ok(());
        }
        self.resume()?;
        let begun = clock::monotonic();
        while begun.elapsed() < RECOVERY_MAX {
            let whole = self.hall.recovery.as_ref().map_or(0, Recovery::count);
            if whole + self.hall.closed_stalled >= self.plan.stalled {
                break;
            }
            self.turn(Duration::from_millis(10))?;
            let done = per_mille(whole as u64, self.plan.stalled as u64);
            self.tell(Stage::Recovering, done)?;
        }
        Ok(())
    }

    /// Subscribes again what is due to be; how long until the next.
    fn churn(&mut self, passed: Duration) -> Result<Duration, Error> {
        if self.plan.churn_per_s == 0 {
            return Ok(WATCH);
        }
        let due = ratio(millis(passed), self.plan.churn_per_s, 1_000);
        while self.asked < due {
            self.asked += 1;
            let index = self.churn.random_range(0..self.plan.connections);
            let slot = self.churn.random_range(0..self.plan.streams);
            let Some(member) = self.hall.members.get_mut(index) else { continue };
            if !member.is_free() {
                continue;
            }
            if let Some(symbol) = self.plan.symbols_of(index).nth(slot) {
                let op = self.plan.operation(&[symbol]);
                if let Err(error) = member.ask(slot, &op, clock::now()) {
                    self.hall.end(index, error.into());
                }
            }
        }
        Ok(Duration::from_millis(1))
    }

    /// Waits for what comes, and takes it.
    fn turn(&mut self, wait: Duration) -> Result<(), Error> {
        let wait = if self.hall.again.is_empty() { wait } else { Duration::ZERO };
        match self.poll.poll(&mut self.events, Some(wait)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(source) => return Err(Error::Io { doing: "poll", source }),
        }
        let again = std::mem::take(&mut self.hall.again);
        for event in &self.events {
            let Token(index) = event.token();
            if event.is_writable() {
                self.hall.write(index);
            }
            if event.is_readable() || event.is_read_closed() || event.is_error() {
                let to_end = event.is_read_closed() || event.is_error();
                self.hall.read(index, self.plan, to_end);
            }
        }
        for index in again {
            self.hall.read(index, self.plan, true);
        }
        Ok(())
    }

    fn tell(&mut self, stage: Stage, done_per_mille: u64) -> Result<(), Error> {
        let now = clock::monotonic();
        let passed = now.saturating_duration_since(self.watched.1);
        if passed < WATCH {
            return Ok(());
        }
        let messages = self.hall.messages + self.hall.ledger.flow.messages;
        self.rate = ratio(messages.saturating_sub(self.watched.0), 1_000, millis(passed));
        self.watched = (messages, now);
        // Whether all are whole is seen by checking them.
        let may_count = stage != Stage::Opening && self.checked_one_in == 1;
        if may_count && self.rate > CHECKED_PER_S_MAX {
            self.check_some();
        }
        let progress = Progress { stage, done_per_mille, messages_per_s: self.rate };
        match (self.watch)(progress) {
            Go::On => Ok(()),
            Go::Stop => Err(Error::Stopped),
        }
    }

    /// From here on only some connections are checked: the generator must not be what is measured.
    /// For good, as the others do not know where they are any more.
    fn check_some(&mut self) {
        self.checked_one_in = CHECKED_ONE_IN as u64;
        let others = self.hall.members.iter_mut().enumerate().skip(self.plan.stalled);
        for (index, member) in others {
            if index % CHECKED_ONE_IN != 0 {
                member.check = Check::Count;
            }
        }
    }

    fn resident(&self) -> u64 {
        self.plan.pid.and_then(cpu::resident).unwrap_or(0)
    }

    fn usage(&self) -> Option<Usage> {
        self.plan.pid.and_then(Usage::of)
    }
}

fn cost(usage: &Usage, messages: u64, measured: Duration) -> Cost {
    let threads = usage.threads.iter().filter(|(_, time)| !time.is_zero());
    Cost {
        cpu_us: micros(usage.total()),
        system_us: micros(usage.system),
        cpu_ns_per_message: ratio(micros(usage.total()), 1_000, messages),
        cpu: share(usage.total(), measured),
        threads_us: threads.map(|(name, time)| (name.clone(), micros(*time))).collect(),
        ..Cost::default()
    }
}

/// In hundredths of a per cent.
fn share(part: Duration, whole: Duration) -> u64 {
    ratio(micros(part), 10_000, micros(whole))
}

fn per_mille(part: u64, whole: u64) -> u64 {
    ratio(part, 1_000, whole).min(1_000)
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
