//! The real program as a child process, with a tape of its own.

use std::io::BufRead as _;
use std::io::BufReader;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::Weak;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use tempfile::TempDir;
use tickwire::clock::monotonic;

/// Whatever a test waits for comes sooner than this, or never.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A running server. When it is dropped, it is killed, and must not have panicked.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    child: Child,
    log: Option<JoinHandle<String>>,
    /// Removed after the server is gone.
    dir: TempDir,
}

/// What a server leaves behind for the next one on the same tape.
pub(crate) struct Remains {
    pub(crate) status: ExitStatus,
    pub(crate) dir: TempDir,
}

impl Server {
    /// Starts one on a fresh tape. Settings are dotted keys and their values.
    pub(crate) fn start(settings: &[(&str, &str)]) -> Self {
        Self::start_on(tempfile::tempdir().unwrap(), settings)
    }

    /// Starts one on the tape of another.
    pub(crate) fn start_on(dir: TempDir, settings: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tickwire"));
        command.env("NO_COLOR", "1").env("TICKWIRE__HTTP__LISTEN", "127.0.0.1:0");
        command.env("TICKWIRE__TAPE__DIR", tape_dir(dir.path()));
        command.env("TICKWIRE__TAPE__SEGMENT_BYTES", "4MiB");
        command.env("TICKWIRE__HTTP__WORKERS", "2");
        for (key, value) in settings {
            let name = key.to_uppercase().replace('.', "__");
            command.env(format!("TICKWIRE__{name}"), value);
        }
        let mut child =
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program");
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (found, address) = mpsc::channel();
        let log = std::thread::spawn(move || {
            let mut log = String::new();
            for line in stderr.lines().map_while(Result::ok) {
                if let Some(address) = address_in(&line) {
                    // Only the first is waited for.
                    let _first = found.send(address);
                }
                log.push_str(&line);
                log.push('\n');
            }
            log
        });
        let address = address.recv_timeout(PATIENCE).expect("the server says where it listens");
        Self { address, child, log: Some(log), dir }
    }

    /// A server that tests share as long as they do nothing to it as a whole: 20 symbols,
    /// 500 ticks a second, a heartbeat each 200 ms.
    pub(crate) fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let settings = [("feeds.sim.ticks_per_s", "500"), ("stream.heartbeat_ms", "200")];
            let server = Arc::new(Self::start(&settings));
            crate::http::wait_until_ready(&server);
            *shared = Arc::downgrade(&server);
            server
        })
    }

    /// Asks it to stop, as a service manager does.
    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Waits for its end after a signal.
    pub(crate) fn end(mut self) -> Remains {
        let deadline = monotonic() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(monotonic() < deadline, "the server does not stop");
            std::thread::sleep(Duration::from_millis(10));
        };
        let log = self.log.take().map(|log| log.join().unwrap()).unwrap_or_default();
        let dir = std::mem::replace(&mut self.dir, tempfile::tempdir().unwrap());
        check_log(&log);
        Remains { status, dir }
    }

    /// Bytes of memory that it has now.
    pub(crate) fn memory_bytes(&self) -> i64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<i64>().unwrap() * 1024
    }

    /// Sockets that it has open now.
    pub(crate) fn sockets(&self) -> usize {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap();
        let targets = open.filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok());
        targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
    }

    /// Sockets and files that it has open now.
    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        if let Some(log) = self.log.take()
            && let Ok(log) = log.join()
            && !std::thread::panicking()
        {
            check_log(&log);
        }
    }
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = monotonic() + PATIENCE;
    while !is_so() {
        assert!(monotonic() < deadline, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Time passed since, for tests that bound it.
pub(crate) fn since(start: Instant) -> Duration {
    monotonic().saturating_duration_since(start)
}

fn tape_dir(dir: &Path) -> PathBuf {
    dir.join("tape")
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, after) = line
        .split_once("127.0.0.1:")
        .filter(|(before, _)| before.contains("serving") || before.contains("listening"))?;
    let port: String = after.chars().take_while(char::is_ascii_digit).collect();
    Some(SocketAddr::from(([127, 0, 0, 1], port.parse().ok()?)))
}

#[track_caller]
fn check_log(log: &str) {
    assert!(!log.contains("panicked"), "the server panicked:\n{log}");
    let errors: Vec<_> = log.lines().filter(|line| line.contains(" ERROR ")).collect();
    assert!(errors.is_empty(), "the server logged errors: {errors:#?}");
}
