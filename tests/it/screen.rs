//! The page in a real browser: what people see is what the tape has, soon, and through trouble.
//!
//! The checks are programs of `web/tests/browser`; each gets a server of its own. With
//! `SCREEN_BOUNDS=full` they hold the page to the bounds of a machine that does nothing else.
//! `SCREEN_PICTURES=docs/images` renews the pictures of the documentation.

use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use tickwire::clock::monotonic;

use crate::harness::PATIENCE;
use crate::harness::Remains;
use crate::harness::Server;
use crate::harness::since;

/// A check waits for no one thing longer than 20 s.
const LONGEST: Duration = Duration::from_secs(100);
const LIVELY: [(&str, &str); 2] =
    [("feeds.sim.ticks_per_s", "300"), ("stream.heartbeat_ms", "500")];

/// A check that runs.
struct Check {
    child: Child,
    name: String,
    said: Vec<String>,
}

impl Check {
    /// Starts one; `None` if what it needs is not there.
    fn start(name: &str, url: &str) -> Option<Self> {
        let home = home()?;
        let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screens");
        let mut command = Command::new("node");
        command.arg(home.join("tests/browser/run.mjs")).args([name, url]);
        command.arg(format!("pictures={}", pictures.display()));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        Some(Self { child: command.spawn().unwrap(), name: name.to_owned(), said: Vec::new() })
    }

    /// Hears what it says until it says a word, which it always does before it ends well.
    fn await_word(&mut self, word: &str) {
        let stdout = self.child.stdout.as_mut().unwrap();
        // Byte by byte: what follows is for others to read.
        let mut lines = BufReader::with_capacity(1, stdout).lines();
        loop {
            let Some(line) = lines.next() else { panic!("{} ended before {word}", self.name) };
            let line = line.unwrap();
            if line == word {
                return;
            }
            self.said.push(line);
        }
    }

    /// Says that something was done.
    fn tell(&mut self, word: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{word}").unwrap();
    }

    /// Waits for its good end.
    fn end(mut self) {
        let started = monotonic();
        let mut stdout = BufReader::new(self.child.stdout.take().unwrap());
        let reading = std::thread::spawn(move || {
            let mut said = String::new();
            std::io::Read::read_to_string(&mut stdout, &mut said).unwrap();
            said
        });
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break Some(status);
            }
            if since(started) > LONGEST {
                self.child.kill().unwrap();
                break None;
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let rest = reading.join().unwrap();
        for line in self.said.iter().map(String::as_str).chain(rest.lines()) {
            println!("{}: {line}", self.name);
        }
        assert!(status.is_some_and(|status| status.success()), "{} failed", self.name);
    }
}

/// Runs a check against a server with these settings.
fn check(name: &str, settings: &[(&str, &str)]) {
    let Some(_) = home() else { return };
    let server = Server::start(settings);
    crate::http::wait_until_ready(&server);
    let check = Check::start(name, &format!("http://{}", server.address));
    check.unwrap().end();
}

/// Where the checks stand beside their packages, which are installed once.
fn home() -> Option<PathBuf> {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("web");
    let chromium = std::env::var("CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".to_owned());
    if lacks("Chromium (CHROMIUM names it)", Path::new(&chromium).exists()) {
        return None;
    }
    let has_node = succeeds(Command::new("node").arg("--version"));
    if lacks("node and npm", has_node && succeeds(Command::new("npm").arg("--version"))) {
        return None;
    }
    // Tests that begin together must not install it together.
    let lock = std::fs::File::create(Path::new(env!("CARGO_TARGET_TMPDIR")).join("screen.lock"));
    let lock = lock.unwrap();
    lock.lock().unwrap();
    if !home.join("node_modules/playwright-core").exists() {
        let mut install = Command::new("npm");
        install.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]).arg(&home);
        if lacks("the npm packages of web/package.json", succeeds(&mut install)) {
            return None;
        }
    }
    Some(home)
}

/// Whether what a test needs is not there.
fn lacks(what: &str, is_there: bool) -> bool {
    if !is_there {
        assert_ne!(std::env::var("REQUIRE").as_deref(), Ok("all"), "needs {what}");
        println!("SKIPPED: needs {what}");
    }
    !is_there
}

fn succeeds(command: &mut Command) -> bool {
    let run = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    run.is_ok_and(|status| status.success())
}

#[test]
fn the_models_of_the_page_hold() {
    let has_node = succeeds(Command::new("node").arg("--version"));
    if lacks("node", has_node) {
        return;
    }
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("web");
    let run = Command::new("node").args(["--test", "tests/unit/"]).current_dir(home).output();
    let run = run.unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stdout));
}

#[test]
fn the_first_tick_is_on_the_screen_soon() {
    check("first", &LIVELY);
}

#[test]
fn two_hundred_rows_of_eight_thousand_messages_a_second_are_painted_in_time() {
    check("load", &[("feeds.sim.symbols", "200"), ("feeds.sim.ticks_per_s", "9000")]);
}

