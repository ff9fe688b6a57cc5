//! The order of the modules: one uses only those before it.

use crate::bites;
use crate::none;
use crate::source::Source;
use crate::tree::files;

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

fn order(file: &Source) -> Vec<String> {
    let mut complaints = Vec::new();
    let Some(inner) = file.path.strip_prefix("src/") else { return complaints };
    if matches!(inner, "lib.rs" | "main.rs") {
        return complaints;
    }
    let here = inner.split(['/', '.']).next().unwrap();
    let Some(rank) = ORDER.iter().position(|module| *module == here) else {
        return vec![format!(
            "{}: `{here}` has no place in ORDER of tests/tidy/order.rs",
            file.path
        )];
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

#[test]
fn modules_use_only_what_is_below_them() {
    none(files(&[".rs"]).iter().flat_map(order));
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
