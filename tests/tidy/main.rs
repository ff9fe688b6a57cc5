//! The house rules as a test: each rule is a function from text to complaints, run over the tree
//! by one test and seen to bite by another.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::expect_used, reason = "a test may panic")]

mod homes;
mod order;
mod pages;
mod paths;
mod shape;
mod source;
mod tree;
mod wall;

use crate::source::Source;

#[track_caller]
fn none(complaints: impl IntoIterator<Item = String>) {
    let complaints: Vec<String> = complaints.into_iter().collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// Asserts that a rule accepts the one sample and complains once about the other.
#[track_caller]
fn bites(rule: fn(&Source) -> Vec<String>, path: &str, good: &str, bad: &str) {
    assert_eq!(rule(&Source::new(path, good)), Vec::<String>::new(), "{path}: {good}");
    assert_eq!(rule(&Source::new(path, bad)).len(), 1, "{path}: {bad}");
}
