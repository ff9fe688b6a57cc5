//! What can change while the service runs: the settings are read again, and taken up as a whole or
//! not at all.

use std::collections::BTreeMap;
use std::sync::Arc;

use tracing::error;
use tracing::info;
use tracing::warn;

use crate::app::manners;
use crate::app::rules;
use crate::clock;
use crate::config::Loaded;
use crate::config::error::Error;
use crate::config::limits::Limits;
use crate::config::log::Level;
use crate::config::setting::Setting;
use crate::http::shop::House;

/// Settings that are taken up without a restart, or what their keys begin with. Those of clients
/// are for the clients that come from then on.
const LIVE: &[&str] = &[
    "auth.api_keys",
    "auth.key",
    "http.allowed_origins",
    "http.forwarded",
    "http.public_url",
    "http.reconnect_spread_ms",
    "http.tls.cert",
    "http.tls.key",
    "http.trusted_proxies",
    "limits.buffer_bytes",
    "limits.connections_per_ip",
    "limits.connections_per_subject",
    "limits.fragments",
    "limits.frame_bytes",
    "limits.head_bytes",
    "limits.idle_s",
    "limits.life_s",
    "limits.message_bytes",
    "limits.ops_per_s",
    "limits.replays_per_ip",
    "limits.requests_per_s",
    "limits.symbols",
    "log.level",
    "stream.",
];

/// Takes up new settings.
#[derive(Debug)]
pub struct Reloader {
    house: Arc<House>,
    /// `limits.connections`: sockets were counted when the service began.
    connections: usize,
    settings: BTreeMap<String, String>,
}

/// Whether the service speaks TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tls {
    Spoken,
    Unknown,
}

impl Tls {
    const fn of(house: &House) -> Self {
        if house.tls.is_some() { Self::Spoken } else { Self::Unknown }
    }
}

impl Reloader {
    pub(super) fn new(house: Arc<House>, loaded: &Loaded) -> Self {
        let connections = loaded.config.limits.connections;
        Self { house, connections, settings: by_key(loaded.settings()) }
    }

    /// Takes up what was read, if it makes sense as a whole; the log says what became of it. The
    /// level of the log is given back.
    pub fn take(&mut self, read: Result<Loaded, Error>) -> Option<Level> {
        let loaded = match read {
            Ok(loaded) => loaded,
            Err(error) => {
                error!(%error, "the settings stay as they were");
                return None;
            }
        };
        let config = &loaded.config;
        // What may fail comes first.
        let settings = by_key(loaded.settings());
        let gate = self.house.gate.as_deref().filter(|_| is_same_way(&self.settings, &settings));
        let renewed = match gate.map(|gate| gate.read(&config.auth)).transpose() {
            Ok(renewed) => renewed,
            Err(error) => {
                error!(%error, "the settings stay as they were");
                return None;
            }
        };
        if let (Some(keeper), Some(files)) = (&self.house.tls, &config.http.tls)
            && let Err(error) = keeper.read(&files.cert, &files.key, clock::now())
        {
            error!(%error, "the settings stay as they were");
            return None;
        }
        if let (Some(gate), Some(renewed)) = (gate, renewed) {
            gate.take(renewed);
        }
        let limits = Limits { connections: self.connections, ..config.limits };
        self.house.set_manners(manners(config));
        self.house.entrance.limit(&limits);
        if let Some(gate) = &self.house.gate {
            gate.limit(limits.connections_per_subject);
        }
        self.house.hub.set_rules(rules(config, self.house.gate.clone()));
        self.tell(&settings);
        Some(config.log.level)
    }

    fn tell(&mut self, settings: &BTreeMap<String, String>) {
        let (taken, left) = changes(&self.settings, settings, Tls::of(&self.house));
        if taken.is_empty() && left.is_empty() {
            info!("the settings were read again: nothing has changed");
        }
        if !taken.is_empty() {
            info!("new settings taken up: {}", taken.join(", "));
        }
        if !left.is_empty() {
            warn!("new settings that need a restart: {}", left.join(", "));
        }
        for key in taken {
            if let Some(value) = settings.get(&key) {
                self.settings.insert(key, value.clone());
            }
        }
    }
}

