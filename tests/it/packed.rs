//! `tickwire.v1.msgpack`: the same messages as in JSON, read by a decoder of others.

mod policies;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::time::Duration;

use rmpv::Value as Packed;
use serde_json::Value;
use serde_json::json;
use tickwire::clock::monotonic;
use tickwire_feeds::Nanos;
use tokio_tungstenite::tungstenite;
use tungstenite::Message;
use tungstenite::WebSocket;
use tungstenite::client::IntoClientRequest as _;

use crate::client::Client;
use crate::client::Raw;
use crate::client::masked;
use crate::client::upgrade;
use crate::harness::PATIENCE;
use crate::harness::Server;
use crate::harness::since;

/// A client of MessagePack. What it gets is compared as JSON.
struct Speaker {
    socket: WebSocket<TcpStream>,
    welcome: Value,
}

impl Speaker {
    #[track_caller]
    fn connect(address: SocketAddr, path: &str) -> Self {
        Self::over(TcpStream::connect(address).unwrap(), address, path)
    }

    #[track_caller]
    fn over(stream: TcpStream, address: SocketAddr, path: &str) -> Self {
        let mut request = format!("ws://{address}{path}").into_client_request().unwrap();
        let protocol = "tickwire.v1.msgpack".parse().unwrap();
        request.headers_mut().insert("Sec-WebSocket-Protocol", protocol);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let (socket, _) = tungstenite::client(request, stream).expect("an upgrade");
        let mut speaker = Self { socket, welcome: Value::Null };
        speaker.welcome = speaker.next();
        assert_eq!(speaker.welcome["type"], "welcome");
        speaker
    }

    fn send(&mut self, op: &Value) {
        let mut bytes = Vec::new();
        rmpv::encode::write_value(&mut bytes, &packed(op)).unwrap();
        self.socket.send(Message::binary(bytes)).unwrap();
    }

    #[track_caller]
    fn next(&mut self) -> Value {
        loop {
            match self.socket.read().unwrap() {
                Message::Binary(bytes) => return unpacked(&bytes),
                Message::Text(text) => panic!("a text message: {text}"),
                Message::Close(close) => panic!("a close: {close:?}"),
                _ => {}
            }
        }
    }

    /// The answer to an operation.
    #[track_caller]
    fn ask(&mut self, op: &Value) -> Value {
        self.send(op);
        self.next_of(&["subscribed", "unsubscribed", "subscriptions", "pong", "error", "plan"])
    }

    #[track_caller]
    fn next_of(&mut self, kinds: &[&str]) -> Value {
        let started = monotonic();
        while since(started) < PATIENCE {
            let message = self.next();
            if kinds.contains(&message["type"].as_str().unwrap()) {
                return message;
            }
        }
        panic!("none of {kinds:?}");
    }
}

fn packed(json: &Value) -> Packed {
    match json {
        Value::Null => Packed::Nil,
        Value::Bool(is_so) => (*is_so).into(),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => number.into(),
            (_, Some(number)) => number.into(),
            _ => number.as_f64().unwrap().into(),
        },
        Value::String(text) => text.as_str().into(),
        Value::Array(list) => list.iter().map(packed).collect::<Vec<_>>().into(),
        Value::Object(map) => Packed::Map(
            map.iter().map(|(key, value)| (key.as_str().into(), packed(value))).collect(),
        ),
    }
}

/// One value, and nothing after it.
#[track_caller]
fn unpacked(mut bytes: &[u8]) -> Value {
    let value = rmpv::decode::read_value(&mut bytes).unwrap();
    assert!(bytes.is_empty());
    json_of(&value)
}

/// As JSON; a timestamp as an object, to be told from a string.
fn json_of(value: &Packed) -> Value {
    match value {
        Packed::Nil => Value::Null,
        Packed::Boolean(is_so) => (*is_so).into(),
        Packed::Integer(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => number.into(),
            (_, number) => number.into(),
        },
        Packed::F64(number) => (*number).into(),
        Packed::String(text) => text.as_str().unwrap().into(),
        Packed::Array(list) => list.iter().map(json_of).collect(),
        Packed::Map(map) => {
            let entry = |(key, value): &(Packed, Packed)| {
                (key.as_str().unwrap().to_owned(), json_of(value))
            };
            Value::Object(map.iter().map(entry).collect())
        }
        Packed::Ext(-1, bytes) => json!({ "time": time_of(bytes).to_string() }),
        other => panic!("{other}"),
    }
}

