//! The reference of the settings for people, made from the defaults and their explanations.

use std::fmt::Write as _;

/// Each setting with its environment variable, its default and what it is for, as Markdown.
#[must_use]
pub fn markdown(defaults: &str) -> String {
    let mut text = INTRODUCTION.to_owned();
    let (mut section, mut about) = (String::new(), Vec::new());
    for line in defaults.lines() {
        if let Some(name) = line.strip_prefix('[') {
            name.trim_end_matches(']').clone_into(&mut section);
            write!(text, "\n## {section}\n").ok();
            write_paragraph(&mut text, &mut about);
        } else if let Some(words) = line.strip_prefix('#') {
            about.push(words.trim());
        } else if let Some((key, value)) = line.split_once(" = ") {
            let path = format!("{section}.{}", key.trim());
            let variable = path.to_uppercase().replace('.', "__");
            write!(text, "\n### `{path}`\n").ok();
            write_paragraph(&mut text, &mut about);
            write!(text, "\nDefault `{value}` · `TICKWIRE__{variable}`\n").ok();
        } else if section.is_empty() {
            // What the file says of itself.
            about.clear();
        }
    }
    text
}

const INTRODUCTION: &str = "\
# Settings

Every setting, as `tickwire config reference` prints it. Defaults, a file (`--config`), environment
variables and flags lie over each other, the later the stronger; name in a file only what differs.
Sizes are bytes, bare or as `\"64MiB\"`; a key that ends in `_ms` is a number of milliseconds.
`tickwire config check` says whether settings can hold, `tickwire config show --origin` which do,
and why.
";

fn write_paragraph(text: &mut String, about: &mut Vec<&str>) {
    if !about.is_empty() {
        write!(text, "\n{}\n", about.join("\n")).ok();
        about.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DEFAULTS;

    #[test]
    fn every_setting_is_there_with_its_variable_and_its_reason() {
        let text = markdown(DEFAULTS);
        let keys = DEFAULTS.lines().filter(|line| line.contains(" = ") && !line.starts_with('#'));
        assert_eq!(text.matches("\n### `").count(), keys.count());
        let of = "### `http.head_timeout_ms`\n\nLongest time for a request's head to arrive";
        assert!(text.contains(of), "{text}");
        assert!(text.contains("Default `5000` · `TICKWIRE__HTTP__HEAD_TIMEOUT_MS`\n"), "{text}");
        assert!(!text.contains("This file is inside the program"));
    }

    #[test]
    fn the_page_in_the_docs_is_what_the_program_prints() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md");
        let page = std::fs::read_to_string(page).unwrap();
        let fix = "tickwire config reference > docs/configuration.md";
        assert!(page == markdown(DEFAULTS), "run: {fix}");
    }
}
