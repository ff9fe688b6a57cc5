//! The house rules as a test: each rule is a function from text to complaints, run over the tree
//! by one test and seen to bite by another.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::expect_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// Modules of the server, from the bottom of the house to the top; one uses only those before it.
const ORDER: &[&str] = &[
    "clock",
    "descriptors",
    "parcel",
    "config",
    "tls",
    "event",
    "board",
    "tape",
    "store",
    "history",
    "wire",
    "access",
    "import",
    "export",
    "proof",
    "outbox",
    "subscriber",
    "hub",
    "replay",
    "sequencer",
    "ingest",
    "standin",
    "telemetry",
    "http",
    "load",
    "cli",
    "app",
];

/// Where a word of code may stand (beginnings of paths), and what to use in other places.
const ONLY_IN: &[(&str, &[&str], &str)] = &[
    ("Instant::now", &["src/clock.rs", "benches/"], "take `now` as an argument"),
    ("SystemTime::now", &["src/clock.rs"], "take `now` as an argument"),
    ("anyhow", &["src/main.rs", "tests/", "benches/"], "an error enum of the module"),
    ("unsafe {", &[], "safe code"),
    ("unsafe fn", &[], "safe code"),
    ("unsafe impl", &[], "safe code"),
    ("unsafe extern", &[], "safe code"),
    ("unbounded_channel", &[], "a queue with a bound"),
    ("channel::unbounded", &[], "a queue with a bound"),
    ("actix_web", &["src/http", "src/app", "src/main.rs", "tests/", "benches/"], "a sans-IO core"),
    ("actix_ws", &["src/http"], "a sans-IO core"),
    (
        "tungstenite",
        &[
            "src/ingest",
            "src/standin",
            "src/load",
            "src/cli",
            "clients/rust/src/socket.rs",
            "tests/",
            "benches/",
        ],
        "a sans-IO core",
    ),
    ("sqlx", &["src/store", "tests/", "benches/"], "a verb of `store`"),
    ("prometheus_client", &["src/telemetry"], "a metric of `telemetry`"),
    (
        "println!",
        &["src/cli", "src/main.rs", "build.rs", "clients/rust/examples/", "tests/", "benches/"],
        "`tracing`, or a verb of `cli`",
    ),
    ("print!", &["src/cli", "src/main.rs", "tests/", "benches/"], "`tracing`, or a verb of `cli`"),
    ("eprintln!", &["src/cli", "src/main.rs", "tests/", "benches/"], "`tracing`"),
    ("eprint!", &["src/cli", "src/main.rs", "tests/", "benches/"], "`tracing`"),
    ("thread::sleep", &["src/sequencer.rs", "tests/", "benches/"], "a timer of the driver"),
];

/// All that `feeds` may depend on: nothing that can do I/O or read a clock.
const FEEDS_WALL: &[&str] =
    &["itoa", "rand_pcg", "rust_decimal", "serde", "serde_json", "simd-json", "thiserror"];

/// What `feeds` may not take from the standard library either.
const NOT_IN_FEEDS: &[&str] = &[
    "std::net",
    "std::fs",
    "std::io",
    "std::env",
    "std::process",
    "std::thread",
    "std::time",
    "Instant",
    "SystemTime",
    "tokio",
    "actix",
];

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
/// Widest line, in characters.
const COLUMNS_MAX: usize = 100;

/// One file of the tree; the path is relative to its root and has `/`.
struct Source {
    path: String,
    text: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// Whether the whole file is test code.
    fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("tests/")
    }

    /// The number of lines before the tests at its end.
    fn lines_of_code(&self) -> usize {
        let tests = |line: &str| line == "#[cfg(test)]";
        self.text.lines().position(tests).unwrap_or_else(|| self.text.lines().count())
    }

    /// Numbered lines without their comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(at, line)| (at + 1, without_comment(line)))
    }
}

fn without_comment(line: &str) -> &str {
    if line.trim_start().starts_with("//") {
        return "";
    }
    line.split_once(" // ").map_or(line, |(code, _)| code)
}

// The rules.

