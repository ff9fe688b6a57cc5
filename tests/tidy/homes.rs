//! The homes of concerns: where a word of code may stand.

use crate::bites;
use crate::none;
use crate::source::Source;
use crate::source::has_word;
use crate::tree::files;

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
    (
        "thread::sleep",
        &["src/http/acceptor.rs", "src/sequencer.rs", "tests/", "benches/"],
        "a timer of the driver",
    ),
];

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

#[test]
fn each_concern_has_its_home() {
    let this = |file: &Source| file.path == "tests/tidy/homes.rs";
    none(files(&[".rs"]).iter().filter(|file| !this(file)).flat_map(homes));
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
