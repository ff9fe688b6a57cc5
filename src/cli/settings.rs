//! `tickwire config`: which settings hold, where each comes from, and whether they can.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::io::Write as _;

use clap::Args;
use clap::Subcommand;

use crate::cli::failure::Failure;
use crate::cli::serve::Flags;
use crate::cli::talk::Talk;
use crate::config;
use crate::config::DEFAULTS;
use crate::config::error::Error;
use crate::config::layers::Origin;
use crate::config::reference;
use crate::config::setting::Setting;

/// Show and check the settings.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "\
Examples:
  tickwire config show --origin
  tickwire config check --config config/production.toml")]
pub struct Settings {
    /// What to do with them.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do with the settings.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Verb {
    /// Print the settings that hold, as TOML
    #[command(after_help = "\
Examples:
  tickwire config show --origin
  tickwire config show --live --config config/production.toml")]
    Show {
        /// Say of each where it comes from
        #[arg(long)]
        origin: bool,
        /// As of `serve`.
        #[command(flatten)]
        flags: Flags,
    },
    /// Say whether `serve` would take the settings
    #[command(after_help = "\
Examples:
  tickwire config check
  tickwire config check --config config/production.toml")]
    Check {
        /// As of `serve`.
        #[command(flatten)]
        flags: Flags,
    },
    /// Print the defaults, every setting explained, to begin a file with
    #[command(after_help = "\
Examples:
  tickwire config init
  tickwire config init | less")]
    Init,
    /// Print what every setting is for, as Markdown
    #[command(after_help = "\
Examples:
  tickwire config reference
  tickwire config reference | less")]
    Reference,
}

/// Settings that mean more once somebody sets them, even to their default: `config show` must not.
const SET_MEANS_MORE: &[&str] =
    &["limits.connections_per_ip", "limits.replays_per_ip", "limits.requests_per_s"];

/// Whether origins are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origins {
    Told,
    Untold,
}

impl Settings {
    /// Does it.
    ///
    /// # Errors
    /// [`Failure::General`] if the settings are wrong, and those of the output.
    pub fn run(&self, talk: Talk) -> Result<(), Failure> {
        let text = match &self.verb {
            Verb::Show { origin, flags } => {
                let origins = if *origin { Origins::Told } else { Origins::Untold };
                toml(&flags.load()?.settings(), origins)
            }
            Verb::Check { flags } => {
                config::strangers().iter().for_each(|said| talk.say(&format!("warning: {said}")));
                let errors = flags.errors();
                let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
                match errors.as_slice() {
                    [] => {}
                    all if all.iter().all(Error::is_of_command_line) => {
                        return Err(Failure::Usage(told.join("\n")));
                    }
                    _ => return Err(Failure::General(told.join("\n"))),
                }
                let feeds = flags.load()?.config.feeds;
                let names: Vec<&str> = feeds.iter().map(|feed| feed.name.as_str()).collect();
                format!("ok; feeds: {}\n", names.join(", "))
            }
            Verb::Init => DEFAULTS.to_owned(),
            Verb::Reference => reference::markdown(DEFAULTS),
        };
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        Ok(out.flush()?)
    }
}

/// The settings by section.
fn toml(settings: &[Setting], origins: Origins) -> String {
    let mut sections: BTreeMap<&str, Vec<(&str, &Setting)>> = BTreeMap::new();
    for setting in settings {
        let (section, key) = setting.key.rsplit_once('.').unwrap_or(("", &setting.key));
        sections.entry(section).or_default().push((key, setting));
    }
    let mut text = String::new();
    for (section, settings) in sections {
        let apart = if text.is_empty() { "" } else { "\n" };
        writeln!(text, "{apart}[{section}]").ok();
        for (key, Setting { key: whole, value, origin }) in settings {
            if *origin == Origin::Default && SET_MEANS_MORE.contains(&whole.as_str()) {
                text.push_str("# ");
            }
            match origins {
                Origins::Told => writeln!(text, "{key} = {value}  # {origin}").ok(),
                Origins::Untold => writeln!(text, "{key} = {value}").ok(),
            };
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn what_is_shown_is_toml_and_can_be_loaded_again() {
        let flags = Flags { listen: Some("127.0.0.1:7".to_owned()), ..Flags::default() };
        let loaded = flags.load().unwrap();
        for origins in [Origins::Told, Origins::Untold] {
            let text = toml(&loaded.settings(), origins);
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), &text).unwrap();
            let config: Option<PathBuf> = Some(file.path().to_owned());
            let again = Flags { config, ..Flags::default() }.load();
            let again = again.unwrap_or_else(|error| panic!("{error}: {text}"));
            assert_eq!(again.config, loaded.config);
            assert_eq!(text.contains("listen = \"127.0.0.1:7\"  # the command line"), {
                origins == Origins::Told
            });
        }
    }
}
