//! Layers of settings, a later one over an earlier one, each setting with its origin.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;

use config::FileFormat;
use config::Map;
use config::Source;
use config::Value;
use config::ValueKind;

use crate::config::error::Error;

/// What an environment variable begins with to be a setting.
pub const ENV_PREFIX: &str = "TICKWIRE__";
/// The section whose subsections carry names of the operator's choice.
pub(crate) const FEEDS: &str = "feeds";
/// A suggestion further away than this many edits would only confuse.
const EDITS_MAX: usize = 6;

/// Where a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The defaults inside the program.
    Default,
    /// A configuration file, by its path as given.
    File(String),
    /// An environment variable, by its name.
    Env(String),
    /// The command line.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the defaults"),
            Self::File(path) => f.write_str(path),
            Self::Env(name) => write!(f, "environment variable {name}"),
            Self::Flag => f.write_str("the command line"),
        }
    }
}

/// One value and where it comes from.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) kind: ValueKind,
    pub(crate) origin: Origin,
}

impl Entry {
    /// Text of an environment variable or flag: its type is what its reader makes of it.
    pub(crate) const fn is_untyped(&self) -> bool {
        matches!(self.origin, Origin::Env(_) | Origin::Flag)
    }
}

/// The settings of all layers, by dotted key.
#[derive(Debug)]
pub(crate) struct Layers {
    defaults: BTreeMap<String, Entry>,
    settings: BTreeMap<String, Entry>,
    feeds: BTreeSet<String>,
}

impl Layers {
    /// Starts with the defaults, whose keys are the known ones from then on.
    pub(crate) fn new(defaults: &str) -> Result<Self, Error> {
        let mut layers =
            Self { defaults: BTreeMap::new(), settings: BTreeMap::new(), feeds: BTreeSet::new() };
        for (key, kind) in parse(defaults, &Origin::Default)? {
            layers.defaults.insert(key, Entry { kind, origin: Origin::Default });
        }
        layers.settings.clone_from(&layers.defaults);
        Ok(layers)
    }

    /// Lays the text of a TOML file over what is there; gives back what is wrong in it, which is
    /// an error by itself if it is no TOML.
    pub(crate) fn add_toml(&mut self, text: &str, origin: &Origin) -> Result<Vec<Error>, Error> {
        let settings = parse(text, origin)?.into_iter();
        let laid = settings.map(|(key, kind)| {
            let entry = Entry { kind, origin: origin.clone() };
            self.set(&key, entry).err()
        });
        Ok(laid.flatten().collect())
    }

    /// Lays one environment variable over what is there, if it is a setting at all.
    pub(crate) fn add_variable(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let Some(key) = name.strip_prefix(ENV_PREFIX) else { return Ok(()) };
        let key = key.to_ascii_lowercase().replace("__", ".");
        let kind = ValueKind::String(value.to_owned());
        self.set(&key, Entry { kind, origin: Origin::Env(name.to_owned()) })
    }

    /// Lays one setting over what is there.
    pub(crate) fn set(&mut self, key: &str, entry: Entry) -> Result<(), Error> {
        if self.is_empty_section(key, &entry) {
            return Ok(());
        }
        if let Some(below) = key.strip_prefix(FEEDS).and_then(|rest| rest.strip_prefix('.')) {
            let feed = below.split('.').next().unwrap_or(below);
            self.feeds.insert(feed.to_owned());
            if below == feed {
                // An empty `[feeds.NAME]` names the feed and sets nothing.
                return match entry.kind {
                    ValueKind::Table(_) => Ok(()),
                    _ => Err(bad_value(key, &entry, "a section")),
                };
            }
        } else if !self.defaults.contains_key(key) {
            if self.is_section(key) {
                return Err(bad_value(key, &entry, "a section"));
            }
            return Err(self.unknown(key, &entry.origin));
        }
        self.settings.insert(key.to_owned(), entry);
        Ok(())
    }

    /// The names of the feeds that any layer above the defaults speaks of.
    pub(crate) const fn feeds(&self) -> &BTreeSet<String> {
        &self.feeds
    }

