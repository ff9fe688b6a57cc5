//! Why a command ended badly, and the exit code that says so.

use std::io;

use crate::cli::signals::Signal;
use crate::config;

/// Why a command ended badly.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// Anything that has no code of its own.
    #[error("{0}")]
    General(String),
    /// What was asked for makes no sense.
    #[error("{0}")]
    Usage(String),
    /// The server cannot be reached, or went away.
    #[error("{0}")]
    Connection(String),
    /// No such symbol.
    #[error("{0}")]
    NotFound(String),
    /// The server lets this client not in, or not there.
    #[error("{0}")]
    Access(String),
    /// Data went missing and could not be had again.
    #[error("{0}")]
    Missing(String),
    /// A signal ended it; what it had begun is undone.
    #[error("interrupted")]
    Interrupted(Signal),
    /// What was asked for was told, by an exit code of its own too.
    #[error("told")]
    Told(u8),
    /// Who read our output has gone: there is nobody left to tell.
    #[error("the reader of the output has gone")]
    NoReader,
    /// The output could not be written.
    #[error("cannot write the output: {0}")]
    Output(io::Error),
}

impl Failure {
    /// The exit code of the program.
    #[must_use]
    pub const fn code(&self) -> u8 {
        match self {
            Self::NoReader => 0,
            Self::Interrupted(signal) => signal.code(),
            Self::Told(code) => *code,
            Self::General(_) | Self::Output(_) => 1,
            Self::Usage(_) => 2,
            Self::Connection(_) => 3,
            Self::NotFound(_) => 4,
            Self::Access(_) => 5,
            Self::Missing(_) => 6,
        }
    }

    /// Whether there is anything to say: a reader that has enough is no news.
    #[must_use]
    pub const fn is_silent(&self) -> bool {
        matches!(self, Self::NoReader | Self::Interrupted(_) | Self::Told(_))
    }
}

impl From<config::error::Error> for Failure {
    fn from(error: config::error::Error) -> Self {
        match error.is_of_command_line() {
            true => Self::Usage(error.to_string()),
            false => Self::General(error.to_string()),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::NoReader,
            _ => Self::Output(error),
        }
    }
}
