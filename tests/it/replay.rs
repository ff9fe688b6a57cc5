//! Replays: byte for byte what was live, at the pace that was asked for, whatever is asked.

mod everyone;
mod hostile;
mod identity;
mod joining;
mod moving;
mod program;

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use tickwire::clock::monotonic;

use crate::client::Client;
use crate::harness::Server;

/// A client of a replay.
pub(crate) struct Replay {
    pub(crate) client: Client,
}

impl Replay {
    #[track_caller]
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self { client: Client::connect_to(address, "/v1/replay") }
    }

    /// Sends an operation.
    pub(crate) fn send(&mut self, op: &Value) {
        self.client.send(&op.to_string());
    }

    /// Opens all streams of a channel; the answer.
    #[track_caller]
    pub(crate) fn open(&mut self, channel: &str, more: &Value) -> Value {
        let mut op = json!({"op": "open", "id": 1, "channel": channel, "symbols": ["*:*"]});
        for (key, value) in more.as_object().unwrap() {
            op[key] = value.clone();
        }
        self.client.ask_json(&op.to_string())
    }

    /// Everything up to the position of an operation, and that.
    #[track_caller]
    pub(crate) fn until_told(&mut self, id: u64) -> (Vec<String>, Value) {
        self.until(|position| position["id"] == id)
    }

    /// Everything up to a state, and the position that tells it.
    #[track_caller]
    pub(crate) fn until_state(&mut self, state: &str) -> (Vec<String>, Value) {
        self.until(|position| position["state"] == state)
    }

    #[track_caller]
    fn until(&mut self, is_it: impl Fn(&Value) -> bool) -> (Vec<String>, Value) {
        let deadline = monotonic() + Duration::from_secs(60);
        let mut texts = Vec::new();
        while let Some(text) = self.client.text_until(deadline) {
            assert!(!text.starts_with("{\"type\":\"error\""), "{text}");
            if text.starts_with("{\"type\":\"position\"") {
                let position = serde_json::from_str(&text).unwrap();
                if is_it(&position) {
                    return (texts, position);
                }
            } else {
                texts.push(text);
            }
        }
        panic!("no such position after {} messages: {:?}", texts.len(), texts.last());
    }
}

/// The streams' own messages.
pub(crate) fn data(texts: Vec<String>) -> Vec<String> {
    let is_data = |text: &String| text.contains("\"channel\":") && text.contains("\"symbol\":");
    texts.into_iter().filter(is_data).collect()
}

/// Those of them that are no snapshots.
pub(crate) fn changes(texts: &[String]) -> Vec<&str> {
    let is_snapshot = |text: &&str| text.starts_with("{\"type\":\"snapshot\"");
    texts.iter().map(String::as_str).filter(|text| !is_snapshot(text)).collect()
}

pub(crate) fn seq_of(text: &str) -> u64 {
    let (_, rest) = text.split_once("\"seq\":").unwrap_or_else(|| panic!("no seq: {text}"));
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    rest[..digits].parse().unwrap()
}

/// A cursor on the server's tape.
pub(crate) fn cursor(server: &Server, seq: u64) -> Value {
    json!({"epoch": epoch(server), "seq": seq})
}

pub(crate) fn epoch(server: &Server) -> String {
    Client::connect(server.address).welcome["epoch"].as_str().unwrap().to_owned()
}

pub(crate) fn head(server: &Server) -> u64 {
    Client::connect(server.address).welcome["seq"].as_u64().unwrap()
}
