//! The simulator: a venue that is not there, the same for everyone who gives it the same seed.
//!
//! It has no socket. The driver opens it, and comes back whenever [`Feed::poll_timeout`] says so.
//! What the *i*-th tick says depends on the settings and on *i* alone; when it is due depends on
//! the time of [`Feed::on_open`]. A driver that is late gets what it missed, up to a second of it;
//! one that was away for longer (a suspended machine, or a rate that it cannot follow) finds the
//! schedule moved, with no tick left out. Nor is anything left out by a simulated silence. Only
//! an outage and [`Faults::gap_every`] lose trades, and a gap says so.

mod instrument;
mod roster;
mod schedule;

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::Rng;
use rand_pcg::rand_core::SeedableRng;

use crate::error::Error;
use crate::feed::Feed;
use crate::feed::Output;
use crate::feed::Profile;
use crate::symbol::Symbol;
use crate::tick::Cause;
use crate::tick::Covers;
use crate::tick::Gap;
use crate::tick::GapState;
use crate::tick::Listing;
use crate::tick::Scope;
use crate::tick::Tick;
use crate::tick::TradeId;
use crate::time::Nanos;
use instrument::Instrument;
use instrument::Moment;
use schedule::Due;
use schedule::Schedule;

/// Most instruments.
pub const SYMBOLS_MAX: u32 = 1_000_000;
/// Highest rate, in ticks per second.
pub const TICKS_PER_S_MAX: u32 = 10_000_000;
/// Most ticks of one burst.
pub const BURST_TICKS_MAX: u32 = 1_000_000;
/// Most quotes and trades of one [`Feed::on_timeout`]; a gap comes on top of its trade.
const STEPS_MAX: u32 = 4_096;
/// The slowest rate ticks each second, so this is no false alarm.
const SILENCE_MS: i64 = 5_000;

const PROFILE: Profile = Profile {
    venue: "sim",
    url: "",
    silence_ms: SILENCE_MS,
    rotate_after_ms: None,
    send_gap_ms: 0,
    connect_gap_ms: 0,
    frame_bytes_max: 0,
    trade_continuity: "exact",
};

/// What is simulated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The venue part of its symbols.
    pub venue: String,
    /// Number of instruments, 1..=[`SYMBOLS_MAX`].
    pub symbols: u32,
    /// Ticks per second of all instruments together, 1..=[`TICKS_PER_S_MAX`].
    pub ticks_per_s: u32,
    /// Another seed, another market.
    pub seed: u64,
    /// What goes wrong.
    pub faults: Faults,
}

/// What goes wrong in a simulation, and how often. Zero is never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Faults {
    /// Each n-th trade of an instrument follows a few lost ones.
    pub gap_every: u32,
    /// From the beginning of one silence to that of the next, in ms; above `silence_ms`.
    pub silence_every_ms: u32,
    /// How long nothing comes, in ms. What was due comes later; nothing is lost.
    pub silence_ms: u32,
    /// From one burst to the next, in ms.
    pub burst_every_ms: u32,
    /// How many ticks come at once in a burst, besides the usual ones; up to [`BURST_TICKS_MAX`].
    pub burst_ticks: u32,
    /// How long a connection holds, in ms.
    pub disconnect_every_ms: u32,
    /// After a disconnect, how long at least until ticks come again, in ms.
    pub disconnect_ms: u32,
}

/// The simulated venue and its feed in one.
#[derive(Debug)]
pub struct Sim {
    gap_every: u32,
    disconnect_ms: u32,
    instruments: Vec<Instrument>,
    random: Pcg64Mcg,
    schedule: Schedule,
    link: Link,
    /// Ends of connections so far.
    outages: u32,
}

#[derive(Debug, Clone, Copy)]
enum Link {
    /// Never opened.
    New,
    Open,
    /// Broken by the simulation, of which the driver has not told yet.
    Cut(Nanos),
    /// Closed, and since when.
    Closed(Nanos),
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            venue: PROFILE.venue.to_owned(),
            symbols: 20,
            ticks_per_s: 200,
            seed: 1,
            faults: Faults::default(),
        }
    }
}

impl Settings {
    fn check(&self) -> Result<(), Error> {
        within("symbols", self.symbols, 1..=SYMBOLS_MAX)?;
        within("ticks_per_s", self.ticks_per_s, 1..=TICKS_PER_S_MAX)?;
        within("burst_ticks", self.faults.burst_ticks, 0..=BURST_TICKS_MAX)?;
        let Faults { silence_every_ms: every, silence_ms: lasts, .. } = self.faults;
        if every != 0 && lasts >= every {
            let text = format!("silence_ms = {lasts} must be below silence_every_ms = {every}");
            return Err(Error::BadSetting(text));
        }
        Ok(())
    }
}

impl Faults {
    /// Without those that would change nothing.
    fn effective(self) -> Self {
        Self {
            silence_every_ms: if self.silence_ms == 0 { 0 } else { self.silence_every_ms },
            burst_every_ms: if self.burst_ticks == 0 { 0 } else { self.burst_every_ms },
            ..self
        }
    }
}

