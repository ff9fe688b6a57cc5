//! `[feeds.NAME]`: where ticks come from. Which feeds run, and that no two claim a symbol.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;

use tickwire_feeds::Nanos;
use tickwire_feeds::Symbol;
use tickwire_feeds::venue::Venue;

use crate::config::error::Error;
use crate::config::layers::Layers;
use crate::config::layers::unknown_key;
use crate::config::quantity::Speed;
use crate::config::section::Section;

/// The name of the feed that runs when nothing else is configured.
const SIM: &str = "sim";
/// What `venue` may say; each is also the name of the section with its defaults.
const VENUES: &str = "\"binance\", \"coinbase\", \"kraken\", \"sim\" or \"file\"";
/// The one feed key that has no default: without it, what is named runs.
pub(crate) const ENABLED: &str = "enabled";

/// One feed that is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FeedConfig {
    /// Its name, `[a-z0-9_]{1,16}`; of a `file` feed also the venue part of its symbols.
    pub name: String,
    /// Longest time without a sign of life before it is stale, in ms; `None`: as its venue needs.
    pub stall_ms: Option<u32>,
    /// Where its ticks come from.
    pub input: FeedInput,
}

/// Where a feed's ticks come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedInput {
    /// A venue's socket.
    Venue(VenueInput),
    /// The generator.
    Sim(SimInput),
    /// A recording.
    File(FileInput),
}

/// A venue's socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VenueInput {
    /// Whose protocol.
    pub venue: Venue,
    /// WebSocket URL, `wss://`, or `ws://` of this machine.
    pub url: String,
    /// URL of the venue's HTTP interface, `https://`, or `http://` of this machine.
    pub rest_url: String,
    /// In canonical form (`binance:BTC-USDT`), in order, each once, at least one.
    pub symbols: Vec<Symbol>,
}

/// The generator. A fault whose `every` is 0 never happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SimInput {
    /// How many symbols, 1..=1,000,000.
    pub symbols: usize,
    /// Ticks of all symbols together in one second, 1..=10,000,000.
    pub ticks_per_s: u32,
    /// The same seed makes the same ticks.
    pub seed: u64,
    /// One trade number in so many is skipped, as if the trade were lost.
    pub gap_every: u32,
    /// Time from the beginning of one silence to the next, in ms.
    pub silence_every_ms: u32,
    /// How long a silence lasts, in ms, 1..=3,600,000.
    pub silence_ms: u32,
    /// Time from one burst to the next, in ms.
    pub burst_every_ms: u32,
    /// Ticks of a burst, 1..=1,000,000.
    pub burst_ticks: u32,
    /// Time from one disconnect to the next, in ms.
    pub disconnect_every_ms: u32,
    /// How long a disconnect lasts, in ms, 1..=3,600,000.
    pub disconnect_ms: u32,
}

/// A recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileInput {
    /// The file, plain or gzip.
    pub path: PathBuf,
    /// How fast it is played.
    pub speed: Speed,
    /// How it is read.
    pub decode: Decode,
}

/// How a recording is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decode {
    /// A tape CSV; every symbol in it is played.
    Csv,
    /// A capture of a venue's frames, one a line.
    Capture {
        /// Whose frames.
        venue: Venue,
        /// The symbols to decode, in the venue's canonical form, at least one.
        symbols: Vec<Symbol>,
    },
    /// A tape: the path is its directory, or the name of an imported one.
    Tape {
        /// Where it begins; `None` for the beginning.
        from: Option<Nanos>,
    },
}

/// One `--feed` of the command line: `binance:BTC-USDT,ETH-USDT`, `sim:50`, `file:PATH`, `kraken`,
/// `replay:EPOCH,speed=10`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedFlag {
    /// The feed, which is named for its venue.
    pub(crate) feed: String,
    /// The keys that the part after the colon sets, and their texts.
    pub(crate) settings: Vec<(&'static str, String)>,
}

impl FeedFlag {
    /// Reads the value of a `--feed` flag.
    ///
    /// # Errors
    /// [`Error::BadFlag`] if it names no venue.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (feed, rest) = text.split_once(':').unwrap_or((text, ""));
        if feed == "replay" {
            let settings = Self::replay(rest).ok_or_else(|| Self::refusal(text))?;
            return Ok(Self { feed: feed.to_owned(), settings });
        }
        let key = match feed {
            "sim" => "symbols",
            "file" => "path",
            _ if parse_venue(feed).is_some() => "symbols",
            _ => return Err(Self::refusal(text)),
        };
        if rest.is_empty() && (feed == "file" || text.ends_with(':')) {
            return Err(Self::refusal(text));
        }
        let settings = (!rest.is_empty()).then(|| (key, rest.to_owned())).into_iter().collect();
        Ok(Self { feed: feed.to_owned(), settings })
    }

    /// `EPOCH_OR_DIR[,speed=N][,from=TIME]`: a tape is a recording too.
    fn replay(text: &str) -> Option<Vec<(&'static str, String)>> {
        let mut parts = text.split(',');
        let path = parts.next().filter(|path| !path.is_empty())?;
        let fixed = [("venue", "file"), ("decode", "tape"), ("path", path)];
        let mut settings: Vec<_> = fixed.map(|(key, text)| (key, text.to_owned())).into();
        for part in parts {
            let (key, text) = part.split_once('=')?;
            let key = ["speed", "from"].into_iter().find(|known| *known == key)?;
            settings.push((key, text.to_owned()));
        }
        Some(settings)
    }

    /// What `--live` stands for: every venue that needs no key, with its main pairs.
    #[must_use]
    pub fn live() -> Vec<Self> {
        let flag = |venue: Venue| Self { feed: venue.name().to_owned(), settings: Vec::new() };
        Venue::ALL.iter().copied().map(flag).collect()
    }

    fn refusal(text: &str) -> Error {
        Error::BadFlag {
            got: text.to_owned(),
            expected: "VENUE[:SYM,SYM], like binance:BTC-USDT,ETH-USDT, coinbase, kraken, \
                       sim, sim:50, file:PATH or replay:TAPE[,speed=N][,from=TIME]",
        }
    }
}

