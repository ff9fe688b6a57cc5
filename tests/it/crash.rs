//! `kill -9` under load: nothing that a client saw is lost, no place is given twice, and clients
//! go on where they were.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use futures_util::SinkExt as _;
use futures_util::StreamExt as _;
use serde_json::Value;
use tickwire::clock;
use tickwire::event::Channel;
use tickwire::event::Event;
use tickwire::event::Seq;
use tickwire::tape;
use tickwire::wire::json;
use tickwire::wire::json::StreamName;
use tokio_tungstenite::tungstenite::Message;

use crate::server::Running;

/// Kills in a quick run; `CRASHES=30` for the long one.
const CRASHES: usize = 5;
const TICKS_PER_S: u32 = 5_000;
/// From the start of the process to the first new message.
const RESTART_MAX: Duration = Duration::from_secs(2);

/// A server that dies by SIGKILL when this is dropped.
pub(crate) struct Server {
    _process: Running,
    pub(crate) url: String,
}

impl Server {
    pub(crate) fn start(dir: &Path, ticks_per_s: u32) -> Self {
        let mut command = crate::server::tickwire();
        command
            .env("TICKWIRE__HTTP__LISTEN", "127.0.0.1:0")
            .env("TICKWIRE__HTTP__WORKERS", "2")
            .env("TICKWIRE__TAPE__DIR", dir)
            .env("TICKWIRE__TAPE__SEGMENT_BYTES", "1MiB")
            .env("TICKWIRE__STREAM__HEARTBEAT_MS", "250")
            .env("TICKWIRE__FEEDS__SIM__TICKS_PER_S", ticks_per_s.to_string());
        let process = Running::start(&mut command);
        let url = format!("ws://{}/v1/stream", process.address());
        Self { _process: process, url }
    }
}

/// A client of all symbols of one channel that obeys the one rule, over many connections.
struct Client {
    channel: Channel,
    epoch: Option<String>,
    held: HashMap<String, u64>,
    last: u64,
    /// Data messages other than snapshots, by place and symbol.
    seen: BTreeMap<(u64, String), String>,
}

impl Client {
    fn new(channel: Channel) -> Self {
        let (held, seen) = (HashMap::new(), BTreeMap::new());
        Self { channel, epoch: None, held, last: 0, seen }
    }

    /// Connects, and reads until the server is gone; says when the first new message came.
    async fn follow(&mut self, url: &str) -> Option<std::time::Instant> {
        let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
        let welcome: Value = serde_json::from_str(&text(socket.next().await)?).unwrap();
        let epoch = welcome["epoch"].as_str().unwrap().to_owned();
        let mut op = serde_json::json!({
            "op": "subscribe", "channel": self.channel.word(), "symbols": ["*:*"], "slow": "spill",
        });
        if let Some(known) = &self.epoch {
            assert_eq!(*known, epoch, "the epoch stays");
            assert!(welcome["seq"].as_u64().unwrap() >= self.last, "what was seen is on the tape");
            op["from"] = serde_json::json!({ "epoch": epoch, "seq": self.last });
        }
        let resumes = self.epoch.replace(epoch).is_some();
        socket.send(Message::text(op.to_string())).await.unwrap();
        let mut first = None;
        while let Some(message) = text(socket.next().await) {
            let value: Value = serde_json::from_str(&message).unwrap();
            match value["type"].as_str().unwrap() {
                "subscribed" => assert_eq!(value["resumed"], resumes, "{message}"),
                "heartbeat" | "service" => {}
                "snapshot" => {
                    assert!(!resumes, "a resumed stream needs no snapshot: {message}");
                    self.hold(&value);
                }
                _ => {
                    first.get_or_insert_with(clock::monotonic);
                    self.apply(&value, message);
                }
            }
        }
        first
    }

    fn apply(&mut self, value: &Value, message: String) {
        let symbol = value["symbol"].as_str().unwrap();
        let prev = value["prev"].as_u64().unwrap();
        assert_eq!(self.held.get(symbol), Some(&prev), "it follows what is held: {message}");
        let seq = self.hold(value);
        let before = self.seen.insert((seq, symbol.to_owned()), message);
        assert_eq!(before, None, "place {seq} is given once");
    }

    fn hold(&mut self, value: &Value) -> u64 {
        let seq = value["seq"].as_u64().unwrap();
        self.held.insert(value["symbol"].as_str().unwrap().to_owned(), seq);
        self.last = self.last.max(seq);
        seq
    }
}

fn text(message: Option<Result<Message, tokio_tungstenite::tungstenite::Error>>) -> Option<String> {
    match message {
        Some(Ok(Message::Text(text))) => Some(text.to_string()),
        Some(Ok(Message::Ping(_))) => Some(r#"{"type":"heartbeat"}"#.to_owned()),
        _ => None,
    }
}

/// All of a tape, by place.
pub(crate) fn read_tape(dir: &Path) -> (BTreeMap<u64, Event>, tickwire::board::Board) {
    let opened = tape::open(&tape::Settings::new(dir), clock::now()).unwrap();
    let mut cursor = opened.tape.read_after(Seq::START).unwrap();
    let (mut events, mut last) = (BTreeMap::new(), 0);
    let mut batch = Vec::new();
    while cursor.next_batch(4_096, &mut batch).unwrap() > 0 {
        for event in batch.drain(..) {
            assert!(event.seq.0 > last, "places go up");
            last = event.seq.0;
            events.insert(last, event);
        }
    }
    (events, opened.board)
}

#[test]
fn a_killed_server_loses_nothing_that_a_client_saw() {
    let crashes = std::env::var("CRASHES").map_or(CRASHES, |count| count.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut clients = [Channel::Ticker, Channel::Trades].map(Client::new);
    let mut slowest = Duration::ZERO;
    for crash in 0..=crashes {
        let begun = clock::monotonic();
        let server = Server::start(dir.path(), TICKS_PER_S);
        let life = Duration::from_millis(rand::random_range(100..1_200));
        let url = server.url.clone();
        let kill = async {
            tokio::time::sleep(life).await;
            drop(server);
        };
        let [ticker, trades] = &mut clients;
        let (first, _, ()) = runtime
            .block_on(async { tokio::join!(ticker.follow(&url), trades.follow(&url), kill) });
        if let Some(first) = first.filter(|_| crash > 0) {
            slowest = slowest.max(first - begun);
        }
    }
    let (events, board) = read_tape(dir.path());
    let mut compared = 0;
    for client in &clients {
        for ((seq, symbol), message) in &client.seen {
            let event = &events[seq];
            let prev = serde_json::from_str::<Value>(message).unwrap()["prev"].as_u64().unwrap();
            let id = board.id(symbol).unwrap();
            let stream = StreamName { channel: client.channel, id, symbol };
            let mut again = Vec::new();
            json::write_event(&mut again, stream, event, Seq(prev));
            assert_eq!(String::from_utf8(again).unwrap(), *message);
            compared += 1;
        }
    }
    println!(
        "{crashes} kills: {} events, {compared} messages compared, slowest restart {slowest:?}",
        events.len()
    );
    assert!(compared > crashes * 100, "there was load: {compared} messages");
    assert!(slowest < RESTART_MAX, "restart to first message took {slowest:?}");
}
