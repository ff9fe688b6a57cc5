//! `tickwire top` on a terminal: `script` of util-linux lends one.

use std::io::Read as _;
use std::io::Write as _;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use tickwire::clock::monotonic;

use crate::harness::eventually;
use crate::harness::since;
use crate::server::Server;
use crate::server::tickwire;

/// A program on a terminal of 120 by 30.
struct Terminal {
    child: Child,
    seen: Arc<Mutex<String>>,
}

impl Terminal {
    /// `None` if there is no `script` to lend one.
    fn run(words: &str) -> Option<Self> {
        if Command::new("script").arg("--version").output().is_err() {
            assert_ne!(std::env::var("REQUIRE").as_deref(), Ok("all"), "needs script");
            println!("SKIPPED: needs script (util-linux)");
            return None;
        }
        let program = env!("CARGO_BIN_EXE_tickwire");
        let line = format!("stty cols 120 rows 30; exec '{program}' {words}");
        let mut child = Command::new("script")
            .args(["--quiet", "--return", "--flush", "--command", &line, "/dev/null"])
            .env("TERM", "xterm-256color")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let seen = Arc::new(Mutex::new(String::new()));
        let (mut screen, here) = (child.stdout.take().unwrap(), Arc::clone(&seen));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = screen.read(&mut bytes) {
                here.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        Some(Self { child, seen })
    }

    fn press(&mut self, keys: &str) {
        let mut input = self.child.stdin.as_ref().unwrap();
        input.write_all(keys.as_bytes()).unwrap();
        input.flush().unwrap();
    }

    /// Waits until the screen has shown a word since the last call. Only cells that change are
    /// written: a space may be a move of the cursor.
    #[track_caller]
    fn shows(&self, text: &str) {
        let start = monotonic();
        loop {
            let mut seen = self.seen.lock().unwrap();
            if seen.contains(text) {
                seen.clear();
                return;
            }
            let (is_late, bytes) = (since(start) > Duration::from_secs(20), seen.len());
            drop(seen);
            assert!(!is_late, "{text:?} is not in {bytes} bytes");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn code(mut self) -> Option<i32> {
        let mut code = None;
        eventually("it ends", || {
            code = self.child.try_wait().unwrap();
            code.is_some()
        });
        code.unwrap().code()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.child.kill().unwrap_or_default();
        self.child.wait().unwrap();
    }
}

#[test]
fn symbols_are_watched_charted_replayed_and_left() {
    let server = Server::with([("TICKWIRE__FEEDS__SIM__TICKS_PER_S", "2000")]);
    let words = format!("top --url {}", server.address);
    let Some(mut terminal) = Terminal::run(&words) else { return };
    terminal.shows("sim:BTC-USD");
    terminal.press("\r");
    terminal.shows("bars");
    terminal.press("?");
    terminal.shows("Shift-Tab");
    terminal.press("?r");
    terminal.shows("REPLAY");
    terminal.shows("playing");
    terminal.press("l");
    terminal.shows("live");
    terminal.press("/eth\r");
    terminal.shows("only");
    terminal.press("q");
    // The terminal is given back.
    terminal.shows("\u{1b}[?1049l");
    assert_eq!(terminal.code(), Some(0));
}

#[test]
fn a_lost_server_is_told_and_found_again() {
    let server = Server::start();
    let words = format!("top sim:BTC-USD --url {}", server.address);
    let Some(mut terminal) = Terminal::run(&words) else { return };
    terminal.shows("live");
    let stopped = server.stop();
    terminal.shows("OFFLINE");
    let _again = stopped.start();
    terminal.shows("live");
    terminal.press("\u{3}");
    assert_eq!(terminal.code(), Some(0));
}

#[test]
fn without_a_terminal_it_says_what_to_use() {
    let output = tickwire().arg("top").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("tickwire sub"));
}
