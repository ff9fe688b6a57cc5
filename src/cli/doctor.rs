//! `tickwire doctor`: whether everything that `serve` needs is there, and what to do where it is
//! not.

mod finding;
mod house;
mod network;

use std::io;
use std::io::Write as _;

use clap::Args;

use crate::cli::doctor::finding::Finding;
use crate::cli::doctor::finding::Grade;
use crate::cli::failure::Failure;
use crate::cli::serve::Flags;
use crate::cli::table::Paint;
use crate::cli::talk::Talk;
use crate::config;

/// Look whether everything that `serve` needs is there.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "\
Changes nothing. Ends with 1 if `serve` would not do all that it is set up to do.

Examples:
  tickwire doctor
  tickwire doctor --config config/production.toml --json")]
pub struct Doctor {
    /// As of `serve`.
    #[command(flatten)]
    flags: Flags,
    /// Print a JSON object a finding
    #[arg(long)]
    json: bool,
}

impl Doctor {
    /// Looks at one thing after the other, and tells each as soon as it is known.
    ///
    /// # Errors
    /// [`Failure::Told`] if something is wrong, and those of the output.
    pub fn run(&self, talk: Talk) -> Result<(), Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime =
            runtime.map_err(|error| Failure::General(format!("cannot start: {error}")))?;
        let colours = talk.colours(&io::stdout());
        let paint = if colours { Paint::Colours } else { Paint::Plain };
        let mut worst = Grade::Ok;
        let mut tell = |finding: Finding| -> Result<(), Failure> {
            worst = worst.max(finding.grade);
            let line = if self.json { finding.json() } else { finding.text(paint) };
            let mut out = io::stdout().lock();
            out.write_all(line.as_bytes())?;
            Ok(out.flush()?)
        };
        match self.flags.load() {
            Err(error) => tell(Finding::bad("settings", error.to_string(), "mend the setting"))?,
            Ok(loaded) => {
                let config = loaded.config;
                tell(house::settings(&config))?;
                for said in config::strangers() {
                    tell(Finding::fair("settings", said, "mend its name, or take it away"))?;
                }
                for look in house::LOOKS {
                    tell(look(&config))?;
                }
                if let Some(found) = runtime.block_on(network::store(&config)) {
                    tell(found)?;
                }
                for feed in &config.feeds {
                    tell(runtime.block_on(network::feed(feed, &config)))?;
                }
            }
        }
        if worst == Grade::Bad { Err(Failure::Told(1)) } else { Ok(()) }
    }
}