fn time_of(bytes: &[u8]) -> Nanos {
    let (seconds, part) = match bytes.len() {
        4 => (u64::from(u32::from_be_bytes(bytes.try_into().unwrap())), 0),
        8 => {
            let both = u64::from_be_bytes(bytes.try_into().unwrap());
            (both & ((1 << 34) - 1), both >> 34)
        }
        other => panic!("{other} bytes in this century"),
    };
    Nanos(i64::try_from(seconds * 1_000_000_000 + part).unwrap())
}

/// JSON as the other format has it.
fn with_times(mut message: Value) -> Value {
    for key in ["ts", "recv", "since", "start", "now", "at", "day_from"] {
        if let Some(time) = message.get_mut(key).filter(|time| time.is_string()) {
            *time = json!({ "time": time.take() });
        }
    }
    message
}

fn key(message: &Value) -> Option<(String, String, u64, String)> {
    let text = |key: &str| message[key].as_str().map(str::to_owned);
    Some((text("channel")?, text("symbol")?, message["seq"].as_u64()?, text("type")?))
}

#[test]
fn the_two_formats_have_the_same_messages() {
    let server = Server::start(&[("feeds.sim.ticks_per_s", "1000")]);
    crate::http::wait_until_ready(&server);
    let mut json = Client::connect(server.address);
    let mut msgpack = Speaker::connect(server.address, "/v1/stream");
    for (id, channel) in ["ticker", "trades", "bars.1s", "bars.1m"].into_iter().enumerate() {
        let op = json!({"op": "subscribe", "id": id, "channel": channel, "symbols": ["*:*"]});
        let said = msgpack.ask(&op);
        assert_eq!((&said["type"], &said["id"]), (&json!("subscribed"), &json!(id)), "{said}");
        let other = json.ask_json(&op.to_string());
        assert_eq!(said, other, "{channel}");
    }
    let started = monotonic();
    let mut seen = HashMap::new();
    while since(started) < Duration::from_secs(1) {
        let message = msgpack.next();
        if let Some(key) = key(&message) {
            seen.insert(key, message);
        }
    }
    let texts = json.during(Duration::from_millis(1_200));
    let (mut same, mut kinds) = (0, HashMap::new());
    for text in texts {
        let message: Value = serde_json::from_str(&text).unwrap();
        let Some(found) = key(&message).and_then(|key| seen.get(&key)) else { continue };
        *kinds.entry(message["type"].as_str().unwrap().to_owned()).or_insert(0) += 1;
        assert_eq!(*found, with_times(message), "{text}");
        same += 1;
    }
    assert!(same > 500, "{same} of {}: {kinds:?}", seen.len());
    for kind in ["snapshot", "delta", "trade", "bar"] {
        assert!(kinds.contains_key(kind), "{kinds:?}");
    }
}

#[test]
fn every_answer_is_the_same() {
    let server = Server::shared();
    let mut json = Client::connect(server.address);
    let mut msgpack = Speaker::connect(server.address, "/v1/stream");
    let (mut ours, theirs) = (msgpack.welcome.clone(), json.welcome.clone());
    ours["seq"] = theirs["seq"].clone();
    assert_eq!(ours, theirs);
    for op in [
        json!({"op": "ping", "id": -1}),
        json!({"op": "ping", "id": "ä\"\n"}),
        json!({"op": "subscribe", "id": 1, "channel": "trades", "symbols": ["sim:BTC-USD", "x:Y"]}),
        json!({"op": "subscriptions"}),
        json!({"op": "unsubscribe", "channel": "trades", "symbols": ["sim:BTC-USD"]}),
        json!({"op": "plan", "channel": "ticker", "symbols": ["x:*"]}),
        json!({"op": "nothing", "id": 2}),
        json!({"op": "subscribe", "channel": "ticker", "symbols": [], "conflate_ms": 1.5}),
        json!({"id": 18_446_744_073_709_551_615_u64}),
        json!([1]),
    ] {
        let mut said = msgpack.ask(&op);
        let mut other = with_times(json.ask_json(&op.to_string()));
        if let (Some(time), Some(now)) = (said.get_mut("now"), other.get_mut("now")) {
            assert!(time["time"].is_string(), "{time}");
            *now = time.clone();
        }
        assert_eq!(said, other, "{op}");
    }
    let heartbeat = msgpack.next_of(&["heartbeat"]);
    assert!(heartbeat["now"]["time"].is_string() && heartbeat["seq"].is_u64(), "{heartbeat}");
}

