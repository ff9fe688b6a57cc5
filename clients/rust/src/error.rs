//! What can go wrong, and whether trying again may help.

use std::time::Duration;

use crate::cursor::Cursor;

/// What can go wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server refused something, with a code of the protocol.
    #[error("{code}: {message}")]
    Refused {
        /// As `bad_request` or `unknown_symbol`.
        code: String,
        /// For people.
        message: String,
        /// Whether the same request may succeed later.
        retry: bool,
        /// Of the operation of [`Controls`](crate::Controls) that was refused.
        id: Option<u64>,
    },
    /// The server answered a request with this status.
    #[error("HTTP {status}: {code}: {message}")]
    Http {
        /// 400 to 599, or another one that makes no sense here.
        status: u16,
        /// Of the protocol, or `http`.
        code: String,
        /// For people.
        message: String,
        /// How long the server asks to wait.
        retry_after: Option<Duration>,
        /// Where history goes on behind a part that is lost.
        next: Option<Cursor>,
    },
    /// The server ended the connection.
    #[error("the server closed the connection: {code} {reason}")]
    Closed {
        /// The code of its Close, or 1006 if there was none.
        code: u16,
        /// Its words.
        reason: String,
    },
    /// The server said something that is not `tickwire.v1`.
    #[error("not tickwire.v1: {0}")]
    Protocol(String),
    /// A connection could not be made, or broke.
    #[error("{0}")]
    Connection(String),
    /// Nothing came for longer than a server that is well is silent.
    #[error("nothing was heard for {} ms", .0.as_millis())]
    Silence(Duration),
    /// The source of tokens failed.
    #[error("no token: {0}")]
    Token(String),
    /// More operations wait for the connection than fit; try again later.
    #[error("too many operations wait")]
    Busy,
    /// The stream of events is at its end.
    #[error("the stream has ended")]
    Ended,
    /// This program asked for something that makes no sense.
    #[error("{0}")]
    Usage(String),
}

impl Error {
    /// The protocol's code, or a word of the same kind for what the server did not say.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Refused { code, .. } | Self::Http { code, .. } => code,
            Self::Closed { code: 4008, .. } => "too_slow",
            Self::Closed { code: 4001, .. } => "token_expired",
            Self::Closed { code: 4010 | 4401, .. } => "unauthorized",
            Self::Closed { code: 4403, .. } => "forbidden",
            Self::Closed { code: 4029 | 4429, .. } => "rate_limited",
            Self::Closed { .. } => "closed",
            Self::Protocol(_) => "protocol",
            Self::Connection(_) => "connection",
            Self::Silence(_) => "silence",
            Self::Token(_) => "token",
            Self::Busy => "busy",
            Self::Ended => "ended",
            Self::Usage(_) => "usage",
        }
    }

    /// Whether the same may succeed later. Streams try again by themselves.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Refused { retry, .. } => *retry,
            Self::Http { status, .. } => matches!(*status, 429 | 500..=599),
            Self::Closed { code, .. } => !matches!(*code, 4001 | 4010 | 4401 | 4403),
            Self::Protocol(_) | Self::Connection(_) | Self::Silence(_) | Self::Token(_) => true,
            Self::Busy => true,
            Self::Ended | Self::Usage(_) => false,
        }
    }

    /// Whether another token could make it good.
    pub(crate) const fn is_about_token(&self) -> bool {
        match self {
            Self::Http { status, .. } => *status == 401,
            Self::Closed { code, .. } => matches!(*code, 4001 | 4010 | 4401 | 4403),
            _ => false,
        }
    }

    /// Whether the server asks not to come back at once.
    pub(crate) const fn is_to_wait_long(&self) -> bool {
        match self {
            Self::Http { status, .. } => matches!(*status, 401 | 429),
            Self::Closed { code, .. } => matches!(*code, 4401 | 4403 | 4429),
            _ => false,
        }
    }

    /// What the server asks to wait.
    pub(crate) const fn asked_wait(&self) -> Option<Duration> {
        match self {
            Self::Http { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// A broken message; its beginning helps to find out what it was.
    pub(crate) fn broken(error: &serde_json::Error, text: &str) -> Self {
        let start: String = text.chars().take(80).collect();
        Self::Protocol(format!("{error} in {start:?}"))
    }
}
