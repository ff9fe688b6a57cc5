//! A server of one's own to measure: this program as a child, with a tape that goes with it.

use std::io;
use std::io::BufRead as _;
use std::io::BufReader;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use crate::load::cores::Cores;

/// A server that ends when this is dropped.
#[derive(Debug)]
pub struct Own {
    child: Child,
    address: SocketAddr,
    directory: PathBuf,
}

impl Own {
    /// Starts a program as `serve` with these settings, on these processors, and waits until it
    /// listens.
    ///
    /// # Errors
    /// Why it does not.
    pub fn start(
        program: &Path,
        settings: &[(String, String)],
        cores: Option<&Cores>,
    ) -> Result<Self, String> {
        let directory = make_directory().map_err(|error| format!("cannot make a tape: {error}"))?;
        let mut command = Command::new(program);
        let names = std::env::vars_os().map(|(name, _)| name);
        for name in names.filter(|name| name.to_string_lossy().starts_with("TICKWIRE_")) {
            command.env_remove(name);
        }
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--tape-dir"])
            .arg(directory.join("tape"))
            .env("NO_COLOR", "1")
            .env("RUST_LOG", "warn")
            .envs(settings.iter().map(|(key, value)| (variable(key), value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let child = start_on(&mut command, cores);
        let child =
            child.map_err(|error| format!("cannot start {}: {error}", program.display()))?;
        // From here on a failure takes the child and its directory along.
        let mut own = Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)), directory };
        own.address = own.listen()?;
        Ok(own)
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it says where it listens; what else it says goes on to stderr.
    fn listen(&mut self) -> Result<SocketAddr, String> {
        let Some(stderr) = self.child.stderr.take() else {
            return Err("the server has no stderr".to_owned());
        };
        let mut said = String::new();
        let mut lines = BufReader::new(stderr).lines().map_while(Result::ok);
        for line in lines.by_ref() {
            let address = line.split_once("listening on http://").map(|(_, address)| address);
            if let Some(Ok(address)) = address.map(str::parse) {
                // It would stand still if nobody read what it says.
                std::thread::spawn(move || {
                    // The rest of its greeting says nothing here.
                    lines.filter(|line| !line.starts_with("  ")).for_each(|line| {
                        tracing::warn!("the server says: {line}");
                    });
                });
                return Ok(address);
            }
            said.push_str(&line);
        }
        Err(format!("the server did not start: {said}"))
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // It keeps nothing that anybody wants.
        self.child.kill().ok();
        self.child.wait().ok();
        std::fs::remove_dir_all(&self.directory).ok();
    }
}

/// Reads `section.key=value`.
///
/// # Errors
/// What would have made sense.
pub fn parse_setting(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(key, _)| key.contains('.'));
    let (key, value) = pair.ok_or("expected a setting like http.workers=2")?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}

/// The environment variable of a setting.
fn variable(key: &str) -> String {
    format!("TICKWIRE__{}", key.replace('.', "__").to_ascii_uppercase())
}

/// A child begins on the processors of the thread that starts it.
fn start_on(command: &mut Command, cores: Option<&Cores>) -> io::Result<Child> {
    let Some(cores) = cores else { return command.spawn() };
    let here = Cores::here();
    cores.pin()?;
    let child = command.spawn();
    here.pin()?;
    child
}

fn make_directory() -> io::Result<PathBuf> {
    let mut attempt = 0u32;
    loop {
        let name = format!("tickwire-bench-{}-{attempt}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        match std::fs::create_dir(&directory) {
            Ok(()) => return Ok(directory),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < 1_000 => {
                attempt += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_and_named_for_the_environment() {
        let (key, value) = parse_setting("http.flush=a=b").unwrap();
        assert_eq!((variable(&key).as_str(), value.as_str()), ("TICKWIRE__HTTP__FLUSH", "a=b"));
        assert!(parse_setting("workers=2").is_err());
        assert!(parse_setting("http.workers").is_err());
    }

    #[test]
    fn a_program_that_does_not_serve_is_told_with_what_it_said() {
        let error = Own::start(Path::new("/bin/false"), &[], None).unwrap_err();
        assert!(error.contains("did not start"), "{error}");
        assert!(Own::start(Path::new("/nowhere/at/all"), &[], None).is_err());
    }
}