fn shape(file: &Source) -> Vec<String> {
    let Source { path, text } = file;
    let mut complaints = Vec::new();
    if !text.starts_with("//! ") {
        complaints.push(format!("{path}: begins with a `//!` sentence that says what it is"));
    }
    if !file.is_test() && file.lines_of_code() > LINES_MAX {
        let lines = file.lines_of_code();
        complaints.push(format!("{path}: {lines} lines before its tests: split it by nouns"));
    }
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

/// A line that is one piece of text, such as an expected frame: breaking it would change it.
fn is_text(line: &str) -> bool {
    ["\"", "r#\"", "b\"", "br#\"", "{\""].iter().any(|quote| line.trim_start().starts_with(quote))
}

fn order(file: &Source) -> Vec<String> {
    let mut complaints = Vec::new();
    let Some(inner) = file.path.strip_prefix("src/") else { return complaints };
    if matches!(inner, "lib.rs" | "main.rs") {
        return complaints;
    }
    let here = inner.split(['/', '.']).next().unwrap();
    let Some(rank) = ORDER.iter().position(|module| *module == here) else {
        return vec![format!("{}: `{here}` has no place in ORDER of tests/tidy.rs", file.path)];
    };
    let depth = inner.split('/').count();
    let first_test = file.lines_of_code();
    for (at, line) in file.code() {
        let reach = if at > first_test { depth } else { depth - 1 };
        if line.matches("super::").count() > reach
            && line.contains("super::".repeat(reach + 1).as_str())
        {
            complaints.push(format!("{}:{at}: write `crate::`, not a way up to it", file.path));
        }
        for used in line.split("crate::").skip(1) {
            if used.starts_with(['{', '*']) {
                complaints.push(format!("{}:{at}: one `use crate::…` a line", file.path));
            }
            let used = used.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
            let above = ORDER.iter().position(|module| *module == used);
            if above.is_some_and(|above| above > rank) {
                complaints.push(format!("{}:{at}: `{here}` must not use `{used}`", file.path));
            }
        }
    }
    complaints
}

fn homes(file: &Source) -> Vec<String> {
    let mut complaints = Vec::new();
    let first_test = if file.is_test() { 0 } else { file.lines_of_code() };
    for (at, line) in file.code() {
        for (word, homes, instead) in ONLY_IN {
            let prints_in_test = word.contains("print") && at > first_test;
            let at_home = homes.iter().any(|home| file.path.starts_with(home));
            let at_home = at_home || *word == "Instant::now" && runs_on_tokio_time(file);
            let at_home = at_home || file.path.starts_with("feeds/") && is_feeds_home(file, homes);
            if has_word(line, word) && !at_home && !prints_in_test {
                complaints.push(format!("{}:{at}: no `{word}` here, use {instead}", file.path));
            }
        }
    }
    complaints
}

/// Drivers wait by tokio's timers, whose clock is tokio's `Instant`: a test can stop it. That they
/// read no other is clippy's to see.
fn runs_on_tokio_time(file: &Source) -> bool {
    let drivers =
        ["src/ingest", "src/standin", "src/http", "src/cli", "clients/rust/src/link", "tests/"];
    drivers.iter().any(|driver| file.path.starts_with(driver))
        && file.text.contains("use tokio::time::Instant;")
}

/// The tests and benches of `feeds` are at home where those of the server are.
fn is_feeds_home(file: &Source, homes: &[&str]) -> bool {
    let inner = file.path.trim_start_matches("feeds/");
    homes.iter().any(|home| matches!(*home, "tests/" | "benches/") && inner.starts_with(home))
}

/// Whether a word stands in a line, not as the end of a longer one.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        !line[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_')
    })
}

fn wall(file: &Source) -> Vec<String> {
    if !file.path.starts_with("feeds/src/") || file.path.starts_with("feeds/src/bin") {
        return Vec::new();
    }
    let code = file.code().take(file.lines_of_code());
    let found = code.flat_map(|(at, line)| {
        NOT_IN_FEEDS.iter().filter(|word| has_word(line, word)).map(move |word| (at, *word))
    });
    found.map(|(at, word)| format!("{}:{at}: `feeds` does without {word}", file.path)).collect()
}

fn dependencies(manifest: &str) -> Vec<String> {
    let manifest: toml::Table = manifest.parse().expect("a manifest");
    let listed = manifest.get("dependencies").and_then(toml::Value::as_table);
    let names: Vec<&str> = listed.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    let strange = names.into_iter().filter(|name| !FEEDS_WALL.contains(name));
    strange.map(|name| format!("feeds/Cargo.toml: {name} is not in FEEDS_WALL")).collect()
}

/// The code map names every file, and no file that is not there.
fn code_map(page: &str, files: &BTreeSet<String>) -> Vec<String> {
    let is_source = |name: &&str| {
        (name.starts_with("src/") || name.starts_with("feeds/src/")) && name.ends_with(".rs")
    };
    let named: BTreeSet<String> = words(page).filter(is_source).map(str::to_owned).collect();
    let missing = files.difference(&named).map(|file| format!("ARCHITECTURE.md: no {file}"));
    let gone = named.difference(files).map(|file| format!("ARCHITECTURE.md: {file} is gone"));
    missing.chain(gone).collect()
}

