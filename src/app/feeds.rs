//! From configured feeds to running ones.

use std::path::Path;
use std::path::PathBuf;

use tickwire_feeds::Feed;
use tickwire_feeds::sim::Faults;
use tickwire_feeds::sim::Sim;

use crate::app::Error;
use crate::board::Board;
use crate::config::Config;
use crate::config::feed::Decode;
use crate::config::feed::FeedConfig;
use crate::config::feed::FeedInput;
use crate::config::feed::FileInput;
use crate::config::feed::SimInput;
use crate::history;
use crate::ingest;
use crate::ingest::Past;
use crate::ingest::Settings;
use crate::ingest::file::Recording;
use crate::sequencer::intake::Intake;

/// A feed that is about to run.
pub(super) struct Plan {
    pub(super) name: String,
    pub(super) venue: String,
    pub(super) continuity: &'static str,
    source: Source,
}

/// Where its ticks come from.
enum Source {
    Driven(Box<dyn Feed>, Settings),
    Recorded(Recording),
}

/// The feeds that the configuration asks for.
pub(super) fn plan(config: &Config) -> Result<Vec<Plan>, Error> {
    let planned = config.feeds.iter().map(|feed| {
        let plan = Plan::new(feed, config);
        plan.map_err(|source| Error::Feed { feed: feed.name.clone(), source })
    });
    planned.collect()
}

impl Plan {
    fn new(of: &FeedConfig, config: &Config) -> Result<Self, tickwire_feeds::Error> {
        let name = of.name.clone();
        let (feed, url) = match &of.input {
            FeedInput::File(input) => {
                let recording = recording(&name, input, &config.tape.dir)?;
                let (venue, source) = (name.clone(), Source::Recorded(recording));
                return Ok(Self { name, venue, continuity: "none", source });
            }
            FeedInput::Sim(input) => (sim(input)?, String::new()),
            FeedInput::Venue(input) => (input.venue.feed(&input.symbols)?, input.url.clone()),
        };
        let profile = feed.profile();
        let mut settings = Settings::of(&*feed);
        settings.url = url;
        settings.backoff_ms_min = config.ingest.reconnect_ms_min.into();
        settings.backoff_ms_max = config.ingest.reconnect_ms_max.into();
        settings.connect_ms_max = config.ingest.connect_timeout_ms.into();
        if let Some(stall_ms) = of.stall_ms {
            settings.silence_ms = stall_ms.into();
        }
        let (venue, continuity) = (profile.venue.to_owned(), profile.trade_continuity);
        Ok(Self { name, venue, continuity, source: Source::Driven(feed, settings) })
    }

    /// Takes up where the tape ends. A recording is played anew.
    pub(super) fn resume(mut self, board: &Board) -> Self {
        let Some(id) = board.feed_id(&self.name) else { return self };
        let Source::Driven(feed, settings) = &mut self.source else { return self };
        settings.past = Past::Resumed;
        for (_, symbol) in board.symbols().filter(|(_, symbol)| symbol.feed == id) {
            let last = symbol.last_trade.as_ref().and_then(|last| last.trade.trade_id.as_ref());
            if let Some(last) = last {
                feed.resume_after(&symbol.symbol, last);
            }
        }
        self
    }

    /// Runs it, on the runtime that this is called in.
    pub(super) fn start(self, intake: Intake) -> ingest::Handle {
        match self.source {
            Source::Driven(feed, settings) => ingest::spawn(feed, settings, intake),
            Source::Recorded(recording) => ingest::file::spawn(recording, intake),
        }
    }
}

fn recording(
    name: &str,
    input: &FileInput,
    own_tape: &Path,
) -> Result<Recording, tickwire_feeds::Error> {
    let venue = match &input.decode {
        Decode::Tape { from } => {
            let dir = tape_dir(&input.path, own_tape)?;
            return Recording::tape(name, &dir, input.speed, *from);
        }
        Decode::Csv => None,
        Decode::Capture { venue, symbols } => Some(venue.feed(symbols)?),
    };
    Recording::new(name, &input.path, input.speed, venue)
}

/// The directory of a recorded tape: as it is named, or where imported ones stand.
fn tape_dir(path: &Path, own_tape: &Path) -> Result<PathBuf, tickwire_feeds::Error> {
    let bad = |what: &str| {
        let path = path.display().to_string();
        let message = format!("{:?} {what}", tickwire_feeds::error::quoted(&path));
        Err(tickwire_feeds::Error::BadSetting(message))
    };
    let imported = history::imports(own_tape).join(path);
    let dir = if path.is_dir() { path } else { &imported };
    match (dir.canonicalize(), own_tape.canonicalize()) {
        (Ok(dir), Ok(own)) if dir == own => bad("is the tape that this service writes"),
        (Ok(dir), _) if dir.is_dir() => Ok(dir),
        _ => bad("is no directory of a tape, and no imported one"),
    }
}

fn sim(input: &SimInput) -> Result<Box<dyn Feed>, tickwire_feeds::Error> {
    let settings = tickwire_feeds::sim::Settings {
        symbols: u32::try_from(input.symbols).unwrap_or(u32::MAX),
        ticks_per_s: input.ticks_per_s,
        seed: input.seed,
        faults: Faults {
            gap_every: input.gap_every,
            silence_every_ms: input.silence_every_ms,
            silence_ms: input.silence_ms,
            burst_every_ms: input.burst_every_ms,
            burst_ticks: input.burst_ticks,
            disconnect_every_ms: input.disconnect_every_ms,
            disconnect_ms: input.disconnect_ms,
        },
        ..tickwire_feeds::sim::Settings::default()
    };
    Ok(Box::new(Sim::new(settings)?))
}
