//! What the screen shows: the rows, which of them in which order, and where the eye is.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;

use rust_decimal::Decimal;
use serde_json::Map;
use serde_json::Value;
use tokio::time::Instant;

use crate::cli::row::Row;

/// Rows change places no more often than this: whoever reads one must be able to follow it.
const REORDER: Duration = Duration::from_secs(1);

/// The list of symbols.
#[derive(Debug)]
pub(super) struct Watch {
    rows: BTreeMap<String, Row>,
    venues: BTreeSet<String>,
    /// The venue that is shown; `None` for all.
    venue: Option<String>,
    pub(super) column: Column,
    direction: Direction,
    pub(super) filter: String,
    pub(super) is_typing: bool,
    /// Symbols in the order in which they are shown.
    shown: Vec<String>,
    ordered: Option<Instant>,
    selected: Option<String>,
    /// Data messages taken in all.
    pub(super) taken: u64,
}

/// What rows are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Symbol,
    Last,
    Change,
    Volume,
    Age,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Forth,
    Back,
}

impl Watch {
    /// Nothing is known yet.
    pub(super) const fn new() -> Self {
        Self {
            rows: BTreeMap::new(),
            venues: BTreeSet::new(),
            venue: None,
            column: Column::Symbol,
            direction: Direction::Forth,
            filter: String::new(),
            is_typing: false,
            shown: Vec::new(),
            ordered: None,
            selected: None,
            taken: 0,
        }
    }

    /// Takes a data message.
    pub(super) fn apply(&mut self, text: &str, now: Instant) {
        let Ok(message) = serde_json::from_str::<Map<String, Value>>(text) else { return };
        let Some(symbol) = message.get("symbol").and_then(Value::as_str) else { return };
        if !self.rows.contains_key(symbol) {
            self.rows.insert(symbol.to_owned(), Row::new(now));
            self.venues.insert(venue(symbol).to_owned());
            self.ordered = None;
        }
        if let Some(row) = self.rows.get_mut(symbol) {
            row.apply(&message, now);
            self.taken += 1;
        }
    }

    /// The connection is gone.
    pub(super) fn disconnect(&mut self) {
        self.rows.values_mut().for_each(Row::disconnect);
    }

    /// Another tape, or another time of it: what was known is no more.
    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.shown.clear();
        self.ordered = None;
    }

    /// The rows to show, in their order.
    pub(super) fn shown(&mut self, now: Instant) -> &[String] {
        let is_due = |ordered: Instant| now.saturating_duration_since(ordered) >= REORDER;
        if self.ordered.is_none_or(is_due) {
            self.order(now);
        }
        &self.shown
    }

    pub(super) fn row(&self, symbol: &str) -> Option<&Row> {
        self.rows.get(symbol)
    }

    /// The symbol that is selected, and its place among those that are shown.
    pub(super) fn selected(&self) -> Option<(usize, &str)> {
        let selected = self.selected.as_deref()?;
        let at = self.shown.iter().position(|symbol| symbol == selected)?;
        Some((at, selected))
    }

    /// The venues and which of them is shown, 0 for all.
    pub(super) fn tabs(&self) -> (Vec<&str>, usize) {
        let tabs: Vec<&str> =
            std::iter::once("all").chain(self.venues.iter().map(String::as_str)).collect();
        let is_shown = |tab: &&str| self.venue.as_deref() == Some(*tab);
        let at = tabs.iter().skip(1).position(is_shown).map_or(0, |at| at + 1);
        (tabs, at)
    }

    /// Symbols that are known.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Selects the row that is so many further down.
    pub(super) fn go(&mut self, rows: isize) {
        let at = self.selected().map_or(if rows > 0 { -1 } else { 0 }, |(at, _)| at.cast_signed());
        self.select(at.saturating_add(rows).max(0).unsigned_abs());
    }

    /// Selects the first row.
    pub(super) fn go_first(&mut self) {
        self.select(0);
    }

    /// Selects the last row.
    pub(super) fn go_last(&mut self) {
        self.select(usize::MAX);
    }

    /// Shows the venue that comes so many tabs later.
    pub(super) fn turn_tab(&mut self, tabs: isize) {
        let (names, at) = self.tabs();
        let count = names.len().cast_signed();
        let next = (at.cast_signed() + tabs).rem_euclid(count).unsigned_abs();
        let venue = names.get(next).filter(|_| next > 0).map(|name| (*name).to_owned());
        self.venue = venue;
        self.ordered = None;
    }

    /// Orders by the next column, beginning with what is of most interest there.
    pub(super) const fn sort_next(&mut self) {
        (self.column, self.direction) = match self.column {
            Column::Symbol => (Column::Last, Direction::Back),
            Column::Last => (Column::Change, Direction::Back),
            Column::Change => (Column::Volume, Direction::Back),
            Column::Volume => (Column::Age, Direction::Forth),
            Column::Age => (Column::Symbol, Direction::Forth),
        };
        self.ordered = None;
    }

    /// Orders the other way round.
    pub(super) const fn sort_reverse(&mut self) {
        self.direction = match self.direction {
            Direction::Forth => Direction::Back,
            Direction::Back => Direction::Forth,
        };
        self.ordered = None;
    }

    /// The mark of the column that orders.
    pub(super) const fn arrow(&self) -> &'static str {
        match self.direction {
            Direction::Forth => "▲",
            Direction::Back => "▼",
        }
    }

    /// Shows only symbols that contain this text, in whatever case.
    pub(super) fn filter_by(&mut self, text: String) {
        self.filter = text;
        self.ordered = None;
    }

    fn select(&mut self, at: usize) {
        let last = self.shown.len().saturating_sub(1);
        self.selected = self.shown.get(at.min(last)).cloned();
    }

    fn order(&mut self, now: Instant) {
        let wanted = self.filter.to_ascii_lowercase();
        let fits = |symbol: &str| {
            self.venue.as_deref().is_none_or(|of| of == venue(symbol))
                && symbol.to_ascii_lowercase().contains(&wanted)
        };
        let fitting = self.rows.iter().filter(|(symbol, _)| fits(symbol));
        let mut shown: Vec<(Option<Decimal>, &String)> =
            fitting.map(|(symbol, row)| (self.key(row, now), symbol)).collect();
        // What is not known comes last, whichever way.
        match self.direction {
            Direction::Forth => shown.sort_by_key(|(key, _)| (key.is_none(), *key)),
            Direction::Back if self.column == Column::Symbol => shown.reverse(),
            Direction::Back => shown.sort_by_key(|(key, _)| (key.is_none(), Reverse(*key))),
        }
        self.shown = shown.into_iter().map(|(_, symbol)| symbol.clone()).collect();
        self.ordered = Some(now);
    }

    fn key(&self, row: &Row, now: Instant) -> Option<Decimal> {
        let number = |name| row.get(name)?.parse().ok();
        match self.column {
            Column::Symbol => None,
            Column::Last => number("last"),
            Column::Change => row.change(),
            Column::Volume => number("volume"),
            Column::Age => u64::try_from(row.age(now).as_millis()).ok().map(Decimal::from),
        }
    }
}