#[test]
fn a_server_that_is_away_for_ten_seconds_leaves_no_wrong_price() {
    let Some(_) = home() else { return };
    // The address that the page comes back to is the same.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let listen = format!("127.0.0.1:{port}");
    let mut settings = LIVELY.to_vec();
    settings.push(("http.listen", &listen));
    let server = Server::start(&settings);
    crate::http::wait_until_ready(&server);
    let mut check = Check::start("cut", &format!("http://{listen}")).unwrap();
    check.await_word("STOP");
    server.signal("-TERM");
    let Remains { dir, .. } = server.end();
    check.tell("stopped");
    check.await_word("START");
    let server = Server::start_on(dir, &settings);
    crate::http::wait_until_ready(&server);
    check.tell("started");
    check.end();
}

#[test]
fn a_silent_feed_is_said_to_be_stale() {
    let silence = [("feeds.sim.silence_every_ms", "9000"), ("feeds.sim.silence_ms", "5000")];
    let mut settings = LIVELY.to_vec();
    settings.extend(silence);
    settings.push(("feeds.sim.stall_ms", "1000"));
    check("stale", &settings);
}

#[test]
fn a_feed_that_was_cut_leaves_a_band_on_the_chart() {
    let mut settings = LIVELY.to_vec();
    settings.push(("feeds.sim.disconnect_every_ms", "8000"));
    check("gap", &settings);
}

#[test]
fn a_session_is_replayed_and_never_mixed_with_another_time() {
    check("replay", &LIVELY);
}

#[test]
fn everything_can_be_done_with_keys() {
    check("keyboard", &LIVELY);
}

#[test]
fn themes_languages_zoom_and_narrow_screens_hold() {
    check("looks", &LIVELY);
}

#[test]
fn without_websocket_the_page_takes_another_way_and_says_so() {
    check("ways", &LIVELY);
}

#[test]
fn operators_see_feeds_workers_clients_and_sessions() {
    check("ops", &LIVELY);
}

#[test]
fn the_files_of_the_page_are_served_as_what_they_are() {
    let server = Server::shared();
    let url = |path: &str| format!("http://{}{path}", server.address);
    let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
    for (path, status, kind) in [
        ("/", 200, "text/html; charset=utf-8"),
        ("/ui/ops", 200, "text/html; charset=utf-8"),
        ("/ui/js/main.js", 200, "text/javascript; charset=utf-8"),
        ("/ui/style/base.css", 200, "text/css; charset=utf-8"),
        ("/ui/icon.svg", 200, "image/svg+xml"),
        ("/ui/vendor/lightweight-charts.js", 200, "text/javascript; charset=utf-8"),
        ("/client/index.js", 200, "text/javascript; charset=utf-8"),
        ("/ui/index.html", 404, "application/json"),
        ("/ui/", 404, "application/json"),
        ("/ui/../Cargo.toml", 404, "application/json"),
        ("/ui/%2e%2e/package.json", 404, "application/json"),
        ("/client/../README.md", 404, "application/json"),
    ] {
        let answer = agent.get(url(path)).call().unwrap();
        let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap());
        assert_eq!(
            (answer.status().as_u16(), header("content-type")),
            (status, Some(kind)),
            "{path}"
        );
        if status != 200 {
            continue;
        }
        let policy = header("content-security-policy").unwrap();
        assert!(!policy.contains("unsafe") && policy.contains("script-src 'self'"), "{policy}");
        assert_eq!(header("cache-control"), Some("no-cache"), "{path}");
        let tag = header("etag").unwrap().to_owned();
        let again = agent.get(url(path)).header("If-None-Match", &tag).call().unwrap();
        assert_eq!(again.status().as_u16(), 304, "{path}");
        let head = agent.head(url(path)).call().unwrap();
        assert_eq!(head.status().as_u16(), 200, "{path}");
        assert_eq!(head.headers()["etag"], tag, "{path}");
    }
}

/// What a picture of the documentation may weigh.
const PICTURE_BYTES_MAX: u64 = 150 * 1024;

#[test]
fn the_pictures_of_the_documentation_are_small() {
    let images = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/images");
    if let Ok(renewed) = std::env::var("SCREEN_PICTURES") {
        let Some(home) = home() else { return };
        let mut settings = LIVELY.to_vec();
        settings.push(("feeds.sim.disconnect_every_ms", "45000"));
        let server = Server::start(&settings);
        crate::http::wait_until_ready(&server);
        let mut command = Command::new("node");
        command.arg(home.join("tests/browser/run.mjs")).arg("pictures");
        command.arg(format!("http://{}", server.address)).arg(format!("pictures={renewed}"));
        let started = monotonic();
        assert!(command.status().unwrap().success());
        assert!(since(started) < PATIENCE * 30);
    }
    for entry in std::fs::read_dir(images).unwrap() {
        let (path, size) =
            entry.map(|entry| (entry.path(), entry.metadata().unwrap().len())).unwrap();
        assert!(size <= PICTURE_BYTES_MAX, "{}: {size} bytes", path.display());
    }
}
