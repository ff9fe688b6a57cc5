//! What slow, returning and replaying clients of MessagePack get, beside the JSON of the same.

use std::collections::HashMap;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use socket2::Domain;
use socket2::Socket;
use socket2::Type;
use tickwire::clock::monotonic;

use super::Message;
use super::Speaker;
use super::key;
use super::unpacked;
use super::with_times;
use crate::client::Chains;
use crate::client::Client;
use crate::harness::Server;
use crate::harness::since;

fn busy() -> Server {
    let server = Server::start(&[
        ("feeds.sim.ticks_per_s", "5000"),
        ("limits.buffer_bytes", "16384"),
        ("stream.heartbeat_ms", "200"),
    ]);
    crate::http::wait_until_ready(&server);
    server
}

/// A client whose kernel takes next to nothing while it does not read.
fn lazy(server: &Server) -> Speaker {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    socket.connect(&server.address.into()).unwrap();
    Speaker::over(TcpStream::from(socket), server.address, "/v1/stream")
}

/// Each stream's fields after each of its messages, as a fast client of JSON knows them.
#[derive(Default)]
struct Known {
    messages: HashMap<(String, String, u64, String), Value>,
    now: HashMap<String, Value>,
    states: HashMap<(String, u64), Value>,
}

impl Known {
    fn see(&mut self, message: Value) {
        let Some(key) = key(&message) else { return };
        let (symbol, seq) = (key.1.clone(), key.2);
        let state = self.now.entry(symbol.clone()).or_insert_with(|| json!({}));
        for (name, value) in message.as_object().unwrap() {
            match value {
                Value::Null => drop(state.as_object_mut().unwrap().remove(name)),
                value => state[name] = value.clone(),
            }
        }
        state["type"] = "snapshot".into();
        state.as_object_mut().unwrap().remove("prev");
        self.states.insert((symbol, seq), with_times(state.clone()));
        self.messages.insert(key, with_times(message));
    }

    /// Compares what came packed; whether the message is known here at all.
    #[track_caller]
    fn confirms(&self, message: &Value) -> bool {
        let Some(key) = key(message) else { return false };
        let known = self.messages.get(&key);
        let state = || self.states.get(&(key.1.clone(), key.2));
        let known = known.or_else(|| state().filter(|_| message["type"] == "snapshot"));
        known.inspect(|known| assert_eq!(message, *known)).is_some()
    }
}

/// A slow client of a policy and a fast one beside it: what the slow one got.
#[track_caller]
fn check(channel: &str, slow: &str) -> (Vec<Value>, Chains) {
    let read = |speaker: &mut Speaker| {
        let (start, mut got) = (monotonic(), Vec::new());
        while since(start) < Duration::from_millis(800) {
            got.push(speaker.next());
        }
        got
    };
    let (got, chains, same) = compare(channel, slow, read);
    assert!(same > 300, "{channel} {slow}: {same} of {}", got.len());
    (got, chains)
}

/// The same of one that reads in its own way after its pause, and how much of it the fast one
/// knows.
#[track_caller]
fn compare(
    channel: &str,
    slow: &str,
    read: impl FnOnce(&mut Speaker) -> Vec<Value>,
) -> (Vec<Value>, Chains, usize) {
    let server = busy();
    let mut fast = Client::connect(server.address);
    let op = json!({"op": "subscribe", "channel": channel, "symbols": ["*:*"]});
    fast.ask_json(&op.to_string());
    let fast = std::thread::spawn(move || fast.during(Duration::from_millis(2_600)));
    let mut speaker = lazy(&server);
    let op = json!({"op": "subscribe", "channel": channel, "symbols": ["*:*"], "slow": slow});
    assert_eq!(speaker.ask(&op)["type"], "subscribed");
    std::thread::sleep(Duration::from_millis(1_200));
    let got = read(&mut speaker);
    let mut known = Known::default();
    for text in fast.join().unwrap() {
        known.see(serde_json::from_str(&text).unwrap());
    }
    let mut chains = Chains::default();
    got.iter().for_each(|message| chains.see(message));
    let same = got.iter().filter(|message| known.confirms(message)).count();
    (got, chains, same)
}