/// A page speaks only of settings that there are.
fn settings(path: &str, page: &str, known: &BTreeSet<String>) -> Vec<String> {
    let mut complaints = Vec::new();
    let sections: BTreeSet<&str> = known.iter().filter_map(|key| key.split('.').next()).collect();
    let variables = words(page).filter_map(|word| word.strip_prefix("TICKWIRE__"));
    let variables = variables.map(|name| name.to_ascii_lowercase().replace("__", "."));
    let quoted = page.split('`').skip(1).step_by(2).filter(|word| {
        let is_key = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '.';
        word.contains('.') && word.chars().all(is_key)
    });
    for key in variables.chain(quoted.map(str::to_owned)) {
        let mut parts = key.split('.');
        let (section, last) = (parts.next().unwrap_or(""), parts.next_back().unwrap_or(""));
        let is_file = matches!(last, "rs" | "toml" | "md" | "name");
        let is_known = known.contains(&key) || section == "section" || section == "feeds";
        if !is_file && !is_known && (sections.contains(section) || section.is_empty()) {
            complaints.push(format!("{path}: there is no setting {key}"));
        }
    }
    complaints
}

/// What a page names, without the marks around it.
fn words(page: &str) -> impl Iterator<Item = &str> {
    let ends = |c: char| !c.is_alphanumeric() && !matches!(c, '_' | '.' | '/' | '-');
    page.split(ends).map(|word| word.trim_end_matches('.'))
}

/// A path of the machine where something was written helps nobody elsewhere.
fn machine_paths(file: &Source) -> Vec<String> {
    let roots = [["/wo", "rk/"].concat(), ["/ho", "me/"].concat(), ["/ro", "ot/"].concat()];
    let lines = file.text.lines().enumerate();
    let found = lines.filter(|(_, line)| roots.iter().any(|root| line.contains(root.as_str())));
    found.map(|(at, _)| format!("{}:{}: a path of one machine", file.path, at + 1)).collect()
}