fn venue(symbol: &str) -> &str {
    symbol.split_once(':').map_or(symbol, |(venue, _)| venue)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch() -> (Watch, Instant) {
        let now = Instant::now();
        let mut watch = Watch::new();
        for (symbol, last, volume) in [
            ("b:Y", "\"2\"", "\"100\""),
            ("a:X", "\"30\"", "\"7\""),
            ("a:Z", "null", "\"50\""),
            ("b:W", "\"4.5\"", "null"),
        ] {
            let message = format!(
                r#"{{"type":"snapshot","symbol":"{symbol}","last":{last},"volume":{volume}}}"#
            );
            watch.apply(&message, now);
        }
        (watch, now)
    }

    #[test]
    fn rows_are_ordered_by_numbers_and_the_unknown_is_last_both_ways() {
        let (mut watch, now) = watch();
        assert_eq!(watch.shown(now), ["a:X", "a:Z", "b:W", "b:Y"]);
        watch.sort_next();
        assert_eq!(watch.shown(now), ["a:X", "b:W", "b:Y", "a:Z"]);
        watch.sort_reverse();
        assert_eq!(watch.shown(now), ["b:Y", "b:W", "a:X", "a:Z"]);
        watch.sort_next();
        watch.sort_next();
        assert_eq!(watch.shown(now), ["b:Y", "a:Z", "a:X", "b:W"]);
    }

    #[test]
    fn rows_keep_their_places_for_a_second() {
        let (mut watch, now) = watch();
        watch.sort_next();
        watch.shown(now);
        watch.apply(r#"{"type":"delta","symbol":"b:Y","last":"99"}"#, now);
        assert_eq!(watch.shown(now + REORDER / 2)[0], "a:X");
        assert_eq!(watch.shown(now + REORDER)[0], "b:Y");
    }

    #[test]
    fn a_venue_and_a_text_choose_rows() {
        let (mut watch, now) = watch();
        assert_eq!(watch.tabs(), (vec!["all", "a", "b"], 0));
        watch.turn_tab(-1);
        assert_eq!((watch.tabs().1, watch.shown(now)), (2, &["b:W", "b:Y"].map(str::to_owned)[..]));
        watch.filter_by("y".to_owned());
        assert_eq!(watch.shown(now), ["b:Y"]);
        watch.turn_tab(1);
        assert_eq!(watch.shown(now), ["b:Y"]);
        watch.filter_by("nothing".to_owned());
        assert!(watch.shown(now).is_empty());
        watch.go(1);
        assert_eq!(watch.selected(), None);
    }

    #[test]
    fn the_eye_stays_with_its_symbol() {
        let (mut watch, now) = watch();
        watch.shown(now);
        watch.go(1);
        assert_eq!(watch.selected(), Some((0, "a:X")));
        watch.go(2);
        assert_eq!(watch.selected(), Some((2, "b:W")));
        watch.sort_next();
        watch.shown(now);
        assert_eq!(watch.selected(), Some((1, "b:W")));
        watch.go(-9);
        assert_eq!(watch.selected(), Some((0, "a:X")));
        watch.go_last();
        assert_eq!(watch.selected(), Some((3, "a:Z")));
    }

    #[test]
    fn what_is_no_message_changes_nothing() {
        let (mut watch, now) = watch();
        for text in ["", "{", "[]", "{}", r#"{"symbol":5}"#] {
            watch.apply(text, now);
        }
        assert_eq!((watch.len(), watch.taken), (4, 4));
    }
}
