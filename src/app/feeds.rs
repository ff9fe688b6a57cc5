//! From configured feeds to running ones.

use tickwire_feeds::Feed;
use tickwire_feeds::sim::Faults;
use tickwire_feeds::sim::Sim;

use crate::app::Error;
use crate::board::Board;
use crate::config::Config;
use crate::config::feed::FeedConfig;
use crate::config::feed::FeedInput;
use crate::config::feed::SimInput;
use crate::config::feed::VenueInput;
use crate::ingest;
use crate::ingest::Past;
use crate::ingest::Settings;
use crate::sequencer::intake::Intake;

/// A feed that is about to run.
pub(super) struct Plan {
    pub(super) name: String,
    pub(super) venue: String,
    pub(super) continuity: &'static str,
    feed: Box<dyn Feed>,
    settings: Settings,
}

/// The feeds that the configuration asks for.
pub(super) fn plan(config: &Config) -> Result<Vec<Plan>, Error> {
    config.feeds.iter().map(|feed| Plan::new(feed, config)).collect()
}

impl Plan {
    fn new(of: &FeedConfig, config: &Config) -> Result<Self, Error> {
        let (feed, url, venue) = match &of.input {
            FeedInput::Sim(input) => (sim(input), String::new(), of.name.clone()),
            FeedInput::Venue(input) => {
                (venue(input), input.url.clone(), input.venue.name().to_owned())
            }
            FeedInput::File(_) => (
                Err(tickwire_feeds::Error::BadSetting("file feeds do not run yet".to_owned())),
                String::new(),
                of.name.clone(),
            ),
        };
        let feed = feed.map_err(|source| Error::Feed { feed: of.name.clone(), source })?;
        let mut settings = Settings::of(&*feed);
        settings.url = url;
        settings.backoff_ms_min = config.ingest.reconnect_ms_min.into();
        settings.backoff_ms_max = config.ingest.reconnect_ms_max.into();
        settings.connect_ms_max = config.ingest.connect_timeout_ms.into();
        if let Some(stall_ms) = of.stall_ms {
            settings.silence_ms = stall_ms.into();
        }
        let continuity = feed.profile().trade_continuity;
        Ok(Self { name: of.name.clone(), venue, continuity, feed, settings })
    }

    /// Takes up where the tape ends.
    pub(super) fn resume(mut self, board: &Board) -> Self {
        let Some(id) = board.feed_id(&self.name) else { return self };
        self.settings.past = Past::Resumed;
        for (_, symbol) in board.symbols().filter(|(_, symbol)| symbol.feed == id) {
            let last = symbol.last_trade.as_ref().and_then(|last| last.trade.trade_id.as_ref());
            if let Some(last) = last {
                self.feed.resume_after(&symbol.symbol, last);
            }
        }
        self
    }

    /// Runs it, on the runtime that this is called in.
    pub(super) fn start(self, intake: Intake) -> ingest::Handle {
        ingest::spawn(self.feed, self.settings, intake)
    }
}

fn venue(input: &VenueInput) -> Result<Box<dyn Feed>, tickwire_feeds::Error> {
    input.venue.feed(&input.symbols)
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
