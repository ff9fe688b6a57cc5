//! A file as the rules see it: its path, its text, and where its tests begin.

/// One file of the tree; the path is relative to its root and has `/`.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// Whether the whole file is test code.
    pub(crate) fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("tests/")
    }

    /// The number of lines before the tests at its end.
    pub(crate) fn lines_of_code(&self) -> usize {
        let tests = |line: &str| line == "#[cfg(test)]";
        self.text.lines().position(tests).unwrap_or_else(|| self.text.lines().count())
    }

    /// Numbered lines without their comments.
    pub(crate) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(at, line)| (at + 1, without_comment(line)))
    }
}

/// Whether a word stands in a line, not as the end of a longer one.
pub(crate) fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        !line[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_')
    })
}

fn without_comment(line: &str) -> &str {
    if line.trim_start().starts_with("//") {
        return "";
    }
    line.split_once(" // ").map_or(line, |(code, _)| code)
}