/// Reads the feeds that are to run, in the order of their names.
pub(crate) fn read_all(
    layers: &Layers,
    read: &RefCell<BTreeSet<String>>,
) -> Result<Vec<FeedConfig>, Error> {
    let mut feeds = Vec::new();
    let mut sim = None;
    for name in layers.feeds() {
        let (feed, enabled) = read_one(layers, name, read)?;
        if name == SIM {
            sim = enabled;
        } else if enabled != Some(false) {
            feeds.push(feed);
        }
    }
    // By itself the sim stands in for feeds that are not there; `enabled` settles it either way.
    if sim.unwrap_or(feeds.is_empty()) {
        feeds.push(read_one(layers, SIM, read)?.0);
    }
    feeds.sort_by(|a, b| a.name.cmp(&b.name));
    refuse_two_claims(&feeds)?;
    Ok(feeds)
}

/// The section of the defaults that stands in for what a feed does not say.
pub(crate) fn defaults_of(feed: &FeedConfig) -> String {
    let venue = match &feed.input {
        FeedInput::Venue(input) => input.venue.name(),
        FeedInput::Sim(_) => "sim",
        FeedInput::File(_) => "file",
    };
    format!("feeds.{venue}")
}

fn read_one(
    layers: &Layers,
    name: &str,
    read: &RefCell<BTreeSet<String>>,
) -> Result<(FeedConfig, Option<bool>), Error> {
    let own = format!("feeds.{name}");
    let section = Section::new(layers, &own, read).with_defaults_of(&own);
    let venue = section.parsed("venue", VENUES, |text| is_known(text).then(|| text.to_owned()))?;
    if is_known(name) && name != venue {
        return Err(section.refusal("venue", format!("\"{name}\", as the feed is named for it")));
    }
    let defaults = format!("feeds.{venue}");
    refuse_unknown_keys(layers, &own, &defaults)?;
    let section = section.with_defaults_of(&defaults);
    if Symbol::parse(&format!("{name}:X")).is_err() {
        let expected = format!("a feed with a name of [a-z0-9_]{{1,16}}, not \"{name}\"");
        return Err(section.refusal("venue", expected));
    }
    let stall_ms = section.number("stall_ms", 0..=86_400_000)?;
    let feed = FeedConfig {
        name: name.to_owned(),
        stall_ms: (stall_ms != 0).then_some(stall_ms),
        input: match (venue.as_str(), parse_venue(&venue)) {
            (_, Some(venue)) => FeedInput::Venue(read_venue(&section, venue)?),
            ("sim", _) => FeedInput::Sim(read_sim(&section)?),
            _ => FeedInput::File(read_file(&section)?),
        },
    };
    Ok((feed, section.yes_or_no(ENABLED)?))
}

fn parse_venue(text: &str) -> Option<Venue> {
    text.parse().ok()
}

fn is_known(venue: &str) -> bool {
    matches!(venue, "sim" | "file") || parse_venue(venue).is_some()
}

fn refuse_unknown_keys(layers: &Layers, own: &str, defaults: &str) -> Result<(), Error> {
    let (own, defaults) = (format!("{own}."), format!("{defaults}."));
    let known: BTreeSet<&str> = layers.known_below(&defaults).chain([ENABLED]).collect();
    let Some((key, entry)) = layers.below(&own).find(|(key, _)| !known.contains(key)) else {
        return Ok(());
    };
    let known: Vec<String> = known.iter().map(|key| format!("{own}{key}")).collect();
    let known = known.iter().map(String::as_str);
    Err(unknown_key(&format!("{own}{key}"), &entry.origin, known))
}

fn read_venue(section: &Section<'_>, venue: Venue) -> Result<VenueInput, Error> {
    Ok(VenueInput {
        venue,
        url: read_url(section, "url", ["wss", "ws"])?,
        rest_url: read_url(section, "rest_url", ["https", "http"])?,
        symbols: read_symbols(section, venue)?,
    })
}

