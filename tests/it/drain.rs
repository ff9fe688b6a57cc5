//! How the service ends, and how its settings change while it runs: the real process, real signals.

mod everyone;

use std::io::Read as _;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use tickwire::clock::monotonic;

use crate::client::Client;
use crate::client::Raw;
use crate::client::get;
use crate::client::masked;
use crate::client::request;
use crate::client::upgrade;
use crate::harness::Server;
use crate::harness::eventually;
use crate::harness::since;
use crate::http::wait_until_ready;
use crate::postgres::Postgres;
use crate::server::Running;
use crate::server::tickwire;

fn status(address: SocketAddr, path: &str) -> u16 {
    get(address, path).status
}

#[test]
fn while_it_drains_it_says_so_and_lets_nobody_in() {
    let settings = [("http.drain_ms", "1500"), ("http.reconnect_spread_ms", "5000")];
    let server = Server::start(&settings);
    wait_until_ready(&server);
    let address = server.address;
    let mut clients: Vec<Client> = (0..20).map(|_| Client::connect(address)).collect();
    let start = monotonic();
    server.signal("-TERM");
    eventually("/readyz says no", || status(address, "/readyz") == 503);
    assert!(since(start) < Duration::from_millis(1_000), "at once");
    assert_eq!(status(address, "/healthz"), 200, "it is alive");
    assert_eq!(status(address, "/metrics"), 200);
    for path in ["/v1/symbols", "/v1/trades?symbol=sim:BTC-USD", "/v1/stream", "/v1/nothing"] {
        let answer = get(address, path);
        assert_eq!(answer.status, 503, "{path}");
        assert_eq!(answer.header("retry-after").as_deref(), Some("5"));
        assert_eq!(answer.json()["error"]["code"], "unavailable");
    }
    let answer = request(address, &upgrade(""));
    assert_eq!(answer.status, 503);
    let kept = request(address, "GET /v1/venues HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(kept.header("connection").as_deref(), Some("close"));
    // Those who are here are served on, then told.
    assert_eq!(clients[0].ask_json(r#"{"op":"ping","id":1}"#)["type"], "pong");
    assert!(since(start) < Duration::from_millis(1_500), "the test was too slow");
    let mut waits: Vec<u64> = Vec::new();
    for client in &mut clients {
        let (texts, code) = client.rest();
        let closing: Value = serde_json::from_str(texts.last().unwrap()).unwrap();
        assert_eq!((&closing["type"], &closing["code"]), (&json!("closing"), &json!("shutdown")));
        assert_eq!(code, 4000);
        waits.push(closing["reconnect_ms"].as_u64().unwrap());
    }
    assert!(since(start) >= Duration::from_millis(1_500));
    let (least, most) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
    assert!(*most <= 5_000 && most - least > 1_000, "spread: {waits:?}");
    drop(clients);
    assert!(server.end().status.success());
}

#[test]
fn clients_that_do_not_go_hold_up_nothing_for_long() {
    let settings = [
        ("http.shutdown_ms", "5000"),
        ("feeds.sim.ticks_per_s", "5000"),
        ("limits.buffer_bytes", "65536"),
    ];
    let server = Server::start(&settings);
    wait_until_ready(&server);
    let subscribe = r#"{"op":"subscribe","channel":"trades","symbols":["*:*"]}"#;
    let mut held: Vec<Raw> = Vec::new();
    for _ in 0..5 {
        // One that never reads again.
        let mut raw = Raw::connect(server.address);
        raw.send(&masked(0x81, subscribe.as_bytes()));
        held.push(raw);
    }
    let mut half = Raw::open(server.address);
    half.send(b"GET /v1/sym");
    let mut replay = Client::connect_to(server.address, "/v1/replay");
    replay.send(
        r#"{"op":"open","channel":"ticker","symbols":["*:*"],"from":"2020-01-01T00:00:00Z","speed":1}"#,
    );
    replay.next_of("opened");
    std::thread::sleep(Duration::from_millis(1_500));
    let start = monotonic();
    server.signal("-TERM");
    let (texts, code) = replay.rest();
    assert_eq!(code, 4000);
    assert!(texts.last().unwrap().starts_with(r#"{"type":"closing","code":"shutdown""#));
    assert!(server.end().status.success());
    assert!(since(start) < Duration::from_secs(9), "{:?}", since(start));
    drop(held);
}

#[test]
fn a_page_of_history_that_is_under_way_is_sent_to_its_end() {
    let settings = [("feeds.sim.ticks_per_s", "20000"), ("http.shutdown_ms", "8000")];
    let server = Server::start(&settings);
    wait_until_ready(&server);
    std::thread::sleep(Duration::from_secs(2));
    let stream = TcpStream::connect(server.address).unwrap();
    socket2::SockRef::from(&stream).set_recv_buffer_size(4_096).unwrap();
    let mut stream = stream;
    let ask = "GET /v1/trades?symbol=sim:BTC-USD&limit=10000 HTTP/1.1\r\nHost: x\r\n\r\n";
    std::io::Write::write_all(&mut stream, ask.as_bytes()).unwrap();
    let mut first = [0; 64];
    stream.read_exact(&mut first).unwrap();
    server.signal("-TERM");
    let mut rest = String::from_utf8(first.to_vec()).unwrap();
    // Slowly: it is read in some 2 s.
    let mut chunk = [0; 8_192];
    loop {
        match stream.read(&mut chunk).unwrap() {
            0 => break,
            count => rest.push_str(std::str::from_utf8(&chunk[..count]).unwrap()),
        }
        std::thread::sleep(Duration::from_millis(10));
        if rest.ends_with("}") && rest.contains("\"next\":") {
            break;
        }
    }
    assert!(rest.starts_with("HTTP/1.1 200 OK"), "{}", &rest[..200]);
    let (_, body) = rest.split_once("\r\n\r\n").unwrap();
    let page: Value = serde_json::from_str(body).expect("a whole page");
    assert!(page["trades"].as_array().unwrap().len() > 100);
    assert!(server.end().status.success());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    for (first, second, code) in [("-TERM", "-TERM", 143), ("-TERM", "-INT", 130)] {
        let server = Server::start(&[("http.drain_ms", "60000")]);
        wait_until_ready(&server);
        let _client = Client::connect(server.address);
        server.signal(first);
        eventually("/readyz says no", || status(server.address, "/readyz") == 503);
        let start = monotonic();
        server.signal(second);
        let remains = server.end();
        assert_eq!(remains.status.code(), Some(code));
        assert!(since(start) < Duration::from_secs(1));
        // The tape is as after a crash: whole, and gone on with.
        let mut verify = tickwire();
        verify.args(["tape", "check", "--tape-dir"]).arg(remains.dir.path().join("tape"));
        let output = verify.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let server = Server::start_on(remains.dir, &[]);
        wait_until_ready(&server);
    }
}

/// A server whose settings stand in a file that the test writes anew.
pub(crate) struct Filed {
    running: Running,
    pub(crate) address: SocketAddr,
    dir: tempfile::TempDir,
}

impl Filed {
    pub(crate) fn start(text: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("tickwire.toml");
        std::fs::write(&file, text).unwrap();
        let mut command = tickwire();
        command.args(["serve", "--listen", "127.0.0.1:0", "--feed", "sim:20", "--config"]);
        command.arg(&file).arg("--tape-dir").arg(dir.path().join("tape"));
        let running = Running::start(&mut command);
        let address = running.address().parse().unwrap();
        Self { running, address, dir }
    }

    /// Writes other settings and has them read; the line of the log that says what became of it.
    #[track_caller]
    pub(crate) fn reload(&self, text: &str, said: &str) -> String {
        std::fs::write(self.dir.path().join("tickwire.toml"), text).unwrap();
        self.running.signal("HUP");
        self.running.said(|line| line.contains(said).then(|| line.to_owned()))
    }
}

#[test]
fn settings_are_taken_up_while_it_runs_by_those_who_come_then() {
    let server = Filed::start("");
    let mut before = Client::connect(server.address);
    let page = "Origin: https://page.example\r\n";
    assert_eq!(request(server.address, &upgrade(page)).status, 403);
    let text = "[http]\nallowed_origins = ['https://page.example']\n\
                [limits]\nops_per_s = 2\nsymbols = 3\n[stream]\nheartbeat_ms = 100\n\
                [tape]\nsync_ms = 77\n[log]\nlevel = 'debug'\n";
    let line = server.reload(text, "new settings taken up");
    let taken = "http.allowed_origins, limits.ops_per_s, limits.symbols, log.level, \
                 stream.heartbeat_ms";
    assert!(line.ends_with(taken), "{line}");
    server.running.said(|line| {
        let left = line.contains(" WARN ") && line.ends_with("need a restart: tape.sync_ms");
        left.then_some(())
    });
    let mut after = Client::connect(server.address);
    assert_eq!(after.welcome["limits"]["symbols"], 3);
    assert_eq!(after.welcome["heartbeat_ms"], 100);
    let subscribe = r#"{"op":"subscribe","channel":"ticker","symbols":["*:*"]}"#;
    assert_eq!(after.ask_json(subscribe)["code"], "too_many_symbols");
    assert_eq!(before.ask_json(subscribe)["type"], "subscribed", "it goes on as it came");
    let mut raw = Raw::open(server.address);
    raw.send(upgrade(page).as_bytes());
    assert!(raw.head().starts_with("HTTP/1.1 101 "));
}

#[test]
fn settings_that_make_no_sense_change_nothing() {
    let server = Filed::start("[limits]\nsymbols = 7\n");
    let line = server.reload("[limits]\nsymbols = 8\nops_per_s = 0\n", "stay as they were");
    assert!(line.contains(" ERROR ") && line.contains("limits.ops_per_s"), "{line}");
    let line = server.reload("[limits\n", "stay as they were");
    assert!(line.contains("cannot parse"), "{line}");
    std::fs::remove_file(server.dir.path().join("tickwire.toml")).unwrap();
    server.running.signal("HUP");
    server.running.said(|line| line.contains("cannot read").then_some(()));
    assert_eq!(Client::connect(server.address).welcome["limits"]["symbols"], 7);
    let line = server.reload("[limits]\nsymbols = 7\n", "read again");
    assert!(line.ends_with("nothing has changed"), "{line}");
}

#[test]
fn it_ends_in_time_though_postgres_hangs() {
    let Some(postgres) = Postgres::start(&[]) else { return };
    let url = postgres.url();
    let settings = [("store.url", url.as_str()), ("feeds.sim.ticks_per_s", "5000")];
    let server = Server::start(&settings);
    wait_until_ready(&server);
    std::thread::sleep(Duration::from_secs(1));
    postgres.freeze();
    std::thread::sleep(Duration::from_secs(1));
    let start = monotonic();
    server.signal("-TERM");
    let remains = server.end();
    postgres.thaw();
    assert!(remains.status.success());
    assert!(since(start) < Duration::from_secs(8), "{:?}", since(start));
}
