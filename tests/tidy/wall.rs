//! The wall around `feeds`, which does no I/O and reads no clock.

use std::fs;

use crate::bites;
use crate::none;
use crate::source::Source;
use crate::source::has_word;
use crate::tree::files;
use crate::tree::root;

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

#[test]
fn feeds_can_not_do_io() {
    none(files(&[".rs"]).iter().flat_map(wall));
    none(dependencies(&fs::read_to_string(root().join("feeds/Cargo.toml")).unwrap()));
}

#[test]
fn the_wall_around_feeds_bites() {
    bites(wall, "feeds/src/sim.rs", "use std::fmt;\n", "use std::fs::File;\n");
    bites(wall, "feeds/src/sim.rs", "/// An Instant of its own.\n", "fn f(at: Instant) {}\n");
    bites(wall, "feeds/src/sim.rs", "#[cfg(test)]\nuse std::io::Read;\n", "use std::io::Read;\n");
    assert_eq!(dependencies("[dependencies]\nserde = '1'\n"), Vec::<String>::new());
    assert_eq!(dependencies("[dependencies]\nserde = '1'\ntokio = '1'\n").len(), 1);
}
