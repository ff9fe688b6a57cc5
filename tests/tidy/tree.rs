//! The tree: all files that the rules are about.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use crate::source::Source;

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn files(endings: &[&str]) -> Vec<Source> {
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