#[test]
fn what_comes_before_a_close_is_the_same() {
    let mut code = None;
    let read = |speaker: &mut Speaker| {
        let mut got = Vec::new();
        while code.is_none() {
            match speaker.socket.read().unwrap() {
                Message::Binary(bytes) => got.push(unpacked(&bytes)),
                Message::Close(close) => code = close.map(|close| u16::from(close.code)),
                _ => {}
            }
        }
        got
    };
    let (got, chains, same) = compare("ticker", "close", read);
    assert!(chains.linked > 10 && same > 30, "{same} of {}", got.len());
    assert_eq!(code, Some(4008));
}

#[test]
fn what_spills_is_the_same() {
    for channel in ["trades", "ticker"] {
        let (_, chains) = check(channel, "spill");
        assert!(chains.linked > 300, "{channel}: {}", chains.linked);
    }
}

#[test]
fn what_is_conflated_is_the_same() {
    let (got, chains) = check("ticker", "conflate");
    let snapshots = got.iter().filter(|message| message["type"] == "snapshot").count();
    assert!(snapshots > 20 && chains.snapshots == snapshots, "{snapshots}");
}

#[test]
fn what_is_dropped_is_told_the_same() {
    let (got, chains) = check("trades", "gap");
    let gap = got.iter().find(|message| message["type"] == "gap").expect("a gap");
    assert_eq!((&gap["channel"], &gap["cause"]), (&json!("trades"), &json!("slow_consumer")));
    assert!(chains.dropped > 0);
}

/// Data up to the one of a place.
fn up_to(seq: u64, mut next: impl FnMut() -> Value) -> Vec<Value> {
    let mut got = Vec::new();
    loop {
        let message = next();
        match message["seq"].as_u64() {
            Some(at) if at > seq => return got,
            _ if key(&message).is_some() => got.push(message),
            _ => {}
        }
    }
}

#[test]
fn who_comes_back_gets_the_same() {
    let server = Server::start(&[("feeds.sim.ticks_per_s", "1000")]);
    crate::http::wait_until_ready(&server);
    std::thread::sleep(Duration::from_secs(1));
    let mut json = Client::connect(server.address);
    let mut msgpack = Speaker::connect(server.address, "/v1/stream");
    let head = json.welcome["seq"].as_u64().unwrap();
    let from = json!({"epoch": json.welcome["epoch"], "seq": head - 500});
    for channel in ["trades", "ticker"] {
        let op = json!({"op": "subscribe", "channel": channel, "symbols": ["*:*"], "from": from});
        let said = msgpack.ask(&op);
        assert_eq!(said["resumed"], true, "{said}");
        assert_eq!(said, json.ask_json(&op.to_string()));
        let packed = up_to(head, || msgpack.next());
        let plain = up_to(head, || with_times(json.next()));
        assert!(packed.len() > 50, "{channel}: {}", packed.len());
        assert_eq!(packed, plain, "{channel}");
        let op = json!({"op": "unsubscribe", "channel": channel, "symbols": ["*:*"]});
        assert_eq!(msgpack.ask(&op), json.ask_json(&op.to_string()));
    }
}

#[test]
fn a_replay_is_the_same() {
    let server = Server::start(&[("feeds.sim.ticks_per_s", "1000")]);
    crate::http::wait_until_ready(&server);
    std::thread::sleep(Duration::from_secs(1));
    let mut json = Client::connect_to(server.address, "/v1/replay");
    let mut msgpack = Speaker::connect(server.address, "/v1/replay");
    let (epoch, head) = (&json.welcome["epoch"], json.welcome["seq"].as_u64().unwrap());
    let at = |seq: u64| json!({"epoch": epoch, "seq": seq});
    let op = json!({"op": "open", "channel": "ticker", "symbols": ["*:*"], "speed": 0,
        "from": at(head - 500), "to": at(head)});
    msgpack.send(&op);
    json.send(&op.to_string());
    let all = |mut next: Box<dyn FnMut() -> Value + '_>| {
        let mut got = Vec::new();
        loop {
            let message = next();
            if message["type"] == "position" && message["state"] == "ended" {
                return got;
            }
            got.extend(key(&message).is_some().then_some(message));
        }
    };
    let packed = all(Box::new(|| msgpack.next()));
    let plain = all(Box::new(|| with_times(json.next())));
    assert!(packed.len() > 300, "{}", packed.len());
    assert_eq!(packed, plain);
}
