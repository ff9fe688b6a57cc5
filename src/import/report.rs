//! The report: what was found in the files of an import.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use tickwire_feeds::Nanos;

/// Bad rows that are kept; of more only the number is.
const BAD_MAX: usize = 20;

/// What was found in the files of an import.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Prints.
    pub trades: u64,
    /// Best bids and asks.
    pub quotes: u64,
    /// Messages that are neither, by their type.
    pub others: BTreeMap<Box<str>, u64>,
    /// Columns of which nothing is kept, and those of which a kind of row keeps nothing.
    pub left_out: BTreeSet<Box<str>>,
    /// The least time and the greatest.
    pub range: Option<(Nanos, Nanos)>,
    /// Rows whose time is below that of the row before them.
    pub backward: u64,
    /// The first bad rows.
    pub bad: Vec<Bad>,
    /// All bad rows.
    pub bad_count: u64,
    pub(super) last: Option<Nanos>,
}

/// A row that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bad {
    /// The file.
    pub name: String,
    /// Its line.
    pub line: u64,
    /// Why.
    pub why: String,
}

impl Report {
    /// Prints, bests bids and asks.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.trades + self.quotes
    }

    pub(super) fn note_time(&mut self, at: Nanos) {
        let (first, last) = self.range.unwrap_or((at, at));
        self.range = Some((first.min(at), last.max(at)));
        if self.last.is_some_and(|before| at < before) {
            self.backward += 1;
        }
        self.last = Some(at);
    }

    pub(super) fn note_bad(&mut self, name: &str, line: u64, why: String) {
        self.bad_count += 1;
        if self.bad.len() < BAD_MAX {
            self.bad.push(Bad { name: name.to_owned(), line, why });
        }
    }

    pub(super) fn note_left_out(&mut self, columns: impl IntoIterator<Item = String>) {
        const COLUMNS_KEPT: usize = 256;
        for column in columns {
            if self.left_out.len() < COLUMNS_KEPT {
                self.left_out.insert(column.into());
            }
        }
    }

    pub(super) fn note_other(&mut self, kind: &str) {
        const KINDS_MAX: usize = 64;
        if let Some(count) = self.others.get_mut(kind) {
            *count += 1;
        } else if self.others.len() < KINDS_MAX {
            self.others.insert(kind.into(), 1);
        }
    }

    /// Whether no more bad rows need to be looked for, of which so many are let pass.
    #[must_use]
    pub fn is_hopeless(&self, skip_bad: u64) -> bool {
        self.bad_count > skip_bad && self.bad_count >= BAD_MAX as u64
    }
}