// The tree.

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files(endings: &[&str]) -> Vec<Source> {
    let mut sources = Vec::new();
    let tops = [
        ".ci",
        ".cargo",
        "benches",
        "clients",
        "config",
        "feeds",
        "migrations",
        "src",
        "tests",
        "web",
    ];
    let mut directories: Vec<PathBuf> = tops.iter().map(|top| root().join(top)).collect();
    let in_root = entries(&root()).into_iter().filter(|path| path.is_file());
    let mut paths: Vec<PathBuf> = in_root.collect();
    while let Some(directory) = directories.pop() {
        for path in entries(&directory) {
            match path.is_dir() {
                true if !path.ends_with("target") && !path.ends_with("node_modules") => {
                    directories.push(path);
                }
                true => {}
                false => paths.push(path),
            }
        }
    }
    for path in paths {
        let relative = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
        if endings.iter().any(|ending| relative.ends_with(ending)) {
            sources.push(Source { text: fs::read_to_string(&path).unwrap(), path: relative });
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().path()).collect()
}

fn known_settings() -> BTreeSet<String> {
    fn collect(prefix: &str, table: &toml::Table, known: &mut BTreeSet<String>) {
        for (key, value) in table {
            known.insert(format!("{prefix}{key}"));
            if let toml::Value::Table(below) = value {
                collect(&format!("{prefix}{key}."), below, known);
            }
        }
    }
    let text = fs::read_to_string(root().join("config/default.toml")).unwrap();
    let mut known = BTreeSet::new();
    collect("", &text.parse().unwrap(), &mut known);
    known
}

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

#[test]
fn files_have_the_shape_of_the_house() {
    none(files(&[".rs"]).iter().flat_map(shape));
}

#[test]
fn modules_use_only_what_is_below_them() {
    none(files(&[".rs"]).iter().flat_map(order));
}

#[test]
fn each_concern_has_its_home() {
    let this = |file: &Source| file.path == "tests/tidy.rs";
    none(files(&[".rs"]).iter().filter(|file| !this(file)).flat_map(homes));
}

#[test]
fn feeds_can_not_do_io() {
    none(files(&[".rs"]).iter().flat_map(wall));
    none(dependencies(&fs::read_to_string(root().join("feeds/Cargo.toml")).unwrap()));
}

#[test]
fn the_code_map_is_the_tree() {
    // Written once the modules stand; from then on it is kept true.
    let Ok(page) = fs::read_to_string(root().join("ARCHITECTURE.md")) else { return };
    let sources = files(&[".rs"]).into_iter().filter(|file| {
        let path = &file.path;
        (path.starts_with("src/") || path.starts_with("feeds/src/")) && !file.is_test()
    });
    none(code_map(&page, &sources.map(|file| file.path).collect()));
}

#[test]
fn pages_speak_of_settings_that_there_are() {
    let known = known_settings();
    none(files(&[".md"]).iter().flat_map(|f| settings(&f.path, &f.text, &known)));
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    let endings = [".rs", ".md", ".toml", ".sql", ".yml", ".js", ".py", "Makefile", ".ci/run"];
    none(files(&endings).iter().flat_map(machine_paths));
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
fn the_rule_of_order_bites() {
    bites(order, "src/hub.rs", "use crate::board::Board;\n", "use crate::http::Query;\n");
    bites(order, "src/hub/ring.rs", "// as crate::http does\n", "    crate::app::run();\n");
    bites(order, "src/hub.rs", "use crate::board::Board;\n", "use crate::{board, event};\n");
    bites(order, "src/hub.rs", "use std::fmt;\n", "use crate::*;\n");
    bites(order, "src/hub.rs", "#[cfg(test)]\nuse super::*;\n", "use super::http::A;\n");
    bites(order, "src/hub/ring.rs", "use super::Hub;\n", "use super::super::http::A;\n");
    assert_eq!(order(&Source::new("src/strange.rs", "")).len(), 1);
    assert_eq!(order(&Source::new("src/lib.rs", "crate::app")), Vec::<String>::new());
}

#[test]
fn the_rule_of_homes_bites() {
    bites(homes, "src/hub.rs", "fn f(now: Instant) {}\n", "let now = Instant::now();\n");
    let tokio = "use tokio::time::Instant;\nlet now = Instant::now();\n";
    bites(homes, "src/ingest/link.rs", tokio, "use std::time::Instant;\nInstant::now()\n");
    assert_eq!(homes(&Source::new("src/hub.rs", tokio)).len(), 1);
    bites(homes, "src/tape.rs", "// no anyhow here\n", "use anyhow::Result;\n");
    bites(homes, "src/clock.rs", "SystemTime::now()\n", "unsafe { read() }\n");
    bites(homes, "src/hub.rs", "#[cfg(test)]\nprintln!(\"SKIPPED\");\n", "println!(\"tick\");\n");
    bites(homes, "src/hub.rs", "writeln!(out)\n", "eprintln!(\"a\");\n");
    bites(homes, "src/subscriber.rs", "bytes::Bytes\n", "use actix_ws::Session;\n");
    bites(homes, "feeds/tests/a.rs", "println!(\"SKIPPED\");\n", "SystemTime::now()\n");
    bites(homes, "tests/it/a.rs", "use anyhow::Result;\n", "mpsc::unbounded_channel()\n");
}

#[test]
fn the_wall_around_feeds_bites() {
    bites(wall, "feeds/src/sim.rs", "use std::fmt;\n", "use std::fs::File;\n");
    bites(wall, "feeds/src/sim.rs", "/// An Instant of its own.\n", "fn f(at: Instant) {}\n");
    bites(wall, "feeds/src/sim.rs", "#[cfg(test)]\nuse std::io::Read;\n", "use std::io::Read;\n");
    assert_eq!(dependencies("[dependencies]\nserde = '1'\n"), Vec::<String>::new());
    assert_eq!(dependencies("[dependencies]\nserde = '1'\ntokio = '1'\n").len(), 1);
}

#[test]
fn the_rules_of_pages_bite() {
    let files: BTreeSet<String> = ["src/a.rs", "src/b/c.rs"].map(str::to_owned).into();
    assert_eq!(code_map("`src/a.rs` is a, src/b/c.rs is c.", &files), Vec::<String>::new());
    assert_eq!(code_map("`src/a.rs`", &files), ["ARCHITECTURE.md: no src/b/c.rs"]);
    let more = "src/a.rs, src/b/c.rs and `feeds/src/d.rs`.";
    assert_eq!(code_map(more, &files), ["ARCHITECTURE.md: feeds/src/d.rs is gone"]);

    let known = known_settings();
    let page = "`http.listen` or TICKWIRE__HTTP__LISTEN, `book.10`, `tape.rs`, `http.tls`.";
    assert_eq!(settings("a.md", page, &known), Vec::<String>::new());
    assert_eq!(settings("a.md", "`http.lisen`", &known), ["a.md: there is no setting http.lisen"]);
    assert_eq!(settings("a.md", "set TICKWIRE__HTTP__PORT=1", &known).len(), 1);
}

#[test]
fn the_rule_of_machine_paths_bites() {
    let path = ["see /wo", "rk/shared\n"].concat();
    bites(machine_paths, "README.md", "see ../shared\n", &path);
}
