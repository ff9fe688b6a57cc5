//! Configuration: the layers of settings, read into one typed section per concern.
//!
//! Defaults inside the program (`config/default.toml`, where every key is explained) < a file <
//! environment variables `TICKWIRE__SECTION__KEY` < flags. A key that nothing reads is an error in
//! any layer, and so is a setting that this build cannot honour: nothing is silently ignored.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::io::Read as _;
use std::path::Path;

use config::ValueKind;

use crate::config::auth::Auth;
use crate::config::error::Error;
use crate::config::feed::FeedConfig;
use crate::config::feed::FeedFlag;
use crate::config::http::Http;
use crate::config::hub::Hub;
use crate::config::ingest::Ingest;
use crate::config::layers::Entry;
use crate::config::layers::Layers;
use crate::config::layers::Origin;
use crate::config::limits::Limits;
use crate::config::log::Log;
use crate::config::section::Section;
use crate::config::store::Store;
use crate::config::stream::Stream;
use crate::config::tape::Tape;

pub mod auth;
pub mod error;
pub mod feed;
pub mod http;
pub mod hub;
pub mod ingest;
pub mod layers;
pub mod limits;
pub mod log;
pub mod network;
pub mod quantity;
pub mod reference;
mod section;
pub mod setting;
pub mod store;
mod stranger;
pub mod stream;
pub mod tape;

/// The defaults with their explanations, as `tickwire config init` may print them.
pub const DEFAULTS: &str = include_str!("../config/default.toml");

/// Largest configuration file read, in bytes; a real one has a thousandth of it.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Settings that have their place already, what stands in for them until they are honoured.
const NOT_AVAILABLE: &[(&str, &str)] = &[("relay.url", "this build serves its own tape alone")];

/// Everything that can be configured.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// How the service listens.
    pub http: Http,
    /// Who is let in.
    pub auth: Auth,
    /// The tape on disk.
    pub tape: Tape,
    /// History in Postgres.
    pub store: Store,
    /// What clients may take.
    pub limits: Limits,
    /// Timing of client connections.
    pub stream: Stream,
    /// How feeds are read.
    pub ingest: Ingest,
    /// How events reach the clients' threads.
    pub hub: Hub,
    /// How much is said.
    pub log: Log,
    /// The feeds that are to run, in the order of their names.
    pub feeds: Vec<FeedConfig>,
}

/// What a configuration is made of, besides the defaults; [`Sources::default`] has nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sources<'a> {
    /// The file of `--config`.
    pub file: Option<&'a Path>,
    /// Environment variables; those that do not begin with [`layers::ENV_PREFIX`] are passed over.
    pub env: &'a [(String, String)],
    /// Flags of the command line, as dotted keys and their values.
    pub overrides: &'a [(String, String)],
    /// The `--feed` flags, and those that `--live` stands for.
    pub feeds: &'a [FeedFlag],
}

/// A configuration and where each of its values comes from.
#[derive(Debug)]
pub struct Loaded {
    /// The settings, read.
    pub config: Config,
    layers: Layers,
    #[cfg_attr(not(test), expect(dead_code, reason = "a test compares it with the defaults"))]
    read: BTreeSet<String>,
}

impl Config {
    /// Reads the configuration that the sources make together.
    ///
    /// # Errors
    /// [`Error`], for the first thing that is wrong.
    pub fn load(sources: Sources<'_>) -> Result<Loaded, Error> {
        let (layers, wrong) = gather(sources)?;
        if let Some(first) = wrong.into_iter().next() {
            return Err(first);
        }
        let read = RefCell::new(BTreeSet::new());
        let config = Self::read(&layers, &read)?;
        Ok(Loaded { config, layers, read: read.into_inner() })
    }

    /// Everything that is wrong with the configuration: each key that nothing reads, and of each
    /// section the first value that cannot be.
    #[must_use]
    pub fn errors(sources: Sources<'_>) -> Vec<Error> {
        let (layers, mut wrong) = match gather(sources) {
            Ok(gathered) => gathered,
            Err(error) => return vec![error],
        };
        let (layers, read) = (&layers, &RefCell::new(BTreeSet::new()));
        let section = |name| Section::new(layers, name, read);
        let sections = [
            refuse_what_is_not_available(layers, read).err(),
            Http::read(&section("http")).err(),
            Auth::read(&section("auth")).err(),
            Tape::read(&section("tape")).err(),
            Store::read(&section("store")).err(),
            Limits::read(&section("limits")).err(),
            Stream::read(&section("stream")).err(),
            Ingest::read(&section("ingest")).err(),
            Hub::read(&section("hub")).err(),
            Log::read(&section("log")).err(),
            feed::read_all(layers, read).err(),
        ];
        wrong.extend(sections.into_iter().flatten());
        wrong
    }

