//! The whole program as a process of its own, with a stand-in for its venue.

use std::io::BufRead as _;
use std::io::BufReader;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tickwire::clock;
use tickwire_feeds::Venue;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

/// Whatever is waited for comes sooner than this, or never.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(10);
/// Looks at which nothing moves until everything is said to have arrived.
const CALM_LOOKS: usize = 5;

/// A server that dies when this is dropped.
pub(super) struct House {
    process: Child,
    address: String,
    _dir: tempfile::TempDir,
}

impl House {
    /// Starts a server with one feed, whose venue is at `url`.
    pub(super) fn start(venue: Venue, symbols: &[&str], url: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let feed = format!("TICKWIRE__FEEDS__{}", venue.name().to_uppercase());
        let mut process = Command::new(env!("CARGO_BIN_EXE_tickwire"))
            .env("TICKWIRE__HTTP__LISTEN", "127.0.0.1:0")
            .env("TICKWIRE__TAPE__DIR", dir.path())
            // Small, so that whoever resumes reads from many of them.
            .env("TICKWIRE__TAPE__SEGMENT_BYTES", "1MiB")
            .env("TICKWIRE__STREAM__HEARTBEAT_MS", "100")
            .env("TICKWIRE__INGEST__RECONNECT_MS_MIN", "10")
            .env(format!("{feed}__URL"), url)
            .env(format!("{feed}__SYMBOLS"), symbols.join(","))
            // The stand-in is silent before and after the recording.
            .env(format!("{feed}__STALL_MS"), "60000")
            .env("NO_COLOR", "1")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let address = lines.find_map(|line| {
            let line = line.unwrap();
            let (_, rest) = line.split_once("listening on http://")?;
            Some(rest.split(' ').next().unwrap().to_owned())
        });
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, address: address.unwrap(), _dir: dir }
    }

    pub(super) fn stream_url(&self) -> String {
        format!("ws://{}/v1/stream", self.address)
    }

    /// User and system time so far, in ms.
    pub(super) fn cpu_ms(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id()));
        let stat = stat.unwrap_or_default();
        let Some((_, fields)) = stat.rsplit_once(')') else { return 0 };
        let fields: Vec<&str> = fields.split_whitespace().collect();
        10 * (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap())
    }

    /// The body of the answer to a GET.
    pub(super) async fn get(&self, path: &str) -> String {
        let mut socket = TcpStream::connect(&self.address).await.unwrap();
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head}");
        body.to_owned()
    }

    /// The one row of `/v1/venues`.
    pub(super) async fn venue(&self) -> Value {
        let page: Value = serde_json::from_str(&self.get("/v1/venues").await).unwrap();
        assert_eq!(page["venues"].as_array().unwrap().len(), 1, "{page}");
        page["venues"][0].clone()
    }

    /// The snapshots of all symbols of a channel.
    pub(super) async fn snapshots(&self, channel: &str) -> Vec<Value> {
        let path = format!("/v1/snapshot?channel={channel}&symbols=*:*");
        let page: Value = serde_json::from_str(&self.get(&path).await).unwrap();
        page["snapshots"].as_array().unwrap().clone()
    }

    /// A figure of `/metrics`, by its name up to the labels.
    pub(super) async fn metric(&self, name: &str) -> u64 {
        let page = self.get("/metrics").await;
        let row = page.lines().find(|row| row.starts_with(name));
        row.and_then(|row| row.rsplit_once(' ')).unwrap().1.parse().unwrap()
    }

    /// Waits until so many frames were read, and then until the tape is at rest; its head.
    pub(super) async fn settled(&self, frames: u64) -> u64 {
        let begun = clock::monotonic();
        let (mut head, mut calm) = (0, 0);
        while calm < CALM_LOOKS {
            tokio::time::sleep(LOOK).await;
            let read = self.metric("tickwire_feed_frames_total").await;
            let now = self.metric("tickwire_tape_head").await;
            calm = if read >= frames && now == head { calm + 1 } else { 0 };
            head = now;
            assert!(begun.elapsed() < PATIENCE, "{read} frames read instead of {frames}");
        }
        head
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}
