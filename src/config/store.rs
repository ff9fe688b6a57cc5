//! `[store]`: history in Postgres, beyond what the tape on disk keeps.

use std::fmt;

use crate::config::error::Error;
use crate::config::quantity::Span;
use crate::config::section::Section;
use crate::config::setting::masked;

/// History in Postgres.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Store {
    /// Where; `None`: history from the tape alone.
    pub url: Option<Url>,
    /// Greatest age kept, 1 day to 100 years; older days go whole.
    pub retention_age: Span,
    /// Longest time that an event waits to be written with others, in ms, 10..=60,000.
    pub batch_ms: u32,
    /// Longest time that the database may take for one step, in ms, 100..=600,000.
    pub timeout_ms: u32,
    /// Connections for reading, 1..=256; who finds none free waits, `timeout_ms` at most.
    pub readers: u32,
}

/// Where a database is, `postgres://user:password@host/name`. Printed without the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Url(Box<str>);

impl Store {
    pub(crate) fn read(section: &Section<'_>) -> Result<Self, Error> {
        Ok(Self {
            url: url(section).map_err(without_value)?,
            retention_age: section.span("retention_age", 86_400_000..=3_153_600_000_000)?,
            batch_ms: section.number("batch_ms", 10..=60_000)?,
            timeout_ms: section.number("timeout_ms", 100..=600_000)?,
            readers: section.number("readers", 1..=256)?,
        })
    }
}

fn url(section: &Section<'_>) -> Result<Option<Url>, Error> {
    section.parsed("url", "postgres://… or nothing", |text| match text {
        "" => Some(None),
        text => Url::parse(text).map(Some),
    })
}

/// Nobody can tell where in a text that is no URL a password stands.
fn without_value(error: Error) -> Error {
    match error {
        Error::BadValue { key, origin, expected, got: _ } => {
            Error::BadValue { key, origin, expected, got: "something else".to_owned() }
        }
        error => error,
    }
}

impl Url {
    /// A URL whose scheme is Postgres's; `None` for any other.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, _) = text.split_once("://")?;
        matches!(scheme, "postgres" | "postgresql").then(|| Self(text.into()))
    }

    /// With the password, for who connects.
    #[must_use]
    pub const fn secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&masked(&self.0))
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", masked(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_printed_without_its_password() {
        let url = Url::parse("postgres://me:secret@db:5433/tick?password=secret&x=1").unwrap();
        assert_eq!(url.to_string(), "postgres://me:***@db:5433/tick?password=***&x=1");
        assert!(!format!("{url:?}").contains("secret"));
        assert!(url.secret().contains("secret"));
        for text in ["", "db", "mysql://db", "postgres:db", "://"] {
            assert_eq!(Url::parse(text), None, "{text}");
        }
    }
}
