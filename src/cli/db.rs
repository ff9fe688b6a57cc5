//! `tickwire db`: the tables of the store, made and watched over.

use std::fmt::Write as _;
use std::io;
use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use clap::Subcommand;

use crate::cli::failure::Failure;
use crate::cli::serve::Flags;
use crate::cli::talk::Talk;
use crate::store::Error;
use crate::store::Settings;
use crate::store::Url;
use crate::store::schema;
use crate::store::schema::Standing;
use crate::store::schema::Step;

/// Make the tables of the store, or say how they stand.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "\
Examples:
  tickwire db status
  tickwire db migrate --config config/production.toml")]
pub struct Db {
    /// What to do with them.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do with the tables.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Verb {
    /// Apply the migrations that are missing; `serve` does so by itself
    #[command(after_help = "\
Examples:
  tickwire db migrate
  tickwire db migrate --url postgres://tickwire@localhost/tickwire")]
    Migrate {
        /// Which.
        #[command(flatten)]
        database: Database,
    },
    /// Say which migrations were applied, and which are missing (exit code 6 if any is)
    #[command(after_help = "\
Examples:
  tickwire db status
  tickwire db status --url postgres://tickwire@localhost/tickwire")]
    Status {
        /// Which.
        #[command(flatten)]
        database: Database,
    },
}

/// Which database.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct Database {
    /// Where it is; without it `store.url`. Others on this machine can read what is written here,
    /// so a password belongs in TICKWIRE__STORE__URL
    #[arg(long, value_name = "URL", value_parser = parse_url)]
    pub url: Option<Url>,
    /// File of settings that differ from the defaults
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl Db {
    /// Does it.
    ///
    /// # Errors
    /// [`Failure::Usage`] if no database is named, [`Failure::Connection`] if it is not there,
    /// [`Failure::Missing`] for a status that is not what this program needs; those of the output.
    pub fn run(&self, talk: Talk) -> Result<(), Failure> {
        let (Verb::Migrate { database } | Verb::Status { database }) = &self.verb;
        let settings = database.settings()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime =
            runtime.map_err(|error| Failure::General(format!("cannot start: {error}")))?;
        let asked = match self.verb {
            Verb::Migrate { .. } => runtime.block_on(schema::migrate(&settings)),
            Verb::Status { .. } => runtime.block_on(schema::status(&settings)),
        };
        let steps = asked.map_err(|error| failure(&error, &settings.url))?;
        talk.note(&format!("at {}", settings.url));
        let mut out = io::stdout().lock();
        out.write_all(table(&steps).as_bytes())?;
        out.flush()?;
        schema::check(&steps).map_err(|error| Failure::Missing(error.to_string()))
    }
}

impl Database {
    fn settings(&self) -> Result<Settings, Failure> {
        if let Some(url) = &self.url {
            return Ok(Settings::new(url.clone()));
        }
        let flags = Flags { config: self.config.clone(), ..Flags::default() };
        let loaded = flags.load()?;
        Settings::of(&loaded.config.store).ok_or_else(|| {
            Failure::Usage("no database: name one with --url or TICKWIRE__STORE__URL".to_owned())
        })
    }
}

fn failure(error: &Error, url: &Url) -> Failure {
    let told = format!("{url}: {error}");
    match error {
        Error::Database { .. } | Error::Timeout { .. } => Failure::Connection(told),
        Error::Newer { .. } | Error::Changed { .. } => Failure::Missing(told),
        _ => Failure::General(told),
    }
}

/// A line a migration.
fn table(steps: &[Step]) -> String {
    let mut text = String::new();
    for Step { version, name, standing } in steps {
        let standing = match standing {
            Standing::Applied => "applied",
            Standing::Pending => "missing",
            Standing::Unknown => "of a later version of tickwire",
            Standing::Changed => "applied with other content",
        };
        writeln!(text, "{version:04}  {name:24}  {standing}").ok();
    }
    text
}

fn parse_url(text: &str) -> Result<Url, String> {
    Url::parse(text).ok_or_else(|| "expected postgres://user@host/name".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_line_for_each_migration() {
        let step = |version, standing| Step { version, name: "history".to_owned(), standing };
        let steps = [step(1, Standing::Applied), step(22, Standing::Pending)];
        assert_eq!(
            table(&steps),
            "0001  history                   applied\n0022  history                   missing\n"
        );
    }

    #[test]
    fn no_failure_tells_the_password() {
        let url = Url::parse("postgres://me:secret@nowhere/t").unwrap();
        let told = failure(&Error::Rival, &url).to_string();
        assert!(told.starts_with("postgres://me:***@nowhere/t: "), "{told}");
    }
}
