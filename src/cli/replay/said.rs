//! What a replay says of itself, between the messages that it plays.

use serde::Deserialize;
use serde_json::Value;

/// One such message: `opened`, `position` or `error`. What it does not say is empty.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(in crate::cli) struct Said {
    #[serde(rename = "type")]
    pub(in crate::cli) kind: String,
    /// Where it begins.
    pub(in crate::cli) from: Value,
    /// Places of the tape from there to its end.
    pub(in crate::cli) events: u64,
    pub(in crate::cli) pending: Vec<String>,
    pub(in crate::cli) rejected: Vec<Rejected>,
    /// Time that is played.
    pub(in crate::cli) at: String,
    /// `playing`, `paused`, `ended`, `live`.
    pub(in crate::cli) state: String,
    /// Part of the range that is behind.
    pub(in crate::cli) done: f64,
    pub(in crate::cli) code: String,
    pub(in crate::cli) message: String,
}

/// A symbol that is not there to be played.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::cli) struct Rejected {
    pub(in crate::cli) symbol: String,
}

impl Said {
    /// Reads a message; `None` if it is none of a replay itself.
    ///
    /// # Errors
    /// If it is not as the protocol has it.
    pub(in crate::cli) fn read(text: &str) -> Result<Option<Self>, serde_json::Error> {
        let kind = text.get(9..).unwrap_or_default();
        let is_own = ["opened", "position", "error"].iter().any(|own| kind.starts_with(own));
        is_own.then(|| serde_json::from_str(text)).transpose()
    }

    /// Its code and its words.
    pub(in crate::cli) fn trouble(&self) -> String {
        format!("{}: {}", self.code, self.message)
    }
}