    /// The effective value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        self.settings.get(key)
    }

    /// The value of a key in the defaults.
    pub(crate) fn default(&self, key: &str) -> Option<&Entry> {
        self.defaults.get(key)
    }

    /// All effective settings below a dotted prefix (with its dot), by what follows the prefix.
    pub(crate) fn below<'a>(
        &'a self,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a Entry)> {
        self.settings
            .iter()
            .filter_map(move |(key, entry)| Some((key.strip_prefix(prefix)?, entry)))
    }

    /// The keys of the defaults below a dotted prefix (with its dot), without the prefix.
    pub(crate) fn known_below<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.defaults.keys().filter_map(move |key| key.strip_prefix(prefix))
    }

    fn is_empty_section(&self, key: &str, entry: &Entry) -> bool {
        let empty = matches!(&entry.kind, ValueKind::Table(table) if table.is_empty());
        empty && (key == FEEDS || self.is_section(key) && !key.starts_with("feeds."))
    }

    fn is_section(&self, key: &str) -> bool {
        let mut known = self.defaults.keys();
        known.any(|k| k.strip_prefix(key).is_some_and(|rest| rest.starts_with('.')))
    }

    fn unknown(&self, key: &str, origin: &Origin) -> Error {
        unknown_key(key, origin, self.defaults.keys().map(String::as_str))
    }
}

/// The error for a key that is none of the known ones, naming the nearest of them.
pub(crate) fn unknown_key<'a>(
    key: &str,
    origin: &Origin,
    known: impl Iterator<Item = &'a str>,
) -> Error {
    let edits = |known: &str| {
        let whole = strsim::damerau_levenshtein(known, key);
        // The right key, left without its section or put into a wrong one.
        let of_last = strsim::damerau_levenshtein(last(known), last(key));
        whole.min(of_last + 3 * usize::from(key.contains('.')))
    };
    let nearest = known
        .map(|known| (edits(known), known))
        .min()
        .filter(|(edits, _)| *edits <= EDITS_MAX.min(key.len() / 2))
        .map(|(_, known)| known.to_owned());
    Error::UnknownKey { key: key.to_owned(), origin: origin.clone(), nearest }
}

/// What follows the last dot of a key.
fn last(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

/// The error for a value that is not what its key needs.
pub(crate) fn bad_value(key: &str, entry: &Entry, expected: impl Into<String>) -> Error {
    Error::BadValue {
        key: key.to_owned(),
        origin: entry.origin.clone(),
        expected: expected.into(),
        got: shown(&entry.kind),
    }
}

/// A value as TOML writes it, on one line.
pub(crate) fn shown(kind: &ValueKind) -> String {
    match kind {
        ValueKind::Nil => "nothing".to_owned(),
        ValueKind::String(text) => format!("{text:?}"),
        ValueKind::Table(_) => "a section".to_owned(),
        ValueKind::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| shown(&item.kind)).collect();
            format!("[{}]", items.join(", "))
        }
        ValueKind::Boolean(_)
        | ValueKind::I64(_)
        | ValueKind::I128(_)
        | ValueKind::U64(_)
        | ValueKind::U128(_)
        | ValueKind::Float(_) => kind.to_string(),
    }
}

fn parse(text: &str, origin: &Origin) -> Result<Vec<(String, ValueKind)>, Error> {
    // Collected, not built: building reads keys as paths, where `a[999999999]` makes a long list.
    let source = config::File::from_str(text, FileFormat::Toml);
    let root = source
        .collect()
        .map_err(|error| Error::Parse { origin: origin.clone(), detail: error.to_string() })?;
    let mut leaves = Vec::new();
    flatten("", root, &mut leaves);
    Ok(leaves)
}

/// Appends what holds no others, and sections that hold nothing.
fn flatten(prefix: &str, table: Map<String, Value>, leaves: &mut Vec<(String, ValueKind)>) {
    for (key, value) in table {
        let path = format!("{prefix}{key}");
        match value.kind {
            ValueKind::Table(below) if !below.is_empty() => {
                flatten(&format!("{path}."), below, leaves);
            }
            kind => leaves.push((path, kind)),
        }
    }
    leaves.sort_by(|(a, _), (b, _)| a.cmp(b));
}
