//! One line of the live table: what is known of a symbol.

use std::time::Duration;

use rust_decimal::Decimal;
use serde_json::Map;
use serde_json::Value;
use tokio::time::Instant;

/// What is known of a symbol.
#[derive(Debug, Clone)]
pub(super) struct Row {
    fields: [Option<String>; FIELDS.len()],
    /// Trades seen since the table began.
    pub(super) seen: u64,
    touched: Instant,
    /// There is no connection, so whatever is shown may be old.
    offline: bool,
}

/// The fields that are kept, by their names in the protocol.
const FIELDS: [&str; 15] = [
    "bid",
    "ask",
    "last",
    "volume",
    "prev_close",
    "open",
    "start",
    "high",
    "low",
    "close",
    "price",
    "size",
    "side",
    "state",
    "reason",
];

impl Row {
    /// Of a symbol of which nothing is known.
    pub(super) fn new(now: Instant) -> Self {
        Self { fields: Default::default(), seen: 0, touched: now, offline: false }
    }

    /// Takes a data message.
    pub(super) fn apply(&mut self, message: &Map<String, Value>, now: Instant) {
        (self.touched, self.offline) = (now, false);
        match message.get("type").and_then(Value::as_str) {
            Some("snapshot") => self.fields = Default::default(),
            Some("trade") => self.seen += 1,
            // Its `state` is the gap's.
            Some("gap") => return,
            // An older bar was revised, or is final.
            Some("bar") if message.get("start").and_then(Value::as_str) < self.get("start") => {
                return;
            }
            Some("status") => self.set("reason", None),
            _ => {}
        }
        for (name, value) in message {
            self.set(name, value.as_str().map(str::to_owned));
        }
    }

    /// The connection is gone.
    pub(super) fn disconnect(&mut self) {
        self.offline = true;
    }

    /// A field by its name in the protocol.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let slots = FIELDS.iter().zip(&self.fields);
        slots.filter(|(of, _)| **of == name).find_map(|(_, value)| value.as_deref())
    }

    /// Health as it is to be shown.
    pub(super) fn state(&self) -> &str {
        if self.offline { "offline" } else { self.get("state").unwrap_or("?") }
    }

    /// The change of the last price since the day before, else since the day's first, in percent.
    pub(super) fn change(&self) -> Option<Decimal> {
        let number = |name| self.get(name).and_then(|text| text.parse::<Decimal>().ok());
        let base = number("prev_close").or_else(|| number("open"))?;
        let moved = number("last")?.checked_sub(base)?.checked_mul(Decimal::ONE_HUNDRED)?;
        let mut percent = moved.checked_div(base)?.round_dp(2);
        percent.rescale(2);
        Some(percent)
    }

    /// Time since the last message.
    pub(super) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.touched)
    }

    fn set(&mut self, name: &str, value: Option<String>) {
        let at = FIELDS.iter().position(|field| *field == name);
        if let Some(slot) = at.and_then(|at| self.fields.get_mut(at)) {
            *slot = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(messages: &[&str]) -> Row {
        let now = Instant::now();
        let mut row = Row::new(now);
        for message in messages {
            row.apply(&serde_json::from_str(message).unwrap(), now);
        }
        row
    }

    #[test]
    fn a_delta_changes_what_it_names_and_null_is_unknown() {
        let snapshot = r#"{"type":"snapshot","bid":"1.10","ask":"1.20","state":"live"}"#;
        let row = row(&[snapshot, r#"{"type":"delta","bid":null,"last":"1.15"}"#]);
        assert_eq!((row.get("bid"), row.get("ask")), (None, Some("1.20")));
        assert_eq!((row.get("last"), row.state()), (Some("1.15"), "live"));
    }

    #[test]
    fn the_change_is_exact_and_needs_both_prices() {
        let change = |last: &str, base: &str| {
            row(&[&format!(r#"{{"type":"snapshot","last":"{last}","open":"{base}"}}"#)]).change()
        };
        assert_eq!(change("101", "100").unwrap().to_string(), "1.00");
        assert_eq!(change("99.5", "100").unwrap().to_string(), "-0.50");
        assert_eq!(change("1", "0"), None);
        assert_eq!(change("x", "1"), None);
        assert_eq!(row(&[r#"{"type":"snapshot","last":"1"}"#]).change(), None);
    }

    #[test]
    fn without_a_connection_nothing_looks_live() {
        let mut row = row(&[r#"{"type":"snapshot","state":"live"}"#]);
        row.disconnect();
        assert_eq!(row.state(), "offline");
        row.apply(&serde_json::from_str(r#"{"type":"delta"}"#).unwrap(), Instant::now());
        assert_eq!(row.state(), "live");
    }

    #[test]
    fn a_gap_is_no_state_of_health_and_a_status_replaces_the_reason() {
        let stale = r#"{"type":"status","state":"stale","reason":"silent"}"#;
        let row1 = row(&[stale, r#"{"type":"gap","state":"open"}"#]);
        assert_eq!((row1.state(), row1.get("reason")), ("stale", Some("silent")));
        let row2 = row(&[stale, r#"{"type":"status","state":"live"}"#]);
        assert_eq!((row2.state(), row2.get("reason")), ("live", None));
    }
}
