//! What the program says to people, on stderr: how much of it, and in which colours.

use std::io;
use std::io::IsTerminal;
use std::io::Write as _;

use clap::ArgAction;
use clap::Args;
use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

use crate::config::log::Format;
use crate::config::log::Level;

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

/// Writes a record, which comes whole, as one line: what is quoted in it may hold line ends, and
/// must not look like a record of its own.
struct OneLine<W>(W);

/// How much is traced, if neither flags nor environment say so.
pub struct Volume {
    turn: Option<Turn>,
}

type Turn = Box<dyn Fn(EnvFilter) -> bool>;

impl<W: io::Write> io::Write for OneLine<W> {
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        let (body, end) = match record {
            [body @ .., b'\n'] => (body, &b"\n"[..]),
            body => (body, &b""[..]),
        };
        let mut line = Vec::with_capacity(record.len());
        for byte in body {
            match byte {
                b'\n' => line.extend_from_slice(b"\\n"),
                b'\r' => line.extend_from_slice(b"\\r"),
                byte => line.push(*byte),
            }
        }
        line.extend_from_slice(end);
        self.0.write_all(&line)?;
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Volume {
    /// Traces from this level on.
    pub fn set(&self, level: Level) {
        // The library calls each malformed request of a stranger an error.
        let filter = match level {
            Level::Error => "error,actix_http::h1::dispatcher=off",
            Level::Warn => "warn,actix_http::h1::dispatcher=off",
            Level::Info => "info,actix_http::h1::dispatcher=off",
            Level::Debug => "info,tickwire=debug",
            Level::Trace => "info,tickwire=trace",
        };
        if let Some(turn) = &self.turn
            && !turn(EnvFilter::new(filter))
        {
            tracing::warn!("the level of the log cannot be changed");
        }
    }
}

impl std::fmt::Debug for Volume {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Volume").field("is_free", &self.turn.is_some()).finish()
    }
}

impl Talk {
    /// Sends what the program traces to stderr. `RUST_LOG` says what; else `-v`, `-q`, and `usual`.
    pub fn trace(self, usual: &str, format: Format) -> Volume {
        let filter = match (self.quiet, self.verbose) {
            (true, _) => "error",
            (_, 0) => usual,
            (_, 1) => "info,tickwire=debug",
            _ => "info,tickwire=trace",
        };
        let asked = std::env::var("RUST_LOG").ok().filter(|asked| !asked.is_empty());
        let is_usual = asked.is_none() && !self.quiet && self.verbose == 0;
        let filter = EnvFilter::new(asked.as_deref().unwrap_or(filter));
        let form = tracing_subscriber::fmt()
            .with_ansi(self.colours(&io::stderr()))
            .with_target(self.verbose > 0)
            .with_writer(|| OneLine(io::stderr()));
        // Only a second call fails, and then the first one holds.
        let turn: Turn = match format {
            Format::Text => {
                let form = form.with_env_filter(filter).with_filter_reloading();
                let handle = form.reload_handle();
                form.try_init().ok();
                Box::new(move |filter| handle.reload(filter).is_ok())
            }
            Format::Json => {
                let form = form.with_ansi(false).with_target(true).json();
                let form = form.with_env_filter(filter).with_filter_reloading();
                let handle = form.reload_handle();
                form.try_init().ok();
                Box::new(move |filter| handle.reload(filter).is_ok())
            }
        };
        Volume { turn: is_usual.then_some(turn) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_one_line_whatever_it_quotes() {
        let mut written = OneLine(Vec::new());
        written.write_all(b"WARN bad: a\nINFO all is well\r\n\n").unwrap();
        assert_eq!(written.0, b"WARN bad: a\\nINFO all is well\\r\\n\n");
    }
}
