//! `tickwire completion` and `tickwire man`: what shells and `man` know of this program.

use std::io;
use std::io::Write as _;

use clap::Args;
use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::cli::failure::Failure;

/// Print what a shell needs to complete this program's words.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "\
Examples:
  tickwire completion bash
  tickwire completion zsh | sudo tee /usr/local/share/zsh/site-functions/_tickwire")]
pub struct Completion {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Print the manual's page of a command.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "\
Examples:
  tickwire man | man -l -
  tickwire man replay | man -l -")]
pub struct Man {
    /// The command, or its words: tape check
    #[arg(value_name = "COMMAND")]
    words: Vec<String>,
}

impl Completion {
    /// Prints it.
    ///
    /// # Errors
    /// Those of the output.
    pub fn run(&self) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "tickwire", &mut script);
        print(&script)
    }
}

impl Man {
    /// Prints it.
    ///
    /// # Errors
    /// [`Failure::Usage`] if there is no such command, and those of the output.
    pub fn run(&self) -> Result<(), Failure> {
        let mut command = Cli::command();
        command.build();
        for word in &self.words {
            let found = command.find_subcommand(word).cloned();
            let unknown = || Failure::Usage(format!("there is no command {word:?}"));
            command = found.ok_or_else(unknown)?;
        }
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page)?;
        print(&page)
    }
}

fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    Ok(out.flush()?)
}
