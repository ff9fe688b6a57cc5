//! What a stream of events consists of.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;

use crate::error::Error;
use crate::message::Amend;
use crate::message::Bar;
use crate::message::Delta;
use crate::message::Gap;
use crate::message::Snapshot;
use crate::message::Status;
use crate::message::Trade;
use crate::time::Time;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A stream begins, or goes on from here: it replaces what was held of it.
    Snapshot(Box<Snapshot>),
    /// A ticker changed.
    Delta(Box<Delta>),
    /// A trade.
    Trade(Box<Trade>),
    /// The venue corrected or cancelled an earlier trade.
    Amend(Box<Amend>),
    /// A bar changed, or was closed.
    Bar(Box<Bar>),
    /// The health of a stream changed.
    Status(Box<Status>),
    /// Something is missing that the venue did not send, or that this reader was too slow for.
    Gap(Box<Gap>),
    /// The connection changed.
    State(State),
    /// The server took a subscription on, in whole or in part.
    Subscribed(Box<Subscribed>),
    /// What lies between two messages of a stream cannot be had: its snapshot follows.
    Resync(Resync),
    /// The server's own trouble, or its end.
    Service(Service),
    /// Where a replay is.
    Position(Position),
    /// Something was refused. The stream goes on, unless [`State::Closed`] follows.
    Error(Error),
}

impl Event {
    /// The channel and the symbol of a data message, or of a resync.
    #[must_use]
    pub fn stream(&self) -> Option<(&str, &str)> {
        match self {
            Self::Snapshot(it) => Some((&it.channel, &it.symbol)),
            Self::Delta(it) => Some((&it.channel, &it.symbol)),
            Self::Trade(it) => Some((&it.channel, &it.symbol)),
            Self::Amend(it) => Some((&it.channel, &it.symbol)),
            Self::Bar(it) => Some((&it.channel, &it.symbol)),
            Self::Status(it) => Some((&it.channel, &it.symbol)),
            Self::Gap(it) => Some((&it.channel, &it.symbol)),
            Self::Resync(it) => Some((&it.channel, &it.symbol)),
            _ => None,
        }
    }
}

/// What a connection is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// An attempt to connect begins.
    Connecting {
        /// 1 for the first since the last time it was live.
        attempt: u32,
    },
    /// The server said welcome.
    Live {
        /// The name of its tape.
        epoch: String,
        /// The head of its tape.
        seq: u64,
    },
    /// Another token was shown and taken.
    Renewed,
    /// There is no connection; another attempt follows.
    Waiting {
        /// Why there is none.
        error: Error,
        /// From now.
        retry_in: Duration,
    },
    /// The end: nothing follows.
    Closed {
        /// Why; `None` if it had come to its end.
        error: Option<Error>,
    },
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connecting { attempt: 1 } => f.write_str("connecting"),
            Self::Connecting { attempt } => write!(f, "connecting, attempt {attempt}"),
            Self::Live { epoch, seq } => write!(f, "live at {epoch}:{seq}"),
            Self::Renewed => f.write_str("another token was taken"),
            Self::Waiting { error, retry_in } => {
                write!(f, "{error}; connecting again in {} ms", retry_in.as_millis())
            }
            Self::Closed { error: Some(error) } => write!(f, "closed: {error}"),
            Self::Closed { error: None } => f.write_str("closed"),
        }
    }
}

/// What the server took on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Subscribed {
    /// The channel.
    pub channel: String,
    /// Symbols that are sent from here on.
    pub symbols: Vec<String>,
    /// Patterns, and how many symbols each has now.
    pub patterns: Vec<Covered>,
    /// Symbols that come as soon as the server knows them.
    pub pending: Vec<String>,
    /// What is not sent; each is an [`Event::Error`] as well.
    pub rejected: Vec<Rejected>,
    /// Whether it goes on where it was.
    pub resumed: bool,
    /// Why not, if it should.
    pub reason: Option<String>,
}

/// How much a pattern covers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Covered {
    /// The pattern.
    pub pattern: String,
    /// Symbols that it has now.
    pub count: u64,
}

/// A symbol or pattern that is not sent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rejected {
    /// As it was asked for.
    pub symbol: String,
    /// `unknown_symbol` or `forbidden`.
    pub code: String,
}

/// A part of a stream that cannot be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resync {
    /// Of the stream.
    pub channel: String,
    /// Of the stream.
    pub symbol: String,
    /// The last message before the missing part; `None` if nothing was held, but should have been.
    pub after: Option<u64>,
    /// The snapshot's place, with which it goes on. On another tape it says nothing about `after`.
    pub to: u64,
    /// As `cursor_expired`, `epoch_mismatch`, `ahead`, `prev` or `interrupted`.
    pub reason: String,
}

/// How the server itself is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Service {
    /// `ok`, `degraded` or `lagging`; `closing` before it ends a connection.
    pub state: String,
    /// Why.
    pub reason: Option<String>,
    /// Since when.
    pub since: Option<Time>,
}

/// Where a replay is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Position {
    /// Of the operation that this answers, as [`Controls`](crate::Controls) gave it.
    #[serde(skip_deserializing)]
    pub id: Option<u64>,
    /// Its place on the tape.
    pub seq: u64,
    /// The time on the tape.
    pub at: Option<Time>,
    /// As many times as fast as it happened; 0: as fast as it is read.
    pub speed: f64,
    /// `playing`, `paused`, `ended` or `live`.
    pub state: String,
    /// The part of the range that is behind, 0 to 1.
    pub done: f64,
}
