//! Why a configuration was refused; each message says where and what to write instead.

use std::io;

use thiserror::Error;

use crate::config::layers::Origin;

/// What is wrong with a configuration.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// A key that nothing reads: a mistyped limit must not be a limit that is missing.
    #[error("unknown key \"{key}\" in {origin}{}", hint(.nearest.as_deref()))]
    UnknownKey {
        /// The dotted key.
        key: String,
        /// Where it stands.
        origin: Origin,
        /// The known key that reads most like it, if any comes near.
        nearest: Option<String>,
    },
    /// A value of the wrong type, form or range.
    #[error("{key} in {origin}: expected {expected}, got {got}")]
    BadValue {
        /// The dotted key.
        key: String,
        /// Where it stands.
        origin: Origin,
        /// What would have been accepted.
        expected: String,
        /// The value, as TOML writes it.
        got: String,
    },
    /// A setting that has a place in the configuration before this build can honour it.
    #[error("{key} in {origin}: not available yet: {without}; leave it at its default")]
    NotAvailable {
        /// The dotted key.
        key: String,
        /// Where it stands.
        origin: Origin,
        /// What this build does in its place.
        without: &'static str,
    },
    /// The file could not be read.
    #[error("cannot read configuration file {path}: {source}")]
    Read {
        /// As it was given.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The file is no TOML.
    #[error("cannot parse {origin}: {detail}")]
    Parse {
        /// Which file.
        origin: Origin,
        /// The parser's words, with line and column.
        detail: String,
    },
    /// Two feeds claim one symbol.
    #[error("symbol {symbol} has two feeds, {first} and {second}: remove it from one of them")]
    TwoFeeds {
        /// The symbol, `venue:NAME`.
        symbol: String,
        /// The feed that came first in the order of names.
        first: String,
        /// The other one.
        second: String,
    },
    /// A `--feed` flag that names no feed.
    #[error("--feed \"{got}\": expected {expected}")]
    BadFlag {
        /// What was given.
        got: String,
        /// What would have been accepted.
        expected: &'static str,
    },
}

impl Error {
    /// Whether it is a flag that is wrong.
    #[must_use]
    pub const fn is_of_command_line(&self) -> bool {
        match self {
            Self::UnknownKey { origin, .. }
            | Self::BadValue { origin, .. }
            | Self::NotAvailable { origin, .. }
            | Self::Parse { origin, .. } => matches!(origin, Origin::Flag),
            Self::BadFlag { .. } => true,
            Self::Read { .. } | Self::TwoFeeds { .. } => false,
        }
    }
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |key| format!(" (did you mean \"{key}\"?)"))
}