#[test]
fn text_is_understood_too_and_what_is_no_message_is_refused() {
    let server = Server::shared();
    let mut client = Speaker::connect(server.address, "/v1/stream");
    client.socket.send(Message::text(r#"{"op":"ping","id":1}"#)).unwrap();
    assert_eq!(client.next_of(&["pong"])["id"], 1);
    for (bytes, why) in [
        (&b""[..], "it ends within a value"),
        (b"\xc1", "a value of kind 0xc1 means nothing here"),
        (b"\x81\xa2op\xa4pin", "it ends within a value"),
        (b"\xdf\xff\xff\xff\xff", "it ends within a value"),
        (b"\xdb\xff\xff\xff\xff", "it ends within a value"),
        (b"\x80\x80", "1 bytes follow the message"),
        (b"\x81\x01\x01", "a key of a map must be a string"),
        (b"\x81\xa1a\xa1\xff", "a string is not UTF-8"),
        (&[0x91; 60_000], "more than 16 levels"),
    ] {
        client.socket.send(Message::binary(bytes.to_vec())).unwrap();
        let refused = client.next_of(&["error"]);
        assert_eq!(refused["code"], "bad_request");
        assert_eq!(refused["message"], format!("not MessagePack: {why}"), "{bytes:x?}");
    }
    client.send(&json!({"op": "ping", "id": 2}));
    assert_eq!(client.next_of(&["pong"])["id"], 2);
}

#[test]
fn frames_are_binary_and_the_rules_the_same() {
    let server = Server::shared();
    let connect = || {
        let mut raw = Raw::open(server.address);
        raw.send(upgrade("Sec-WebSocket-Protocol: tickwire.v1.msgpack\r\n").as_bytes());
        let head = raw.head().to_lowercase();
        assert!(head.contains("sec-websocket-protocol: tickwire.v1.msgpack\r\n"), "{head}");
        let welcome = raw.frame().unwrap();
        assert_eq!(welcome.opcode, 2);
        assert_eq!(unpacked(&welcome.payload)["type"], "welcome");
        raw
    };
    for (bytes, code) in [
        (masked(0x81, b"\xff"), 1007),
        (masked(0x82, &vec![0; 65_537]), 1009),
        (masked(0x83, b""), 1002),
        (masked(0x88, &1000_u16.to_be_bytes()), 1000),
    ] {
        let mut raw = connect();
        raw.send(&bytes);
        assert_eq!(raw.closing().1, Some(code));
    }
    let mut raw = connect();
    raw.send(
        &[masked(0x02, b"\x81\xa2op"), masked(0x89, b"?"), masked(0x80, b"\xa4ping")].concat(),
    );
    let pong = loop {
        let frame = raw.frame().unwrap();
        match frame.opcode {
            10 => assert_eq!(frame.payload, b"?"),
            2 if unpacked(&frame.payload)["type"] == "pong" => break frame,
            _ => {}
        }
    };
    assert_eq!(pong.opcode, 2);
}

#[test]
fn a_replay_speaks_it_too() {
    let server = Server::shared();
    let mut client = Speaker::connect(server.address, "/v1/replay");
    let epoch = client.welcome["epoch"].clone();
    let from = json!({"epoch": epoch, "seq": 0});
    client.send(&json!({"op": "open", "id": 1, "channel": "ticker", "symbols": ["*:*"],
        "from": from, "speed": 0}));
    let opened = client.next_of(&["opened", "error"]);
    assert_eq!(
        (&opened["type"], &opened["from"]["seq"]),
        (&json!("opened"), &json!(0)),
        "{opened}"
    );
    let ended = loop {
        let position = client.next_of(&["position"]);
        if position["state"] == "ended" {
            break position;
        }
    };
    assert_eq!((&ended["speed"], &ended["done"]), (&json!(0), &json!(1.0)));
    assert!(ended["at"]["time"].is_string(), "{ended}");
}
