//! What was found out about one thing.

use serde_json::json;

use crate::cli::table::Paint;

/// How a thing is; what is worse is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Grade {
    /// As it should be.
    Ok,
    /// It works, with a drawback.
    Fair,
    /// `serve` would not work, or not do what it is set up to do.
    Bad,
}

/// What was found out about one thing.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) grade: Grade,
    /// The thing, in a word.
    pub(super) of: String,
    /// How it is.
    pub(super) found: String,
    /// What to do about it; empty if there is nothing.
    pub(super) fix: String,
}

impl Finding {
    pub(super) fn ok(of: &str, found: impl Into<String>) -> Self {
        Self { grade: Grade::Ok, of: of.to_owned(), found: found.into(), fix: String::new() }
    }

    pub(super) fn fair(of: &str, found: impl Into<String>, fix: &str) -> Self {
        Self { grade: Grade::Fair, fix: fix.to_owned(), ..Self::ok(of, found) }
    }

    pub(super) fn bad(of: &str, found: impl Into<String>, fix: &str) -> Self {
        Self { grade: Grade::Bad, fix: fix.to_owned(), ..Self::ok(of, found) }
    }

    /// A line for people.
    pub(super) fn text(&self, paint: Paint) -> String {
        let (word, colour) = (self.grade.word(), self.grade.colour());
        let word = match paint {
            Paint::Plain => format!("{word:4}"),
            Paint::Colours => format!("\x1b[{colour}m{word:4}\x1b[0m"),
        };
        let fix = if self.fix.is_empty() { String::new() } else { format!(" -> {}", self.fix) };
        format!("{word}  {:12}  {}{fix}\n", self.of, self.found)
    }

    /// A line for programs.
    pub(super) fn json(&self) -> String {
        let fix = Some(&self.fix).filter(|fix| !fix.is_empty());
        let grade = self.grade.word();
        let line = json!({ "of": self.of, "state": grade, "found": self.found, "fix": fix });
        format!("{line}\n")
    }
}

impl Grade {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Fair => "warn",
            Self::Bad => "FAIL",
        }
    }

    const fn colour(self) -> &'static str {
        match self {
            Self::Ok => "32",
            Self::Fair => "33",
            Self::Bad => "31",
        }
    }
}
