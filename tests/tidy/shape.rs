//! The shape of a file: its first line, its length, its width, its name.

use std::path::Path;

use crate::bites;
use crate::none;
use crate::source::Source;
use crate::tree::files;

/// Names that say nothing about what a file is.
const EMPTY_NAMES: &[&str] = &[
    "common",
    "data",
    "handler",
    "handlers",
    "helper",
    "helpers",
    "impl",
    "info",
    "manager",
    "misc",
    "mod",
    "models",
    "processor",
    "service",
    "types",
    "util",
    "utils",
];

/// Longest file before its tests, in lines.
const LINES_MAX: usize = 500;
/// Longest file of tests, in lines: a longer one holds the tests of several nouns, and nobody sees
/// what is tested of each.
const TEST_LINES_MAX: usize = 500;
/// Widest line, in characters.
const COLUMNS_MAX: usize = 100;

fn shape(file: &Source) -> Vec<String> {
    let Source { path, text } = file;
    let mut complaints = Vec::new();
    if !text.starts_with("//! ") {
        complaints.push(format!("{path}: begins with a `//!` sentence that says what it is"));
    }
    complaints.extend(length(file));
    for (at, line) in text.lines().enumerate() {
        if line.chars().count() > COLUMNS_MAX && !is_text(line) {
            complaints.push(format!("{path}:{}: wider than {COLUMNS_MAX} columns", at + 1));
        }
    }
    let stem = Path::new(path).file_stem().unwrap().to_string_lossy();
    if EMPTY_NAMES.contains(&stem.as_ref()) {
        complaints.push(format!("{path}: name it for the noun it holds"));
    }
    complaints
}

fn length(file: &Source) -> Option<String> {
    let (lines, lines_max, what) = match file.is_test() {
        true => (file.text.lines().count(), TEST_LINES_MAX, "lines of tests"),
        false => (file.lines_of_code(), LINES_MAX, "lines before its tests"),
    };
    (lines > lines_max).then(|| format!("{}: {lines} {what}: split it by nouns", file.path))
}

/// A line that is one piece of text, such as an expected frame: breaking it would change it.
fn is_text(line: &str) -> bool {
    ["\"", "r#\"", "b\"", "br#\"", "{\""].iter().any(|quote| line.trim_start().starts_with(quote))
}

#[test]
fn files_have_the_shape_of_the_house() {
    none(files(&[".rs"]).iter().flat_map(shape));
}

#[test]
fn the_rule_of_shape_bites() {
    let long = format!("//! A.\n{}", "\n".repeat(LINES_MAX));
    let long_tests = format!("//! A.\n#[cfg(test)]\n{}", "\n".repeat(LINES_MAX));
    bites(shape, "src/a.rs", "//! A file.\n", "fn main() {}\n");
    bites(shape, "src/a.rs", &long_tests, &long);
    bites(shape, "src/a.rs", "//! A file.\n", &format!("//! {}\n", "x".repeat(COLUMNS_MAX)));
    let wide = "x".repeat(COLUMNS_MAX);
    let (text, code) = (format!("//! A.\n    \"{wide}\",\n"), format!("//! A.\n    f({wide});\n"));
    bites(shape, "src/a.rs", &text, &code);
    assert_eq!(shape(&Source::new("src/http/utils.rs", "//! A.\n")).len(), 1);
    assert_eq!(shape(&Source::new("src/http/mod.rs", "//! A.\n")).len(), 1);
}

#[test]
fn the_rule_of_shape_bites_on_files_of_tests() {
    let lines = |count| format!("//! A.\n#[cfg(test)]\n{}", "\n".repeat(count - 2));
    let (longest, too_long) = (lines(TEST_LINES_MAX), lines(TEST_LINES_MAX + 1));
    for path in ["src/a/tests.rs", "src/a/tests/b.rs", "feeds/tests/a.rs", "tests/it/a.rs"] {
        bites(shape, path, &longest, &too_long);
    }
    let told = shape(&Source::new("tests/it/a.rs", &too_long));
    assert_eq!(told, ["tests/it/a.rs: 501 lines of tests: split it by nouns"]);
}
