//! Pages for readers: the files and settings that they name are there, and all files are named.

use std::collections::BTreeSet;
use std::fs;

use crate::none;
use crate::tree::files;
use crate::tree::root;

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