/// A URL of the first scheme, or of the second, which is not encrypted, on this machine.
fn read_url(section: &Section<'_>, key: &str, schemes: [&str; 2]) -> Result<String, Error> {
    let [secure, open] = schemes;
    let expected = format!("a URL {secure}://…, or {open}://… of this machine");
    section.parsed(key, expected, |text| {
        let (scheme, rest) = text.split_once("://")?;
        let host = host_of(rest);
        let good = scheme == secure && !host.is_empty() || scheme == open && is_here(host);
        (good && !text.contains(char::is_whitespace)).then(|| text.to_owned())
    })
}

/// The host of what follows a URL's scheme, without brackets.
fn host_of(rest: &str) -> &str {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let server = authority.rsplit_once('@').map_or(authority, |(_, server)| server);
    match server.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => server.split_once(':').map_or(server, |(host, _)| host),
    }
}

fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

fn read_symbols(section: &Section<'_>, venue: Venue) -> Result<Vec<Symbol>, Error> {
    let venue = venue.name();
    let mut symbols = Vec::new();
    for text in section.list("symbols")? {
        let name = text.strip_prefix(venue).and_then(|rest| rest.strip_prefix(':'));
        let symbol = Symbol::parse(&format!("{venue}:{}", name.unwrap_or(&text))).ok();
        let Some(symbol) = symbol.filter(|symbol| symbol.pair().is_some()) else {
            let expected = format!("{venue}'s symbols as BASE-QUOTE, like \"BTC-USD\"");
            return Err(section.refusal("symbols", expected));
        };
        if !symbols.contains(&symbol) {
            symbols.push(symbol);
        }
    }
    if symbols.is_empty() {
        return Err(section.refusal("symbols", "at least one symbol"));
    }
    Ok(symbols)
}

fn read_sim(section: &Section<'_>) -> Result<SimInput, Error> {
    const HOUR_MS: u32 = 3_600_000;
    const DAY_MS: u32 = 86_400_000;
    Ok(SimInput {
        symbols: section.number("symbols", 1..=1_000_000)?,
        ticks_per_s: section.number("ticks_per_s", 1..=10_000_000)?,
        seed: section.number("seed", 0..=i64::MAX.unsigned_abs())?,
        gap_every: section.number("gap_every", 0..=1_000_000_000)?,
        silence_every_ms: section.number("silence_every_ms", 0..=DAY_MS)?,
        silence_ms: section.number("silence_ms", 1..=HOUR_MS)?,
        burst_every_ms: section.number("burst_every_ms", 0..=DAY_MS)?,
        burst_ticks: section.number("burst_ticks", 1..=1_000_000)?,
        disconnect_every_ms: section.number("disconnect_every_ms", 0..=DAY_MS)?,
        disconnect_ms: section.number("disconnect_ms", 1..=HOUR_MS)?,
    })
}

fn read_file(section: &Section<'_>) -> Result<FileInput, Error> {
    let expected = "\"csv\", \"tape\" or the venue of a capture: \"binance\", \"coinbase\" or \
                    \"kraken\"";
    let (is_tape, venue) = section.parsed("decode", expected, |text| match text {
        "csv" => Some((false, None)),
        "tape" => Some((true, None)),
        _ => parse_venue(text).map(|venue| (false, Some(venue))),
    })?;
    let from = section.parsed("from", "a time like \"2026-11-20T14:30:00Z\", or \"\"", |text| {
        if text.is_empty() { Some(None) } else { Nanos::parse_rfc3339(text).ok().map(Some) }
    })?;
    if from.is_some() && !is_tape {
        return Err(section.refusal("from", "\"\": only a tape can be begun at a time"));
    }
    let decode = match venue {
        None if is_tape => Decode::Tape { from },
        Some(venue) => Decode::Capture { venue, symbols: read_symbols(section, venue)? },
        None if section.list("symbols")?.is_empty() => Decode::Csv,
        None => {
            return Err(section.refusal("symbols", "an empty list: a CSV is played whole"));
        }
    };
    Ok(FileInput {
        path: section.parsed("path", "the path of a recording", |text| {
            (!text.is_empty()).then(|| PathBuf::from(text))
        })?,
        speed: section.speed("speed")?,
        decode,
    })
}

/// A `file` feed can claim no other's symbol, as it speaks under its own name.
fn refuse_two_claims(feeds: &[FeedConfig]) -> Result<(), Error> {
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
    for feed in feeds {
        let claims: Vec<&str> = match &feed.input {
            FeedInput::Venue(input) => input.symbols.iter().map(Symbol::as_str).collect(),
            // Every sim has the first symbol, so two sims meet there.
            FeedInput::Sim(_) => vec!["sim:BTC-USD"],
            FeedInput::File(_) => Vec::new(),
        };
        for symbol in claims {
            if let Some(first) = owners.insert(symbol, &feed.name) {
                return Err(Error::TwoFeeds {
                    symbol: symbol.to_owned(),
                    first: first.to_owned(),
                    second: feed.name.clone(),
                });
            }
        }
    }
    Ok(())
}
