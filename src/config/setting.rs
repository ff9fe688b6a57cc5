//! A setting as `tickwire config show` prints it: key, value, origin.

use std::fmt;

use config::ValueKind;

use crate::config::Loaded;
use crate::config::feed;
use crate::config::layers::Entry;
use crate::config::layers::Origin;
use crate::config::layers::shown;
use crate::config::section::split;

/// One effective value and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The dotted key.
    pub key: String,
    /// As TOML writes it; passwords in URLs are masked.
    pub value: String,
    /// Where it comes from.
    pub origin: Origin,
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}  # {}", self.key, self.value, self.origin)
    }
}

impl Loaded {
    /// Every effective setting, by key; of the feeds those that are to run.
    #[must_use]
    pub fn settings(&self) -> Vec<Setting> {
        let plain = self.layers.below("").filter(|(key, _)| !key.starts_with("feeds."));
        let mut settings: Vec<Setting> =
            plain.map(|(key, entry)| setting(key, entry, self.layers.default(key))).collect();
        for feed in &self.config.feeds {
            let (own, defaults) = (format!("feeds.{}.", feed.name), feed::defaults_of(feed) + ".");
            for key in self.layers.known_below(&defaults) {
                let whole = format!("{own}{key}");
                let default = self.layers.default(&format!("{defaults}{key}"));
                let entry = self.layers.get(&whole).or(default);
                settings.extend(entry.map(|entry| setting(&whole, entry, default)));
            }
            let enabled = format!("{own}{}", feed::ENABLED);
            let entry = self.layers.get(&enabled);
            settings.extend(entry.map(|entry| setting(&enabled, entry, None)));
        }
        settings.sort_by(|a, b| a.key.cmp(&b.key));
        settings
    }
}

/// Text of a variable or flag is shown as what its default is: a number, a list, text.
fn setting(key: &str, entry: &Entry, default: Option<&Entry>) -> Setting {
    let value = match (&entry.kind, default.map(|default| &default.kind)) {
        (ValueKind::String(text), Some(ValueKind::Array(_))) => format!("{:?}", split(text)),
        (ValueKind::String(text), Some(ValueKind::String(_))) => format!("{:?}", masked(text)),
        (ValueKind::String(text), _) => text.clone(),
        (kind, _) => shown(kind),
    };
    Setting { key: key.to_owned(), value, origin: entry.origin.clone() }
}

/// `scheme://user:password@host?password=…` without the password.
pub(crate) fn masked(text: &str) -> String {
    let parts = text.split_once("://").and_then(|(scheme, rest)| {
        // A database's password may hold what should have been escaped; then a path has no `@`.
        let is_database = scheme.trim_start_matches('"').starts_with("postgres");
        let end = rest.find('/').filter(|_| !is_database).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end)?;
        let (login, host) = authority.rsplit_once('@')?;
        let (user, _) = login.split_once(':')?;
        Some(format!("{scheme}://{user}:***@{host}{path}"))
    });
    let text = parts.unwrap_or_else(|| text.to_owned());
    let Some((before, value)) = text.split_once("password=") else { return text };
    let end = value.find(['&', '"']).unwrap_or(value.len());
    format!("{before}password=***{}", value.get(end..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_masked() {
        for (text, shown) in [
            ("postgres://me:secret@db/tick", "postgres://me:***@db/tick"),
            ("postgres://me:se@cret@db", "postgres://me:***@db"),
            ("\"postgres://me:se/cret@db/t\"", "\"postgres://me:***@db/t\""),
            ("postgres://db/t?password=secret", "postgres://db/t?password=***"),
            ("postgres://db/t?password=secret&a=b", "postgres://db/t?password=***&a=b"),
            ("wss://host:443/a@b", "wss://host:443/a@b"),
            ("plain", "plain"),
        ] {
            assert_eq!(masked(text), shown);
        }
    }
}
