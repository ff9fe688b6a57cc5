//! Why nobody can be let in, and why somebody is not.

use std::io;

use crate::config::auth::Algorithm;

/// Why keys cannot be used; each message says which file, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file of keys cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// As it was given.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// A key is none of its algorithm.
    #[error("{path} holds no key of {}: {reason}", .algorithm.word())]
    Key {
        /// The file.
        path: String,
        /// What it should be for.
        algorithm: Algorithm,
        /// What is wrong.
        reason: &'static str,
    },
    /// A line of the API keys cannot be used.
    #[error("API keys in {path}: {reason}")]
    ApiKeys {
        /// The file.
        path: String,
        /// What is wrong, with the name of the key but nothing of its value.
        reason: String,
    },
    /// The thread that fetches keys could not be started.
    #[error("cannot start the look-up of keys: {0}")]
    Thread(io::Error),
}

/// Why a credential is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its key is being fetched: ask again soon.
    #[error("the key of this token is not here yet")]
    Later,
    /// Nobody can say: its key could not be fetched, which is no fault of who shows it.
    #[error("the keys of tokens cannot be fetched now: try again")]
    Keyless,
    /// For good; the words hold nothing of it.
    #[error("{0}")]
    Bad(&'static str),
}
