//! The real program as a child process, which never outlives its test.

use std::ffi::OsStr;
use std::io::BufRead as _;
use std::io::BufReader;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use tempfile::TempDir;

/// Whatever a test waits for comes sooner than this, or never.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A process that is killed when this is dropped.
pub(crate) struct Running {
    child: Child,
    /// Lines of its stderr as they come, after those that were waited for.
    pub(crate) stderr: mpsc::Receiver<String>,
}

/// `tickwire serve` with the `sim` feed, on a port and a tape of its own.
pub(crate) struct Server {
    process: Running,
    /// Where it listens, `127.0.0.1:PORT`.
    pub(crate) address: String,
    directory: TempDir,
}

/// The program, without anything of this process's environment that it would read.
pub(crate) fn tickwire() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tickwire"));
    let names = std::env::vars_os().map(|(name, _)| name);
    for name in names.filter(|name| name.to_string_lossy().starts_with("TICKWIRE_")) {
        command.env_remove(name);
    }
    command.env_remove("RUST_LOG").env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

/// Runs a command to its end: exit code, stdout, stderr.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

impl Running {
    /// Starts it; its stderr is read, its stdout is as the command says.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (sender, stderr) = mpsc::channel();
        std::thread::spawn(move || {
            lines.map_while(Result::ok).for_each(|line| sender.send(line).unwrap_or_default());
        });
        Self { child, stderr }
    }

    /// Waits for a line of stderr that `found` makes something of.
    #[track_caller]
    pub(crate) fn said<T>(&self, found: impl Fn(&str) -> Option<T>) -> T {
        let mut said = Vec::new();
        loop {
            match self.stderr.recv_timeout(PATIENCE) {
                Ok(line) => match found(&line) {
                    Some(found) => return found,
                    None => said.push(line),
                },
                Err(error) => panic!("{error}; it said {said:#?}"),
            }
        }
    }

    /// Its stdout, once, if the command pipes it.
    pub(crate) fn stdout(&mut self) -> BufReader<std::process::ChildStdout> {
        BufReader::new(self.child.stdout.take().unwrap())
    }

    /// Its stdin, once, if the command pipes it.
    pub(crate) fn stdin(&mut self) -> std::process::ChildStdin {
        self.child.stdin.take().unwrap()
    }

    /// Its number.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until a server says where it listens, as `127.0.0.1:PORT`.
    #[track_caller]
    pub(crate) fn address(&self) -> String {
        self.said(|line| {
            Some(line.split_once("listening on http")?.1.split_once("://")?.1.trim().to_owned())
        })
    }

    /// Sends it a signal, as `kill -NAME` does.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn ended(&mut self) -> ExitStatus {
        for _ in 0..PATIENCE.as_millis() / 10 {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("it does not end");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().unwrap_or_default();
        self.child.wait().unwrap();
    }
}

impl Server {
    /// Starts one.
    #[track_caller]
    pub(crate) fn start() -> Self {
        Self::with([("TICKWIRE__FEEDS__SIM__TICKS_PER_S", "2000")])
    }

    /// Starts one with further settings.
    #[track_caller]
    pub(crate) fn with<'a>(settings: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self::at("127.0.0.1:0", tempfile::tempdir().unwrap(), settings)
    }

    #[track_caller]
    fn at<'a>(
        listen: &str,
        directory: TempDir,
        settings: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let mut command = tickwire();
        command.args(["serve", "--listen", listen, "--tape-dir"]).arg(tape(&directory));
        command.env("TICKWIRE__TAPE__SEGMENT_BYTES", "1MiB").envs(settings);
        let process = Running::start(command.stdout(Stdio::null()));
        let address = process.address();
        Self { process, address, directory }
    }

    /// Ends it as a service manager does; its port and its tape stay for the next.
    #[track_caller]
    pub(crate) fn stop(mut self) -> Stopped {
        self.process.signal("TERM");
        let status = self.process.ended();
        assert!(status.success(), "{status}");
        Stopped { address: self.address, directory: self.directory }
    }

    /// The process.
    pub(crate) fn process(&mut self) -> &mut Running {
        &mut self.process
    }

    /// The directory of its tape.
    pub(crate) fn tape(&self) -> PathBuf {
        tape(&self.directory)
    }

    /// A command that talks to this server.
    pub(crate) fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = tickwire();
        command.env("TICKWIRE_URL", format!("http://{}", self.address)).args(args);
        command
    }
}

/// A server that was stopped, whose place another can take.
pub(crate) struct Stopped {
    address: String,
    directory: TempDir,
}

impl Stopped {
    /// Starts it again, at the same port with the same tape.
    #[track_caller]
    pub(crate) fn start(self) -> Server {
        self.start_with([("TICKWIRE__FEEDS__SIM__TICKS_PER_S", "2000")])
    }

    /// The same with other settings.
    #[track_caller]
    pub(crate) fn start_with<'a>(
        self,
        settings: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Server {
        Server::at(&self.address, self.directory, settings)
    }
}

fn tape(directory: &TempDir) -> PathBuf {
    directory.path().join("tape")
}
