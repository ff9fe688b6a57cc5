//! A reader in a process of its own: it says its events and takes its commands by lines.

use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Write as _;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::mpsc;

use crate::readers::Reader;

/// How such a reader stops reading, and goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stops {
    /// It takes no more events from its client, which takes no more from its socket then.
    Taking,
    /// The whole process stands still: in JavaScript a socket cannot be told to wait.
    Whole,
}

/// A process that is killed when this is dropped.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.0.kill().unwrap_or_default();
        self.0.wait().unwrap();
    }
}

/// Starts one.
pub(super) fn start(mut command: Command, stops: Stops) -> Reader {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            drop(sender.send(serde_json::from_str(&line).unwrap()));
        }
    });
    let pid = child.id();
    let tell = move |command: &str| match (stops, command) {
        (Stops::Whole, "stop") => signal(pid, "STOP"),
        (Stops::Whole, "go") => signal(pid, "CONT"),
        _ => writeln!(stdin, "{command}").unwrap(),
    };
    Reader::new(lines, tell, Program(child))
}

fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &pid.to_string()]).status().unwrap();
    assert!(sent.success());
}
