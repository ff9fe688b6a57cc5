//! Readers that are too slow: what becomes of them, and that nobody else notices.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use socket2::Domain;
use socket2::Socket;
use socket2::Type;
use tickwire::clock;
use tickwire::clock::monotonic;
use tickwire_feeds::Nanos;

use crate::client::Chains;
use crate::client::Client;
use crate::harness::Server;
use crate::harness::since;

/// A client whose kernel takes next to nothing while it does not read.
fn lazy(address: SocketAddr) -> Client {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    socket.connect(&address.into()).unwrap();
    Client::over(TcpStream::from(socket), address)
}

/// A server of some thousand messages a second whose clients' buffers are soon full.
fn busy(buffer_bytes: &str) -> Server {
    let server = Server::start(&[
        ("feeds.sim.ticks_per_s", "1500"),
        ("limits.buffer_bytes", buffer_bytes),
        ("stream.heartbeat_ms", "200"),
    ]);
    crate::http::wait_until_ready(&server);
    server
}

#[test]
fn who_asked_for_it_is_closed() {
    let server = busy("16384");
    let mut client = lazy(server.address);
    client.send(r#"{"op":"subscribe","channel":"ticker","symbols":["*:*"],"slow":"close"}"#);
    std::thread::sleep(Duration::from_millis(1_500));
    let (texts, code) = client.rest();
    assert_eq!(code, 4008);
    let mut chains = Chains::default();
    texts.iter().for_each(|text| chains.see_text(text));
    assert!(chains.linked > 10, "{}", chains.linked);
}

#[test]
fn first_snapshots_do_not_count_against_the_buffer() {
    let server = Server::start(&[
        ("feeds.sim.symbols", "3000"),
        ("feeds.sim.ticks_per_s", "1"),
        ("limits.buffer_bytes", "16384"),
    ]);
    crate::http::wait_until_ready(&server);
    let mut client = lazy(server.address);
    client.send(r#"{"op":"subscribe","channel":"ticker","symbols":["*:*"],"slow":"close"}"#);
    std::thread::sleep(Duration::from_millis(500));
    let mut chains = Chains::default();
    while chains.held.len() < 3_000 {
        chains.see(&client.next());
    }
    assert_eq!(chains.snapshots, 3_000);
}

#[test]
fn a_conflating_client_is_brought_up_to_date_by_snapshots() {
    let server = busy("16384");
    let mut client = lazy(server.address);
    client.send(r#"{"op":"subscribe","channel":"ticker","symbols":["*:*"]}"#);
    let mut chains = Chains::default();
    for _ in 0..2 {
        std::thread::sleep(Duration::from_millis(1_200));
        for text in client.during(Duration::from_millis(800)) {
            chains.see_text(&text);
        }
    }
    assert!(chains.snapshots > 40, "{}", chains.snapshots);
    assert!(chains.linked > 500, "{}", chains.linked);
    let cursor = client.next_of("heartbeat")["seq"].as_u64().unwrap();
    let head = Client::connect(server.address).welcome["seq"].as_u64().unwrap();
    assert!(head - cursor < 1_500, "it has caught up: {cursor} of {head}");
}

#[test]
fn a_spilling_client_misses_nothing() {
    let server = busy("16384");
    let mut witness = Client::connect(server.address);
    let mut client = lazy(server.address);
    let op = r#"{"op":"subscribe","channel":"trades","symbols":["*:*"],"slow":"spill"}"#;
    witness.send(op);
    client.send(op);
    let mut witnessed = Vec::new();
    let mut got = Vec::new();
    for _ in 0..2 {
        witnessed.extend(witness.during(Duration::from_millis(1_200)));
        got.extend(client.during(Duration::from_millis(700)));
    }
    witnessed.extend(witness.during(Duration::from_millis(300)));
    let trades = |texts: &[String]| -> Vec<String> {
        let mut chains = Chains::default();
        texts.iter().for_each(|text| chains.see_text(text));
        texts.iter().filter(|text| text.starts_with("{\"type\":\"trade\"")).cloned().collect()
    };
    let (witnessed, got) = (trades(&witnessed), trades(&got));
    // Each stream begins with a snapshot, when there is room for it: from there on it is whole.
    let of = |all: &[String], symbol: &str| -> Vec<String> {
        all.iter().filter(|text| text.contains(symbol)).cloned().collect()
    };
    let mut common = 0;
    for symbol in ["sim:BTC-USD\"", "sim:ETH-USD\"", "sim:AAPL\"", "sim:SOL-USD\"", "sim:MSFT\""] {
        let (witnessed, got) = (of(&witnessed, symbol), of(&got, symbol));
        let first = got.first().and_then(|first| witnessed.iter().position(|text| text == first));
        let Some(first) = first else { continue };
        let both = got.len().min(witnessed.len() - first);
        assert_eq!(got[..both], witnessed[first..first + both], "{symbol}");
        common += both;
    }
    assert!(common > 200, "{common} trades compared");
}

/// The place of each message of a stream, and whether it is a status.
type Places = std::collections::BTreeMap<u64, bool>;

/// Checks that each gap in what a client got is as a witness saw it; gives their number, and how
/// many held a status.
fn check_gaps(got: &[Value], witnessed: &HashMap<String, Places>) -> (usize, usize) {
    let (mut gaps, mut with_status, mut promised) = (0, 0, 0);
    for (index, message) in got.iter().enumerate() {
        if message["type"] == "heartbeat" {
            promised = message["seq"].as_u64().unwrap();
        }
        if message["cause"] != "slow_consumer" {
            continue;
        }
        gaps += 1;
        let mut keys: Vec<_> = message.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["cause", "channel", "from", "missing", "symbol", "to", "type"]);
        let number = |key: &str| message[key].as_u64().unwrap();
        let (from, to) = (number("from"), number("to"));
        assert!(from > promised, "a heartbeat had promised it: {message}");
        let lost = &witnessed[message["symbol"].as_str().unwrap()];
        assert!(lost.contains_key(&from) && lost.contains_key(&to), "{message}");
        assert_eq!(lost.range(from..=to).count() as u64, number("missing"), "{message}");
        if lost.range(from..=to).any(|(_, is_status)| *is_status) {
            with_status += 1;
            let next = got[index + 1..].iter().find(|of| of["symbol"] == message["symbol"]);
            let Some(next) = next else { continue };
            assert_eq!((&next["type"], &next["seq"]), (&json!("snapshot"), &json!(to)));
        }
    }
    (gaps, with_status)
}

#[test]
fn a_client_that_wants_gaps_is_told_of_each() {
    let server = Server::start(&[
        ("feeds.sim.ticks_per_s", "3000"),
        ("feeds.sim.disconnect_every_ms", "700"),
        ("feeds.sim.disconnect_ms", "50"),
        ("limits.buffer_bytes", "16384"),
        ("stream.heartbeat_ms", "100"),
    ]);
    crate::http::wait_until_ready(&server);
    let op = r#"{"op":"subscribe","channel":"trades","symbols":["*:*"]}"#;
    let mut witness = Client::connect(server.address);
    witness.ask(op);
    let witness = std::thread::spawn(move || witness.during(Duration::from_millis(6_500)));
    let mut client = lazy(server.address);
    let op = r#"{"op":"subscribe","channel":"trades","symbols":["*:*"],"slow":"gap"}"#;
    client.send(op);
    let mut got = Vec::new();
    for _ in 0..3 {
        std::thread::sleep(Duration::from_millis(1_200));
        got.extend(client.during(Duration::from_millis(600)));
    }
    let mut witnessed: HashMap<String, Places> = HashMap::new();
    for text in witness.join().unwrap() {
        let message: Value = serde_json::from_str(&text).unwrap();
        let Some(seq) = message["seq"].as_u64().filter(|_| message["symbol"].is_string()) else {
            continue;
        };
        if message["type"] != "snapshot" {
            let of_symbol = witnessed.entry(message["symbol"].as_str().unwrap().to_owned());
            of_symbol.or_default().insert(seq, message["type"] == "status");
        }
    }
    let got: Vec<Value> = got.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    let mut chains = Chains::default();
    got.iter().for_each(|message| chains.see(message));
    let (gaps, with_status) = check_gaps(&got, &witnessed);
    eprintln!("{gaps} gaps, {with_status} with a status, {} messages", chains.dropped);
    assert!(gaps >= 20 && with_status > 0 && chains.linked > 200, "{gaps} {with_status}");
}

#[test]
fn a_client_that_wants_gaps_and_keeps_up_has_none() {
    let server = Server::shared();
    let mut client = Client::connect(server.address);
    client.send(r#"{"op":"subscribe","channel":"trades","symbols":["*:*"],"slow":"gap"}"#);
    let mut chains = Chains::default();
    for text in client.during(Duration::from_secs(2)) {
        chains.see_text(&text);
    }
    assert_eq!((chains.dropped, chains.snapshots), (0, 20));
    assert!(chains.linked > 80, "{}", chains.linked);
}

#[test]
fn slow_readers_touch_nobody_else_and_hold_little() {
    const STALLED: usize = 10;
    let server = busy("1048576");
    let op = r#"{"op":"subscribe","channel":"ticker","symbols":["*:*"]}"#;
    let trades = r#"{"op":"subscribe","channel":"trades","symbols":["*:*"]}"#;
    let mut warm = Client::connect(server.address);
    warm.ask(op);
    warm.during(Duration::from_millis(500));
    let before = server.memory_bytes();
    let stalled: Vec<_> = (0..STALLED)
        .map(|_| {
            let mut client = lazy(server.address);
            client.send(op);
            client.send(trades);
            client
        })
        .collect();
    let readers: Vec<_> = (0..20)
        .map(|_| {
            let mut client = Client::connect(server.address);
            std::thread::spawn(move || {
                client.send(op);
                read(&mut client, Duration::from_secs(6))
            })
        })
        .collect();
    let mut delays: Vec<i64> = readers.into_iter().flat_map(|of| of.join().unwrap()).collect();
    delays.sort_unstable();
    assert!(delays.len() > 50_000, "{}", delays.len());
    let p99_ms = delays[delays.len() * 99 / 100] / 1_000_000;
    assert!(p99_ms < 500, "p99 {p99_ms} ms");
    let grown = server.memory_bytes() - before;
    let bound = (STALLED * 3) << 20;
    assert!(grown < i64::try_from(bound).unwrap(), "{grown} bytes more");
    eprintln!("p99 {p99_ms} ms, {} KiB a stalled client", grown / 1024 / 10);
    drop(stalled);
}

/// Reads for some time with the chains checked; how old each message was, in ns.
fn read(client: &mut Client, time: Duration) -> Vec<i64> {
    let (mut chains, mut delays) = (Chains::default(), Vec::new());
    let started = monotonic();
    while since(started) < time {
        let message: Value = client.next();
        chains.see(&message);
        if let Some(recv) = message["recv"].as_str().filter(|_| message["type"] == "delta") {
            delays.push(clock::now().0 - Nanos::parse_rfc3339(recv).unwrap().0);
        }
    }
    assert_eq!(chains.held.len(), 20);
    delays
}
