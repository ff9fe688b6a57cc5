//! Every package of the tree can be had under licences that deny.toml allows.
//!
//! cargo-deny checks the same and more, where it is installed; this needs nothing.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::indexing_slicing, reason = "a test may panic")]

use std::process::Command;

/// Whether an SPDX expression can be met with the allowed licences alone.
fn is_met(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let spaced = spaced.replace(" WITH ", "_WITH_");
    let mut words = spaced.split_whitespace().peekable();
    let met = any(&mut words, allowed);
    met && words.peek().is_none()
}

type Words<'a, 'w> = &'a mut std::iter::Peekable<std::str::SplitWhitespace<'w>>;

fn any(words: Words<'_, '_>, allowed: &[String]) -> bool {
    let mut met = all(words, allowed);
    while words.next_if_eq(&"OR").is_some() {
        met |= all(words, allowed);
    }
    met
}

fn all(words: Words<'_, '_>, allowed: &[String]) -> bool {
    let mut met = one(words, allowed);
    while words.next_if_eq(&"AND").is_some() {
        met &= one(words, allowed);
    }
    met
}

fn one(words: Words<'_, '_>, allowed: &[String]) -> bool {
    match words.next() {
        Some("(") => any(words, allowed) & words.next_if_eq(&")").is_some(),
        Some(name) => allowed.contains(&name.replace("_WITH_", " WITH ")),
        None => false,
    }
}

fn allowed() -> Vec<String> {
    let deny: toml::Table = include_str!("../deny.toml").parse().unwrap();
    let list = deny["licenses"]["allow"].as_array().unwrap();
    list.iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// The platform here: of others, packages may not have been fetched.
fn host() -> String {
    let version = Command::new("rustc").arg("-vV").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned()
}

#[test]
fn no_package_needs_a_licence_that_is_not_allowed() {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--locked", "--format-version=1"])
        .args(["--filter-platform", &host()])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 100, "only {} packages", packages.len());

    let allowed = allowed();
    let refused = packages.iter().filter(|package| {
        !package["license"].as_str().is_some_and(|licence| is_met(licence, &allowed))
    });
    let refused: Vec<String> =
        refused.map(|package| format!("{}: {}", package["name"], package["license"])).collect();
    assert!(refused.is_empty(), "{refused:#?}");
}

#[test]
fn an_expression_is_met_by_one_side_of_or_and_both_of_and() {
    let allowed: Vec<String> =
        ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned).into();
    for (expression, expected) in [
        ("MIT", true),
        ("GPL-3.0-only", false),
        ("MIT OR GPL-3.0-only", true),
        ("GPL-2.0/MIT", true),
        ("MIT AND GPL-3.0-only", false),
        ("(GPL-3.0-only OR MIT) AND ISC", true),
        ("(GPL-3.0-only OR ISC) AND MPL-2.0", false),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("Apache-2.0", false),
        ("MIT MIT", false),
        ("(MIT", false),
        ("", false),
    ] {
        assert_eq!(is_met(expression, &allowed), expected, "{expression}");
    }
}

#[test]
fn no_copyleft_licence_is_on_the_list() {
    let copyleft = ["GPL", "MPL", "EPL", "EUPL", "CDDL", "OSL", "SSPL", "BUSL"];
    for name in allowed() {
        assert!(!copyleft.iter().any(|part| name.contains(part)), "{name}");
    }
}
