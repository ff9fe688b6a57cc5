//! The command line: what can be asked for. Data goes to stdout, talk to stderr.

use std::ffi::OsString;

use clap::Parser;
use clap::Subcommand;
use clap::error::ErrorKind;

use crate::cli::bench::Bench;
use crate::cli::check::Check;
use crate::cli::completion::Completion;
use crate::cli::completion::Man;
use crate::cli::db::Db;
use crate::cli::doctor::Doctor;
use crate::cli::export::Export;
use crate::cli::failure::Failure;
use crate::cli::import::Import;
use crate::cli::replay::Replay;
use crate::cli::serve::Serve;
use crate::cli::sessions::Sessions;
use crate::cli::settings::Settings;
use crate::cli::snap::Snap;
use crate::cli::standin::Standin;
use crate::cli::sub::Sub;
use crate::cli::talk::Talk;
use crate::cli::tape::Tape;
use crate::cli::token::Token;
use crate::cli::top::Top;
use crate::cli::verify::Verify;

pub mod bench;
mod chain;
pub mod check;
mod columns;
pub mod completion;
mod connection;
pub mod credential;
pub mod db;
pub mod doctor;
mod endpoint;
pub mod export;
pub mod failure;
mod follower;
pub mod import;
mod instant;
mod interrupt;
mod nearest;
mod place;
mod progress;
mod pursuit;
pub mod replay;
mod request;
mod rest;
mod row;
mod screen;
pub mod serve;
pub mod sessions;
pub mod settings;
pub mod signals;
pub mod snap;
pub mod standin;
pub mod sub;
mod table;
pub mod talk;
pub mod tape;
pub mod token;
pub mod top;
pub mod verify;

/// Market data of many venues, one ordered tape, live and late alike.
#[derive(Debug, Parser)]
#[command(name = "tickwire", version, after_help = EXAMPLES, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do; without it the service runs, as with `serve`.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How it talks.
    #[command(flatten)]
    pub talk: Talk,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Take ticks from the venues and serve them (the default; made-up ticks if no feed is named)
    Serve(Serve),
    /// Follow symbols: a live table on a terminal, one JSON object a line into a pipe
    Sub(Sub),
    /// Watch symbols on the whole terminal: sort, filter, chart, replay
    Top(Top),
    /// Play a part of the tape again, as it was or at another speed
    Replay(Replay),
    /// Tell the present state of symbols, and end
    Snap(Snap),
    /// Show and check the settings
    Config(Settings),
    /// Make the tables of the store, or say how they stand
    Db(Db),
    /// Look at, check and back up the tape on the disk
    Tape(Tape),
    /// Take ticks out of files, onto a tape of their own
    Import(Import),
    /// Take a range of a tape out into a file
    Export(Export),
    /// List what was recorded and imported; remove what was imported
    Sessions(Sessions),
    /// Prove that journal, store and replay agree, and that clients get the same
    Verify(Verify),
    /// Make tokens and API keys, and look into them
    Token(Token),
    /// Play a recording as a venue on this machine would send it, to try and test feeds
    Standin(Standin),
    /// Measure a server with many clients, and check that nothing is lost
    Bench(Bench),
    /// Look whether everything that `serve` needs is there
    Doctor(Doctor),
    /// Tell how a server is, as monitoring programs want it
    Check(Check),
    /// Print what a shell needs to complete this program's words
    Completion(Completion),
    /// Print the manual's page of a command
    Man(Man),
}

const EXAMPLES: &str = "\
Exit codes: 0 ok, 1 failure, 2 usage, 3 no connection, 4 not found, 5 no access, 6 data missing,
130 interrupted.

Examples:
  tickwire serve --live
  tickwire sub sim:BTC-USD";