fn by_key(settings: Vec<Setting>) -> BTreeMap<String, String> {
    settings.into_iter().map(|setting| (setting.key, setting.value)).collect()
}

/// Whether credentials are checked in the way that they were from the start, which keys are for.
fn is_same_way(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> bool {
    let of_way = ["auth.mode", "auth.algorithm", "auth.jwks_url"];
    of_way.iter().all(|key| before.get(*key) == after.get(*key))
}

/// The settings that differ: those that can be taken up, and those that cannot. Files of TLS can
/// where it is spoken.
fn changes(
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
    tls: Tls,
) -> (Vec<String>, Vec<String>) {
    let keys = after.keys().chain(before.keys().filter(|key| !after.contains_key(*key)));
    let differ = keys.filter(|key| before.get(*key) != after.get(*key)).cloned();
    let is_empty = |key: &str| after.get(key).is_none_or(|value| value == "\"\"");
    let is_same_way = is_same_way(before, after);
    let is_live = |key: &String| {
        let is_live =
            LIVE.iter().any(|live| key == live || live.ends_with('.') && key.starts_with(live));
        is_live
            && (!key.starts_with("auth.") || is_same_way)
            && (!key.starts_with("http.tls.") || tls == Tls::Spoken && !is_empty(key))
    };
    differ.partition(is_live)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::config::Sources;

    fn settings(overrides: &[(&str, &str)]) -> BTreeMap<String, String> {
        let overrides: Vec<_> =
            overrides.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let sources = Sources { overrides: &overrides, ..Sources::default() };
        by_key(Config::load(sources).unwrap().settings())
    }

    #[test]
    fn each_live_setting_is_one() {
        let settings = settings(&[]);
        for live in LIVE {
            assert!(settings.keys().any(|key| key.starts_with(live)), "{live}");
        }
    }

    #[test]
    fn what_changed_is_taken_up_or_needs_a_restart() {
        let before = settings(&[]);
        assert_eq!(changes(&before, &before, Tls::Spoken), (vec![], vec![]));
        let after = settings(&[
            ("limits.idle_s", "5"),
            ("stream.ping_ms", "500"),
            ("tape.dir", "elsewhere"),
            ("limits.connections", "5"),
            ("limits.connections_per_subject", "5"),
            ("http.tls.cert", "c.pem"),
            ("http.tls.key", "k.pem"),
        ]);
        let (taken, left) = changes(&before, &after, Tls::Unknown);
        let expected = ["limits.connections_per_subject", "limits.idle_s", "stream.ping_ms"];
        assert_eq!(taken, expected);
        assert_eq!(left, ["http.tls.cert", "http.tls.key", "limits.connections", "tape.dir"]);
        let (taken, _) = changes(&before, &after, Tls::Spoken);
        assert_eq!(taken[..2], ["http.tls.cert", "http.tls.key"]);
        let (_, left) = changes(&after, &before, Tls::Spoken);
        assert_eq!(left[..2], ["http.tls.cert", "http.tls.key"], "TLS cannot be turned off");
    }

    #[test]
    fn keys_are_taken_up_where_they_are_checked_as_before() {
        let keys = |file| settings(&[("auth.mode", "keys"), ("auth.api_keys", file)]);
        let (taken, left) = changes(&keys("a"), &keys("b"), Tls::Unknown);
        assert_eq!((taken, left), (vec!["auth.api_keys".to_owned()], vec![]));
        let (taken, left) = changes(&settings(&[]), &keys("a"), Tls::Unknown);
        assert_eq!(left, ["auth.api_keys", "auth.mode"]);
        assert!(taken.is_empty());
    }
}
