//! A client that takes all of `ticker` and `trades`, and holds everyone to the one rule.

use std::collections::BTreeMap;
use std::time::Instant;

use futures_util::SinkExt as _;
use futures_util::StreamExt as _;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use tickwire::clock;
use tickwire_feeds::Nanos;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_tungstenite::MaybeTlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// Fields of a message that are not what it tells.
const ENVELOPE: [&str; 7] = ["type", "channel", "symbol", "seq", "prev", "ts", "recv"];
/// What a status sets, all of it.
const HEALTH: [&str; 4] = ["state", "trading", "since", "reason"];

/// Where a client's streams begin.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// With a snapshot.
    Now,
    /// After place 0 of the tape.
    Beginning,
}

/// A connection.
pub(super) struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    heard: Heard,
}

/// What a client was told.
#[derive(Default)]
pub(super) struct Heard {
    /// By channel and symbol, as `ticker binance:BTC-USDT`.
    pub(super) streams: BTreeMap<String, Stream>,
    /// From the reading of a frame to the reading of its message here, in ns.
    pub(super) delays: Vec<i64>,
    /// When the last message after a snapshot came.
    pub(super) last_at: Option<Instant>,
}

/// What a client was told of one stream.
#[derive(Default)]
pub(super) struct Stream {
    /// The place of its snapshot, if it began with one.
    pub(super) began: Option<u64>,
    pub(super) messages: Vec<Told>,
    /// What all messages together amount to, without the envelope.
    pub(super) state: Map<String, Value>,
    held: u64,
}

/// One message after the snapshot.
pub(super) struct Told {
    pub(super) seq: u64,
    pub(super) text: String,
    pub(super) value: Value,
}

impl Client {
    pub(super) async fn connect(url: &str, start: Start) -> Self {
        let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
        let welcome: Value = serde_json::from_str(&text(&mut socket).await).unwrap();
        for channel in ["ticker", "trades"] {
            let mut op = json!({
                "op": "subscribe", "channel": channel, "symbols": ["*:*"], "slow": "spill",
            });
            if start == Start::Beginning {
                op["from"] = json!({ "epoch": welcome["epoch"], "seq": 0 });
            }
            socket.send(Message::text(op.to_string())).await.unwrap();
        }
        let mut client = Self { socket, heard: Heard::default() };
        for _ in 0..2 {
            client.until("subscribed", start).await;
        }
        client
    }

    /// Reads until the first heartbeat at or above the place that `end` comes to name.
    pub(super) async fn follow(mut self, end: watch::Receiver<u64>) -> Heard {
        loop {
            let text = text(&mut self.socket).await;
            let value: Value = serde_json::from_str(&text).unwrap();
            if value["type"] == "heartbeat" && value["seq"].as_u64().unwrap() >= *end.borrow() {
                return self.heard;
            }
            self.heard.take(value, text);
        }
    }

    /// Reads until an answer of this type.
    async fn until(&mut self, kind: &str, start: Start) {
        loop {
            let text = text(&mut self.socket).await;
            let value: Value = serde_json::from_str(&text).unwrap();
            if value["type"] == kind {
                assert_eq!(value["resumed"], start == Start::Beginning, "{text}");
                return;
            }
            self.heard.take(value, text);
        }
    }
}

impl Heard {
    fn take(&mut self, value: Value, text: String) {
        let kind = value["type"].as_str().unwrap();
        if matches!(kind, "heartbeat" | "service") {
            return;
        }
        let word = |field: &str| value[field].as_str().unwrap().to_owned();
        let name = format!("{} {}", word("channel"), word("symbol"));
        let stream = self.streams.entry(name).or_default();
        let seq = value["seq"].as_u64().unwrap();
        if kind == "snapshot" {
            assert!(stream.began.is_none() && stream.messages.is_empty(), "unasked for: {text}");
            stream.began = Some(seq);
        } else {
            assert_eq!(value["prev"], stream.held, "it follows what is held: {text}");
            assert!(seq > stream.held, "{text}");
            if let Some(recv) = value["recv"].as_str() {
                self.delays.push(clock::now().0 - Nanos::parse_rfc3339(recv).unwrap().0);
            }
            self.last_at = Some(clock::monotonic());
        }
        stream.held = seq;
        stream.apply(kind, &value);
        if kind != "snapshot" {
            stream.messages.push(Told { seq, text, value });
        }
    }
}

impl Stream {
    fn apply(&mut self, kind: &str, value: &Value) {
        match kind {
            "status" => HEALTH.iter().for_each(|field| drop(self.state.remove(*field))),
            "gap" => return,
            "trade" => self.state.retain(|field, _| HEALTH.contains(&field.as_str())),
            _ => {}
        }
        for (field, value) in value.as_object().unwrap() {
            if value.is_null() {
                self.state.remove(field);
            } else if !ENVELOPE.contains(&field.as_str()) {
                self.state.insert(field.clone(), value.clone());
            }
        }
    }
}

/// A snapshot without its envelope.
pub(super) fn without_envelope(snapshot: &Value) -> Map<String, Value> {
    let mut fields = snapshot.as_object().unwrap().clone();
    fields.retain(|field, _| !ENVELOPE.contains(&field.as_str()));
    fields
}

async fn text(socket: &mut WebSocketStream<MaybeTlsStream<TcpStream>>) -> String {
    loop {
        match socket.next().await.unwrap().unwrap() {
            Message::Text(text) => return text.to_string(),
            Message::Ping(_) | Message::Pong(_) => {}
            other => panic!("{other:?}"),
        }
    }
}
