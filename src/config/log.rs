//! `[log]`: how much the service says, and in which form.

use crate::config::error::Error;
use crate::config::section::Section;

/// How much is said, and in which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    /// In which form.
    pub format: Format,
    /// What is said at least.
    pub level: Level,
}

/// In which form something is said, always a line each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// A JSON object, for programs.
    Json,
}

/// From what on something is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// What needs somebody.
    Error,
    /// What may.
    Warn,
    /// What happens to the whole service.
    Info,
    /// What happens to one client.
    Debug,
    /// Everything.
    Trace,
}

impl Log {
    pub(crate) fn read(section: &Section<'_>) -> Result<Self, Error> {
        let expected = "error, warn, info, debug or trace";
        let level = section.parsed("level", expected, |text| {
            Some(match text {
                "error" => Level::Error,
                "warn" => Level::Warn,
                "info" => Level::Info,
                "debug" => Level::Debug,
                "trace" => Level::Trace,
                _ => return None,
            })
        })?;
        let format = section.parsed("format", "text or json", |text| {
            Some(match text {
                "text" => Format::Text,
                "json" => Format::Json,
                _ => return None,
            })
        })?;
        Ok(Self { format, level })
    }
}