impl Sim {
    /// A market that has not opened yet.
    ///
    /// # Errors
    /// [`Error::BadSetting`] for a setting out of its range, [`Error::BadSymbol`] for a venue that
    /// cannot be part of a symbol.
    #[expect(clippy::needless_pass_by_value, reason = "settings are made for one simulation")]
    pub fn new(settings: Settings) -> Result<Self, Error> {
        settings.check()?;
        let faults = settings.faults.effective();
        let mut random = Pcg64Mcg::seed_from_u64(settings.seed);
        let instruments = (0..settings.symbols as usize).map(|index| {
            let (name, terms) = roster::listing(index);
            let symbol = Symbol::parse(&format!("{}:{name}", settings.venue))?;
            Ok(Instrument::new(symbol, terms, random.next_u32()))
        });
        Ok(Self {
            gap_every: faults.gap_every,
            disconnect_ms: faults.disconnect_ms,
            instruments: instruments.collect::<Result<_, Error>>()?,
            random,
            schedule: Schedule::new(settings.ticks_per_s, faults),
            link: Link::New,
            outages: 0,
        })
    }

    fn list(&self, now: Nanos, out: &mut Output) {
        out.ticks.extend(self.instruments.iter().map(|instrument| {
            Tick::Listed(Listing { symbol: instrument.symbol.clone(), raw: None, recv: now })
        }));
        let steps = |of: &Instrument| Some((of.symbol.clone(), of.tick_size()?));
        out.tick_sizes.extend(self.instruments.iter().filter_map(steps));
        out.ticks.push(Tick::AllListed);
    }

    fn step(&mut self, moment: Moment, out: &mut Output) {
        let (choice, bits) = (self.random.next_u64(), self.random.next_u64());
        let index = choose(choice >> 32, self.instruments.len());
        let Some(instrument) = self.instruments.get_mut(index) else { return };
        if instrument.trades_on(choice) {
            let gap = instrument.settle(self.outages, moment.recv);
            let gap = gap.or_else(|| instrument.lose(self.gap_every, moment.recv));
            out.ticks.extend(gap);
            out.ticks.extend(instrument.trade(bits, moment));
        } else {
            out.ticks.push(instrument.quote(bits, moment));
        }
        out.alive = true;
    }
}

impl Feed for Sim {
    fn profile(&self) -> Profile {
        PROFILE
    }

    fn resume_after(&mut self, symbol: &Symbol, last_trade: &TradeId) {
        let instrument =
            roster::index(symbol.name()).and_then(|index| self.instruments.get_mut(index));
        let instrument = instrument.filter(|instrument| instrument.symbol == *symbol);
        if let (Some(instrument), Some(last_id)) = (instrument, last_trade.number()) {
            instrument.resume_after(last_id);
        }
    }

    fn on_open(&mut self, now: Nanos, out: &mut Output) {
        let begin = match self.link {
            Link::Open => return,
            Link::New => {
                self.list(now, out);
                now
            }
            Link::Cut(since) | Link::Closed(since) => {
                let away = i64::from(self.disconnect_ms);
                since.plus_millis(away).clamp(now, now.plus_millis(away))
            }
        };
        self.schedule.begin(now, begin);
        self.link = Link::Open;
    }

    fn on_frame(&mut self, frame: &mut [u8], _: Nanos, _: &mut Output) -> Result<(), Error> {
        let head = frame.get(..256).unwrap_or(frame);
        let kind = crate::error::quoted(&String::from_utf8_lossy(head));
        Err(Error::UnknownMessage { venue: PROFILE.venue, kind })
    }

    fn on_close(&mut self, now: Nanos, out: &mut Output) {
        let since = match self.link {
            Link::New | Link::Closed(_) => return,
            Link::Open => now,
            Link::Cut(since) => since,
        };
        self.link = Link::Closed(since);
        self.outages = self.outages.wrapping_add(1);
        out.ticks.push(Tick::Gap(Gap {
            scope: Scope::Feed,
            recv: now,
            covers: Covers::All,
            cause: Cause::VenueDisconnect,
            missing: None,
            state: GapState::Open,
            settles_disconnect: false,
        }));
    }

    fn poll_timeout(&self) -> Option<Nanos> {
        matches!(self.link, Link::Open).then(|| self.schedule.next().0)
    }

    fn on_timeout(&mut self, now: Nanos, out: &mut Output) {
        if !matches!(self.link, Link::Open) {
            return;
        }
        self.schedule.look(now);
        for _ in 0..STEPS_MAX {
            let (ts, due) = self.schedule.next();
            if ts > now {
                return;
            }
            self.schedule.done(due);
            match due {
                Due::Tick | Due::Burst => self.step(Moment { ts, recv: now }, out),
                Due::Silence => {}
                Due::Disconnect => {
                    self.link = Link::Cut(now);
                    out.reconnect = Some("simulated disconnect".to_owned());
                    return;
                }
            }
        }
    }
}

/// An index below `count`, the first ones more often: the chance falls with the root of the place.
fn choose(noise: u64, count: usize) -> usize {
    let squared = (noise * noise) >> 32;
    usize::try_from((squared * count as u64) >> 32).unwrap_or(0)
}

/// Scatters a number over 64 bits; the finaliser of `SplitMix64`.
const fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

fn within(what: &str, value: u32, range: std::ops::RangeInclusive<u32>) -> Result<(), Error> {
    if range.contains(&value) {
        return Ok(());
    }
    let (low, high) = range.into_inner();
    Err(Error::BadSetting(format!("{what} = {value} must be {low} to {high}")))
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod witness;