impl Cli {
    /// Reads a command line; flags of `serve` may stand without its name, as it is the default.
    ///
    /// # Errors
    /// What is wrong with it, or the help that was asked for.
    pub fn read(words: Vec<OsString>) -> Result<Self, clap::Error> {
        let stranger = match Self::try_parse_from(&words) {
            Err(error) if error.kind() == ErrorKind::UnknownArgument => error,
            read => return read,
        };
        let mut words = words;
        if words.is_empty() {
            return Err(stranger);
        }
        words.insert(1, "serve".into());
        match Self::try_parse_from(words) {
            Err(error) if error.kind() == ErrorKind::UnknownArgument => Err(stranger),
            read => read,
        }
    }

    /// The command, `serve` if none was named.
    #[must_use]
    pub fn into_parts(self) -> (Command, Talk) {
        (self.command.unwrap_or_else(|| Command::Serve(Serve::default())), self.talk)
    }
}

/// Runs any command but `serve`, which needs the whole application and is `main`'s.
///
/// # Errors
/// [`Failure`], which knows the program's exit code.
pub fn run(command: &Command, talk: Talk) -> Result<(), Failure> {
    match command {
        Command::Serve(_) => Err(Failure::General("serve is not run here".to_owned())),
        Command::Sub(sub) => sub.run(talk),
        Command::Top(top) => top.run(talk),
        Command::Replay(replay) => replay.run(talk),
        Command::Snap(snap) => snap.run(talk),
        Command::Config(settings) => settings.run(talk),
        Command::Db(db) => db.run(talk),
        Command::Tape(tape) => tape.run(talk),
        Command::Import(import) => import.run(talk),
        Command::Export(export) => export.run(talk),
        Command::Sessions(sessions) => sessions.run(talk),
        Command::Verify(verify) => verify.run(talk),
        Command::Token(token) => token.run(talk),
        Command::Standin(standin) => standin.run(talk),
        Command::Bench(bench) => bench.run(talk),
        Command::Doctor(doctor) => doctor.run(talk),
        Command::Check(check) => check.run(),
        Command::Completion(completion) => completion.run(),
        Command::Man(man) => man.run(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_commands_are_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn without_arguments_it_serves() {
        let (command, _) = Cli::try_parse_from(["tickwire"]).unwrap().into_parts();
        assert!(matches!(command, Command::Serve(serve) if serve == Serve::default()));
    }

    #[test]
    fn flags_of_serve_stand_without_its_name() {
        let read = |line: &str| Cli::read(line.split(' ').map(OsString::from).collect());
        let bare = read("tickwire --live --listen 127.0.0.1:9").unwrap().into_parts();
        let named = read("tickwire serve --live --listen 127.0.0.1:9").unwrap().into_parts();
        assert_eq!(format!("{bare:?}"), format!("{named:?}"));
        for line in ["tickwire --nope", "tickwire sub sim:A --live", "tickwire --live sub sim:A"] {
            assert_eq!(read(line).unwrap_err().kind(), ErrorKind::UnknownArgument, "{line}");
        }
    }

    #[test]
    fn flags_of_talk_stand_before_and_after_the_command() {
        for line in ["tickwire -v sub sim:A", "tickwire sub sim:A -v"] {
            let cli = Cli::try_parse_from(line.split(' ')).unwrap();
            assert_eq!(cli.talk.verbose, 1, "{line}");
        }
    }

    #[test]
    fn every_help_ends_with_two_examples() {
        fn check(command: &mut clap::Command) {
            let help = command.render_long_help().to_string();
            let examples = help.split("\nExamples:\n").nth(1).unwrap_or_default();
            let lines: Vec<&str> = examples.trim_end().lines().collect();
            assert_eq!(lines.len(), 2, "{}: {help}", command.get_name());
            for line in lines {
                let line = line.trim().split(" | ").next().unwrap();
                let parsed = Cli::try_parse_from(line.split_whitespace());
                assert!(parsed.is_ok(), "{line}: {parsed:?}");
            }
            command.get_subcommands_mut().for_each(check);
        }
        check(&mut Cli::command());
    }
}
