//! Variables that look like settings and are none: `TICKWIRE_HTTP__LISTEN` has one `_` too few.

use crate::config::layers::ENV_PREFIX;

/// What all of the program's variables begin with.
const NAME: &str = "TICKWIRE_";
/// Those that the program and its tests read themselves.
const OWN: [&str; 5] =
    ["TICKWIRE_TOKEN", "TICKWIRE_URL", "TICKWIRE_CA", "TICKWIRE_BIN", "TICKWIRE_SIEGE_S"];
/// What Kubernetes sets for a service of this name, and what the tests set.
const OTHERS: [&str; 3] = ["TICKWIRE_SERVICE_", "TICKWIRE_PORT", "TICKWIRE_TEST_"];
/// A variable further away than this many edits is somebody else's, and its likeness chance.
const EDITS_MAX: usize = 4;

/// A sentence for each of the variables that nothing reads; `keys` are the dotted keys of settings.
pub(super) fn told<'a>(variables: impl Iterator<Item = &'a str>, keys: &[&str]) -> Vec<String> {
    let is_read = |name: &str| {
        name.starts_with(ENV_PREFIX)
            || OWN.contains(&name)
            || OTHERS.iter().any(|other| name.starts_with(other))
    };
    let unread = variables.filter(|name| name.starts_with(NAME) && !is_read(name));
    let mut told: Vec<String> = unread.map(|name| sentence(name, keys)).collect();
    told.sort();
    told
}

fn sentence(name: &str, keys: &[&str]) -> String {
    let flat = |text: &str| text.to_ascii_lowercase().replace(['.', '_'], "");
    let wanted = flat(name.strip_prefix(NAME).unwrap_or(name));
    let near = keys
        .iter()
        .map(|key| (strsim::damerau_levenshtein(&flat(key), &wanted), key))
        .min()
        .filter(|(edits, _)| *edits <= EDITS_MAX.min(wanted.len() / 2));
    let hint = near.map_or_else(String::new, |(_, key)| {
        let key = key.to_ascii_uppercase().replace('.', "__");
        format!(" (did you mean {ENV_PREFIX}{key}?)")
    });
    format!("nothing reads the environment variable {name}{hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_with_one_underscore_is_told_and_the_program_s_own_are_not() {
        let keys = ["http.listen", "tape.dir"];
        let names = [
            "TICKWIRE_HTTP__LISTEN",
            "TICKWIRE_TAPE_DIR",
            "TICKWIRE_OF_SOMEBODY",
            "TICKWIRE__HTTP__LISTEN",
            "TICKWIRE_TOKEN",
            "TICKWIRE_PORT_8080_TCP",
            "HOME",
        ];
        let told = told(names.into_iter(), &keys);
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told[0].ends_with("TICKWIRE_HTTP__LISTEN (did you mean TICKWIRE__HTTP__LISTEN?)"));
        assert!(told[1].ends_with("variable TICKWIRE_OF_SOMEBODY"), "{told:?}");
        assert!(told[2].ends_with("(did you mean TICKWIRE__TAPE__DIR?)"), "{told:?}");
    }
}
