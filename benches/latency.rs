//! Frame in to frame out: the real server, the simulator, and clients in another process.
//!
//! `cargo bench --bench latency` prints, for each load, the time from the reading of a tick (its
//! `recv`) to the reading of its message by a client, and the server's CPU per delivered message.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark that cannot go on has failed"
)]

use std::io::BufRead as _;
use std::io::BufReader;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use futures_util::SinkExt as _;
use futures_util::StreamExt as _;
use tickwire_feeds::Nanos;
use tokio_tungstenite::tungstenite::Message;

const RUN: Duration = Duration::from_secs(10);
/// Left out at the beginning: first snapshots, and the sockets' slow start.
const WARM_UP: Duration = Duration::from_secs(2);

struct Server {
    process: Child,
    address: String,
    _dir: tempfile::TempDir,
}

impl Server {
    fn start(ticks_per_s: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_tickwire"))
            .env("TICKWIRE__HTTP__LISTEN", "127.0.0.1:0")
            .env("TICKWIRE__HTTP__WORKERS", "1")
            .env("TICKWIRE__TAPE__DIR", dir.path())
            .env("TICKWIRE__FEEDS__SIM__TICKS_PER_S", ticks_per_s.to_string())
            .env("NO_COLOR", "1")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let address = lines.find_map(|line| {
            let line = line.unwrap();
            let (_, rest) = line.split_once("127.0.0.1:")?;
            let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
            Some(format!("127.0.0.1:{port}"))
        });
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, address: address.unwrap(), _dir: dir }
    }

    /// User and system time so far, in ticks of 10 ms.
    fn cpu(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

async fn client(address: String, symbols: String) -> Vec<i64> {
    let url = format!("ws://{address}/v1/stream");
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    let op = format!(r#"{{"op":"subscribe","channel":"ticker","symbols":["{symbols}"]}}"#);
    socket.send(Message::text(op)).await.unwrap();
    let begun = tickwire::clock::monotonic();
    let mut delays = Vec::new();
    while begun.elapsed() < RUN {
        let Ok(Some(message)) = tokio::time::timeout(RUN, socket.next()).await else { break };
        let message = message.unwrap();
        let Ok(text) = message.to_text() else { continue };
        if begun.elapsed() > WARM_UP
            && text.starts_with("{\"type\":\"delta\"")
            && let Some((_, recv)) = text.split_once("\"recv\":\"")
            && let Some((recv, _)) = recv.split_once('"')
        {
            let recv = Nanos::parse_rfc3339(recv).unwrap();
            delays.push(tickwire::clock::now().0 - recv.0);
        }
    }
    delays
}

fn measure(ticks_per_s: u32, clients: usize, symbols: fn(usize) -> String) {
    let server = Server::start(ticks_per_s);
    std::thread::sleep(Duration::from_secs(1));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let before = server.cpu();
    let mut delays: Vec<i64> = runtime.block_on(async {
        let tasks: Vec<_> = (0..clients)
            .map(|n| tokio::spawn(client(server.address.clone(), symbols(n))))
            .collect();
        let mut all = Vec::new();
        for task in tasks {
            all.extend(task.await.unwrap());
        }
        all
    });
    let cpu_us = (server.cpu() - before) * 10_000;
    delays.sort_unstable();
    let at = |per_mille: usize| delays[(delays.len() - 1) * per_mille / 1_000] / 1_000;
    let shown = symbols(0);
    println!(
        "{ticks_per_s} ticks/s, {clients} clients of {shown}…: {} messages, p50 {} us, p99 {} us, p99.9 {} us, server CPU {} ns a message",
        delays.len(),
        at(500),
        at(990),
        at(999),
        cpu_us * 1_000 * 8 / 10 / delays.len() as u64,
    );
}

fn main() {
    // `cargo test --benches` only wants to see that it builds.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let one = |n: usize| {
        ["sim:BTC-USD", "sim:ETH-USD", "sim:AAPL", "sim:MSFT", "sim:SOL-USD"][n % 5].to_owned()
    };
    measure(5_000, 50, one);
    measure(5_000, 50, |_| "*:*".to_owned());
}
