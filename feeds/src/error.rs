//! Why a frame, or a part of it, was refused.

use thiserror::Error;

/// Longest piece of input quoted in a message, in characters.
const QUOTED_CHARS_MAX: usize = 60;

/// What a feed could not accept. Every refusal is counted by [`Error::reason`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// Not JSON, or not of the shape the venue documents.
    #[error("bad frame from {venue}: {detail} in {frame:?}")]
    BadFrame {
        /// Who sent it.
        venue: &'static str,
        /// What the parser said.
        detail: String,
        /// The beginning of the frame.
        frame: String,
    },
    /// A message type that this feed does not know.
    #[error("unknown message {kind:?} from {venue}")]
    UnknownMessage {
        /// Who sent it.
        venue: &'static str,
        /// The type as it was named.
        kind: String,
    },
    /// An instrument that was not subscribed.
    #[error("unknown instrument {name:?} from {venue}")]
    UnknownInstrument {
        /// Who sent it.
        venue: &'static str,
        /// The venue's own name.
        name: String,
    },
    /// Text that is no decimal number, or one that does not fit 28 digits.
    #[error("bad number {text:?}")]
    BadNumber {
        /// The number as it came.
        text: String,
    },
    /// A number that cannot be a price or a size here: zero or negative.
    #[error("{what} {text:?} is out of range")]
    OutOfRange {
        /// Which field.
        what: &'static str,
        /// The number as it came.
        text: String,
    },
    /// A time that is not one.
    #[error("bad time {text:?}")]
    BadTime {
        /// The time as it came.
        text: String,
    },
    /// Not of the form `venue:NAME`.
    #[error("bad symbol {text:?}: expected venue:NAME, like binance:BTC-USDT")]
    BadSymbol {
        /// The symbol as it came.
        text: String,
    },
    /// The venue itself reported an error.
    #[error("{venue} says: {message}")]
    Venue {
        /// Who.
        venue: &'static str,
        /// Its words.
        message: String,
    },
    /// A setting that this feed cannot run with.
    #[error("{0}")]
    BadSetting(String),
}

impl Error {
    /// A short label for counting, the same for all errors of one kind.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::BadFrame { .. } => "bad_frame",
            Self::UnknownMessage { .. } => "unknown_message",
            Self::UnknownInstrument { .. } => "unknown_instrument",
            Self::BadNumber { .. } => "bad_number",
            Self::OutOfRange { .. } => "out_of_range",
            Self::BadTime { .. } => "bad_time",
            Self::BadSymbol { .. } => "bad_symbol",
            Self::Venue { .. } => "venue_error",
            Self::BadSetting(_) => "bad_setting",
        }
    }

    /// A [`Error::BadNumber`] quoting at most the beginning of `text`.
    #[must_use]
    pub fn bad_number(text: &str) -> Self {
        Self::BadNumber { text: quoted(text) }
    }

    /// A [`Error::OutOfRange`] quoting at most the beginning of `text`.
    #[must_use]
    pub fn out_of_range(what: &'static str, text: &str) -> Self {
        Self::OutOfRange { what, text: quoted(text) }
    }

    /// A [`Error::BadTime`] quoting at most the beginning of `text`.
    #[must_use]
    pub fn bad_time(text: &str) -> Self {
        Self::BadTime { text: quoted(text) }
    }

    /// A [`Error::BadSymbol`] quoting at most the beginning of `text`.
    #[must_use]
    pub fn bad_symbol(text: &str) -> Self {
        Self::BadSymbol { text: quoted(text) }
    }

    /// A [`Error::BadFrame`] quoting at most the beginning of `frame`.
    #[must_use]
    pub fn bad_frame(venue: &'static str, detail: &impl ToString, frame: &[u8]) -> Self {
        let head = frame.get(..QUOTED_CHARS_MAX * 4).unwrap_or(frame);
        let frame = quoted(&String::from_utf8_lossy(head));
        Self::BadFrame { venue, detail: quoted(&detail.to_string()), frame }
    }
}

/// The beginning of `text`, so that a hostile input cannot fill a log or a memory.
#[must_use]
pub fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED_CHARS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
