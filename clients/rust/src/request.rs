//! What a reader wants, and the operations that ask for it.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::cursor::Cursor;
use crate::pattern;
use crate::streams::Leaps;

/// Bytes of an operation besides its names, at most.
const HEAD_BYTES: usize = 512;
/// Patterns that the server takes in one operation.
const PATTERNS_MAX: usize = 256;

/// What the server does when this reader is too slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Slow {
    /// Fresh snapshots of what changed: the default of states (`ticker`, `bars.*`).
    Conflate,
    /// Everything, later: the default of `trades`.
    Spill,
    /// It closes; the client comes back and goes on where it was.
    Close,
    /// Messages are dropped and said to be: [`Event::Gap`](crate::Event::Gap). For `trades`.
    Gap,
}

/// What a reader wants.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    pub(crate) channels: Vec<String>,
    pub(crate) names: BTreeSet<String>,
    /// Symbols that patterns cover and that are not wanted.
    pub(crate) excluded: BTreeSet<String>,
    pub(crate) conflate_ms: u32,
    pub(crate) slow: Option<Slow>,
    pub(crate) last: Option<u32>,
    pub(crate) from: Option<Cursor>,
}

/// How a subscription begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Start {
    /// With a snapshot.
    Now,
    /// So many messages back.
    Last(u32),
    /// After a cursor.
    After(Cursor),
}

/// One operation, as the server reads it.
#[derive(Debug, Serialize)]
pub(crate) struct Operation<'a> {
    pub(crate) op: &'a str,
    pub(crate) id: &'a str,
    pub(crate) channel: &'a str,
    pub(crate) symbols: &'a [String],
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) conflate_ms: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) slow: Option<Slow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<&'a Cursor>,
}

impl Request {
    /// Whether a stream is wanted.
    pub(crate) fn wants(&self, channel: &str, symbol: &str) -> bool {
        self.channels.iter().any(|one| one == channel) && self.covers(symbol)
    }

    /// Whether a symbol is wanted.
    pub(crate) fn covers(&self, symbol: &str) -> bool {
        self.names.contains(symbol)
            || !self.excluded.contains(symbol)
                && self.names.iter().any(|name| pattern::covers(name, symbol))
    }

    /// The symbols that are wanted by their names.
    pub(crate) fn exact(&self) -> impl Iterator<Item = &String> {
        self.names.iter().filter(|name| !pattern::is_pattern(name))
    }

    /// The patterns.
    pub(crate) fn patterns(&self) -> Vec<String> {
        self.names.iter().filter(|name| pattern::is_pattern(name)).cloned().collect()
    }

    /// Whether snapshots may stand for messages in this channel.
    pub(crate) fn leaps(&self) -> Leaps {
        let by_policy = match self.slow {
            Some(slow) => slow == Slow::Conflate,
            // The server's default for trades loses nothing.
            None => self.channels.iter().any(|channel| channel != "trades"),
        };
        if self.conflate_ms > 0 || by_policy { Leaps::Asked } else { Leaps::Never }
    }

    /// A `subscribe`.
    pub(crate) fn subscribe(
        &self,
        id: &str,
        (channel, symbols): Part<'_>,
        start: &Start,
    ) -> String {
        let (last, from) = match start {
            Start::Now => (None, None),
            Start::Last(count) => (Some(*count), None),
            Start::After(cursor) => (None, Some(cursor)),
        };
        let (conflate_ms, slow) = (self.conflate_ms, self.slow);
        write(&Operation { op: "subscribe", id, channel, symbols, conflate_ms, slow, last, from })
    }
}

/// A channel and names.
pub(crate) type Part<'a> = (&'a str, &'a [String]);

/// An operation that has nothing but names.
pub(crate) fn plain(op: &str, id: &str, (channel, symbols): Part<'_>) -> String {
    let (conflate_ms, slow, last, from) = (0, None, None, None);
    write(&Operation { op, id, channel, symbols, conflate_ms, slow, last, from })
}

/// Names in portions, each of which fits into one operation of so many bytes.
pub(crate) fn portions(names: Vec<String>, message_bytes: usize) -> Vec<Vec<String>> {
    let room = message_bytes.saturating_sub(HEAD_BYTES).max(1);
    let (mut portions, mut portion) = (Vec::new(), Vec::new());
    let (mut bytes, mut patterns) = (0, 0);
    for name in names {
        // Two quotes and a comma; no symbol has a byte that JSON escapes.
        let (more, pattern) = (name.len() + 3, usize::from(pattern::is_pattern(&name)));
        if !portion.is_empty() && (bytes + more > room || patterns + pattern > PATTERNS_MAX) {
            portions.push(std::mem::take(&mut portion));
            (bytes, patterns) = (0, 0);
        }
        (bytes, patterns) = (bytes + more, patterns + pattern);
        portion.push(name);
    }
    if !portion.is_empty() {
        portions.push(portion);
    }
    portions
}

fn write(operation: &Operation<'_>) -> String {
    // Strings and numbers: there is nothing in it that could fail.
    serde_json::to_string(operation).unwrap_or_default()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields so")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_portioned_by_bytes_and_by_patterns() {
        let names: Vec<String> = (0..10_000).map(|at| format!("sim:S{at:05}-USD")).collect();
        let portions_of = portions(names.clone(), 65_536);
        assert_eq!(portions_of.concat(), names);
        let request = Request::default();
        for portion in &portions_of {
            let op = request.subscribe("t1", ("ticker", portion), &Start::Now);
            assert!(op.len() <= 65_536, "{}", op.len());
        }
        assert_eq!(portions_of.len(), 3);
        let patterns: Vec<String> = (0..600).map(|at| format!("*:S{at}-*")).collect();
        assert_eq!(portions(patterns, 65_536).len(), 3);
        assert_eq!(portions(vec!["a".to_owned(); 3], 1).len(), 3);
        assert!(portions(Vec::new(), 65_536).is_empty());
    }

    #[test]
    fn an_operation_says_what_was_asked_for() {
        let request =
            Request { conflate_ms: 250, slow: Some(Slow::Conflate), ..Request::default() };
        let names = ["sim:*".to_owned()];
        let cursor = Cursor { epoch: "k3v9".to_owned(), seq: 7 };
        assert_eq!(
            request.subscribe("t1", ("ticker", &names), &Start::After(cursor)),
            r#"{"op":"subscribe","id":"t1","channel":"ticker","symbols":["sim:*"],"conflate_ms":250,"slow":"conflate","from":{"epoch":"k3v9","seq":7}}"#,
        );
        assert_eq!(
            plain("unsubscribe", "t2", ("ticker", &names)),
            r#"{"op":"unsubscribe","id":"t2","channel":"ticker","symbols":["sim:*"]}"#,
        );
    }

    #[test]
    fn an_excluded_symbol_is_not_wanted_unless_it_is_named() {
        let names = ["sim:*", "sim:B"].map(str::to_owned).into();
        let excluded = ["sim:A", "sim:B"].map(str::to_owned).into();
        let channels = vec!["trades".to_owned()];
        let request = Request { channels, names, excluded, ..Request::default() };
        assert!(request.wants("trades", "sim:B") && request.wants("trades", "sim:C"));
        assert!(!request.wants("trades", "sim:A") && !request.wants("ticker", "sim:C"));
    }
}