    fn read(layers: &Layers, read: &RefCell<BTreeSet<String>>) -> Result<Self, Error> {
        let section = |name| Section::new(layers, name, read);
        refuse_what_is_not_available(layers, read)?;
        Ok(Self {
            http: Http::read(&section("http"))?,
            auth: Auth::read(&section("auth"))?,
            tape: Tape::read(&section("tape"))?,
            store: Store::read(&section("store"))?,
            limits: Limits::read(&section("limits"))?,
            stream: Stream::read(&section("stream"))?,
            ingest: Ingest::read(&section("ingest"))?,
            hub: Hub::read(&section("hub"))?,
            log: Log::read(&section("log"))?,
            feeds: feed::read_all(layers, read)?,
        })
    }
}

/// The variables of this process's environment that are settings.
///
/// # Errors
/// [`Error::BadValue`] for one that is not Unicode.
pub fn environment() -> Result<Vec<(String, String)>, Error> {
    let mut settings = Vec::new();
    for (name, value) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if !name.starts_with(layers::ENV_PREFIX) {
            continue;
        }
        let value = value.into_string().map_err(|value| Error::BadValue {
            key: name.clone(),
            origin: Origin::Env(name.clone()),
            expected: "Unicode text".to_owned(),
            got: format!("{value:?}"),
        })?;
        settings.push((name, value));
    }
    Ok(settings)
}

/// A sentence for each variable of the environment that looks like a setting and is none.
#[must_use]
pub fn strangers() -> Vec<String> {
    let names: Vec<String> =
        std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned()).collect();
    let layers = Layers::new(DEFAULTS).ok();
    let keys: Vec<&str> = layers.iter().flat_map(|layers| layers.known_below("")).collect();
    stranger::told(names.iter().map(String::as_str), &keys)
}

fn read_file(path: &Path) -> Result<String, Error> {
    let refusal = |source| Error::Read { path: path.display().to_string(), source };
    let mut text = String::new();
    let file = File::open(path).map_err(refusal)?;
    file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(refusal)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(refusal(io::Error::other("larger than 1 MiB")));
    }
    Ok(text)
}

/// The layers of the sources, and the errors of settings that cannot be among them.
fn gather(sources: Sources<'_>) -> Result<(Layers, Vec<Error>), Error> {
    let mut layers = Layers::new(DEFAULTS)?;
    let mut wrong = Vec::new();
    if let Some(path) = sources.file {
        let origin = Origin::File(path.display().to_string());
        wrong.extend(layers.add_toml(&read_file(path)?, &origin)?);
    }
    for (name, value) in sources.env {
        wrong.extend(layers.add_variable(name, value).err());
    }
    for (key, value) in sources.overrides {
        wrong.extend(layers.set(key, flag(value)).err());
    }
    wrong.extend(add_feed_flags(&mut layers, sources.feeds).err());
    Ok((layers, wrong))
}

fn flag(value: &str) -> Entry {
    Entry { kind: ValueKind::String(value.to_owned()), origin: Origin::Flag }
}

/// Flags for one feed add up; together they replace what other layers say.
fn add_feed_flags(layers: &mut Layers, flags: &[FeedFlag]) -> Result<(), Error> {
    for flag_of_feed in flags {
        let feed = &flag_of_feed.feed;
        layers.set(&format!("feeds.{feed}.{}", feed::ENABLED), flag("true"))?;
        for (key, text) in &flag_of_feed.settings {
            let key = format!("feeds.{feed}.{key}");
            let earlier = layers.get(&key).filter(|entry| entry.origin == Origin::Flag);
            let value = match earlier.map(|entry| &entry.kind) {
                Some(ValueKind::String(earlier)) => format!("{earlier},{text}"),
                _ => text.clone(),
            };
            layers.set(&key, flag(&value))?;
        }
    }
    Ok(())
}

fn refuse_what_is_not_available(
    layers: &Layers,
    read: &RefCell<BTreeSet<String>>,
) -> Result<(), Error> {
    for (key, without) in NOT_AVAILABLE {
        read.borrow_mut().insert((*key).to_owned());
        let (Some(entry), Some(default)) = (layers.get(key), layers.default(key)) else { continue };
        let text = |entry: &Entry| match &entry.kind {
            ValueKind::String(text) => text.clone(),
            kind => layers::shown(kind),
        };
        if text(entry) != text(default) {
            let (key, origin) = ((*key).to_owned(), entry.origin.clone());
            return Err(Error::NotAvailable { key, origin, without });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
