//! Paths of one machine, which help nobody elsewhere.

use crate::bites;
use crate::none;
use crate::source::Source;
use crate::tree::files;

/// A path of the machine where something was written helps nobody elsewhere.
fn machine_paths(file: &Source) -> Vec<String> {
    let roots = [["/wo", "rk/"].concat(), ["/ho", "me/"].concat(), ["/ro", "ot/"].concat()];
    let lines = file.text.lines().enumerate();
    let found = lines.filter(|(_, line)| roots.iter().any(|root| line.contains(root.as_str())));
    found.map(|(at, _)| format!("{}:{}: a path of one machine", file.path, at + 1)).collect()
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    let endings = [".rs", ".md", ".toml", ".sql", ".yml", ".js", ".py", "Makefile", ".ci/run"];
    none(files(&endings).iter().flat_map(machine_paths));
}

#[test]
fn the_rule_of_machine_paths_bites() {
    let path = ["see /wo", "rk/shared\n"].concat();
    bites(machine_paths, "README.md", "see ../shared\n", &path);
}
