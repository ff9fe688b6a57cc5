//! What the program says to people, on stderr: how much of it, and in which colours.

use std::io;
use std::io::IsTerminal;
use std::io::Write as _;

use clap::ArgAction;
use clap::Args;
use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

/// How the program talks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Args)]
pub struct Talk {
    /// Say nothing but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more; twice: everything
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// Whether to use colours; by itself on a terminal, unless `NO_COLOR` is set
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Color,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Talk {
    /// Sends what the program traces to stderr. `RUST_LOG` says what; else `-v`, `-q`, and `usual`.
    pub fn trace(self, usual: &str) {
        let filter = match (self.quiet, self.verbose) {
            (true, _) => "error",
            (_, 0) => usual,
            (_, 1) => "info,tickwire=debug",
            _ => "info,tickwire=trace",
        };
        let filter = match std::env::var("RUST_LOG") {
            Ok(asked) if !asked.is_empty() => EnvFilter::new(asked),
            _ => EnvFilter::new(filter),
        };
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_ansi(self.colours(&io::stderr()))
            .with_target(self.verbose > 0)
            .with_writer(io::stderr);
        // Only a second call fails, and then the first one holds.
        subscriber.try_init().ok();
    }

    /// Whether what goes there may be coloured.
    #[must_use]
    pub fn colours(self, to: &impl IsTerminal) -> bool {
        let asked_not_to = || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => to.is_terminal() && !asked_not_to(),
        }
    }

    /// Says a sentence, unless told to be quiet.
    pub fn say(self, text: &str) {
        if !self.quiet {
            tell(text);
        }
    }

    /// Says a sentence if told to say more.
    pub fn note(self, text: &str) {
        if self.verbose > 0 {
            tell(text);
        }
    }

    /// Says why the program failed.
    pub fn fail(self, text: &str) {
        let (on, off) =
            if self.colours(&io::stderr()) { ("\x1b[31m", "\x1b[0m") } else { ("", "") };
        tell(&format!("{on}error:{off} {text}"));
    }
}

/// One line on stderr. That nobody listens there is no failure.
fn tell(text: &str) {
    writeln!(io::stderr().lock(), "{text}").ok();
}
